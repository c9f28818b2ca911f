//! How commands reach a running server: HTTP over the Unix socket of its data directory, or over TCP with a key.

use std::path::Path;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use semnal_store::directory::SOCKET_FILE;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// Why a server could not be asked.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    #[error("no server runs on this data directory")]
    NotRunning,
    #[error("{server:?} cannot be reached: {why}")]
    Unreachable { server: String, why: String },
    #[error("{url:?} is not a server URL; write for example http://127.0.0.1:8080")]
    BadUrl { url: String },
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// What to ask.
pub(crate) struct Question<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) key: Option<&'a str>,
}

/// Asks the server of a data directory; its socket is open to its owner only, so no key is needed.
pub(crate) async fn ask_control(data_dir: &Path, question: Question<'_>) -> Result<Answer, ClientError> {
    let socket =
        UnixStream::connect(data_dir.join(SOCKET_FILE)).await.map_err(|_| ClientError::NotRunning)?;
    exchange(socket, "semnal", question).await
}

/// Asks a server by its URL. Only plain HTTP: this is for the machine itself; across a network use any HTTP client.
pub(crate) async fn ask_url(url: &str, question: Question<'_>) -> Result<Answer, ClientError> {
    let bad = || ClientError::BadUrl { url: url.to_owned() };
    let authority = url.strip_prefix("http://").ok_or_else(bad)?.trim_end_matches('/');
    let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let unreachable =
        |e: std::io::Error| ClientError::Unreachable { server: url.to_owned(), why: e.to_string() };
    let stream = TcpStream::connect(&address).await.map_err(unreachable)?;
    exchange(stream, authority, question).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    host: &str,
    question: Question<'_>,
) -> Result<Answer, ClientError> {
    let failed = |why: String| ClientError::Unreachable { server: host.to_owned(), why };
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|e| failed(e.to_string()))?;
    let driver = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(question.method)
        .uri(question.path)
        .header("host", host)
        .header("content-type", "application/json");
    if let Some(key) = question.key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let body = Full::new(Bytes::from(question.body.unwrap_or_default()));
    let request = request.body(body).map_err(|e| failed(e.to_string()))?;
    let response = sender.send_request(request).await.map_err(|e| failed(e.to_string()))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|e| failed(e.to_string()))?.to_bytes();
    drop(sender);
    driver.abort();
    Ok(Answer { status, body })
}
