//! The transport: everything that leaves the server for a receiver goes through [`Transport::send`].
//!
//! The order is the guard (DESIGN 5): the URL has passed the gate (an [`EndpointUrl`] is the proof) → resolve →
//! judge *every* address → dial those addresses and no others → check the peer → TLS → one POST → the head and
//! the first bytes of the body. Redirects are answers like any other and never followed; proxies named in the
//! environment are not read. A kept connection skips the steps up to TLS: it leads to an address that passed.
//!
//! Reads and writes the network only. What goes wrong at the receiver is data, in the [`AttemptResult`]; nothing
//! here retries an attempt, signs, or knows the store. Called by whoever delivers, tests, or replays.

pub mod connections;
pub mod dialer;
mod exchange;
mod failure;
mod head;
mod progress;
pub mod resolver;
mod slots;
mod stream;
mod target;
mod tls;

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderMap, Method};
use rustls::pki_types::CertificateDer;
use semnal_core::address::AddressPolicy;
use semnal_core::attempt::{AttemptResult, Cause};
use semnal_core::endpoint_url::{EndpointUrl, Host};
use tokio_rustls::TlsConnector;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use connections::Connections;
use dialer::{CONNECT_LIMIT, Dialer};
use exchange::{Connection, Exchanged};
use failure::Failure;
use progress::{Phase, Progress};
use resolver::{DNS_LIMIT, Resolver};
use slots::Slots;
use stream::Wire;
use target::Target;

/// 15 s for a whole attempt: Standard Webhooks, "Timeouts" (DESIGN 5).
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(15);

/// What a [`Transport`] is made of.
#[derive(Debug)]
pub struct TransportOptions {
    /// Finds the addresses of hosts.
    pub resolver: Resolver,
    /// Dials them.
    pub dialer: Dialer,
    /// Says which of them may be dialled.
    pub policy: AddressPolicy,
    /// Certificate authorities that are believed besides the public ones, as DER.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// How many connections may be open at once, idle ones included; at least one.
    pub open_connections_max: usize,
    /// Where the task of each connection lives.
    pub tasks: TaskTracker,
    /// What budgets and the ages of connections are measured with.
    pub clock: Clock,
}

/// Why a [`Transport`] could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// An extra root is not a certificate authority, or TLS itself cannot be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method; deliveries are POST.
    pub method: Method,
    /// All headers but those that frame the request (host, content-length, transfer-encoding, connection,
    /// expect, upgrade), which are set or removed here.
    pub headers: HeaderMap,
    /// The body, as it was signed.
    pub body: Bytes,
}

/// How long an attempt may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// From the call to the end of the answer, waiting for a free connection included.
    pub total: Duration,
    /// For the TCP connection, all addresses together.
    pub connect: Duration,
    /// For name resolution.
    pub dns: Duration,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { total: ATTEMPT_LIMIT, connect: CONNECT_LIMIT, dns: DNS_LIMIT }
    }
}

/// The way out. Cheap to clone; clones share the cap on open connections.
#[derive(Clone)]
pub struct Transport {
    inner: Arc<Inner>,
}

struct Inner {
    resolver: Resolver,
    dialer: Dialer,
    policy: AddressPolicy,
    tls: TlsConnector,
    slots: Slots,
    tasks: TaskTracker,
    clock: Clock,
}

impl Transport {
    /// Returns a transport made of `options`.
    ///
    /// # Errors
    /// [`TransportError::Tls`] when an extra root cannot be used.
    pub fn new(options: TransportOptions) -> Result<Transport, TransportError> {
        let TransportOptions { resolver, dialer, policy, extra_roots, open_connections_max, tasks, clock } =
            options;
        let tls = tls::connector(extra_roots, clock.clone())?;
        let slots = Slots::new(open_connections_max);
        Ok(Transport { inner: Arc::new(Inner { resolver, dialer, policy, tls, slots, tasks, clock }) })
    }

