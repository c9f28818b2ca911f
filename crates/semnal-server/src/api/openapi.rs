//! `/openapi.json`, the description of the API for programs, and `/docs`, the same for people.
//!
//! The document is put together from the code: answers from the structs that are serialised, limits from the
//! constants that the handlers use, errors from what every operation has. It is made once, at the first request.
//!
//! To add an operation:
//! 1. Add its route to the table in [`super::router`].
//! 2. Describe it beside its neighbours in one of the files under this one, with a path that is written as in the
//!    route table:
//!    ```text
//!    .add(
//!        post("/api/v1/thing/{thing_id}/mend", "v1.thing.mend", "Mend a thing")
//!            .idempotent()
//!            .body(Body::whole("MendIn").required("how", shape::text(1..=HOW_MAX), "How.", "gently"))
//!            .answer::<ThingOut<'_>>(200, "The thing as it is now."),
//!    )
//!    ```
//!    The answer's struct derives `utoipa::ToSchema`. A new kind of id in a path is named in `operation::path_part`.
//! 3. Take its line "is missing" out of the list in `tests/openapi/svix.rs`, where the operation is Svix's.
//!
//! The tests compare this with the route table, with the fields and parameters that the handlers ask for, with the
//! limits that they enforce, and with Svix's API.

mod applications;
mod bins;
mod captured;
mod document;
mod endpoints;
mod event_types;
mod messages;
mod operation;
mod page;
mod portal;
mod service;
mod shape;
mod tasks;
mod words;

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use utoipa::openapi::OpenApi;

/// Own stylesheet, own script, nothing else from anywhere.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// 8 bytes of a SHA-256 tell versions of a document apart.
const ETAG_BYTES: usize = 8;

/// Returns the document.
pub(crate) fn document() -> OpenApi {
    let mut document = document::Document::new();
    applications::describe(&mut document);
    endpoints::describe(&mut document);
    event_types::describe(&mut document);
    messages::describe(&mut document);
    tasks::describe(&mut document);
    bins::describe(&mut document);
    captured::describe(&mut document);
    portal::describe(&mut document);
    service::describe(&mut document);
    document.finish()
}

/// Returns the document as text.
pub(crate) fn json() -> String {
    serde_json::to_string_pretty(&document()).expect("the document has text keys and no failing serialiser")
}

/// Serves the document.
pub(crate) fn get_json<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    file("application/json", json)
}

/// Serves the page for people.
pub(crate) fn get_page<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    file("text/html; charset=utf-8", || page::render(&document()))
}

/// Serves the page's stylesheet.
pub(crate) fn get_style<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    file("text/css; charset=utf-8", || include_str!("openapi/style.css").to_owned())
}

/// Serves the page's script.
pub(crate) fn get_script<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    file("text/javascript; charset=utf-8", || include_str!("openapi/script.js").to_owned())
}

/// A text that is made at its first request and stays the same until the server ends.
struct File {
    body: Bytes,
    etag: HeaderValue,
}

fn file<S: Clone + Send + Sync + 'static>(media: &'static str, make: fn() -> String) -> MethodRouter<S> {
    let made: Arc<OnceLock<File>> = Arc::default();
    get(async move |headers: HeaderMap| {
        let file = made.get_or_init(|| File::new(make()));
        file.answer(media, headers.get(header::IF_NONE_MATCH))
    })
}

impl File {
    fn new(text: String) -> File {
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        let hex: String = hash.as_ref().iter().take(ETAG_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let etag =
            HeaderValue::try_from(format!("\"{hex}\"")).expect("hex digits in quotes are a header's value");
        File { body: Bytes::from(text), etag }
    }

    fn answer(&self, media: &'static str, known: Option<&HeaderValue>) -> Response {
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if known == Some(&self.etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        for (name, value) in [
            (header::CONTENT_TYPE, media),
            (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        *response.body_mut() = Body::from(self.body.clone());
        response
    }
}
