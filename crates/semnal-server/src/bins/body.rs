//! Reads a body: its first bytes are kept, the rest is counted and read away, and the framing of chunks is kept as it came.

use std::io;

use semnal_core::request_bin::head::Framing;
use tokio::time::Instant;

use super::wire::{More, Wire};

/// 8 KiB for a line between chunks: a size with its extensions, or a trailer.
const LINE_BYTES_MAX: usize = 8 * 1_024;
/// 128 trailers.
const TRAILERS_MAX: usize = 128;
/// The framing is kept as long as it has at most 8 times the bytes that are kept of a body: one byte a chunk takes six.
const FRAMED_FACTOR: usize = 8;

/// A body as it was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct BodyRead {
    /// Its first bytes, without framing.
    pub(super) kept: Vec<u8>,
    /// How many it had, as far as it was read.
    pub(super) bytes: u64,
    /// Chunks as they came; `None` without chunks, and when they are too many to keep.
    pub(super) framed: Option<Vec<u8>>,
    /// What went wrong.
    pub(super) flaw: Option<Flaw>,
}

/// Why a body is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("the connection ended inside the body")]
    CutOff,
    #[error("the body did not arrive in time")]
    Late,
    #[error("the body is larger than what is read of one; the rest was not read")]
    TooLarge,
    #[error("the chunks of the body are not framed as RFC 9112 has it")]
    Chunks,
}

impl Flaw {
    /// Returns the status that says so.
    pub(super) fn status(self) -> u16 {
        match self {
            Flaw::CutOff | Flaw::Chunks => 400,
            Flaw::Late => 408,
            Flaw::TooLarge => 413,
        }
    }
}

/// How much of a body is kept, how much is read, and until when.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    pub(super) kept_max: usize,
    pub(super) read_max: u64,
    pub(super) until: Instant,
}

/// Reads a body.
pub(super) async fn read(wire: &mut Wire, framing: Framing, limits: BodyLimits) -> io::Result<BodyRead> {
    let mut reader = Reader { wire, limits, body: BodyRead::default() };
    let ended = match framing {
        Framing::None => Ok(()),
        Framing::Length(bytes) => reader.data(bytes).await?,
        Framing::Chunked => {
            reader.body.framed = Some(Vec::new());
            reader.chunks().await?
        }
    };
    let mut body = reader.body;
    body.flaw = ended.err();
    Ok(body)
}

struct Reader<'a> {
    wire: &'a mut Wire,
    limits: BodyLimits,
    body: BodyRead,
}

/// The outer error is the connection's, the inner one the body's.
type Step<T> = io::Result<Result<T, Flaw>>;

impl Reader<'_> {
    /// Reads bytes of the body itself.
    async fn data(&mut self, mut bytes: u64) -> Step<()> {
        while bytes > 0 {
            if self.body.bytes >= self.limits.read_max {
                return Ok(Err(Flaw::TooLarge));
            }
            if self.wire.unread().is_empty()
                && let Err(flaw) = self.more().await?
            {
                return Ok(Err(flaw));
            }
            let part = self.wire.take(usize::try_from(bytes).unwrap_or(usize::MAX / 2));
            let room = self.limits.kept_max - self.body.kept.len();
            self.body.kept.extend_from_slice(&part[..part.len().min(room)]);
            let taken = part.len() as u64;
            if let Some(framed) = &mut self.body.framed {
                framed.extend_from_slice(part);
            }
            self.body.bytes += taken;
            bytes -= taken;
            self.hold_framing();
        }
        Ok(Ok(()))
    }

    async fn chunks(&mut self) -> Step<()> {
        loop {
            let line = match self.line().await? {
                Ok(line) => line,
                Err(flaw) => return Ok(Err(flaw)),
            };
            let Some(bytes) = chunk_size(&line) else { return Ok(Err(Flaw::Chunks)) };
            if bytes == 0 {
                return self.trailers().await;
            }
            if let Err(flaw) = self.data(bytes).await? {
                return Ok(Err(flaw));
            }
            match self.line().await? {
                Ok(line) if line.is_empty() => {}
                Ok(_) => return Ok(Err(Flaw::Chunks)),
                Err(flaw) => return Ok(Err(flaw)),
            }
        }
    }

    async fn trailers(&mut self) -> Step<()> {
        for _ in 0..=TRAILERS_MAX {
            match self.line().await? {
                Ok(line) if line.is_empty() => return Ok(Ok(())),
                Ok(_) => {}
                Err(flaw) => return Ok(Err(flaw)),
            }
        }
        Ok(Err(Flaw::Chunks))
    }

    /// Reads a line of the framing; returns it without its end.
    async fn line(&mut self) -> Step<Vec<u8>> {
        let mut seen = 0;
        loop {
            if let Some(at) = self.wire.unread()[seen..].iter().position(|byte| *byte == b'\n') {
                let line = self.wire.take(seen + at + 1);
                if let Some(framed) = &mut self.body.framed {
                    framed.extend_from_slice(line);
                }
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                self.hold_framing();
                return Ok(Ok(line));
            }
            seen = self.wire.unread().len();
            if seen > LINE_BYTES_MAX {
                return Ok(Err(Flaw::Chunks));
            }
            if let Err(flaw) = self.more().await? {
                return Ok(Err(flaw));
            }
        }
    }

    async fn more(&mut self) -> Step<()> {
        Ok(match self.wire.more(self.limits.until).await? {
            More::Some => Ok(()),
            More::End => Err(Flaw::CutOff),
            More::Late => Err(Flaw::Late),
        })
    }

    fn hold_framing(&mut self) {
        let max = self.limits.kept_max.saturating_mul(FRAMED_FACTOR);
        if self.body.framed.as_ref().is_some_and(|framed| framed.len() > max) {
            self.body.framed = None;
        }
    }
}

/// Reads the size of a chunk; extensions after a semicolon are passed over.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?;
    let digits = std::str::from_utf8(digits).ok()?.trim_end_matches([' ', '\t']);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}
