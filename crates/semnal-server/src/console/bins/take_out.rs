//! What leaves the console: one request as a command or as its bytes, all of them as a file.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use semnal_core::inspect::visible;
use semnal_core::request_bin::capture::Wanted;

use super::reading::{TEXT_BYTES_MAX, TabLink};
use super::{Place, bins};
use crate::console::page::{Page, Signed};
use crate::console::problem::Problem;

/// The word of the bytes as they came, beside those of shells.
const RAW: &str = "raw";

/// A request as a command.
#[derive(Template)]
#[template(path = "bin_copy.html")]
struct CopyView {
    page: Page,
    id: String,
    name: String,
    number: u32,
    tabs: Vec<TabLink>,
    /// What is shown, with what hides made visible; empty when it is too long.
    shown: String,
    /// What is copied.
    command: String,
    is_raw: bool,
    is_cut: bool,
}

/// `GET …/copy?shell=bash|powershell|httpie|raw`
pub(super) async fn copy(
    signed: Signed,
    Path((bin, request)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (page, place) = (&signed.page, Place::find(&signed, &bin)?);
    let it = place.request(&request).await?;
    let asked = page.query("shell").unwrap_or_default();
    let shells = bins::curl::SHELLS.into_iter().chain([RAW]);
    let shell = shells.clone().find(|it| *it == asked).unwrap_or(bins::curl::SHELLS[0]);
    let path = place.path(&format!("/requests/{}/copy", it.id.number));
    let tab = |word: &str| TabLink {
        href: format!("{path}?shell={word}"),
        label: match word {
            "bash" => "cURL (bash)".to_owned(),
            "powershell" => "PowerShell".to_owned(),
            "httpie" => "HTTPie".to_owned(),
            _ => page.t("bin-copy-raw"),
        },
        is_current: word == shell,
    };
    let is_raw = shell == RAW;
    let command = if is_raw {
        let capture = &it.capture;
        let bytes = [&capture.head, capture.framed.as_ref().unwrap_or(&capture.body).as_slice()].concat();
        String::from_utf8_lossy(&bytes).into_owned()
    } else {
        bins::curl::command(shell, &it.capture, &place.bins.base_url)
    };
    let command = if command.len() > TEXT_BYTES_MAX { String::new() } else { command };
    page.html(&CopyView {
        page: page.clone(),
        name: place.state.bin.name.clone(),
        number: it.id.number,
        tabs: shells.map(tab).collect(),
        shown: visible::text(command.as_bytes()),
        command,
        is_raw,
        is_cut: it.capture.is_truncated(),
        id: place.id,
    })
}

/// `GET …/raw`: the bytes as they came, as a file that nothing opens.
pub(super) async fn raw(
    signed: Signed,
    Path((bin, request)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let place = Place::find(&signed, &bin)?;
    Ok(bins::requests::bytes(place.request(&request).await?))
}

/// `GET /bins/{bin}/export?format=har|json|ndjson&q`
pub(super) async fn export(signed: Signed, Path(bin): Path<String>) -> Result<Response, Problem> {
    let (page, place) = (&signed.page, Place::find(&signed, &bin)?);
    let text = page.query("q").filter(|it| !it.is_empty());
    let wanted = Wanted { text, ..Wanted::default() };
    let format = page.query("format").unwrap_or_default();
    Ok(bins::export::download(&place.api, place.state.bin.id, wanted, &format))
}
