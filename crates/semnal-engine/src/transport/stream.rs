//! The bytes of one connection, plain or TLS, with an ear on the head of each answer.
//!
//! hyper hands out header names in lower case and grouped by name, and reads interim answers (1xx) without an
//! end. [`HeadTap`] listens to what is read: it keeps the head as it came, for the record of the attempt, and
//! breaks the connection when there is more of it than [`HEAD_PHASE_BYTES_MAX`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::failure::HeadTooLong;
use super::head;

/// 64 KiB of an answer are read before its head has to be complete. One head may have 16 KiB, so a few interim
/// answers fit, and what is read ahead of the body.
pub(super) const HEAD_PHASE_BYTES_MAX: usize = 64 * 1024;
/// 4 KiB of buffer are kept for the next answer on the same connection; nearly every head is shorter.
const KEPT_BUFFER_BYTES_MAX: usize = 4 * 1024;

/// A connection's bytes.
pub(super) struct Stream {
    wire: Wire,
    tap: Arc<HeadTap>,
}

/// What carries the bytes.
pub(super) enum Wire {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS over TCP; boxed, since it is far larger than a socket.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Wraps `wire`; what is read while `tap` listens goes to it too.
    pub(super) fn new(wire: Wire, tap: Arc<HeadTap>) -> Stream {
        Stream { wire, tap }
    }
}

/// Keeps what was read since a request was sent, until the head of its answer is complete.
#[derive(Debug, Default)]
pub(super) struct HeadTap {
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    listening: bool,
    bytes: Vec<u8>,
}

impl HeadTap {
    /// Starts to listen for the head of the next answer.
    pub(super) fn listen(&self) {
        let mut heard = self.heard.lock();
        heard.bytes.clear();
        heard.listening = true;
    }

    /// Stops to listen and returns the headers of the final answer in order, names as received; `None` when
    /// they cannot be told from what was heard.
    pub(super) fn take_headers(&self) -> Option<Vec<(String, Vec<u8>)>> {
        let mut heard = self.heard.lock();
        heard.listening = false;
        let headers = head::final_head(&heard.bytes).and_then(head::headers);
        heard.bytes.clear();
        heard.bytes.shrink_to(KEPT_BUFFER_BYTES_MAX);
        headers
    }

    fn hear(&self, bytes: &[u8]) -> io::Result<()> {
        let mut heard = self.heard.lock();
        if !heard.listening {
            return Ok(());
        }
        if heard.bytes.len() + bytes.len() > HEAD_PHASE_BYTES_MAX {
            // The head may be complete and merely not taken yet, while the body is read ahead.
            if head::final_head(&heard.bytes).is_some() {
                heard.listening = false;
                return Ok(());
            }
            return Err(io::Error::new(io::ErrorKind::InvalidData, HeadTooLong));
        }
        heard.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Wire::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        match polled {
            Poll::Ready(Ok(())) => Poll::Ready(self.tap.hear(&buffer.filled()[before..])),
            other => other,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Wire::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Wire::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.wire {
            Wire::Plain(stream) => stream.is_write_vectored(),
            Wire::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interim_answers_without_end_break_the_connection() {
        let tap = HeadTap::default();
        tap.listen();
        let interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        let heard = (0..=HEAD_PHASE_BYTES_MAX / interim.len()).try_for_each(|_| tap.hear(interim));
        assert_eq!(heard.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_body_that_is_read_ahead_does_not() {
        let tap = HeadTap::default();
        tap.listen();
        tap.hear(b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n").unwrap();
        for _ in 0..10 {
            tap.hear(&[b'x'; HEAD_PHASE_BYTES_MAX / 4]).unwrap();
        }
        assert_eq!(tap.take_headers(), Some(vec![("X-A".to_owned(), b"1".to_vec())]));
    }
}
