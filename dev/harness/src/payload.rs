//! The payloads of a run: JSON of a fixed layout that carries the message's number and the moment of sending, so that
//! the receiver knows what arrived and how long it took without a table in between.

use std::hash::{DefaultHasher, Hasher};

const HEAD: &[u8] = b"{\"seq\":\"";
const MIDDLE: &[u8] = b"\",\"sent\":\"";
const TAIL: &[u8] = b"\",\"fill\":\"";
const END: &[u8] = b"\"}";
/// Numbers are 16 hexadecimal digits.
const DIGITS: usize = 16;
const SEQUENCE_AT: usize = HEAD.len();
const SENT_AT: usize = SEQUENCE_AT + DIGITS + MIDDLE.len();
/// The shortest payload that the layout allows.
pub const PAYLOAD_BYTES_MIN: usize = SENT_AT + DIGITS + TAIL.len() + END.len();

/// What a payload says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The number of the message in its run.
    pub sequence: u64,
    /// When it was sent, in microseconds of the run's clock.
    pub sent_us: u64,
}

/// A payload without its numbers.
#[derive(Debug, Clone)]
pub struct Template(Vec<u8>);

impl Template {
    /// Makes payloads of exactly `bytes` bytes, or of [`PAYLOAD_BYTES_MIN`] if that is more.
    pub fn new(bytes: usize) -> Template {
        let mut text = Vec::with_capacity(bytes);
        for part in [HEAD, &[b'0'; DIGITS], MIDDLE, &[b'0'; DIGITS], TAIL] {
            text.extend_from_slice(part);
        }
        let fill = bytes.saturating_sub(PAYLOAD_BYTES_MIN);
        text.extend((0..fill).map(|i| b'a' + u8::try_from(i % 26).unwrap_or(0)));
        text.extend_from_slice(END);
        Template(text)
    }

    /// Returns the length of every payload.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Appends the payload with these numbers.
    pub fn write(&self, stamp: Stamp, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.0);
        write_hex(&mut out[start + SEQUENCE_AT..][..DIGITS], stamp.sequence);
        write_hex(&mut out[start + SENT_AT..][..DIGITS], stamp.sent_us);
    }
}

/// Reads the numbers of a payload; `None` when it is not one of ours.
pub fn read(body: &[u8]) -> Option<Stamp> {
    if body.len() < PAYLOAD_BYTES_MIN || !body.starts_with(HEAD) {
        return None;
    }
    Some(Stamp {
        sequence: read_hex(&body[SEQUENCE_AT..][..DIGITS])?,
        sent_us: read_hex(&body[SENT_AT..][..DIGITS])?,
    })
}

/// Returns a hash by which bodies are compared: the same in every process.
pub fn hash(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    hasher.finish()
}

fn write_hex(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

fn read_hex(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |value, &byte| Some(value << 4 | u64::from((byte as char).to_digit(16)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_reads_back_and_is_json_of_the_asked_length() {
        for bytes in [PAYLOAD_BYTES_MIN, 200, 1_024] {
            let stamp = Stamp { sequence: 0xfeed, sent_us: u64::MAX };
            let mut body = Vec::new();
            Template::new(bytes).write(stamp, &mut body);
            assert_eq!(body.len(), bytes);
            assert_eq!(read(&body), Some(stamp));
            let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(json["seq"], "000000000000feed");
        }
    }

    #[test]
    fn another_text_has_no_stamp() {
        assert_eq!(read(b"{}"), None);
        let mut body = Vec::new();
        Template::new(100).write(Stamp { sequence: 1, sent_us: 1 }, &mut body);
        body[SEQUENCE_AT] = b'x';
        assert_eq!(read(&body), None);
    }
}
