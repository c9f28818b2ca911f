//! A captured request as its page shows it: what arrived, and one reading of it (a tab). Everything is text in which nothing
//! hides; each limit that cuts says so in a note, and the whole is a download away.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use semnal_core::inspect::gzip::{self, UNPACKED_BYTES_MAX, UnpackEnd};
use semnal_core::inspect::hex::{self, HexRow};
use semnal_core::inspect::json::{self, End, TOKENS_MAX};
use semnal_core::inspect::{form, mask, visible};
use semnal_core::request_bin::capture::{Capture, CapturedRequest};
use semnal_core::request_bin::head::Head;

use super::size;
use super::tree::{self, Step, TREE_LEVELS_MAX, TREE_LINES_MAX, VALUE_CHARACTERS_MAX};
use crate::console::language::Value;
use crate::console::page::Page;
use crate::console::parts::When;

/// 256 KiB of a text are shown.
pub(super) const TEXT_BYTES_MAX: usize = 256 * 1_024;
/// 5,000 lines of laid out JSON are shown.
pub(super) const PRETTY_LINES_MAX: usize = 5_000;
/// 1,024 rows of 16 bytes are shown.
const HEX_ROWS_MAX: usize = 1_024;
/// 16 characters of a digest tell two bodies apart at a glance.
const DIGEST_CHARACTERS: usize = 16;

/// A reading of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Tree,
    Pretty,
    Raw,
    Hex,
    Form,
    Headers,
    Query,
}

impl Tab {
    const ALL: [Tab; 7] = [Tab::Tree, Tab::Pretty, Tab::Raw, Tab::Hex, Tab::Form, Tab::Headers, Tab::Query];

    /// Returns its word in the address.
    pub(super) fn word(self) -> &'static str {
        match self {
            Tab::Tree => "tree",
            Tab::Pretty => "pretty",
            Tab::Raw => "raw",
            Tab::Hex => "hex",
            Tab::Form => "form",
            Tab::Headers => "headers",
            Tab::Query => "query",
        }
    }

    /// Returns the tab of a word.
    pub(super) fn parse(word: &str) -> Option<Tab> {
        Tab::ALL.into_iter().find(|it| it.word() == word)
    }

    fn label(self, page: &Page) -> String {
        match self {
            Tab::Tree => page.t("bin-tab-tree"),
            Tab::Pretty => page.t("bin-tab-pretty"),
            Tab::Raw => page.t("bin-tab-raw"),
            Tab::Hex => page.t("bin-tab-hex"),
            Tab::Form => page.t("bin-tab-form"),
            Tab::Headers => page.t("bin-tab-headers"),
            Tab::Query => page.t("bin-tab-query"),
        }
    }
}

/// A tab for the template.
pub(super) struct TabLink {
    pub(super) href: String,
    pub(super) label: String,
    pub(super) is_current: bool,
}

/// A name and a value; `masked` stands for a value that opens something, else it is empty.
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) masked: String,
}

/// A request and one reading of it.
pub(super) struct Reading {
    pub(super) number: u32,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) version: String,
    pub(super) received: When,
    pub(super) remote: String,
    /// The size of the body in words.
    pub(super) size: String,
    pub(super) digest: String,
    pub(super) digest_start: String,
    /// What is wrong with the request; empty when nothing is.
    pub(super) problem: String,
    pub(super) attempt: Option<u16>,
    pub(super) tab: &'static str,
    pub(super) tabs: Vec<TabLink>,
    /// What the tab shows: one of them.
    pub(super) steps: Vec<Step>,
    pub(super) text: String,
    pub(super) rows: Vec<HexRow>,
    pub(super) pairs: Vec<Pair>,
    /// Why it shows nothing; empty when it shows something.
    pub(super) nothing: String,
    /// What it leaves out.
    pub(super) notes: Vec<String>,
}

