//! `/bins/{bin}/stream`: tells an open page that its bin has changed. It reads no request: the page fetches its list, which
//! is why a burst costs a few fetches and not one for each request.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, header};
use semnal_core::request_bin::Tally;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::Place;
use crate::api::BinsApi;
use crate::api::bins::streamed::Streamed;
use crate::api::bins::updates::{HEARTBEAT, STREAM_SECONDS_MAX, UPDATE_EVERY};
use crate::console::Console;
use crate::console::page::Signed;
use crate::console::problem::Problem;
use crate::console::streams;
use crate::console::viewer::Viewer;

struct Listening {
    console: Arc<Console>,
    bins: BinsApi,
    watch: watch::Receiver<Tally>,
    /// The digest of the session: the stream ends with it.
    session: [u8; 32],
    updated_at: Option<Instant>,
    until: Instant,
    /// Its place among the streams.
    _place: streams::Place,
}

/// `GET /bins/{bin}/stream`
pub(super) async fn get(signed: Signed, Path(bin): Path<String>) -> Result<Response, Problem> {
    let place = Place::find(&signed, &bin)?;
    let session = signed.page.session.as_ref().ok_or(Problem::LoginNeeded)?.digest;
    let watch = place.bins.bins.watch(place.state.bin.id).ok_or(Problem::NotFound)?;
    let (console, until) =
        (signed.page.console.clone(), Instant::now() + Duration::from_secs(STREAM_SECONDS_MAX.into()));
    let listening = Listening {
        _place: console.streams.take(&signed.viewer)?,
        console,
        bins: place.bins,
        watch,
        session,
        updated_at: None,
        until,
    };
    let mut response =
        Response::new(Body::new(Streamed::new(listening, |it: Listening| Box::pin(it.next()))));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

impl Listening {
    /// Returns the next piece: the bin's newest number, or a heartbeat. `None` ends the stream.
    async fn next(mut self) -> Option<(Bytes, Listening)> {
        if let Some(at) = self.updated_at
            && timeout_at(at + UPDATE_EVERY, self.bins.shutdown.cancelled()).await.is_ok()
        {
            return None;
        }
        let is_first = self.updated_at.is_none();
        if !is_first {
            let waited = tokio::select! {
                () = self.bins.shutdown.cancelled() => return None,
                () = async { tokio::time::sleep_until(self.until).await } => return None,
                waited = timeout(HEARTBEAT, self.watch.changed()) => waited,
            };
            if !self.is_still_signed() {
                return None;
            }
            match waited {
                Err(_) => return Some((Bytes::from_static(b": still here\n\n"), self)),
                Ok(Err(_)) => return None,
                Ok(Ok(())) => {}
            }
        }
        self.updated_at = Some(Instant::now());
        let last = self.watch.borrow_and_update().last_number;
        Some((Bytes::from(format!("event: bin\ndata: {last}\n\n")), self))
    }

    fn is_still_signed(&self) -> bool {
        let configuration = self.console.api.store.configuration();
        let session = configuration.accounts().session(&self.session);
        session.is_some_and(|it| Viewer::of(&configuration, it, self.console.api.now()).is_some())
    }
}
