//! The listener of the request bins: an origin of its own, and a reader of raw sockets, since HTTP libraries hide the
//! case and order of headers and refuse odd requests.
//!
//! A request goes head → bin → body → store (durable) → answer. Every limit is in [`BinListenerLimits`]. Nothing a
//! stranger sends is interpreted beyond its framing; what is wrong with it is captured and named, and answered with 400.

mod body;
mod connection;
mod reply;
#[cfg(test)]
mod tests;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use semnal_core::application::DEFAULT_ORGANISATION;
use semnal_core::id::{BinId, IdKind};
use semnal_core::name::Uid;
use semnal_store::bins::{BinState, Bins};
use semnal_store::store::{Now, Store};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::listener::{ACCEPT_BACK_OFF, is_about_one_connection};

/// What the listener of the bins allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BinListenerLimits {
    /// Connections at once; over it, new ones wait in the system's queue. Default 1,024.
    pub connections_max: usize,
    /// Requests of one connection. Default 1,000.
    pub requests_max: u32,
    /// Bytes of a head. Default 64 KiB.
    pub head_bytes_max: usize,
    /// Header lines of a head. Default 512.
    pub header_lines_max: usize,
    /// Bytes of a body that are kept. Default 1 MiB.
    pub body_bytes_max: usize,
    /// Bytes of a body that are read, kept or not. Default 64 MiB.
    pub body_read_bytes_max: u64,
    /// For a head, from its first byte or the start of the connection. Default 10 s.
    pub head_timeout: Duration,
    /// For a body. Default 30 s.
    pub body_timeout: Duration,
    /// From an answer to the first byte of the next request. Default 30 s.
    pub idle_timeout: Duration,
    /// For a client that takes its answer slowly, or that gets a slow one on purpose. Default 60 s.
    pub answer_timeout: Duration,
}

impl Default for BinListenerLimits {
    fn default() -> BinListenerLimits {
        BinListenerLimits {
            connections_max: 1_024,
            requests_max: 1_000,
            head_bytes_max: 64 * 1_024,
            header_lines_max: 512,
            body_bytes_max: BIN_BODY_BYTES_MAX_DEFAULT,
            body_read_bytes_max: 64 * 1_024 * 1_024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(60),
        }
    }
}

/// 30 s for the requests under way when the server stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);
/// 1 MiB of a body is kept unless told otherwise.
pub(crate) const BIN_BODY_BYTES_MAX_DEFAULT: usize = 1_024 * 1_024;

/// What every connection has.
pub(crate) struct BinServer {
    /// The bins.
    pub bins: Bins,
    /// Makes and checks ids, and knows the organisations.
    pub store: Store,
    /// The clock.
    pub clock: Now,
    /// What a connection may cost.
    pub limits: BinListenerLimits,
}

impl BinServer {
    /// Returns the bin that the first part of a path names: any by its id, those of the default organisation by their
    /// uid as well, since a path names no organisation.
    fn find(&self, name: &[u8]) -> Option<BinState> {
        let name = std::str::from_utf8(name).ok()?;
        if let Ok((_, key)) = self.store.ids().decode(IdKind::Bin, name) {
            return self.bins.get(BinId(key));
        }
        let organisation = self.store.configuration().organisation_by_name(DEFAULT_ORGANISATION)?.id;
        self.bins.by_uid(organisation, &Uid::parse(name).ok()?)
    }
}

/// Serves until `shutdown`, then stops accepting. Connections are tasks of `tasks`; each ends after the request that it
/// is in.
pub(crate) async fn serve(
    listener: TcpListener,
    server: Arc<BinServer>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(server.limits.connections_max));
    let mut failing = false;
    loop {
        let connection = async {
            let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = shutdown.cancelled() => return,
            it = connection => it,
        };
        match accepted {
            Ok((stream, remote)) => {
                if failing {
                    tracing::info!("connections to bins are accepted again");
                }
                failing = false;
                let (server, shutdown) = (server.clone(), shutdown.clone());
                tasks.spawn(async move {
                    take(stream, remote, server, shutdown).await;
                    drop(place);
                });
            }
            // The client left before it was accepted.
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                if !failing {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "no connection to a bin can be accepted");
                }
                failing = true;
                drop(place);
                // Waiting for the signal with a time limit is the rest that is needed.
                if timeout(ACCEPT_BACK_OFF, shutdown.cancelled()).await.is_ok() {
                    return;
                }
            }
        }
    }
}

async fn take(stream: TcpStream, remote: SocketAddr, server: Arc<BinServer>, shutdown: CancellationToken) {
    let connection = connection::Connection::new(stream, remote, server, shutdown.clone());
    let late = async {
        shutdown.cancelled().await;
        // Nothing else ends this wait: the request under way has so long.
        drop(timeout(SHUTDOWN_TIMEOUT, std::future::pending::<()>()).await);
    };
    let ended = tokio::select! {
        ended = connection.run() => ended,
        () = late => return,
    };
    if let Err(error) = ended {
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection to a bin ended early");
    }
}
