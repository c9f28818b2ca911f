//! The words of SQL as dumps have them: names, texts with their escapes, numbers, comments.

/// A word of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare name or keyword.
    Word(String),
    /// A name in backticks, or in double quotes.
    Quoted(String),
    /// A text, its escapes resolved.
    Text(String),
    /// A number as it is written; hexadecimal bytes as a text of what they stand for.
    Number(String),
    /// Anything else.
    Symbol(u8),
}

/// Walks over a dump.
pub(super) struct Scanner<'a> {
    dump: &'a [u8],
    at: usize,
    peeked: Option<(Option<Token>, usize)>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(dump: &'a [u8]) -> Scanner<'a> {
        Scanner { dump, at: 0, peeked: None }
    }

    /// Says what is wrong, with the line.
    pub(super) fn complaint(&self, what: &str) -> String {
        let line =
            self.dump[..self.at.min(self.dump.len())].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line}: {what}")
    }

    /// Returns the next word and goes past it; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token>, String> {
        if let Some((token, after)) = self.peeked.take() {
            self.at = after;
            return Ok(token);
        }
        self.scan()
    }

    /// Returns the next word and stays before it.
    pub(super) fn peek(&mut self) -> Result<Option<Token>, String> {
        if self.peeked.is_none() {
            let before = self.at;
            let token = self.scan()?;
            self.peeked = Some((token, self.at));
            self.at = before;
        }
        Ok(self.peeked.as_ref().and_then(|(token, _)| token.clone()))
    }

    /// Goes past a symbol that has to be next.
    pub(super) fn expect(&mut self, symbol: u8) -> Result<(), String> {
        match self.next()? {
            Some(Token::Symbol(found)) if found == symbol => Ok(()),
            _ => Err(self.complaint(&format!("{:?} is missing", char::from(symbol)))),
        }
    }

    /// Goes past the next semicolon outside of texts and comments.
    pub(super) fn skip_statement(&mut self) -> Result<(), String> {
        if let Some((token, after)) = self.peeked.take() {
            self.at = after;
            if token == Some(Token::Symbol(b';')) {
                return Ok(());
            }
        }
        loop {
            self.skip_blank()?;
            match self.dump.get(self.at) {
                None => return Ok(()),
                Some(b';') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(quote @ (b'\'' | b'"' | b'`')) => self.skip_quoted(*quote)?,
                Some(_) => self.at += 1,
            }
        }
    }

    fn scan(&mut self) -> Result<Option<Token>, String> {
        self.skip_blank()?;
        let Some(first) = self.dump.get(self.at).copied() else { return Ok(None) };
        Ok(Some(match first {
            b'\'' => Token::Text(self.text(b'\'')?),
            // A name in ANSI mode, a text otherwise: whoever asks for a value takes both.
            b'"' => Token::Text(self.text(b'"')?),
            b'`' => Token::Quoted(self.text(b'`')?),
            b'0'..=b'9' | b'-' | b'+' | b'.' if self.is_number() => self.number(),
            b'_' | b'$' | b'A'..=b'Z' | b'a'..=b'z' | 0x80..=0xff => Token::Word(self.word()),
            other => {
                self.at += 1;
                Token::Symbol(other)
            }
        }))
    }

    /// Goes past blanks and comments. What MySQL alone runs (`/*!40101 … */`) is read as if it were no comment.
    fn skip_blank(&mut self) -> Result<(), String> {
        loop {
            let rest = &self.dump[self.at..];
            let line_comment = rest.starts_with(b"#")
                || (rest.starts_with(b"--") && rest.get(2).is_none_or(u8::is_ascii_whitespace));
            if rest.first().is_some_and(u8::is_ascii_whitespace) {
                self.at += 1;
            } else if line_comment {
                self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            } else if rest.starts_with(b"/*!") || rest.starts_with(b"/*M!") {
                self.at += 3 + usize::from(rest[2] == b'M');
                while self.dump.get(self.at).is_some_and(u8::is_ascii_digit) {
                    self.at += 1;
                }
            } else if rest.starts_with(b"*/") {
                self.at += 2;
            } else if rest.starts_with(b"/*") {
                let end = rest.windows(2).position(|pair| pair == b"*/");
                self.at += end.ok_or_else(|| self.complaint("a comment has no end"))? + 2;
            } else if rest.starts_with(b"\xef\xbb\xbf") {
                self.at += 3;
            } else {
                return Ok(());
            }
        }
    }

    fn skip_quoted(&mut self, quote: u8) -> Result<(), String> {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.dump.get(self.at) {
            match byte {
                b'\\' if quote != b'`' => self.at += 2,
                byte if *byte == quote => {
                    self.at += 1;
                    return Ok(());
                }
                _ => self.at += 1,
            }
        }
        self.at = start;
        Err(self.complaint("a text has no end"))
    }

    fn text(&mut self, quote: u8) -> Result<String, String> {
        let start = self.at;
        let mut bytes = Vec::new();
        self.at += 1;
        while let Some(byte) = self.dump.get(self.at).copied() {
            self.at += 1;
            match byte {
                b'\\' if quote != b'`' => {
                    let Some(escaped) = self.dump.get(self.at).copied() else { break };
                    self.at += 1;
                    match escaped {
                        b'0' => bytes.push(0),
                        b'n' => bytes.push(b'\n'),
                        b'r' => bytes.push(b'\r'),
                        b't' => bytes.push(b'\t'),
                        b'b' => bytes.push(8),
                        b'Z' => bytes.push(26),
                        // These two keep their backslash outside of patterns.
                        b'%' | b'_' => bytes.extend([b'\\', escaped]),
                        other => bytes.push(other),
                    }
                }
                byte if byte == quote && self.dump.get(self.at) == Some(&quote) => {
                    bytes.push(quote);
                    self.at += 1;
                }
                byte if byte == quote => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
                other => bytes.push(other),
            }
        }
        self.at = start;
        Err(self.complaint("a text has no end"))
    }

    fn is_number(&self) -> bool {
        let digits = self.dump[self.at..].iter().skip_while(|byte| matches!(byte, b'-' | b'+' | b'.'));
        digits.take(1).any(u8::is_ascii_digit)
    }

    fn number(&mut self) -> Token {
        let start = self.at;
        self.at += 1;
        while self.dump.get(self.at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'.') {
            self.at += 1;
        }
        let text = String::from_utf8_lossy(&self.dump[start..self.at]).into_owned();
        match text.strip_prefix("0x") {
            Some(digits) => Token::Text(hexadecimal(digits)),
            None => Token::Number(text),
        }
    }

    fn word(&mut self) -> String {
        let start = self.at;
        let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$') || *b >= 0x80;
        while self.dump.get(self.at).is_some_and(part) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.dump[start..self.at]).into_owned()
    }
}

/// Returns the text that hexadecimal digits stand for.
fn hexadecimal(digits: &str) -> String {
    let pair = |nth: usize| digits.get(nth..nth + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let bytes: Vec<u8> = (0..digits.len()).step_by(2).map_while(pair).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns what a literal such as `b'1'` or `x'6161'` stands for.
pub(super) fn number_of(kind: &str, digits: &str) -> String {
    if kind.eq_ignore_ascii_case("x") {
        return hexadecimal(digits);
    }
    u64::from_str_radix(digits, 2).map_or_else(|_| digits.to_owned(), |number| number.to_string())
}
