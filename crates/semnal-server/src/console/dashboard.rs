//! `/dashboard`: how an application fares in two seconds: what was delivered in a day, what waits, who needs a hand.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use semnal_core::endpoint::{DisabledReason, Endpoint, EndpointState};
use semnal_core::id::{ApplicationId, EndpointId};
use semnal_core::portal::Capability;
use semnal_core::time::UnixMillis;
use semnal_store::error::StoreError;
use semnal_store::read::Reader;
use semnal_store::views::apply::State;
use semnal_store::views::durations::Durations;
use semnal_store::views::filter::{DeliveriesOf, DeliveryFilter, Direction, Kind, Slice, Span};

use super::Console;
use super::deliveries::milliseconds;
use super::page::{Page, Signed};
use super::parts::{Badge, When};
use super::problem::Problem;
use super::webhooks;

/// 24 bars of an hour each.
const HOURS: u64 = 24;
/// The newest 500 webhooks are added up; the page says so when there are more.
const ENDPOINTS_MAX: usize = 500;
/// 10 webhooks that need a hand are shown.
const TROUBLED_SHOWN: usize = 10;
/// 100 units are the height of the chart.
const HEIGHT: u64 = 100;

/// The page.
#[derive(Template)]
#[template(path = "dashboard.html")]
struct DashboardView {
    page: Page,
    delivered: u64,
    failed: u64,
    pending: u64,
    success: Option<u64>,
    /// How long half, 95 and 99 of 100 attempts took at most.
    percentiles: Option<[String; 3]>,
    oldest: Option<When>,
    hours: Vec<Hour>,
    events: u64,
    troubled: Vec<Troubled>,
    troubled_more: usize,
    /// Webhooks that are not part of the numbers.
    left_out: usize,
    has_webhooks: bool,
}

/// One bar.
struct Hour {
    label: String,
    count: u64,
    x: u64,
    y: u64,
    height: u64,
}

/// A webhook that needs a hand.
struct Troubled {
    name: String,
    path: String,
    state: Badge,
}

#[derive(Default)]
struct Numbers {
    delivered: u64,
    failed: u64,
    pending: u64,
    succeeded_attempts: u64,
    failed_attempts: u64,
    durations: Durations,
    oldest: Option<UnixMillis>,
    /// Events of each hour, oldest first, with the end of the hour.
    hours: Vec<(UnixMillis, u64)>,
    failing: std::collections::HashMap<EndpointId, UnixMillis>,
}

/// Adds the page.
pub(super) fn routes(pages: Router<Arc<Console>>) -> Router<Arc<Console>> {
    pages.route("/dashboard", get(show))
}

async fn show(signed: Signed) -> Result<Response, Problem> {
    let Signed { page, viewer } = signed;
    viewer.may(Capability::ViewBase)?;
    let configuration = page.console.api.store.configuration();
    let application = page.application(&viewer, &configuration).ok_or(Problem::NotFound)?;
    let endpoints = configuration.endpoints_of(application.id);
    let ids: Vec<EndpointId> = endpoints.iter().rev().take(ENDPOINTS_MAX).map(|it| it.id).collect();
    let (id, now) = (application.id, page.now);
    let numbers = page.console.api.store.list(move |reader| read(reader, id, &ids, now)).await?;
    let is_troubled = |it: &&Arc<Endpoint>| match it.state {
        EndpointState::Active => numbers.failing.contains_key(&it.id),
        EndpointState::Paused => false,
        EndpointState::Disabled(reason) => reason != DisabledReason::Requested,
    };
    let troubled: Vec<&Arc<Endpoint>> = endpoints.iter().rev().filter(is_troubled).collect();
    let trouble = |it: &&Arc<Endpoint>| {
        let since = numbers.failing.get(&it.id).map(|at| page.when(*at));
        Troubled {
            name: webhooks::name(it),
            path: format!("/webhooks/{}", page.endpoint_id(&application, it.id)),
            state: Badge::of_webhook(it.state, since.as_ref(), &page.texts),
        }
    };
    let attempts = numbers.succeeded_attempts + numbers.failed_attempts;
    let view = DashboardView {
        delivered: numbers.delivered,
        failed: numbers.failed,
        pending: numbers.pending,
        success: (numbers.succeeded_attempts * 100).checked_div(attempts),
        percentiles: percentiles(&page, &numbers.durations),
        oldest: numbers.oldest.map(|at| page.when(at)),
        events: numbers.hours.iter().map(|(_, count)| count).sum(),
        hours: hours(&page, &numbers.hours),
        troubled: troubled.iter().take(TROUBLED_SHOWN).map(trouble).collect(),
        troubled_more: troubled.len().saturating_sub(TROUBLED_SHOWN),
        left_out: endpoints.len().saturating_sub(ENDPOINTS_MAX),
        has_webhooks: !endpoints.is_empty(),
        page: page.clone(),
    };
    page.html(&view)
}

fn percentiles(page: &Page, durations: &Durations) -> Option<[String; 3]> {
    let at = |share| {
        let length = durations.percentile_us(share)?.div_ceil(1_000);
        Some(milliseconds(page, i64::try_from(length).unwrap_or(i64::MAX)))
    };
    Some([at(0.5)?, at(0.95)?, at(0.99)?])
}

fn read(
    reader: &Reader,
    application: ApplicationId,
    ids: &[EndpointId],
    now: UnixMillis,
) -> Result<Numbers, StoreError> {
    let day = now - Duration::from_secs(HOURS * 3_600);
    let mut numbers = Numbers::default();
    for endpoint in ids {
        let counts = reader.count_deliveries(*endpoint, day, now)?;
        numbers.delivered += counts.delivered;
        numbers.failed += counts.failed;
        // What waits may be older than a day.
        numbers.pending += reader.count_deliveries(*endpoint, UnixMillis(0), now)?.pending;
        let totals = reader.total_attempts(*endpoint, day, now)?;
        numbers.succeeded_attempts += totals.succeeded;
        numbers.failed_attempts += totals.failed;
        numbers.durations.merge(&totals.durations);
    }
    let filter = DeliveryFilter {
        of: DeliveriesOf::OpenOfApplication(application),
        state: Some(State::Pending),
        kind: Kind::default(),
        span: Span::default(),
    };
    let slice = Slice { from: None, direction: Direction::Newer, limit: 1 };
    numbers.oldest = reader.list_deliveries(&filter, &slice)?.items.first().map(|it| it.id.message.0.time());
    for ago in (0..HOURS).rev() {
        let last = now - Duration::from_secs(ago * 3_600);
        let counts = reader.count_messages(application, last - Duration::from_secs(3_540), last)?;
        numbers.hours.push((last, counts.into_iter().map(|(_, count)| count).sum()));
    }
    numbers.failing = reader.failing()?.into_iter().map(|(id, it)| (id, it.since)).collect();
    Ok(numbers)
}

/// Draws the hours in a picture of 240 × 100.
fn hours(page: &Page, counts: &[(UnixMillis, u64)]) -> Vec<Hour> {
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let bar = |(x, (end, count)): (u64, &(UnixMillis, u64))| {
        let height = if *count == 0 { 0 } else { (count * HEIGHT / most).clamp(2, HEIGHT) };
        Hour {
            label: page.when(*end - Duration::from_secs(3_600)).clock,
            count: *count,
            x: x * 10,
            y: HEIGHT - height,
            height,
        }
    };
    (0..).zip(counts).map(bar).collect()
}
