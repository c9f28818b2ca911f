//! `…/bin/{bin_id}/stream`: server-sent events about a bin. A request's number is its event's id, so that a client that
//! comes back with `Last-Event-ID` misses nothing that the bin still holds.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use semnal_core::application::Scope;
use semnal_core::id::BinId;
use semnal_core::request_bin::Tally;
use semnal_core::request_bin::capture::Wanted;
use semnal_store::views::filter::{Direction, Slice};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::requests::{number_of, out};
use super::streamed::Streamed;
use super::{bins, find};
use crate::api::ApiState;
use crate::api::auth::Caller;
use crate::api::error::ApiError;
use crate::api::find::Segments;
use crate::api::query::Params;

/// 15 s without anything else: proxies close what is silent for longer.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);
/// 250 ms between two updates: four a second at most.
pub(crate) const UPDATE_EVERY: Duration = Duration::from_millis(250);
/// 250 requests in one update.
const UPDATE_REQUESTS_MAX: usize = 250;
/// 1 h: then a client comes back, and its key is looked at again.
pub(crate) const STREAM_SECONDS_MAX: u16 = 3_600;

struct Listening {
    api: Arc<ApiState>,
    bin: BinId,
    watch: watch::Receiver<Tally>,
    after: u32,
    updated_at: Option<Instant>,
    until: Instant,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TallyOut {
    requests: u64,
    bytes: u64,
    last_number: u32,
}

/// `GET …/stream`: without `Last-Event-ID` or `after`, what comes from now on. It begins with the counts, also when it is
/// to end at once.
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(bin): Segments<String>,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, ApiError> {
    let (view, bins) = (caller.organisation(Scope::Read)?, bins(&api)?);
    let id = find(&api, bins, view, &bin)?.bin.id;
    let after = params.id("after", |text| number_of(api.store.ids(), id, text));
    let seconds = params.number("timeout", 0..=STREAM_SECONDS_MAX).unwrap_or(STREAM_SECONDS_MAX);
    params.finish()?;
    let last_event = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let watch = bins.bins.watch(id).ok_or_else(|| ApiError::not_found("request bin", &bin))?;
    let last = watch.borrow().last_number;
    // A number that was not given out yet is one of another bin that had the same uid.
    let after = last_event.or(after).map_or(last, |after: u32| after.min(last));
    let until = Instant::now() + Duration::from_secs(seconds.into());
    let listening = Listening { api: api.clone(), bin: id, watch, after, updated_at: None, until };
    let body = Streamed::new(listening, |it: Listening| Box::pin(it.next()));
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

impl Listening {
    /// Returns the next piece: events, or a heartbeat. `None` ends the stream.
    async fn next(mut self) -> Option<(Bytes, Listening)> {
        let Ok(bins) = self.api.bins.clone() else { return None };
        if let Some(at) = self.updated_at {
            let next_at = self.until.min(at + UPDATE_EVERY);
            let is_stopping = timeout_at(next_at, bins.shutdown.cancelled()).await.is_ok();
            // Also a bin that never rests is let go in time.
            if is_stopping || Instant::now() >= self.until {
                return None;
            }
        }
        loop {
            let first = self.updated_at.is_none();
            let changed = self.watch.has_changed().ok()?;
            let tally = *self.watch.borrow_and_update();
            let slice =
                Slice { from: Some(self.after), direction: Direction::Newer, limit: UPDATE_REQUESTS_MAX };
            let new = if tally.last_number > self.after {
                bins.bins.requests(self.bin, slice, Wanted::default()).await.ok()?.items
            } else {
                Vec::new()
            };
            if first || changed || !new.is_empty() {
                self.updated_at = Some(Instant::now());
                let mut events = String::new();
                for it in &new {
                    self.after = self.after.max(it.id.number);
                    event(&mut events, Some(it.id.number), "request", &out(self.api.store.ids(), it));
                }
                if new.is_empty() {
                    // Nothing is left of what came between: it was deleted.
                    self.after = self.after.max(tally.last_number);
                }
                let Tally { requests, bytes, last_number, .. } = tally;
                event(&mut events, None, "bin", &TallyOut { requests, bytes, last_number });
                return Some((events.into(), self));
            }
            let heartbeat = tokio::select! {
                () = bins.shutdown.cancelled() => return None,
                () = async { tokio::time::sleep_until(self.until).await } => return None,
                changed = timeout(HEARTBEAT, self.watch.changed()) => changed.map(|it| it.ok()),
            };
            match heartbeat {
                Err(_) => return Some((Bytes::from_static(b": still here\n\n"), self)),
                Ok(None) => return None,
                // Seen again by the loop, which takes it.
                Ok(Some(())) => self.watch.mark_changed(),
            }
        }
    }
}

/// Writes an event. Its data are one line: JSON escapes line ends.
fn event(events: &mut String, id: Option<u32>, name: &str, data: &impl Serialize) {
    let data = serde_json::to_string(data).expect("our events have text keys and no failing serialiser");
    if let Some(id) = id {
        events.push_str(&format!("id: {id}\n"));
    }
    events.push_str(&format!("event: {name}\ndata: {data}\n\n"));
}
