//! The receiver of deliveries: a hyper server on a thread of its own that counts, and remembers if asked, whatever
//! arrives at `/e/<number>`, and answers as that endpoint's [`Behaviour`] says.
//!
//! It is started by runs and tests, listens on loopback on a free port and ends when it is dropped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::clock::{self, Clock};
use crate::error::HarnessError;
use crate::oracle::EndpointNumber;
use crate::payload;
use crate::receiver::ledger::{Answered, Ledger, Noted, Recording, Request as Arrived};

pub mod ledger;

/// How an endpoint answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// With this status, at once.
    Answer(u16),
    /// With 200, after a while.
    Slow(Duration),
    /// The first request of each message with this status, the others with 200.
    FirstFails(u16),
    /// Never.
    Hang,
}

/// What to start.
pub struct Plan {
    /// One behaviour for each endpoint number from 0 on.
    pub behaviours: Vec<Behaviour>,
    /// Whether each request is remembered and its signature checked, or only counted.
    pub recording: Recording,
}

/// A running receiver.
pub struct Receiver {
    address: SocketAddr,
    ledger: Arc<Ledger>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    behaviours: Vec<Behaviour>,
    ledger: Arc<Ledger>,
}

impl Receiver {
    /// Starts listening.
    ///
    /// # Errors
    /// [`HarnessError::Io`] when there is no port or thread.
    pub fn start(plan: Plan, clock: Clock) -> Result<Receiver, HarnessError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(HarnessError::io("starting a runtime"))?;
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .map_err(HarnessError::io("listening for deliveries"))?;
        let address = listener.local_addr().map_err(HarnessError::io("reading the receiver's address"))?;
        let ledger = Arc::new(Ledger::new(plan.recording, clock));
        let shared = Arc::new(Shared { behaviours: plan.behaviours, ledger: ledger.clone() });
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("receiver".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(&listener, &shared) => {}
                        _ = stopped => {}
                    }
                });
            })
            .map_err(HarnessError::io("starting the receiver's thread"))?;
        Ok(Receiver { address, ledger, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the URL of an endpoint.
    pub fn url(&self, endpoint: EndpointNumber) -> String {
        format!("http://{}/e/{}", self.address, endpoint.0)
    }

    /// Returns what has arrived.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            // Its panic has been printed already, and the run that owns it fails for want of arrivals.
        }
    }
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            clock::pause(Duration::from_millis(10)).await;
            continue;
        };
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let shared = shared.clone();
        // Ends with its connection, and with the runtime at the latest.
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &shared));
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Result<Response<Empty<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let number = endpoint_of(head.uri.path());
    let behaviour = shared
        .behaviours
        .get(usize::try_from(number.0).unwrap_or(usize::MAX))
        .copied()
        .unwrap_or(Behaviour::Answer(404));
    let arrived = Arrived {
        endpoint: number,
        message: header(&head.headers, "webhook-id"),
        timestamp: header(&head.headers, "webhook-timestamp"),
        signatures: header(&head.headers, "webhook-signature"),
        stamp: payload::read(&body),
        body: &body,
    };
    let status = match (behaviour, shared.ledger.note(&arrived, behaviour)) {
        (Behaviour::Hang, _) => std::future::pending().await,
        (Behaviour::Slow(length), Noted { answered: Answered(status) }) => {
            clock::pause(length).await;
            status
        }
        (_, Noted { answered: Answered(status) }) => status,
    };
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok(response)
}

fn endpoint_of(path: &str) -> EndpointNumber {
    path.strip_prefix("/e/")
        .and_then(|text| text.parse().ok())
        .map_or(EndpointNumber::UNKNOWN, EndpointNumber)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}
