//! Compressed bodies, within a limit: a few bytes can stand for gigabytes.

use std::io::Read;

/// 8 MiB of a compressed body are unpacked for reading.
pub const UNPACKED_BYTES_MAX: usize = 8 * 1_024 * 1_024;

/// A body that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// What it holds, at most as much as was asked for.
    pub bytes: Vec<u8>,
    /// How it ended.
    pub end: UnpackEnd,
}

/// How unpacking ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnpackEnd {
    /// At the end.
    Whole,
    /// At the limit.
    Cut,
    /// At something that is not what it should be.
    Broken(String),
}

/// Unpacks a body after its `content-encoding`; `None` when that is not one that is known.
pub fn unpack(encoding: &str, body: &[u8], bytes_max: usize) -> Option<Unpacked> {
    match encoding.trim().to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => Some(read(flate2::read::MultiGzDecoder::new(body), bytes_max)),
        // Senders write both forms under this name (RFC 9110, 8.4.1.2): with zlib's head, and without.
        "deflate" if body.first().is_some_and(|byte| byte & 0x0f == 8) => {
            Some(read(flate2::read::ZlibDecoder::new(body), bytes_max))
        }
        "deflate" => Some(read(flate2::read::DeflateDecoder::new(body), bytes_max)),
        _ => None,
    }
}

fn read(mut from: impl Read, bytes_max: usize) -> Unpacked {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let end = match from.by_ref().take(limit.saturating_add(1)).read_to_end(&mut bytes) {
        Err(error) => UnpackEnd::Broken(error.to_string()),
        Ok(_) if bytes.len() > bytes_max => UnpackEnd::Cut,
        Ok(_) => UnpackEnd::Whole,
    };
    bytes.truncate(bytes_max);
    Unpacked { bytes, end }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(b"salut").unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::fast());
        bare.write_all(b"salut").unwrap();
        for (encoding, body) in [
            ("gzip", gzip(b"salut")),
            ("GZIP", gzip(b"salut")),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", bare.finish().unwrap()),
        ] {
            let unpacked = unpack(encoding, &body, 100).unwrap();
            assert_eq!((&*unpacked.bytes, unpacked.end), (&b"salut"[..], UnpackEnd::Whole), "{encoding}");
        }
        assert_eq!(unpack("br", b"x", 100), None);
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![0; 50 * 1_024 * 1_024]);
        assert!(bomb.len() < 100_000);
        let unpacked = unpack("gzip", &bomb, 1_000_000).unwrap();
        assert_eq!((unpacked.bytes.len(), unpacked.end), (1_000_000, UnpackEnd::Cut));
    }

    #[test]
    fn what_is_broken_shows_as_far_as_it_goes() {
        let packed = gzip(&[7; 1_000]);
        assert!(matches!(
            unpack("gzip", &packed[..packed.len() - 9], 5_000).unwrap().end,
            UnpackEnd::Broken(_)
        ));
        assert!(matches!(unpack("gzip", b"plain", 5_000).unwrap().end, UnpackEnd::Broken(_)));
    }
}
