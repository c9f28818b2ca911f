//! One open connection, and one request and its answer on it.
//!
//! Called by [`super::Transport::send`]; knows nothing of pools, DNS or retries. Only the head and the first
//! bytes of the body are read: a connection with more to come is closed, not drained.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use semnal_core::attempt::{RESPONSE_BODY_BYTES_MAX, RESPONSE_HEADER_BYTES_MAX};
use semnal_core::time::UnixMillis;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use super::failure::Failure;
use super::progress::{Answer, Phase, Progress};
use super::stream::{HeadTap, Stream, Wire};
use super::target::Message;

/// 32 KiB of read buffer: a head and a body of the largest sizes that are kept.
const READ_BUFFER_BYTES_MAX: usize = RESPONSE_HEADER_BYTES_MAX + RESPONSE_BODY_BYTES_MAX;

/// An open connection that no request is on. Dropping it closes the socket, whatever is in flight.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    tap: Arc<HeadTap>,
    /// Where it was dialled to.
    pub(super) address: SocketAddr,
    /// When it was opened.
    pub(super) opened_at: UnixMillis,
    /// When its last answer ended.
    pub(super) used_at: UnixMillis,
    driver: AbortHandle,
}

/// How a request on a connection ended.
pub(super) enum Exchanged {
    /// The answer was read to its end; the connection can carry another request.
    Whole(Connection),
    /// There is an answer, but the connection is used up.
    Last,
    /// The connection broke before any of the request was written; here it is back, and why.
    Unsent(Message, Failure),
    /// There is no answer, and the request may have been written.
    Failed(Failure),
}

impl Connection {
    /// Starts HTTP over `wire`. The task that drives it goes to `tasks` and holds `permit` until the socket is
    /// closed.
    pub(super) async fn start(
        wire: Wire,
        address: SocketAddr,
        now: UnixMillis,
        permit: OwnedSemaphorePermit,
        tasks: &TaskTracker,
    ) -> Result<Connection, Failure> {
        let tap = Arc::new(HeadTap::default());
        let stream = TokioIo::new(Stream::new(wire, Arc::clone(&tap)));
        // More than 100 headers are refused: hyper's default, which needs no allocation per answer.
        let handshake = Builder::new()
            .max_buf_size(READ_BUFFER_BYTES_MAX)
            .max_header_size(RESPONSE_HEADER_BYTES_MAX)
            .handshake(stream)
            .await;
        let (sender, connection) = handshake.map_err(|error| Failure::of_exchange(&error))?;
        let driver = tasks.spawn(async move {
            let _permit = permit;
            if let Err(error) = connection.await {
                tracing::debug!(%address, %error, "a connection ended with an error while nothing waited on it");
            }
        });
        let driver = driver.abort_handle();
        Ok(Connection { sender, tap, address, opened_at: now, used_at: now, driver })
    }

    /// Tells whether the receiver has closed it.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Tells whether it can take a request now. One whose last request is still being written cannot.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Sends `message` and reads the answer into `progress`. When this is dropped, so is the connection.
    pub(super) async fn exchange(mut self, message: Message, progress: &mut Progress) -> Exchanged {
        progress.dialled(self.address);
        progress.enter(Phase::Waiting);
        self.tap.listen();
        let response = match self.sender.try_send_request(message).await {
            Ok(response) => response,
            Err(mut error) => {
                let failure = Failure::of_exchange(error.error());
                return match error.take_message() {
                    Some(message) => Exchanged::Unsent(message, failure),
                    None => Exchanged::Failed(failure),
                };
            }
        };
        let (head, body) = response.into_parts();
        let headers = match self.tap.take_headers() {
            Some(headers) if headers.len() == head.headers.len() => headers,
            _ => as_parsed(&head.headers),
        };
        let answer = progress.answered(head.status.as_u16(), headers);
        read_body(body, answer).await;
        if answer.complete { Exchanged::Whole(self) } else { Exchanged::Last }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Reads until the body ends, breaks off, or exceeds what is kept.
async fn read_body(mut body: Incoming, answer: &mut Answer) {
    if body.is_end_stream() {
        answer.complete = true;
        return;
    }
    loop {
        let frame = match body.frame().await {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return,
            None => {
                answer.complete = true;
                return;
            }
        };
        // Trailers are bounded by hyper and not kept.
        let Ok(bytes) = frame.into_data() else { continue };
        let room = RESPONSE_BODY_BYTES_MAX - answer.body.len();
        if bytes.len() > room {
            answer.body.extend_from_slice(&bytes[..room]);
            return;
        }
        answer.body.extend_from_slice(&bytes);
    }
}

/// The headers as hyper understood them: names in lower case. Only for a head that the tap did not hear whole.
fn as_parsed(headers: &http::HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}
