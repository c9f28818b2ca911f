//! A small internet: names, public addresses that lead to receivers on loopback, and a clock that stands still.
//!
//! Every address without a route leads to a trap, a live listener: a test that says "nothing connects there"
//! would see it if something did.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use http::HeaderMap;
use rustls::pki_types::CertificateDer;
use semnal_core::address::AddressPolicy;
use semnal_core::attempt::{AttemptEnd, AttemptResult, Cause};
use semnal_core::endpoint_url::{EndpointUrl, UrlRules};
use semnal_core::time::UnixMillis;
use semnal_engine::clock::{Clock, ManualClock};
use semnal_engine::transport::connections::Connections;
use semnal_engine::transport::dialer::Dialer;
use semnal_engine::transport::resolver::{Resolver, ScriptedAnswer};
use semnal_engine::transport::{Budget, Request, Transport, TransportOptions};
use tokio_util::task::TaskTracker;

use super::receiver::Receiver;

/// 2026-06-01T00:00:00Z, when every test begins.
pub(crate) const START: UnixMillis = UnixMillis(1_780_272_000_000);
/// The public address of `ok.example`.
pub(crate) const OK_ADDRESS: &str = "93.184.216.34:80";

/// Turns of the runtime that a test waits for something; some ten seconds, where a few turns are usual.
const TURNS_MAX: u32 = 10_000_000;

/// What a world is made of.
pub(crate) struct Setup {
    names: HashMap<String, Vec<ScriptedAnswer>>,
    routes: HashMap<SocketAddr, SocketAddr>,
    pub(crate) policy: AddressPolicy,
    pub(crate) extra_roots: Vec<CertificateDer<'static>>,
    pub(crate) open_connections_max: usize,
}

impl Setup {
    pub(crate) fn new() -> Setup {
        Setup {
            names: HashMap::new(),
            routes: HashMap::new(),
            policy: AddressPolicy::default(),
            extra_roots: Vec::new(),
            open_connections_max: 100,
        }
    }

    /// Gives `name` these addresses, at every question.
    pub(crate) fn name(self, name: &str, addresses: &[&str]) -> Setup {
        self.answers(name, vec![ScriptedAnswer::Addresses(ips(addresses))])
    }

    /// Answers questions for `name` in this order; the last answer stays.
    pub(crate) fn answers(mut self, name: &str, answers: Vec<ScriptedAnswer>) -> Setup {
        self.names.insert(name.to_owned(), answers);
        self
    }

    /// Lets connections to `address` reach `receiver`.
    pub(crate) fn route(mut self, address: &str, receiver: SocketAddr) -> Setup {
        self.routes.insert(address.parse().unwrap(), receiver);
        self
    }

    pub(crate) fn build(self) -> World {
        let (clock, manual) = Clock::manual(START);
        let trap = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let dialled: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
        let resolver = {
            let (asked, names) = (Arc::clone(&asked), self.names);
            Resolver::Scripted(Arc::new(move |name| {
                let mut asked = asked.lock().unwrap();
                let before = asked.iter().filter(|earlier| *earlier == name).count();
                asked.push(name.to_owned());
                let Some(answers) = names.get(name) else { return ScriptedAnswer::NoSuchHost };
                answers[before.min(answers.len() - 1)].clone()
            }))
        };
        let dialer = {
            let (dialled, routes, trap) = (Arc::clone(&dialled), self.routes, trap.address);
            Dialer::Mapped(Arc::new(move |address| {
                dialled.lock().unwrap().push(address);
                routes.get(&address).copied().unwrap_or(trap)
            }))
        };
        let transport = Transport::new(TransportOptions {
            resolver,
            dialer,
            policy: self.policy,
            extra_roots: self.extra_roots,
            open_connections_max: self.open_connections_max,
            tasks: TaskTracker::new(),
            clock,
        });
        let transport = transport.unwrap();
        World { transport, connections: Connections::new(), clock: manual, trap, asked, dialled }
    }
}

