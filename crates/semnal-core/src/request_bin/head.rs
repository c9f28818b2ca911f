//! Reads the head of a request leniently: whatever came is split into a request line and fields, and what is wrong with
//! it is named beside.
//!
//! Source of the rules: RFC 9112. A server that captures is not a proxy: it never passes on what it read, so a head that
//! is not valid can be shown as it is. Its framing is another matter, see [`Head::framing`].

use std::borrow::Cow;

/// A head that was taken apart; the parts are those of the bytes that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head<'a> {
    /// What stands before the first space.
    pub method: &'a [u8],
    /// What stands between method and version, inner spaces included.
    pub target: &'a [u8],
    /// `HTTP/1.1`; empty when the line ends without a version.
    pub version: &'a [u8],
    /// Names and values in their order. A folded value is unfolded: each fold becomes one space (RFC 9112, 5.2).
    pub headers: Vec<(&'a [u8], Cow<'a, [u8]>)>,
    /// What is wrong with it; the first thing that was found.
    pub problem: Option<HeadProblem>,
}

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
}

/// What is wrong with a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum HeadProblem {
    #[error("the request line is not a method, a target and a version with one space between them")]
    RequestLine,
    #[error("the method has characters that no method may have")]
    Method,
    #[error("the version is not HTTP/1.0 or HTTP/1.1")]
    Version,
    #[error("a line of the head is not a name, a colon and a value")]
    HeaderLine,
    #[error("a header has a carriage return or a zero byte in its value")]
    HeaderValue,
    #[error("a request of HTTP/1.1 has exactly one host header")]
    Host,
    #[error("content-length is not one whole number")]
    ContentLength,
    #[error("there are both content-length and transfer-encoding")]
    TwoLengths,
    #[error("transfer-encoding does not end in chunked")]
    TransferEncoding,
    #[error("HTTP/1.0 has no transfer-encoding")]
    OldTransferEncoding,
}

impl HeadProblem {
    /// Tells whether the end of the body cannot be known, so that nothing more can be read from the connection.
    pub fn hides_the_end(self) -> bool {
        !matches!(self, HeadProblem::Method | HeadProblem::Host | HeadProblem::HeaderValue)
    }
}

impl<'a> Head<'a> {
    /// Takes a head apart, whatever it holds.
    pub fn parse(bytes: &'a [u8]) -> Head<'a> {
        let mut lines =
            bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = lines.next().unwrap_or_default();
        let (method, target, version, mut problem) = request_line(first);
        let mut headers: Vec<(&[u8], Cow<'_, [u8]>)> = Vec::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            if line.contains(&b'\r') || line.contains(&0) {
                problem = problem.or(Some(HeadProblem::HeaderValue));
            }
            if matches!(line[0], b' ' | b'\t') {
                match headers.last_mut() {
                    Some((_, value)) => {
                        let value = value.to_mut();
                        value.push(b' ');
                        value.extend_from_slice(trim(line));
                    }
                    None => problem = problem.or(Some(HeadProblem::HeaderLine)),
                }
                continue;
            }
            match line.iter().position(|byte| *byte == b':') {
                Some(colon) => {
                    let (name, value) = (&line[..colon], &line[colon + 1..]);
                    if !is_token(name) {
                        problem = problem.or(Some(HeadProblem::HeaderLine));
                    }
                    headers.push((name, Cow::Borrowed(trim(value))));
                }
                None => problem = problem.or(Some(HeadProblem::HeaderLine)),
            }
        }
        let mut head = Head { method, target, version, headers, problem };
        if head.problem.is_none() {
            head.problem = head.framing().err();
        }
        if head.problem.is_none() && head.version == b"HTTP/1.1" && head.all("host").count() != 1 {
            head.problem = Some(HeadProblem::Host);
        }
        head
    }

