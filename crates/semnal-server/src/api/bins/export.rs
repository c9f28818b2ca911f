//! `…/bin/{bin_id}/export`: what a bin holds as one file: HAR, JSON, or a JSON object a line. It is written while it is
//! read, oldest first, so that a full bin is not in memory at once.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use semnal_core::application::Scope;
use semnal_core::id::BinId;
use semnal_core::inspect::form;
use semnal_core::request_bin::capture::{CapturedRequest, Wanted};
use semnal_core::request_bin::head::Head;
use semnal_store::views::filter::{Direction, Slice};
use serde_json::{Value, json};

use super::requests::{bytes_out, file, wanted};
use super::streamed::Streamed;
use super::{bins, find};
use crate::api::ApiState;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::find::Segments;
use crate::api::query::Params;

/// 20 requests are read at a time.
const PART: usize = 20;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Format {
    Har,
    Json,
    Ndjson,
}

impl Format {
    /// Their names.
    pub(in crate::api) const WORDS: [&str; 3] = ["har", "json", "ndjson"];

    fn of(word: &str) -> Format {
        match word {
            "har" => Format::Har,
            "ndjson" => Format::Ndjson,
            _ => Format::Json,
        }
    }

    fn begin(self) -> String {
        match self {
            Format::Har => {
                let creator = json!({ "name": "Semnal", "version": env!("CARGO_PKG_VERSION") });
                format!("{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[")
            }
            Format::Json => "[".to_owned(),
            Format::Ndjson => String::new(),
        }
    }

    fn end(self) -> &'static str {
        match self {
            Format::Har => "]}}\n",
            Format::Json => "]\n",
            Format::Ndjson => "",
        }
    }
}

/// A file in the making.
struct Export {
    api: Arc<ApiState>,
    bin: BinId,
    wanted: Wanted,
    format: Format,
    /// Where to go on; `None` when the end has been written.
    after: Option<u32>,
    begun: bool,
}

/// `GET …/export?format=har|json|ndjson`, with the same filters as the list.
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(bin): Segments<String>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Read)?, bins(&api)?);
    let word = params.word("format", &Format::WORDS).unwrap_or_else(|| "json".to_owned());
    let wanted = wanted(api.store.ids(), &mut params);
    params.finish()?;
    Ok(download(&api, find(&api, bins, view, &bin)?.bin.id, wanted, &word))
}

/// Makes a file of what a bin caught. The word is one of `har`, `json` and `ndjson`.
pub(crate) fn download(api: &Arc<ApiState>, bin: BinId, wanted: Wanted, word: &str) -> Response {
    let format = Format::of(word);
    let export = Export { api: api.clone(), bin, wanted, format, after: Some(0), begun: false };
    let body = axum::body::Body::new(Streamed::new(export, |it: Export| Box::pin(it.next())));
    let content_type = match format {
        Format::Har | Format::Json => "application/json",
        Format::Ndjson => "application/x-ndjson",
    };
    let ending = match format {
        Format::Har => "har",
        Format::Json => "json",
        Format::Ndjson => "ndjson",
    };
    file(body, content_type, &format!("requests.{ending}"))
}

impl Export {
    async fn next(mut self) -> Option<(Bytes, Export)> {
        let after = self.after?;
        let bins = self.api.bins.clone().ok()?;
        let slice = Slice { from: Some(after), direction: Direction::Newer, limit: PART };
        let found = bins.bins.requests(self.bin, slice, self.wanted.clone()).await;
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an export ended early");
                return None;
            }
        };
        let mut piece = if after == 0 { self.format.begin() } else { String::new() };
        for it in &found.items {
            let entry = match self.format {
                Format::Har => har(it, &bins.base_url).to_string(),
                Format::Json | Format::Ndjson => whole(&self.api, it),
            };
            if self.begun && self.format != Format::Ndjson {
                piece.push(',');
            }
            self.begun = true;
            piece.push_str(&entry);
            piece.push_str(if self.format == Format::Ndjson { "\n" } else { "" });
        }
        self.after = found.more_after;
        if self.after.is_none() {
            piece.push_str(self.format.end());
        }
        Some((piece.into(), self))
    }
}

fn whole(api: &ApiState, it: &CapturedRequest) -> String {
    serde_json::to_string(&bytes_out(api.store.ids(), it))
        .expect("a request as it is answered has text keys and no failing serialiser")
}

/// Returns an entry of an HTTP archive (HAR 1.2). What a bin does not know of an exchange is -1 or empty, as it says.
fn har(it: &CapturedRequest, base_url: &str) -> Value {
    let head = Head::parse(&it.capture.head);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pair = |name: &[u8], value: &[u8]| json!({ "name": text(name), "value": text(value) });
    let headers: Vec<Value> = head.headers.iter().map(|(name, value)| pair(name, value)).collect();
    let query: Vec<Value> = form::pairs(head.query()).iter().map(|(name, value)| pair(name, value)).collect();
    let mut request = json!({
        "method": text(head.method),
        "url": format!("{base_url}{}", text(head.path_and_query())),
        "httpVersion": text(head.version),
        "cookies": [],
        "headers": headers,
        "queryString": query,
        "headersSize": it.capture.head.len(),
        "bodySize": it.capture.body_bytes,
    });
    if !it.capture.body.is_empty() {
        let mime_type = head.all("content-type").next().map(text).unwrap_or_default();
        request["postData"] = match std::str::from_utf8(&it.capture.body) {
            Ok(body) => json!({ "mimeType": mime_type, "params": [], "text": body }),
            Err(_) => json!({
                "mimeType": mime_type,
                "params": [],
                "text": STANDARD.encode(&it.capture.body),
                "encoding": "base64",
                "comment": "the text is base64: the body is no text",
            }),
        };
    }
    let nothing = json!({
        "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
        "content": { "size": 0, "mimeType": "" }, "redirectURL": "", "headersSize": -1, "bodySize": -1,
    });
    json!({
        "startedDateTime": it.capture.received_at.to_rfc3339(),
        "time": 0,
        "request": request,
        "response": nothing,
        "cache": {},
        "timings": { "send": 0, "wait": 0, "receive": 0 },
    })
}