pub(crate) struct World {
    pub(crate) transport: Transport,
    /// Those of the endpoint under test.
    pub(crate) connections: Connections,
    pub(crate) clock: Arc<ManualClock>,
    /// Where connections to addresses without a route end.
    pub(crate) trap: Receiver,
    asked: Arc<Mutex<Vec<String>>>,
    dialled: Arc<Mutex<Vec<SocketAddr>>>,
}

impl World {
    /// A world in which `http://ok.example/` leads to `receiver`.
    pub(crate) fn with(receiver: &Receiver) -> World {
        Setup::new().name("ok.example", &["93.184.216.34"]).route(OK_ADDRESS, receiver.address).build()
    }

    /// Sends one request to `url` with the connections of the endpoint under test.
    pub(crate) async fn send(&self, url: &str) -> AttemptResult {
        self.transport.send(&self.connections, &endpoint_url(url), request("{}"), Budget::default()).await
    }

    /// Sends one request and moves the clock by `length` as soon as the earliest wait is one of that length.
    pub(crate) async fn send_until(&self, url: &str, length: Duration) -> AttemptResult {
        let due = self.clock.now() + length;
        let (result, ()) = tokio::join!(self.send(url), self.advance_when_due_next(due));
        result
    }

    /// Moves the clock to `due` once that is the earliest point that anything waits for.
    pub(crate) async fn advance_when_due_next(&self, due: UnixMillis) {
        turn_until("a wait for the moment", || self.clock.next_wake() == Some(due)).await;
        self.clock.advance_to(due);
    }

    /// The addresses that were dialled, in order.
    pub(crate) fn dialled(&self) -> Vec<String> {
        self.dialled.lock().unwrap().iter().map(SocketAddr::to_string).collect()
    }

    /// The names that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Waits until a receiver's thread says that it did something, and then lets the runtime take in what that left
/// in the sockets. On loopback a write, an end or a reset is there when the call that made it returns.
pub(crate) async fn arrival(said: &mpsc::Receiver<()>) {
    turn_until("a receiver's word", || said.try_recv().is_ok()).await;
    settle().await;
}

/// Lets the runtime turn until `reached`, or fails: something broke off that was to bring it about.
async fn turn_until(what: &str, mut reached: impl FnMut() -> bool) {
    for _ in 0..TURNS_MAX {
        if reached() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{what} did not come within {TURNS_MAX} turns");
}

/// Lets the runtime do everything that can be done now.
pub(crate) async fn settle() {
    // Each turn polls the sockets and runs the tasks that this wakes; an answer needs three.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn endpoint_url(url: &str) -> EndpointUrl {
    EndpointUrl::parse(url, &UrlRules::default()).unwrap()
}

pub(crate) fn request(body: &str) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    Request { method: http::Method::POST, headers, body: body.to_owned().into() }
}

pub(crate) fn ips(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|text| text.parse().unwrap()).collect()
}

/// An answer with this status and no body.
pub(crate) fn status(code: u16) -> String {
    format!("HTTP/1.1 {code} \r\ncontent-length: 0\r\n\r\n")
}

#[track_caller]
pub(crate) fn assert_answered(result: &AttemptResult, status: u16) {
    assert_eq!(result.end, AttemptEnd::Answered(status), "{result:?}");
}

#[track_caller]
pub(crate) fn assert_failed(result: &AttemptResult, expected: Cause, expected_detail: &str) {
    match &result.end {
        AttemptEnd::Failed { cause, detail } => {
            assert_eq!((*cause, detail.as_str()), (expected, expected_detail));
        }
        AttemptEnd::Answered(_) => panic!("answered instead of {expected:?}: {result:?}"),
    }
}

/// The cause of a failed attempt.
#[track_caller]
pub(crate) fn cause(result: &AttemptResult) -> Cause {
    match &result.end {
        AttemptEnd::Failed { cause, .. } => *cause,
        AttemptEnd::Answered(_) => panic!("answered: {result:?}"),
    }
}
