//! `/deliveries/live`: tells a page that is open how many events have come since it was loaded, as server-sent events.
//!
//! The address says since which message is counted, so that a browser that comes back counts on and misses nothing.
//! Nothing is sent while nothing changes, but for a heartbeat.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, header};
use semnal_core::application::Application;
use semnal_core::id::{ApplicationId, IdKind, Key, MessageId};
use semnal_core::name::Channel;
use semnal_core::portal::Capability;
use semnal_store::views::filter::{Direction, Found, Kind, MessageFilter, Slice, Span};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::filter::Filter;
use crate::api::Streamed;
use crate::console::page::{Page, Signed};
use crate::console::problem::Problem;
use crate::console::streams;

/// 15 s without anything else: proxies close what is silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// 1 s between two looks, and so between two updates.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// 5 min: then the browser comes back, and its session is looked at again.
const STREAM_LIMIT: Duration = Duration::from_secs(300);
/// 99 events are counted; more are "99+".
const COUNTED_MAX: usize = 99;

struct Listening {
    page: Page,
    application: ApplicationId,
    kind: Kind,
    /// Tests are not counted.
    without_tests: bool,
    since: MessageId,
    told: usize,
    said_at: Instant,
    until: Instant,
    /// Its place among the streams.
    _place: streams::Place,
}

/// Returns where a page listens: for what comes after the moment at which it was made, and after its newest row.
pub(super) fn path(page: &Page, application: &Application, newest: Option<MessageId>) -> String {
    let moment = MessageId(Key::first_at(page.now));
    let newest = page.message_id(application, newest.map_or(moment, |it| it.max(moment)));
    let (_, query) = page.path.split_once('?').unwrap_or(("", ""));
    let since = format!("/deliveries/live?since={newest}");
    if query.is_empty() { since } else { format!("{since}&{query}") }
}

/// `GET /deliveries/live?since` with the filter of the list.
pub(in crate::console) async fn stream(signed: Signed) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::ViewBase)?;
    let configuration = page.console.api.store.configuration();
    let application = page.application(&viewer, &configuration).ok_or(Problem::NotFound)?;
    let since = page.query("since").ok_or(Problem::NotFound)?;
    let (_, since) =
        page.console.api.store.ids().decode(IdKind::Message, &since).map_err(|_| Problem::NotFound)?;
    let mut filter = Filter::read(&page, &configuration, &application);
    if !filter.unknown.is_empty() {
        filter.event_types = Some(BTreeSet::new());
    }
    let now = Instant::now();
    let listening = Listening {
        application: application.id,
        kind: filter.kind(),
        without_tests: filter.test == Some(false),
        since: MessageId(since),
        told: 0,
        said_at: now,
        until: now + STREAM_LIMIT,
        _place: page.console.streams.take(&viewer)?,
        page,
    };
    let body = Streamed::new(listening, |it: Listening| Box::pin(it.next()));
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

impl Listening {
    /// Returns the next piece: how many are new, or a heartbeat. `None` ends the stream.
    async fn next(mut self) -> Option<(Bytes, Listening)> {
        let stopping = self.page.console.facts.stopping.clone();
        loop {
            let count = self.count().await.ok()?;
            let now = Instant::now();
            if count != self.told {
                (self.told, self.said_at) = (count, now);
                let words = self.words(count);
                return Some((format!("event: news\ndata: {words}\n\n").into(), self));
            }
            if now >= self.until {
                return None;
            }
            if now >= self.said_at + HEARTBEAT {
                self.said_at = now;
                return Some((Bytes::from_static(b": still here\n\n"), self));
            }
            if timeout_at(now + LOOK_EVERY, stopping.cancelled()).await.is_ok() {
                return None;
            }
            sleep_until(now + LOOK_EVERY).await;
        }
    }

    async fn count(&self) -> Result<usize, Problem> {
        let all = self.count_of(self.kind.clone()).await?;
        if !self.without_tests {
            return Ok(all);
        }
        let tests = Kind { channel: Some(Channel::of_tests()), ..self.kind.clone() };
        Ok(all.saturating_sub(self.count_of(tests).await?))
    }

    async fn count_of(&self, kind: Kind) -> Result<usize, Problem> {
        let filter = MessageFilter { application: self.application, kind, span: Span::default() };
        let slice = Slice { from: Some(self.since), direction: Direction::Newer, limit: COUNTED_MAX + 1 };
        let found = self.page.console.api.store.list(move |reader| reader.list_messages(&filter, &slice));
        let Found { items, .. } = found.await?;
        Ok(items.len())
    }

    fn words(&self, count: usize) -> String {
        if count > COUNTED_MAX {
            self.page.s("deliveries-many-new", "count", COUNTED_MAX)
        } else {
            self.page.n("deliveries-new", count)
        }
    }
}