    /// Sends one request and says what came back.
    ///
    /// Never fails: what goes wrong at the receiver is data. `connections` are those of the endpoint that `url`
    /// belongs to. Dropping the future closes the connection it uses.
    pub async fn send(
        &self,
        connections: &Connections,
        url: &EndpointUrl,
        request: Request,
        budget: Budget,
    ) -> AttemptResult {
        let mut progress = Progress::start();
        let inner = &*self.inner;
        let deadline = inner.clock.now() + budget.total;
        let ended = {
            let attempt = pin!(inner.attempt(connections, url, request, budget, &mut progress));
            let late = pin!(inner.clock.sleep_until(deadline));
            match select(attempt, late).await {
                Either::Left((ended, _)) => Some(ended),
                Either::Right(((), _)) => None,
            }
        };
        match ended {
            Some(ended) => progress.finish(ended),
            None => progress.finish_late(budget.total),
        }
    }

    /// Closes connections that have been idle or open for too long, of all endpoints. To be called every few
    /// seconds; without it they are closed when their endpoint's next request comes.
    pub fn close_expired(&self) {
        self.inner.slots.close_expired(self.inner.clock.now());
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("dialer", &self.inner.dialer).finish_non_exhaustive()
    }
}

impl Inner {
    /// Sends the request on a kept connection or a new one. A kept connection that turns out closed before any
    /// of the request was written is replaced once.
    async fn attempt(
        &self,
        connections: &Connections,
        url: &EndpointUrl,
        request: Request,
        budget: Budget,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let target = connections.pool.target(url)?;
        let mut message = target.message(request);
        let kept = connections.pool.take(&target, self.clock.now());
        if let Some(kept) = kept {
            message = match kept.exchange(message, progress).await {
                Exchanged::Unsent(message, _) => message,
                exchanged => return self.conclude(exchanged, connections, &target),
            };
        }
        let fresh = self.open(&target, budget, progress).await?;
        let exchanged = fresh.exchange(message, progress).await;
        self.conclude(exchanged, connections, &target)
    }

    fn conclude(
        &self,
        exchanged: Exchanged,
        connections: &Connections,
        target: &Arc<Target>,
    ) -> Result<(), Failure> {
        match exchanged {
            Exchanged::Whole(connection) => {
                self.slots.give_back(connection, &connections.pool, target, self.clock.now());
                Ok(())
            }
            Exchanged::Last => Ok(()),
            Exchanged::Unsent(_, failure) | Exchanged::Failed(failure) => Err(failure),
        }
    }

    /// Opens a connection to `target`: resolve, judge, dial, TLS.
    async fn open(
        &self,
        target: &Target,
        budget: Budget,
        progress: &mut Progress,
    ) -> Result<Connection, Failure> {
        progress.start_over();
        let permit = self.slots.acquire(self.clock.now()).await;
        let addresses = self.addresses(&target.url, budget.dns, progress).await?;
        self.policy
            .judge_all(&addresses)
            .map_err(|denied| Failure::new(Cause::AddressDenied, denied.to_string()))?;
        progress.enter(Phase::Connecting);
        let (stream, address) =
            self.dialer.connect(&addresses, budget.connect, &self.clock, progress).await?;
        let wire = match &target.server_name {
            None => Wire::Plain(stream),
            Some(name) => {
                progress.enter(Phase::Handshaking);
                Wire::Tls(Box::new(tls::handshake(&self.tls, name.clone(), stream).await?))
            }
        };
        Connection::start(wire, address, self.clock.now(), permit, &self.tasks).await
    }

    async fn addresses(
        &self,
        url: &EndpointUrl,
        limit: Duration,
        progress: &mut Progress,
    ) -> Result<Vec<SocketAddr>, Failure> {
        let name = match url.host() {
            Host::Ipv4(ip) => return Ok(vec![SocketAddr::new(IpAddr::V4(*ip), url.port())]),
            Host::Ipv6(ip) => return Ok(vec![SocketAddr::new(IpAddr::V6(*ip), url.port())]),
            Host::Name(name) => name,
        };
        progress.enter(Phase::Resolving);
        let found = within(&self.clock, limit, self.resolver.resolve(name)).await.unwrap_or_else(|| {
            Err(Failure::new(Cause::DnsTimeout, format!("no answer for {name} within {limit:?}")))
        })?;
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, url.port())).collect())
    }
}

/// Waits for `work` for at most `limit`; `None` when that has passed.
async fn within<T>(clock: &Clock, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let late = pin!(clock.sleep_until(clock.now() + limit));
    match select(pin!(work), late).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}
