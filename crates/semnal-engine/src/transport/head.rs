//! Reads the head of an answer from its bytes: headers in the order and with the names that came.
//!
//! Pure. hyper has accepted the same bytes before anything here is believed, so this only takes apart and never
//! judges.

/// Returns the final answer's head, from its status line to the empty line; `None` while it is incomplete.
/// Interim answers (1xx) before it are skipped; 101 is final, since nothing follows it.
pub(super) fn final_head(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        let start = rest.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
        rest = &rest[start..];
        let (head, after) = rest.split_at(head_len(rest)?);
        if !is_interim(head) {
            return Some(head);
        }
        rest = after;
    }
}

/// Returns the headers of a head; `None` when a line has no colon or a name that is not text.
pub(super) fn headers(head: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let lines =
        head.split(|byte| *byte == b'\n').skip(1).map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty()).map(header).collect()
}

fn header(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(&line[..colon]).ok()?;
    Some((name.to_owned(), line[colon + 1..].trim_ascii().to_vec()))
}

/// Returns how long the head at the start of `bytes` is, its empty line included.
fn head_len(bytes: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for (index, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        if matches!(&bytes[line_start..index], b"" | b"\r") {
            return Some(index + 1);
        }
        line_start = index + 1;
    }
    None
}

fn is_interim(head: &[u8]) -> bool {
    matches!(head.get(9..12), Some([b'1', rest @ ..]) if rest != b"01")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &str, expected: Option<&[(&str, &str)]>) {
        let found = final_head(bytes.as_bytes()).and_then(headers);
        let expected = expected.map(|list| {
            list.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
        });
        assert_eq!(found, expected, "{bytes:?}");
    }

    #[test]
    fn headers_keep_their_order_case_and_duplicates() {
        check(
            "HTTP/1.1 200 OK\r\nX-B: 1\r\nserver:a:b\r\nx-b:\t 2 \r\nEmpty:\r\n\r\nNot: a header\r\n\r\n",
            Some(&[("X-B", "1"), ("server", "a:b"), ("x-b", "2"), ("Empty", "")]),
        );
    }

    #[test]
    fn interim_answers_are_skipped_and_101_is_final() {
        check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 \r\nA: b\r\n\r\n", Some(&[("A", "b")]));
        check("HTTP/1.1 101 Switching\r\nA: b\r\n\r\nbytes", Some(&[("A", "b")]));
    }

    #[test]
    fn bare_line_feeds_and_leading_empty_lines_are_understood() {
        check("\r\n\nHTTP/1.1 200 OK\nA: b\n\nbody", Some(&[("A", "b")]));
    }

    #[test]
    fn an_incomplete_head_is_none() {
        check("", None);
        check("HTTP/1.1 200 OK\r\nA: b\r\n", None);
        check("HTTP/1.1 100 Continue\r\n\r\n", None);
    }
}
