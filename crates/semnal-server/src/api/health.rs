//! Whether the server is there. Needs no key and touches nothing that could be slow.

use http::StatusCode;

/// Answers 204, as Svix does.
pub(crate) async fn no_content() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// The process runs.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// The server takes requests: it does as soon as it listens, since it listens after the store has opened.
pub(crate) async fn ready() -> &'static str {
    "ready\n"
}
