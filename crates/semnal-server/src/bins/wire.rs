//! The bytes of a connection: read in pieces into a buffer, taken from it as heads, lines and lengths. What was read ahead
//! stays for the next request.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// 16 KiB are read at once.
const READ_BYTES: usize = 16 * 1_024;

/// A connection's bytes.
pub(super) struct Wire {
    pub(super) stream: TcpStream,
    buffer: Vec<u8>,
    /// Where in the buffer the unread part begins.
    taken: usize,
}

/// What came of waiting for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    /// There are some.
    Some,
    /// The client sends no more.
    End,
    /// Not in time.
    Late,
}

/// How reading a head ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeadRead {
    /// With an empty line.
    Whole(Vec<u8>),
    /// It is longer, or has more lines, than is read; this is its start.
    TooLarge(Vec<u8>),
    /// Its client stopped or was too slow; this is what came, perhaps nothing.
    Unfinished(Vec<u8>, More),
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Wire {
        Wire { stream, buffer: Vec::new(), taken: 0 }
    }

    /// Returns what was read and not taken yet.
    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    /// Takes so many bytes, or as many as there are.
    pub(super) fn take(&mut self, bytes: usize) -> &[u8] {
        let start = self.taken;
        self.taken = self.buffer.len().min(start + bytes);
        &self.buffer[start..self.taken]
    }

    /// Waits for more bytes.
    pub(super) async fn more(&mut self, until: Instant) -> io::Result<More> {
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.reserve(READ_BYTES);
        // The limit keeps one read from filling whatever the buffer has grown to.
        match timeout_at(until, (&mut self.stream).take(READ_BYTES as u64).read_buf(&mut self.buffer)).await {
            Err(_) => Ok(More::Late),
            Ok(Ok(0)) => Ok(More::End),
            Ok(Ok(_)) => Ok(More::Some),
            Ok(Err(error)) => Err(error),
        }
    }

    /// Reads a head. Empty lines before it are passed over (RFC 9112, 2.2).
    pub(super) async fn head(
        &mut self,
        bytes_max: usize,
        lines_max: usize,
        until: Instant,
    ) -> io::Result<HeadRead> {
        // What was looked at is not looked at again: a client may send byte by byte.
        let (mut seen, mut line_ends) = (0, 0);
        loop {
            while seen == 0 && matches!(self.unread().first(), Some(b'\r' | b'\n')) {
                self.take(1);
            }
            let end = head_end(self.unread(), seen);
            let reached = end.unwrap_or(self.unread().len());
            line_ends += self.unread().get(seen..reached).map_or(0, lines);
            seen = reached;
            // The request line and the empty line are no headers.
            let too_large = reached > bytes_max || line_ends > lines_max + 2;
            if too_large || end.is_some() {
                let head = self.take(reached.min(bytes_max)).to_vec();
                return Ok(if too_large { HeadRead::TooLarge(head) } else { HeadRead::Whole(head) });
            }
            match self.more(until).await? {
                More::Some => {}
                end => return Ok(HeadRead::Unfinished(self.take(usize::MAX / 2).to_vec(), end)),
            }
        }
    }

    /// Writes within a time.
    pub(super) async fn write(&mut self, bytes: &[u8], within: Duration) -> io::Result<()> {
        match timeout(within, self.stream.write_all(bytes)).await {
            Ok(written) => written,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Returns where a head ends, when its end is there; nothing ends before `seen`.
fn head_end(bytes: &[u8], seen: usize) -> Option<usize> {
    let mut from = seen.saturating_sub(2);
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b'\n').map(|at| from + at) {
        match &bytes[at + 1..] {
            [b'\n', ..] => return Some(at + 2),
            [b'\r', b'\n', ..] => return Some(at + 3),
            _ => from = at + 1,
        }
    }
    None
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}
