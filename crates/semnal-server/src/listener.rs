//! Takes connections and serves HTTP/1.1 on them, within limits, until it is told to stop.
//!
//! Every limit is here: how many connections, how long a head may take, how long a connection may idle. A slow or
//! silent client costs one of many places for a short time and nothing else. There is no HTTP/2: the clients are
//! SDKs and proxies, and each stream of a multiplexed connection would need limits of its own.

mod stream;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use stream::{BusyBody, Progress, TimedStream};

/// 100 header fields in a request.
const HEADERS_MAX: usize = 100;
/// 64 KiB for the head of a request, and for what is read ahead.
const HEAD_BYTES_MAX: usize = 64 * 1_024;
/// 100 ms of rest after an error that accepting again would only repeat, such as "too many open files".
pub(crate) const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);
/// 2 s and 2 MiB for what a client still sends after its connection has been given up, so that it sees the answer
/// instead of a reset.
const LINGER: Duration = Duration::from_secs(2);
/// See [`LINGER`].
const LINGER_BYTES_MAX: usize = 2 * 1_024 * 1_024;

/// What a listener allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListenerLimits {
    /// Connections at once; over it, new ones wait in the system's queue. Default 10,000.
    pub connections_max: usize,
    /// From the first byte of a head (or the start of the connection) to its last. Default 10 s.
    pub head_timeout: Duration,
    /// From an answer to the first byte of the next request. Default 75 s.
    pub idle_timeout: Duration,
    /// For the requests in flight when the server stops. Default 30 s.
    pub shutdown_timeout: Duration,
}

impl Default for ListenerLimits {
    fn default() -> ListenerLimits {
        ListenerLimits {
            connections_max: 10_000,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

/// The address at the other end of a request's TCP connection, as an extension of the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Where connections come from.
pub(crate) enum Listener {
    Tcp(TcpListener),
    /// For the control socket.
    Unix(UnixListener),
}

/// Serves until `shutdown`, then stops accepting. Connections are tasks of `tasks`: whoever waits for it waits for
/// the requests in flight, [`ListenerLimits::shutdown_timeout`] at most.
pub(crate) async fn serve(
    listener: Listener,
    router: Router,
    limits: ListenerLimits,
    shutdown: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
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
        let stream = match accepted {
            Ok(stream) => stream,
            // The client left before it was accepted.
            Err(error) if is_about_one_connection(&error) => continue,
            Err(error) => {
                if !failing {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "no connection can be accepted"
                    );
                }
                failing = true;
                drop(place);
                // Waiting for the signal with a time limit is the rest that is needed.
                if timeout(ACCEPT_BACK_OFF, shutdown.cancelled()).await.is_ok() {
                    return;
                }
                continue;
            }
        };
        if failing {
            tracing::info!("connections are accepted again");
            failing = false;
        }
        let (router, shutdown) = (router.clone(), shutdown.clone());
        tasks.spawn(async move {
            match stream {
                Accepted::Tcp(stream) => {
                    let peer = stream.peer_addr().ok().map(|it| Peer(it.ip()));
                    serve_connection(stream, peer, router, limits, shutdown).await;
                }
                Accepted::Unix(stream) => serve_connection(stream, None, router, limits, shutdown).await,
            }
            drop(place);
        });
    }
}

enum Accepted {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

impl Listener {
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Answers are small and written at once; waiting for more to send would only delay them.
                stream.set_nodelay(true)?;
                Ok(Accepted::Tcp(stream))
            }
            Listener::Unix(listener) => Ok(Accepted::Unix(listener.accept().await?.0)),
        }
    }
}

pub(crate) fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, InvalidInput};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | InvalidInput
    )
}

async fn serve_connection<S>(
    stream: S,
    peer: Option<Peer>,
    router: Router,
    limits: ListenerLimits,
    shutdown: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let progress = Arc::new(Progress::default());
    let watched = progress.clone();
    let stream = TimedStream::new(stream, progress.clone(), limits.head_timeout, limits.idle_timeout);
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let (mut router, progress) = (router.clone(), progress.clone());
        Box::pin(async move {
            let busy = progress.begin();
            let answered = router.call(request.map(Body::new)).await;
            answered.map(|response| response.map(|body| BusyBody::new(body, busy)))
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = std::future::poll_fn(|context| connection.poll_without_shutdown(context)) => ended,
        () = shutdown.cancelled() => {
            let before = watched.at_rest();
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            let rest = std::future::poll_fn(|context| connection.poll_without_shutdown(context));
            match timeout(limits.shutdown_timeout, rest).await {
                // Nobody was answered since: there is no answer to lose, and nothing to wait for.
                Ok(Ok(())) if before.is_some() && watched.at_rest() == before => return,
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
        if error.is_timeout() || is_timed_out(&error) {
            return;
        }
    }
    let stream = connection.into_parts().io.into_inner().into_inner();
    linger(stream).await;
}

fn is_timed_out(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    source
        .and_then(|it| it.downcast_ref::<io::Error>())
        .is_some_and(|it| it.kind() == io::ErrorKind::TimedOut)
}

/// Says that nothing more comes, and reads away what the client still sends: closing with unread data would reset
/// the connection, and the client might never see the answer.
pub(crate) async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let rest = async {
        stream.shutdown().await?;
        let (mut buffer, mut bytes) = ([0; 4_096], 0);
        while bytes < LINGER_BYTES_MAX {
            match stream.read(&mut buffer).await? {
                0 => break,
                read => bytes += read,
            }
        }
        Ok::<_, io::Error>(())
    };
    if let Ok(Err(error)) = timeout(LINGER, rest).await {
        tracing::trace!(error = &error as &dyn std::error::Error, "a client had gone before the end");
    }
}

#[cfg(test)]
mod tests;