    /// Returns the values of a header in their order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let is_it = move |it: &&(&[u8], Cow<'_, [u8]>)| it.0.eq_ignore_ascii_case(name.as_bytes());
        self.headers.iter().filter(is_it).map(|(_, value)| &**value)
    }

    /// Returns the first value of a header, when it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Tells whether a header has a word, in a list of words with commas or alone, in any case.
    pub fn has_word(&self, name: &str, word: &str) -> bool {
        self.all(name).flat_map(words).any(|it| it.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Finds out how the body ends. Where two readers could find two ends there is none: that is how requests are
    /// smuggled past proxies.
    ///
    /// # Errors
    /// [`HeadProblem`] when the end cannot be known.
    pub fn framing(&self) -> Result<Framing, HeadProblem> {
        let codings: Vec<&[u8]> = self.all("transfer-encoding").flat_map(words).collect();
        let lengths: Vec<&[u8]> = self.all("content-length").flat_map(words).collect();
        let has = |name: &str| self.all(name).next().is_some();
        match (has("transfer-encoding"), has("content-length")) {
            (true, true) => Err(HeadProblem::TwoLengths),
            (true, false) if self.version != b"HTTP/1.1" => Err(HeadProblem::OldTransferEncoding),
            (true, false) => {
                let chunked = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"chunked");
                let once = codings.iter().filter(|coding| chunked(coding)).count() == 1;
                let last = codings.last().is_some_and(chunked);
                if once && last { Ok(Framing::Chunked) } else { Err(HeadProblem::TransferEncoding) }
            }
            (false, true) => {
                let first = lengths.first().copied().unwrap_or_default();
                let same = lengths.iter().all(|length| *length == first);
                let number = std::str::from_utf8(first).ok().filter(|text| {
                    same && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
                });
                match number.and_then(|text| text.parse().ok()) {
                    Some(bytes) => Ok(Framing::Length(bytes)),
                    None => Err(HeadProblem::ContentLength),
                }
            }
            (false, false) => Ok(Framing::None),
        }
    }

    /// Returns path and query of the target, without the scheme and the host that a proxy's request has.
    pub fn path_and_query(&self) -> &'a [u8] {
        let target = self.target;
        let after_scheme = ["http://", "https://"].iter().find_map(|scheme| {
            let (start, rest) = target.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
        });
        match after_scheme {
            None => target,
            Some(rest) => {
                let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
                &rest[end..]
            }
        }
    }

    /// Returns the first part of the path, percent-decoded: the bin's name or id.
    pub fn bin(&self) -> Vec<u8> {
        let path = self.path_and_query();
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let end = path.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(path.len());
        crate::inspect::form::percent_decoded(&path[..end])
    }

    /// Returns the raw query, without its question mark.
    pub fn query(&self) -> &'a [u8] {
        let path = self.path_and_query();
        let path = path.split(|byte| *byte == b'#').next().unwrap_or_default();
        path.iter().position(|byte| *byte == b'?').map_or(&[], |at| &path[at + 1..])
    }
}

fn request_line(line: &[u8]) -> (&[u8], &[u8], &[u8], Option<HeadProblem>) {
    let Some(space) = line.iter().position(|byte| *byte == b' ') else {
        return (line, &[], &[], Some(HeadProblem::RequestLine));
    };
    let (method, rest) = (&line[..space], &line[space + 1..]);
    let (target, version) = match rest.iter().rposition(|byte| *byte == b' ') {
        Some(at) if rest[at + 1..].starts_with(b"HTTP/") => (&rest[..at], &rest[at + 1..]),
        _ => (rest, &rest[rest.len()..]),
    };
    let clean = !target.is_empty() && !target.iter().any(|byte| matches!(byte, b' ' | b'\t' | b'\r' | 0));
    let problem = match version {
        b"" => Some(HeadProblem::RequestLine),
        b"HTTP/1.0" | b"HTTP/1.1" if !clean => Some(HeadProblem::RequestLine),
        b"HTTP/1.0" | b"HTTP/1.1" if !is_token(method) => Some(HeadProblem::Method),
        b"HTTP/1.0" | b"HTTP/1.1" => None,
        _ => Some(HeadProblem::Version),
    };
    (method, target, version, problem)
}

/// Returns the words of a list with commas; empty ones are left out.
fn words(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').map(trim).filter(|word| !word.is_empty())
}

fn trim(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !blank(byte)).map_or(start, |at| at + 1);
    &bytes[start..end]
}