/// Reads a request. `path` is that of its page; without a wanted tab the one that fits is shown.
pub(super) fn read(page: &Page, it: &CapturedRequest, path: &str, wanted: Option<Tab>) -> Reading {
    let capture = &it.capture;
    let head = Head::parse(&capture.head);
    let (body, mut notes) = unpacked(page, capture, &head);
    let tab = wanted.unwrap_or_else(|| fitting(&head, &body));
    let sha256 = digest(&SHA256, &capture.body);
    let digest: String = sha256.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let tabs = Tab::ALL.map(|it| TabLink {
        href: format!("{path}?tab={}", it.word()),
        label: it.label(page),
        is_current: it == tab,
    });
    let mut reading = Reading {
        number: it.id.number,
        method: visible::line(head.method),
        target: visible::line(head.target),
        version: visible::line(head.version),
        received: page.when(capture.received_at),
        remote: capture.remote.to_string(),
        size: size(page, capture.body_bytes),
        digest_start: digest.chars().take(DIGEST_CHARACTERS).collect(),
        digest,
        problem: capture.problem.clone().unwrap_or_default(),
        attempt: capture.attempt,
        tab: tab.word(),
        tabs: tabs.into(),
        steps: Vec::new(),
        text: String::new(),
        rows: Vec::new(),
        pairs: Vec::new(),
        nothing: String::new(),
        notes: Vec::new(),
    };
    let is_of_body = !matches!(tab, Tab::Headers | Tab::Query);
    if is_of_body && capture.is_truncated() {
        reading.notes.push(cut_note(page, capture));
    }
    if is_of_body && capture.body.is_empty() {
        reading.nothing = page.t("bin-no-body");
        return reading;
    }
    if matches!(tab, Tab::Tree | Tab::Pretty | Tab::Form) {
        reading.notes.append(&mut notes);
    }
    reading.read(page, capture, &head, &body, tab);
    reading
}

impl Reading {
    fn read(&mut self, page: &Page, capture: &Capture, head: &Head<'_>, body: &[u8], tab: Tab) {
        match tab {
            Tab::Tree | Tab::Pretty => {
                self.read_json(page, body, tab);
            }
            Tab::Raw => {
                self.text = visible::text(self.beginning(page, &capture.body));
            }
            Tab::Hex => {
                self.rows = hex::rows(&capture.body, HEX_ROWS_MAX);
                if capture.body.len() > HEX_ROWS_MAX * hex::ROW_BYTES {
                    self.notes.push(first_note(page, HEX_ROWS_MAX * hex::ROW_BYTES));
                }
            }
            Tab::Form => {
                self.read_pairs(page, form::pairs(body));
            }
            Tab::Headers => {
                self.pairs = head.headers.iter().map(|(name, value)| header(name, value)).collect();
                if self.pairs.is_empty() {
                    self.nothing = page.t("bin-no-headers");
                }
            }
            Tab::Query => {
                self.read_pairs(page, form::pairs(head.query()));
                if self.pairs.is_empty() {
                    self.nothing = page.t("bin-no-query");
                }
            }
        }
    }

    fn read_json(&mut self, page: &Page, body: &[u8], tab: Tab) {
        let tokens = json::tokenize(body);
        if tokens.tokens.is_empty() || !looks_like_json(body, &tokens.end) {
            self.nothing = page.t("bin-no-json");
            return;
        }
        match &tokens.end {
            End::Whole => {}
            End::TooLong => self.notes.push(page.n("bin-note-tokens", TOKENS_MAX)),
            End::Broken { offset, expected } => {
                let offset = Value::Number(u64::try_from(*offset).unwrap_or(u64::MAX));
                let values = [("offset", offset), ("expected", Value::Text((*expected).to_owned()))];
                self.notes.push(page.put_together("bin-note-broken", &values));
            }
        }
        let mut lines = json::lines(&tokens.tokens);
        if tab == Tab::Pretty {
            if lines.len() > PRETTY_LINES_MAX {
                lines.truncate(PRETTY_LINES_MAX);
                self.notes.push(page.n("bin-note-lines", PRETTY_LINES_MAX));
            }
            let pretty = json::pretty(body, &lines);
            self.text = visible::text(self.beginning(page, pretty.as_bytes()));
            return;
        }
        let tree = tree::tree(body, &lines);
        if tree.is_long {
            self.notes.push(page.n("bin-note-lines", TREE_LINES_MAX));
        }
        if tree.is_deep {
            self.notes.push(page.n("bin-note-deep", TREE_LEVELS_MAX));
        }
        if tree.has_long_value {
            self.notes.push(page.n("bin-note-value", VALUE_CHARACTERS_MAX));
        }
        self.steps = tree.steps;
    }

