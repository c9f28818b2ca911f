//! JSON as it was written, line by line, for Tree and Pretty.
//!
//! The text is cut into tokens and never turned into values: numbers keep their digits, keys their order and their
//! duplicates, strings their escapes. Nothing recurses, so nesting costs memory and no stack; what is broken or cut off
//! shows as far as it goes.

use std::ops::Range;

/// 200,000 tokens are read; a page shows no more.
pub const TOKENS_MAX: usize = 200_000;
/// 64 levels of indentation; deeper lines are indented as these are, or 10,000 levels would be 100 million spaces.
pub const INDENT_LEVELS_MAX: usize = 64;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{`
    ObjectStart,
    /// `}`
    ObjectEnd,
    /// `[`
    ArrayStart,
    /// `]`
    ArrayEnd,
    /// A string before a colon.
    Key,
    /// Any other string, quotes included.
    String,
    /// A number, as it was written.
    Number,
    /// `true`, `false` or `null`.
    Word,
}

/// A token: what it is and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its bytes in the text.
    pub at: Range<usize>,
    /// How many objects and arrays are around it.
    pub depth: usize,
}

/// How reading ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The text is one JSON value.
    Whole,
    /// It is not, from this byte on.
    Broken {
        /// The byte.
        offset: usize,
        /// What was expected there.
        expected: &'static str,
    },
    /// It has more tokens than are read.
    TooLong,
}

/// The tokens of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// The tokens, as far as it is JSON.
    pub tokens: Vec<Token>,
    /// How it ended.
    pub end: End,
}

/// A line of the reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How many objects and arrays are around it.
    pub depth: usize,
    /// Where its key stands, quotes included.
    pub key: Option<Range<usize>>,
    /// What follows the key, or stands alone.
    pub content: Content,
    /// Whether a comma follows.
    pub comma: bool,
}

/// What a line shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A value on one line: a scalar, or an empty object or array.
    Value {
        /// Its bytes in the text.
        at: Range<usize>,
        /// What it is.
        kind: Kind,
    },
    /// The start of an object or array, which can be folded.
    Open {
        /// `ObjectStart` or `ArrayStart`.
        kind: Kind,
        /// The line that closes it; the number of lines when none does.
        closes_at: usize,
        /// How many entries it has.
        entries: usize,
    },
    /// The end of one.
    Close {
        /// `ObjectEnd` or `ArrayEnd`.
        kind: Kind,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Key,
    Colon,
    CommaOrEnd,
    Nothing,
}

/// Cuts a text into tokens.
pub fn tokenize(text: &[u8]) -> Tokens {
    let mut reader = Reader { text, at: 0, open: Vec::new(), tokens: Vec::new(), expect: Expect::Value };
    let end = loop {
        if reader.tokens.len() >= TOKENS_MAX {
            break End::TooLong;
        }
        match reader.step() {
            Ok(true) => {}
            Ok(false) => break End::Whole,
            Err(expected) => break End::Broken { offset: reader.at, expected },
        }
    };
    Tokens { tokens: reader.tokens, end }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// The kinds of what is open: whether each is an object.
    open: Vec<bool>,
    tokens: Vec<Token>,
    expect: Expect,
}

impl Reader<'_> {
    /// Reads one thing; returns whether there may be more.
    fn step(&mut self) -> Result<bool, &'static str> {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        let Some(byte) = self.text.get(self.at) else {
            return if self.expect == Expect::Nothing { Ok(false) } else { Err(self.wanted()) };
        };
        match (self.expect, byte) {
            (Expect::Value | Expect::ValueOrEnd, b'{' | b'[') => self.open(*byte == b'{'),
            (Expect::ValueOrEnd | Expect::CommaOrEnd, b']') if self.open.last() == Some(&false) => {
                self.close()
            }
            (Expect::KeyOrEnd | Expect::CommaOrEnd, b'}') if self.open.last() == Some(&true) => self.close(),
            (Expect::Value | Expect::ValueOrEnd, b'"') => {
                self.string(Kind::String)?;
                self.value_ended();
            }
            (Expect::Key | Expect::KeyOrEnd, b'"') => {
                self.string(Kind::Key)?;
                self.expect = Expect::Colon;
            }
            (Expect::Colon, b':') => {
                self.at += 1;
                self.expect = Expect::Value;
            }
            (Expect::CommaOrEnd, b',') => {
                self.at += 1;
                self.expect = if self.open.last() == Some(&true) { Expect::Key } else { Expect::Value };
            }
            (Expect::Value | Expect::ValueOrEnd, b'-' | b'0'..=b'9') => {
                let bytes = number(&self.text[self.at..]).ok_or("a number")?;
                self.push(Kind::Number, bytes);
                self.value_ended();
            }
            (Expect::Value | Expect::ValueOrEnd, b't' | b'f' | b'n') => {
                let word = [&b"true"[..], b"false", b"null"]
                    .into_iter()
                    .find(|w| self.text[self.at..].starts_with(w));
                self.push(Kind::Word, word.ok_or("true, false or null")?.len());
                self.value_ended();
            }
            _ => return Err(self.wanted()),
        }
        Ok(true)
    }

    fn wanted(&self) -> &'static str {
        match (self.expect, self.open.last()) {
            (Expect::Value, _) => "a value",
            (Expect::ValueOrEnd, _) => "a value or ]",
            (Expect::KeyOrEnd, _) => "a key or }",
            (Expect::Key, _) => "a key",
            (Expect::Colon, _) => "a colon",
            (Expect::CommaOrEnd, Some(true)) => "a comma or }",
            (Expect::CommaOrEnd, _) => "a comma or ]",
            (Expect::Nothing, _) => "the end",
        }
    }

    fn push(&mut self, kind: Kind, bytes: usize) {
        let depth = self.open.len();
        self.tokens.push(Token { kind, at: self.at..self.at + bytes, depth });
        self.at += bytes;
    }

    fn open(&mut self, object: bool) {
        self.push(if object { Kind::ObjectStart } else { Kind::ArrayStart }, 1);
        self.open.push(object);
        self.expect = if object { Expect::KeyOrEnd } else { Expect::ValueOrEnd };
    }

    fn close(&mut self) {
        let object = self.open.pop() == Some(true);
        self.push(if object { Kind::ObjectEnd } else { Kind::ArrayEnd }, 1);
        self.value_ended();
    }

    fn value_ended(&mut self) {
        self.expect = if self.open.is_empty() { Expect::Nothing } else { Expect::CommaOrEnd };
    }

    fn string(&mut self, kind: Kind) -> Result<(), &'static str> {
        let rest = &self.text[self.at..];
        let mut at = 1;
        loop {
            match rest.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    let known = rest.get(at + 1).is_some_and(|byte| b"\"\\/bfnrtu".contains(byte));
                    let hex = |at: usize| rest.get(at).is_some_and(u8::is_ascii_hexdigit);
                    if !known || (rest[at + 1] == b'u' && !(at + 2..at + 6).all(hex)) {
                        return Err("a string without broken escapes");
                    }
                    at += 2;
                }
                Some(0..=0x1f) | None => return Err("a string that ends with a quote"),
                Some(_) => at += 1,
            }
        }
        if std::str::from_utf8(&rest[..=at]).is_err() {
            return Err("a string in UTF-8");
        }
        self.push(kind, at + 1);
        Ok(())
    }
}

/// Returns how many bytes the number at the start has.
fn number(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && text[at] == b'0') {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        at += 1 + (fraction > 0).then_some(fraction)?;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        at += 1 + sign + (exponent > 0).then_some(exponent)?;
    }
    Some(at)
}

/// Lays tokens out in lines.
pub fn lines(tokens: &[Token]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    // The lines of what is open.
    let mut open: Vec<usize> = Vec::new();
    let mut key = None;
    let mut skip = false;
    for (index, token) in tokens.iter().enumerate() {
        if std::mem::take(&mut skip) {
            continue;
        }
        let (depth, next) = (token.depth, tokens.get(index + 1));
        let content = match token.kind {
            Kind::Key => {
                key = Some(token.at.clone());
                continue;
            }
            Kind::ObjectStart | Kind::ArrayStart => {
                let ends = |it: &&Token| matches!(it.kind, Kind::ObjectEnd | Kind::ArrayEnd);
                if let Some(end) = next.filter(ends) {
                    skip = true;
                    Content::Value { at: token.at.start..end.at.end, kind: token.kind }
                } else {
                    Content::Open { kind: token.kind, closes_at: usize::MAX, entries: 0 }
                }
            }
            Kind::ObjectEnd | Kind::ArrayEnd => {
                let here = lines.len();
                if let Some(Content::Open { closes_at, .. }) = open.pop().map(|at| &mut lines[at].content) {
                    *closes_at = here;
                }
                lines.push(Line {
                    depth,
                    key: None,
                    content: Content::Close { kind: token.kind },
                    comma: false,
                });
                continue;
            }
            kind => Content::Value { at: token.at.clone(), kind },
        };
        entry_begins(&mut lines, open.last().copied());
        if matches!(content, Content::Open { .. }) {
            open.push(lines.len());
        }
        lines.push(Line { depth, key: key.take(), content, comma: false });
    }
    let count = lines.len();
    for at in open {
        if let Content::Open { closes_at, .. } = &mut lines[at].content {
            *closes_at = count;
        }
    }
    lines
}

/// Counts an entry of what is open, and puts the comma after the entry before it.
fn entry_begins(lines: &mut [Line], open: Option<usize>) {
    let Some(open) = open else { return };
    let first = match &mut lines[open].content {
        Content::Open { entries, .. } => {
            *entries += 1;
            *entries == 1
        }
        _ => true,
    };
    if !first && let Some(last) = lines.last_mut() {
        last.comma = true;
    }
}

/// Writes lines as text, two spaces a level.
pub fn pretty(text: &[u8], lines: &[Line]) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let part = |at: &Range<usize>| String::from_utf8_lossy(text.get(at.clone()).unwrap_or_default());
    for line in lines {
        for _ in 0..line.depth.min(INDENT_LEVELS_MAX) {
            out.push_str("  ");
        }
        if let Some(key) = &line.key {
            out.push_str(&part(key));
            out.push_str(": ");
        }
        match &line.content {
            Content::Value { kind: Kind::ObjectStart, .. } => out.push_str("{}"),
            Content::Value { kind: Kind::ArrayStart, .. } => out.push_str("[]"),
            Content::Value { at, .. } => out.push_str(&part(at)),
            Content::Open { kind, .. } => out.push(if *kind == Kind::ObjectStart { '{' } else { '[' }),
            Content::Close { kind } => out.push(if *kind == Kind::ObjectEnd { '}' } else { ']' }),
        }
        out.push_str(if line.comma { ",\n" } else { "\n" });
    }
    out
}

#[cfg(test)]
mod tests;
