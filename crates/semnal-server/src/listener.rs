//! Accepts connections and serves HTTP/1.1 on them, with a limit on everything a client can stretch: head, idle time
//! and number of connections (bodies have theirs in `api::body`). axum's own `serve` sets no timer, so hyper's
//! connection builder is used.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::{Request, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Limits of a listener.
#[derive(Debug, Clone)]
pub(crate) struct ListenerLimits {
    /// From the first byte of a connection, or the end of the last answer, to the end of the next head.
    pub(crate) head_timeout: Duration,
    /// Bytes of a head.
    pub(crate) head_bytes_max: usize,
    /// Connections at once; further ones wait in the system's queue.
    pub(crate) connections_max: usize,
    /// How long requests under way may take once the server stops.
    pub(crate) drain: Duration,
}

impl Default for ListenerLimits {
    fn default() -> ListenerLimits {
        ListenerLimits {
            head_timeout: Duration::from_secs(30),
            head_bytes_max: 64 * 1_024,
            connections_max: 10_000,
            drain: Duration::from_secs(30),
        }
    }
}

/// 100 ms of rest when the system gives no connection, for example because all file descriptors are in use.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Where connections come from.
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Serves until `shutdown`, then lets requests under way end.
pub(crate) async fn serve(
    listener: Listener,
    router: Router,
    limits: ListenerLimits,
    shutdown: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    loop {
        let place = tokio::select! {
            () = shutdown.cancelled() => return,
            place = places.clone().acquire_owned() => place,
        };
        let Ok(place) = place else { return };
        let connection =
            Connection { router: router.clone(), limits: limits.clone(), shutdown: shutdown.clone() };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = accept(&listener) => accepted,
        };
        match accepted {
            Ok(Stream::Tcp(stream)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(error = %error, "a connection ended before it was served");
                }
                tasks.spawn(async move {
                    connection.serve(stream).await;
                    drop(place);
                });
            }
            Ok(Stream::Unix(stream)) => {
                tasks.spawn(async move {
                    connection.serve(stream).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(error = %error, "a connection could not be accepted");
                rest(ACCEPT_REST).await;
            }
        }
    }
}

enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

async fn accept(listener: &Listener) -> std::io::Result<Stream> {
    match listener {
        Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| Stream::Tcp(stream)),
        Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
    }
}

struct Connection {
    router: Router,
    limits: ListenerLimits,
    shutdown: CancellationToken,
}

impl Connection {
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let router = self.router;
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            strip_slash(request.uri_mut());
            router.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_timeout)
            .max_buf_size(self.limits.head_bytes_max)
            .pipeline_flush(true)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(self.limits.drain, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = %error, "a connection ended badly");
        }
    }
}

/// Trailing slashes are optional on every route.
fn strip_slash(uri: &mut Uri) {
    let path = uri.path();
    let stripped = path.trim_end_matches('/');
    if stripped.is_empty() || stripped.len() == path.len() {
        return;
    }
    let target = match uri.query() {
        Some(query) => format!("{stripped}?{query}"),
        None => stripped.to_owned(),
    };
    if let Ok(changed) = target.parse() {
        *uri = changed;
    }
}

#[expect(clippy::disallowed_methods, reason = "a rest between two tries to accept; no test waits for it")]
async fn rest(length: Duration) {
    tokio::time::sleep(length).await;
}
