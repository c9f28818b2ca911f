//! Two captured requests side by side: request line, headers, body.

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Path;
use axum::response::Response;
use semnal_core::inspect::json::{self, End};
use semnal_core::inspect::{diff, visible};
use semnal_core::request_bin::capture::{CapturedRequest, Wanted};
use semnal_core::request_bin::head::Head;
use semnal_store::views::filter::{Direction, Slice};

use super::Place;
use super::reading::{PRETTY_LINES_MAX, TEXT_BYTES_MAX, header, unpacked};
use crate::console::page::{Page, Signed};
use crate::console::problem::Problem;

/// 50 other requests can be chosen.
const OTHERS_MAX: usize = 50;
/// 3 equal lines around a change are shown.
const CONTEXT_LINES: usize = 3;
/// 2,000 lines of a comparison are shown.
const SHOWN_LINES_MAX: usize = 2_000;
/// 4 bytes of a digest tell two secrets apart without showing either.
const FINGERPRINT_BYTES: usize = 4;

/// The comparison.
#[derive(Template)]
#[template(path = "bin_diff.html")]
struct DiffView {
    page: Page,
    id: String,
    name: String,
    number: u32,
    /// The number of the one before; 0 when there is none.
    other: u32,
    others: Vec<u32>,
    lines: Vec<Line>,
    is_same: bool,
    is_cut: bool,
}

/// A line of it.
struct Line {
    class: &'static str,
    mark: &'static str,
    text: String,
}

/// `GET …/diff?with`: with the request before it, unless another one is chosen.
pub(super) async fn show(
    signed: Signed,
    Path((bin, request)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (page, place) = (&signed.page, Place::find(&signed, &bin)?);
    let it = place.request(&request).await?;
    let slice = |from, limit| Slice { from, direction: Direction::Older, limit };
    let bin = place.state.bin.id;
    let all = place.bins.bins.requests(bin, slice(None, OTHERS_MAX), Wanted::default()).await?.items;
    let others: Vec<u32> =
        all.iter().map(|it| it.id.number).filter(|number| *number != it.id.number).collect();
    let other = match page.query("with") {
        Some(text) => Some(place.request(&text).await?),
        None => {
            let before = slice(Some(it.id.number), 1);
            let found =
                place.bins.bins.requests(bin, before, Wanted::default()).await?.items.into_iter().next();
            found.or_else(|| all.into_iter().find(|found| found.id != it.id))
        }
    };
    let (lines, is_same, is_cut) = match &other {
        Some(other) => compared(page, other, &it),
        None => (Vec::new(), false, false),
    };
    page.html(&DiffView {
        page: page.clone(),
        name: place.state.bin.name.clone(),
        id: place.id,
        number: it.id.number,
        other: other.map_or(0, |it| it.id.number),
        others,
        lines,
        is_same,
        is_cut,
    })
}

fn compared(page: &Page, before: &CapturedRequest, after: &CapturedRequest) -> (Vec<Line>, bool, bool) {
    let (old, new) = (text(page, before), text(page, after));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let found = diff::lines(&old, &new);
    let is_same = found.iter().all(|(change, _)| *change == diff::Change::Same);
    let mut lines = Vec::new();
    let mut left_out = 0;
    for (at, (change, text)) in found.iter().enumerate() {
        let near = at.saturating_sub(CONTEXT_LINES)..(at + CONTEXT_LINES + 1).min(found.len());
        let is_near = found[near].iter().any(|(change, _)| *change != diff::Change::Same);
        if !is_near && !is_same {
            left_out += 1;
            continue;
        }
        lines.extend(gap(page, std::mem::take(&mut left_out)));
        let (class, mark) = match change {
            diff::Change::Same => ("same", " "),
            diff::Change::Gone => ("gone", "−"),
            diff::Change::New => ("new", "+"),
        };
        lines.push(Line { class, mark, text: (*text).to_owned() });
    }
    lines.extend(gap(page, left_out));
    let is_cut = lines.len() > SHOWN_LINES_MAX;
    lines.truncate(SHOWN_LINES_MAX);
    (lines, is_same, is_cut)
}

fn gap(page: &Page, lines: usize) -> Option<Line> {
    (lines > 0).then(|| Line { class: "gap", mark: "", text: page.n("bin-diff-equal", lines) })
}

/// Writes a request as lines; secrets are told apart by a fingerprint, and not shown.
fn text(page: &Page, it: &CapturedRequest) -> String {
    let head = Head::parse(&it.capture.head);
    let mut text = [head.method, head.target, head.version].map(visible::line).join(" ");
    text.push('\n');
    for (name, value) in &head.headers {
        let pair = header(name, value);
        let shown = if pair.masked.is_empty() {
            pair.value
        } else {
            let sha256 = digest(&SHA256, value);
            let print: String =
                sha256.as_ref().iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect();
            format!("{} #{print}", pair.masked)
        };
        text.push_str(&format!("{}: {shown}\n", pair.name));
    }
    text.push('\n');
    let (body, _) = unpacked(page, &it.capture, &head);
    let tokens = json::tokenize(&body);
    if tokens.end == End::Whole {
        let mut lines = json::lines(&tokens.tokens);
        lines.truncate(PRETTY_LINES_MAX);
        text.push_str(&visible::text(json::pretty(&body, &lines).as_bytes()));
    } else {
        text.push_str(&visible::text(&body[..body.len().min(TEXT_BYTES_MAX)]));
    }
    text
}
