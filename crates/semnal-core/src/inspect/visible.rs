//! Bytes as text in which nothing hides: what is not UTF-8, controls a terminal, turns the direction of writing or has no
//! width is written as an escape. What a page shows is what came, in the order in which it came.

use std::fmt::Write;

/// Returns one line: line ends and tabs are escaped too.
pub fn line(bytes: &[u8]) -> String {
    escaped(bytes, |_| false)
}

/// Returns text of several lines: line feeds, tabs and the carriage returns before line feeds stay as they are.
pub fn text(bytes: &[u8]) -> String {
    let unix;
    let bytes = if bytes.windows(2).any(|pair| pair == b"\r\n") {
        unix = without_carriage_returns(bytes);
        unix.as_slice()
    } else {
        bytes
    };
    escaped(bytes, |character| matches!(character, '\n' | '\t'))
}

fn without_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    let kept = |(at, byte): (usize, &u8)| {
        let ends_line = *byte == b'\r' && bytes.get(at + 1) == Some(&b'\n');
        (!ends_line).then_some(*byte)
    };
    bytes.iter().enumerate().filter_map(kept).collect()
}

fn escaped(bytes: &[u8], stays: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_hidden(character) && !stays(character) {
                append_escape(&mut out, character);
            } else {
                out.push(character);
            }
        }
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}").expect("a text takes all");
        }
    }
    out
}

fn append_escape(out: &mut String, character: char) {
    match character {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        other => write!(out, "\\u{{{:x}}}", u32::from(other)).expect("a text takes all"),
    }
}

/// Tells whether a character cannot be seen, or changes how others are seen.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_in_a_line() {
        let check = |bytes: &[u8], expected: &str| assert_eq!(line(bytes), expected, "{bytes:?}");
        check("comandă ș 漢字".as_bytes(), "comandă ș 漢字");
        check(b"a\r\nb\tc\0\x1b[31m", "a\\r\\nb\\tc\\u{0}\\u{1b}[31m");
        check(b"\xff\xc3(", "\\xff\\xc3(");
        check("txt.\u{202e}exe\u{200b}\u{feff}".as_bytes(), "txt.\\u{202e}exe\\u{200b}\\u{feff}");
    }

    #[test]
    fn text_keeps_its_lines() {
        assert_eq!(text(b"a\r\nb\n\tc\rd"), "a\nb\n\tc\\rd");
        assert_eq!(text(b"\xfe\n"), "\\xfe\n");
    }
}