/// Tells whether it is a token (RFC 9110, 5.6.2).
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(fields: &str) -> String {
        format!("POST /a HTTP/1.1\r\nHost: x\r\n{fields}\r\n")
    }

    #[test]
    fn case_order_and_duplicates_are_those_that_came() {
        let head = "pOsT /B/c%2f//d?a=1&a HTTP/1.1\r\nhOsT: x\r\nB: 2 \r\na:\t1\r\nB:3\r\nempty:\r\n\r\n";
        let head = Head::parse(head.as_bytes());
        assert_eq!((head.method, head.target, head.problem), (&b"pOsT"[..], &b"/B/c%2f//d?a=1&a"[..], None));
        let names: Vec<_> = head.headers.iter().map(|(n, v)| (*n, &**v)).collect();
        let expected: [(&[u8], &[u8]); 5] =
            [(b"hOsT", b"x"), (b"B", b"2"), (b"a", b"1"), (b"B", b"3"), (b"empty", b"")];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_folded_value_is_unfolded_and_bytes_that_are_not_text_stay() {
        let head = Head::parse(b"GET / HTTP/1.1\r\nhost: x\r\na: 1\r\n \t2\r\nb: \xff\xfe\r\n\r\n");
        assert_eq!(head.problem, None);
        assert_eq!(head.all("a").next(), Some(&b"1 2"[..]));
        assert_eq!(head.all("b").next(), Some(&b"\xff\xfe"[..]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        use HeadProblem as P;
        let check = |head: &str, expected: P| {
            assert_eq!(Head::parse(head.as_bytes()).problem, Some(expected), "{head:?}")
        };
        check("", P::RequestLine);
        check("GET\r\n\r\n", P::RequestLine);
        check("GET /\r\n\r\n", P::RequestLine);
        check("GET /a b HTTP/1.1\r\nhost: x\r\n\r\n", P::RequestLine);
        check("G(T / HTTP/1.1\r\nhost: x\r\n\r\n", P::Method);
        check("PRI * HTTP/2.0\r\n\r\n", P::Version);
        check("GET / HTTP/1.1\r\n\r\n", P::Host);
        check("GET / HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n", P::Host);
        check("GET / HTTP/1.1\r\n folded: x\r\n\r\n", P::HeaderLine);
        check("GET / HTTP/1.1\r\nhost : x\r\n\r\n", P::HeaderLine);
        check("GET / HTTP/1.1\r\nhost: x\r\nnonsense\r\n\r\n", P::HeaderLine);
        check("GET / HTTP/1.1\r\nhost: x\r\na: 1\r2\r\n\r\n", P::HeaderValue);
        check("GET / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", P::OldTransferEncoding);
        check(&with("content-length: 1\r\ntransfer-encoding: chunked\r\n"), P::TwoLengths);
        check(&with("transfer-encoding: chunked, gzip\r\n"), P::TransferEncoding);
        check(&with("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"), P::TransferEncoding);
        for length in ["-1", "+1", "1 2", "0x1", "", "99999999999999999999", "1, 2", "1\r\ncontent-length: 2"]
        {
            check(&with(&format!("content-length: {length}\r\n")), P::ContentLength);
        }
    }

    #[test]
    fn the_end_of_a_body_is_found() {
        let check = |fields: &str, expected: Framing| {
            let head = with(fields);
            assert_eq!(Head::parse(head.as_bytes()).framing(), Ok(expected), "{fields}");
        };
        check("", Framing::None);
        check("Content-Length: 12\r\n", Framing::Length(12));
        check("content-length: 5, 5\r\n", Framing::Length(5));
        check("Transfer-Encoding: gzip, Chunked\r\n", Framing::Chunked);
    }

    #[test]
    fn the_bin_is_the_first_part_of_the_path() {
        let check = |target: &str, bin: &str, query: &str| {
            let head = format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n");
            let head = Head::parse(head.as_bytes());
            assert_eq!((&*head.bin(), head.query()), (bin.as_bytes(), query.as_bytes()), "{target}");
        };
        check("/mine", "mine", "");
        check("/mine/a//b?x=1?y", "mine", "x=1?y");
        check("/m%69ne?", "mine", "");
        check("/mine#x?y", "mine", "");
        check("//mine", "", "");
        check("http://bins.example/mine/x?y", "mine", "y");
        check("HTTPS://bins.example?y", "", "y");
        check("*", "*", "");
        check("/mine?a=http://b/c", "mine", "a=http://b/c");
    }
}
