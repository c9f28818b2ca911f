//! One keep-alive HTTP/1.1 connection over hyper's lowest layer, for the generator, the null forwarder and the API
//! calls. It never retries: who sends decides what an unknown answer means.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::error::HarnessError;

/// An open connection; its driver task ends with it.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: tokio::task::JoinHandle<()>,
}

/// What came back.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`HarnessError::Io`] or [`HarnessError::Http`] when that fails.
    pub async fn open(address: SocketAddr) -> Result<Connection, HarnessError> {
        let connecting = || format!("connecting to {address}");
        let stream = TcpStream::connect(address).await.map_err(HarnessError::io(connecting()))?;
        stream.set_nodelay(true).map_err(HarnessError::io(connecting()))?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|source| HarnessError::Http { doing: connecting(), source })?;
        let driver = tokio::spawn(async move {
            // A broken connection is reported by the request that was on it.
            drop(connection.await);
        });
        Ok(Connection { sender, driver })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`HarnessError::Http`] when the connection broke: whether the request was taken is unknown then.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, HarnessError> {
        let broke = |source| HarnessError::Http { doing: "sending a request".to_owned(), source };
        self.sender.ready().await.map_err(broke)?;
        let response = self.sender.send_request(request).await.map_err(broke)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(broke)?.to_bytes();
        Ok(Answer { status, body })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Builds an authorised JSON request.
pub fn json_request(method: Method, uri: &str, authorization: &str, body: Bytes) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(uri)
        .header(http::header::HOST, "localhost")
        .header(http::header::AUTHORIZATION, authorization)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .expect("the parts come from the harness and are valid")
}
