//! A body as lines for `<pre>`: JSON indented and coloured from its own text, so that numbers, key order and duplicate
//! keys stay as they came; anything else as it is.

use semnal_core::inspect::json::{Content, End, INDENT_LEVELS_MAX, Kind, lines, tokenize};

/// 2,000 lines are shown; the rest is cut and the page says so.
const LINES_MAX: usize = 2_000;
/// 20,000 characters of a text that is not JSON, or of one value, are shown.
const TEXT_CHARACTERS_MAX: usize = 20_000;

/// A body for the macro `json` of `delivery_parts.html`.
#[derive(Debug, Clone, Default)]
pub(crate) struct BodyView {
    /// The lines of JSON; empty for any other text.
    pub(crate) lines: Vec<JsonLine>,
    /// The text when it is not JSON.
    pub(crate) text: String,
    /// What is copied: the body as it came.
    pub(crate) whole: String,
    /// Something is not shown.
    pub(crate) is_cut: bool,
    /// The bytes are no text.
    pub(crate) is_binary: bool,
    pub(crate) bytes: usize,
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct JsonLine {
    pub(crate) indent: String,
    pub(crate) key: String,
    pub(crate) value: String,
    /// The class of its colour.
    pub(crate) class: &'static str,
    pub(crate) end: &'static str,
}

impl BodyView {
    /// Reads a body.
    pub(crate) fn of(bytes: &[u8]) -> BodyView {
        let mut view = BodyView { bytes: bytes.len(), ..BodyView::default() };
        let Ok(text) = std::str::from_utf8(bytes) else {
            view.is_binary = true;
            view.text = String::from_utf8_lossy(bytes).chars().take(TEXT_CHARACTERS_MAX).collect();
            return view;
        };
        text.clone_into(&mut view.whole);
        let read = tokenize(bytes);
        if read.end != End::Whole {
            view.text = shortened(text, &mut view.is_cut);
            return view;
        }
        let all = lines(&read.tokens);
        view.is_cut = all.len() > LINES_MAX;
        let part = |at: &std::ops::Range<usize>| text.get(at.clone()).unwrap_or_default();
        for line in all.iter().take(LINES_MAX) {
            let (value, class) = match &line.content {
                Content::Value { at, kind } => (shortened(part(at), &mut view.is_cut), class(*kind)),
                Content::Open { kind: Kind::ObjectStart, .. } => ("{".to_owned(), ""),
                Content::Open { .. } => ("[".to_owned(), ""),
                Content::Close { kind: Kind::ObjectEnd } => ("}".to_owned(), ""),
                Content::Close { .. } => ("]".to_owned(), ""),
            };
            view.lines.push(JsonLine {
                indent: "  ".repeat(line.depth.min(INDENT_LEVELS_MAX)),
                key: line.key.as_ref().map_or(String::new(), |at| format!("{}: ", part(at))),
                value,
                class,
                end: if line.comma { "," } else { "" },
            });
        }
        view
    }

    /// Tells whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "json-string",
        Kind::Number => "json-number",
        Kind::Word => "json-word",
        _ => "",
    }
}

fn shortened(text: &str, is_cut: &mut bool) -> String {
    match text.char_indices().nth(TEXT_CHARACTERS_MAX) {
        Some((end, _)) => {
            *is_cut = true;
            format!("{}…", &text[..end])
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let view = BodyView::of(text.as_bytes());
        let line = |it: &JsonLine| format!("{}{}{}{}", it.indent, it.key, it.value, it.end);
        view.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn numbers_order_and_duplicates_stay_as_they_came() {
        let text = r#"{"b":12345678901234567890,"a":1.10,"a":[],"s":"\u0219"}"#;
        let expected =
            "{\n  \"b\": 12345678901234567890,\n  \"a\": 1.10,\n  \"a\": [],\n  \"s\": \"\\u0219\"\n}";
        assert_eq!(shown(text), expected);
    }

    #[test]
    fn what_is_not_json_is_shown_as_it_is() {
        let view = BodyView::of(b"<h1>It works</h1>");
        assert_eq!((view.lines.len(), view.text.as_str()), (0, "<h1>It works</h1>"));
        assert!(BodyView::of(b"\xff\x00").is_binary);
    }

    #[test]
    fn a_body_of_many_lines_is_cut_and_says_so() {
        let view = BodyView::of(format!("[{}1]", "1,".repeat(3_000)).as_bytes());
        assert!(view.is_cut && view.lines.len() == LINES_MAX);
    }
}
