//! Queries and forms: `a=1&b=%20` as pairs, in order, duplicates and bytes that are not text included.

/// 1,000 pairs are read; a form has no more.
pub const PAIRS_MAX: usize = 1_000;

/// Returns the pairs of a query or a form body (`application/x-www-form-urlencoded`), decoded.
pub fn pairs(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let parts = text.split(|byte| *byte == b'&').filter(|part| !part.is_empty());
    let pair = |part: &[u8]| match part.iter().position(|byte| *byte == b'=') {
        Some(at) => (decoded(&part[..at]), decoded(&part[at + 1..])),
        None => (decoded(part), Vec::new()),
    };
    parts.take(PAIRS_MAX).map(pair).collect()
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decoded(&spaced)
}

/// Replaces `%41` by `A`; a percent sign that begins no such thing stays.
pub fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).expect("two hex digits are a byte"));
                rest = &rest[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_keep_their_order_their_duplicates_and_their_bytes() {
        let check = |text: &str, expected: &[(&[u8], &[u8])]| {
            let found = pairs(text.as_bytes());
            let found: Vec<(&[u8], &[u8])> = found.iter().map(|(n, v)| (&**n, &**v)).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("", &[]);
        check("a=1&b=2&a=3", &[(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]);
        check("a+b=c%20d&&e", &[(b"a b", b"c d"), (b"e", b"")]);
        check("=x&y==z&%ff=%zz%4", &[(b"", b"x"), (b"y", b"=z"), (b"\xff", b"%zz%4")]);
    }
}
