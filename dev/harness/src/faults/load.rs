//! The load of fault runs: on a thread of its own, over several connections, through kills and restarts.
//!
//! A request without an answer is unknown and is sent again with the same idempotency key and the same bytes until it
//! has one. All of it is noted in the history.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use serde::Deserialize;

use crate::client::{Answer, Connection};
use crate::clock::{self, Clock};
use crate::error::HarnessError;
use crate::generator::Route;
use crate::oracle::{EndpointNumber, History, MessageId, Sent};
use crate::payload::{self, Stamp, Template};

/// A request that takes longer is given up as unknown, and its connection with it.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How often a message is still tried once the load has been told to end.
const TRIES_AFTER_STOP_MAX: u32 = 100;
/// Payloads have one of these lengths, by the message's number.
const PAYLOAD_BYTES: [usize; 4] = [100, 350, 1_024, 5_000];

/// Messages of one kind.
#[derive(Clone)]
pub(super) struct Kind {
    pub(super) route: Route,
    pub(super) targets: Vec<EndpointNumber>,
}

/// What the load and the run share.
pub(super) struct Shared {
    /// Where the server is; `None` while it is down.
    pub(super) address: Mutex<Option<SocketAddr>>,
    pub(super) history: Mutex<History>,
    pub(super) accepted: AtomicU64,
    refused: AtomicU64,
    refusal: Mutex<Option<String>>,
    stop: AtomicBool,
    next: AtomicU64,
    kinds: Vec<Kind>,
    payloads: Vec<Template>,
    authorization: String,
    clock: Clock,
}

/// A running load.
pub(super) struct Load {
    pub(super) shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Deserialize)]
struct Accepted {
    id: MessageId,
}

impl Load {
    /// Starts it.
    pub(super) fn start(
        key: &str,
        kinds: Vec<Kind>,
        connections: usize,
        clock: Clock,
    ) -> Result<Load, HarnessError> {
        let shared = Arc::new(Shared {
            address: Mutex::new(None),
            history: Mutex::new(History::default()),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            refusal: Mutex::new(None),
            stop: AtomicBool::new(false),
            next: AtomicU64::new(0),
            kinds,
            payloads: PAYLOAD_BYTES.iter().map(|bytes| Template::new(*bytes)).collect(),
            authorization: format!("Bearer {key}"),
            clock,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(HarnessError::io("starting the load's runtime"))?;
        let owned = shared.clone();
        let thread = std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || {
                runtime.block_on(join_all((0..connections).map(|_| owned.send_all())));
            })
            .map_err(HarnessError::io("starting the load's thread"))?;
        Ok(Load { shared, thread })
    }

    /// Waits until so many are accepted, or until `limit` has passed without one; tells which.
    pub(super) fn wait_accepted(&self, count: u64, limit: Duration) -> bool {
        loop {
            let before = self.accepted();
            if before >= count {
                return true;
            }
            if !clock::wait_until(limit, || self.accepted() > before) {
                return false;
            }
        }
    }

    pub(super) fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Ends it, lets every message under way come to an answer, and returns what was noted.
    pub(super) fn finish(self) -> Result<Finished, HarnessError> {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| HarnessError::Vacuous("the load panicked".to_owned()))?;
        Ok(Finished {
            history: std::mem::take(&mut self.shared.history.lock()),
            refused: self.shared.refused.load(Ordering::Relaxed),
            refusal: self.shared.refusal.lock().take(),
        })
    }
}

/// What a load leaves.
pub(super) struct Finished {
    pub(super) history: History,
    pub(super) refused: u64,
    pub(super) refusal: Option<String>,
}

impl Shared {
    async fn send_all(&self) {
        let mut connection = None;
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            self.send(number, &mut connection).await;
        }
    }

    /// Sends one message until its answer is known; gives up when the load ends while the server is down.
    async fn send(&self, number: u64, connection: &mut Option<Connection>) {
        let index = usize::try_from(number).unwrap_or(0);
        let kind = &self.kinds[index % self.kinds.len()];
        // By another step than the kinds, so that each kind is sent in each length.
        let template = &self.payloads[index / self.kinds.len() % self.payloads.len()];
        let stamp = Stamp { sequence: number, sent_us: self.clock.micros() };
        let mut bytes = Vec::new();
        template.write(stamp, &mut bytes);
        let sent = Sent { body_hash: payload::hash(&bytes), targets: kind.targets.clone() };
        self.history.lock().send(number, sent);
        let body = kind.route.body(template, stamp);
        let key = format!("fault-{number}");
        let mut tries_after_stop = 0;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                tries_after_stop += 1;
                if tries_after_stop > TRIES_AFTER_STOP_MAX || self.address.lock().is_none() {
                    return;
                }
            }
            let request = kind.route.request(&self.authorization, &key, body.clone());
            match self.try_once(request, connection).await {
                Some(answer) if answer.status == http::StatusCode::ACCEPTED => {
                    return self.note_accepted(number, &answer);
                }
                Some(answer) if answer.status.is_client_error() => {
                    self.note_refused(&answer);
                    return clock::pause(Duration::from_millis(20)).await;
                }
                Some(_) | None => clock::pause(Duration::from_millis(3)).await,
            }
        }
    }

    async fn try_once(
        &self,
        request: http::Request<http_body_util::Full<bytes::Bytes>>,
        connection: &mut Option<Connection>,
    ) -> Option<Answer> {
        let mut open = match connection.take() {
            Some(open) => open,
            None => {
                let address = *self.address.lock();
                Connection::open(address?).await.ok()?
            }
        };
        let answer = tokio::time::timeout(ANSWER_LIMIT, open.send(request)).await.ok()?.ok()?;
        *connection = Some(open);
        Some(answer)
    }

    fn note_accepted(&self, number: u64, answer: &Answer) {
        match serde_json::from_slice::<Accepted>(&answer.body) {
            Ok(accepted) => {
                self.history.lock().accept(number, accepted.id);
                self.accepted.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => self.note_refused(answer),
        }
    }

    fn note_refused(&self, answer: &Answer) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let text = format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        *self.refusal.lock() = Some(text);
    }
}