    fn read_pairs(&mut self, page: &Page, pairs: Vec<(Vec<u8>, Vec<u8>)>) {
        if pairs.len() >= form::PAIRS_MAX {
            self.notes.push(page.n("bin-note-pairs", form::PAIRS_MAX));
        }
        let mut is_cut = false;
        let mut short = |bytes: &[u8]| {
            let line = visible::line(bytes);
            let long = line.chars().nth(VALUE_CHARACTERS_MAX).is_some();
            is_cut |= long;
            if long { line.chars().take(VALUE_CHARACTERS_MAX).chain(['…']).collect() } else { line }
        };
        let pair = |(name, value): (Vec<u8>, Vec<u8>)| Pair {
            name: short(&name),
            value: short(&value),
            masked: String::new(),
        };
        self.pairs = pairs.into_iter().map(pair).collect();
        if is_cut {
            self.notes.push(page.n("bin-note-value", VALUE_CHARACTERS_MAX));
        }
    }

    /// Returns as much of a text as is shown.
    fn beginning<'a>(&mut self, page: &Page, text: &'a [u8]) -> &'a [u8] {
        if text.len() > TEXT_BYTES_MAX {
            self.notes.push(first_note(page, TEXT_BYTES_MAX));
        }
        &text[..text.len().min(TEXT_BYTES_MAX)]
    }
}

/// Returns a header; one that opens something is masked.
pub(super) fn header(name: &[u8], value: &[u8]) -> Pair {
    let (name, value) = (visible::line(name), visible::line(value));
    let masked = if mask::is_secret(&name) { mask::masked(&value) } else { String::new() };
    Pair { name, value, masked }
}

/// Chooses the tab that shows most of a request.
fn fitting(head: &Head<'_>, body: &[u8]) -> Tab {
    let is_form = || {
        head.text("content-type")
            .is_some_and(|it| it.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"))
    };
    let is_json = || {
        let tokens = json::tokenize(body);
        !tokens.tokens.is_empty() && looks_like_json(body, &tokens.end)
    };
    if body.is_empty() {
        Tab::Headers
    } else if is_form() {
        Tab::Form
    } else if is_json() {
        Tab::Tree
    } else if std::str::from_utf8(body).is_ok() {
        Tab::Raw
    } else {
        Tab::Hex
    }
}

/// A text of which only the beginning is JSON is read as such when it begins as an object or array does.
fn looks_like_json(body: &[u8], end: &End) -> bool {
    !matches!(end, End::Broken { .. }) || matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Unpacks a compressed body; returns what is to be said about that.
pub(super) fn unpacked<'a>(
    page: &Page,
    capture: &'a Capture,
    head: &Head<'_>,
) -> (Cow<'a, [u8]>, Vec<String>) {
    let encoding = head.text("content-encoding").unwrap_or_default();
    let Some(unpacked) = gzip::unpack(encoding, &capture.body, UNPACKED_BYTES_MAX) else {
        return (Cow::Borrowed(&capture.body), Vec::new());
    };
    let bytes = u64::try_from(unpacked.bytes.len()).unwrap_or(u64::MAX);
    let note = match unpacked.end {
        UnpackEnd::Whole => page.s("bin-note-unpacked", "size", size(page, bytes)),
        UnpackEnd::Cut => page.s("bin-note-unpacked-cut", "size", size(page, bytes)),
        UnpackEnd::Broken(_) => page.s("bin-note-unpacked-broken", "size", size(page, bytes)),
    };
    (Cow::Owned(unpacked.bytes), vec![note])
}

fn cut_note(page: &Page, capture: &Capture) -> String {
    let kept = u64::try_from(capture.body.len()).unwrap_or(u64::MAX);
    let words = |bytes| Value::Text(size(page, bytes));
    page.put_together("bin-note-cut", &[("kept", words(kept)), ("whole", words(capture.body_bytes))])
}

fn first_note(page: &Page, bytes: usize) -> String {
    page.s("bin-note-first", "size", size(page, u64::try_from(bytes).unwrap_or(u64::MAX)))
}
