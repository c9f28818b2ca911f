//! The generator: sends messages over keep-alive connections of its own, each with an idempotency key of its own, and
//! measures how long the 202 takes. Closed loop (as fast as answers come) or paced (as a clock says).
//!
//! It runs on the calling thread and returns when its time or count is over.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use hdrhistogram::Histogram;
use http::{HeaderName, Method, Request};
use http_body_util::Full;

use crate::client::{Connection, json_request};
use crate::clock::Clock;
use crate::error::HarnessError;
use crate::payload::{Stamp, Template};
use crate::receiver::ledger::new_histogram;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Where messages of one kind go: an application and an event type.
#[derive(Debug, Clone)]
pub struct Route {
    uri: String,
    /// The envelope up to the payload.
    before_payload: Vec<u8>,
}

impl Route {
    /// Prepares the way.
    pub fn new(application: &str, event_type: &str) -> Route {
        Route {
            uri: format!("/api/v1/app/{application}/msg"),
            before_payload: format!("{{\"eventType\":\"{event_type}\",\"payload\":").into_bytes(),
        }
    }

    /// Returns the same way for messages on a channel.
    pub fn on_channel(mut self, channel: &str) -> Route {
        let head = format!("{{\"channels\":[\"{channel}\"],");
        self.before_payload.splice(..1, head.into_bytes());
        self
    }

    /// Builds the body of a message.
    pub fn body(&self, payload: &Template, stamp: Stamp) -> Bytes {
        let mut body = Vec::with_capacity(self.before_payload.len() + payload.bytes() + 1);
        body.extend_from_slice(&self.before_payload);
        payload.write(stamp, &mut body);
        body.push(b'}');
        Bytes::from(body)
    }

    /// Builds the request of a message.
    pub fn request(&self, authorization: &str, key: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = json_request(Method::POST, &self.uri, authorization, body);
        let key = key.parse().expect("keys are made of letters, digits and dashes");
        request.headers_mut().insert(IDEMPOTENCY_KEY, key);
        request
    }
}

/// When messages leave.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// The next one on a connection as soon as the answer to the one before has come.
    Closed,
    /// So many a second. One that waits for a free connection counts its waiting as latency.
    PerSecond(u32),
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After this time.
    Elapsed(Duration),
    /// After so many messages.
    Count(u64),
}

/// A load to put on a server.
pub struct Load<'a> {
    /// The server.
    pub address: SocketAddr,
    /// The API key.
    pub key: &'a str,
    /// Where to send to, in turns.
    pub routes: &'a [Route],
    /// What to send.
    pub payload: &'a Template,
    /// How many connections.
    pub connections: usize,
    /// When messages leave.
    pub pace: Pace,
    /// When to stop.
    pub until: Until,
    /// The number of the first message; keys are made of it, so no two loads on one server may share numbers.
    pub first: u64,
    /// The run's clock.
    pub clock: Clock,
}

/// What came of a load.
pub struct Sent {
    /// 202s.
    pub accepted: u64,
    /// Other answers, and the last of them.
    pub refused: u64,
    /// The last answer that was not a 202.
    pub refusal: Option<String>,
    /// The number after the last message.
    pub next: u64,
    /// From the first to the last answer, in microseconds of the run's clock.
    pub began_us: u64,
    /// When the last answer came.
    pub ended_us: u64,
    /// From sending to the 202, in microseconds.
    pub ack_us: Histogram<u64>,
}

struct Tally {
    next: Cell<u64>,
    began_us: u64,
    end: u64,
    until_us: u64,
}

/// Puts a load on a server, from this thread.
///
/// # Errors
/// [`HarnessError`] when a connection cannot be opened or breaks; a refusal is counted.
pub fn run(load: &Load<'_>) -> Result<Sent, HarnessError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(HarnessError::io("starting the generator's runtime"))?;
    runtime.block_on(async {
        let mut connections = Vec::with_capacity(load.connections);
        for _ in 0..load.connections {
            connections.push(Connection::open(load.address).await?);
        }
        let began_us = load.clock.micros();
        let (end, until_us) = match load.until {
            Until::Elapsed(length) => {
                (u64::MAX, began_us + u64::try_from(length.as_micros()).unwrap_or(u64::MAX / 2))
            }
            Until::Count(count) => (load.first + count, u64::MAX),
        };
        let tally = Tally { next: Cell::new(load.first), began_us, end, until_us };
        let parts =
            join_all(connections.into_iter().map(|connection| send_on(connection, load, &tally))).await;
        let mut sent = Sent::nothing(began_us);
        for part in parts {
            sent.add(part?);
        }
        sent.next = tally.next.get();
        Ok(sent)
    })
}

/// Sends messages one after the other on one connection.
async fn send_on(mut connection: Connection, load: &Load<'_>, tally: &Tally) -> Result<Sent, HarnessError> {
    let authorization = format!("Bearer {}", load.key);
    let mut sent = Sent::nothing(tally.began_us);
    loop {
        let number = tally.next.get();
        let due_us = match load.pace {
            Pace::Closed => 0,
            Pace::PerSecond(rate) => {
                tally.began_us + (number - load.first) * 1_000_000 / u64::from(rate.max(1))
            }
        };
        if number >= tally.end || load.clock.micros().max(due_us) >= tally.until_us {
            return Ok(sent);
        }
        tally.next.set(number + 1);
        let sent_us = moment_of_sending(load, due_us).await;
        let route = &load.routes[usize::try_from(number).unwrap_or(0) % load.routes.len()];
        let body = route.body(load.payload, Stamp { sequence: number, sent_us });
        let answer = connection.send(route.request(&authorization, &format!("bench-{number}"), body)).await?;
        sent.ended_us = load.clock.micros();
        if answer.status == http::StatusCode::ACCEPTED {
            sent.accepted += 1;
            sent.ack_us.saturating_record((sent.ended_us - sent_us).max(1));
        } else {
            sent.refused += 1;
            sent.refusal = Some(format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body)));
        }
    }
}

/// Waits for a message's moment. One that is late because all connections were busy was due when it was due; one that
/// the timer woke late leaves now, for a timer's millisecond is not the server's.
async fn moment_of_sending(load: &Load<'_>, due_us: u64) -> u64 {
    if let Pace::Closed = load.pace {
        return load.clock.micros();
    }
    if load.clock.micros() >= due_us {
        return due_us;
    }
    tokio::time::sleep_until(load.clock.instant(due_us)).await;
    load.clock.micros()
}

impl Sent {
    fn nothing(began_us: u64) -> Sent {
        Sent {
            accepted: 0,
            refused: 0,
            refusal: None,
            next: 0,
            began_us,
            ended_us: began_us,
            ack_us: new_histogram(),
        }
    }

    fn add(&mut self, other: Sent) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.refusal = other.refusal.or(self.refusal.take());
        self.ended_us = self.ended_us.max(other.ended_us);
        self.ack_us += other.ack_us;
    }
}
