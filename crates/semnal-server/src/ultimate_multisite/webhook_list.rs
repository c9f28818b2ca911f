//! How a webhook is shown, and the list: search, filters by any column, order, pages.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use axum::response::Response;
use semnal_core::endpoint::{Endpoint, EndpointState};
use semnal_core::id::EndpointId;
use semnal_core::integration::Integration;
use semnal_core::time::UnixMillis;
use semnal_store::error::StoreError;
use semnal_store::read::Reader;
use semnal_store::views::filter::{AttemptFilter, Direction, Kind, Slice, Span};
use serde::Serialize;

use super::access::Bearer;
use super::answer::{self, Refusal};
use super::numbers;
use super::parameters::{NEVER, QueryParameters, date, flag};
use crate::api::ApiState;

/// 1,000 stretches of an endpoint's attempts are searched for its last failure.
const SEARCHES_MAX: usize = 1_000;
/// The columns that a list can be filtered and ordered by.
const COLUMNS: [&str; 12] = [
    "id",
    "name",
    "webhook_url",
    "event",
    "event_count",
    "active",
    "hidden",
    "integration",
    "date_last_failed",
    "date_created",
    "date_modified",
    "migrated_from_id",
];
/// Those that are counted from deliveries.
const COUNTED: [&str; 2] = ["event_count", "date_last_failed"];
/// Another name for a column, which the original knows too.
const COUNT_ALIAS: &str = "sent_events_count";

/// What became of an endpoint's deliveries.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    delivered: u64,
    failed_at: Option<UnixMillis>,
}

impl Tally {
    /// Returns what to add so that the count is this.
    pub(super) fn offset_for(&self, count: i64) -> i64 {
        count.saturating_sub_unsigned(self.delivered)
    }
}

/// A webhook in the original's form.
#[derive(Debug, Clone, Serialize)]
pub(super) struct WebhookOut {
    id: u32,
    model: &'static str,
    slug: &'static str,
    date_created: String,
    date_modified: String,
    migrated_from_id: i64,
    name: String,
    webhook_url: String,
    event: String,
    event_count: i64,
    active: bool,
    hidden: bool,
    integration: String,
    date_last_failed: String,
}

/// Returns the event that is shown: the first of several; nothing when an endpoint gets all.
pub(super) fn first_event(endpoint: &Endpoint) -> &str {
    endpoint.event_types.as_ref().and_then(|names| names.first()).map_or("", |name| name.as_str())
}

impl WebhookOut {
    /// Shows one.
    pub(super) fn new(endpoint: &Endpoint, entry: &Integration, tally: Tally) -> WebhookOut {
        WebhookOut {
            id: entry.number,
            model: "webhook",
            slug: "",
            date_created: date(endpoint.created_at),
            date_modified: date(endpoint.updated_at),
            migrated_from_id: entry.migrated_from,
            name: endpoint.description.clone(),
            webhook_url: endpoint.url.clone(),
            event: first_event(endpoint).to_owned(),
            event_count: 0,
            active: endpoint.state == EndpointState::Active,
            hidden: entry.hidden,
            integration: entry.service.clone(),
            date_last_failed: NEVER.to_owned(),
        }
        .counted(entry, tally)
    }

    fn counted(self, entry: &Integration, tally: Tally) -> WebhookOut {
        WebhookOut {
            event_count: entry.count_offset.saturating_add_unsigned(tally.delivered).max(0),
            date_last_failed: tally.failed_at.map_or_else(|| NEVER.to_owned(), date),
            ..self
        }
    }

    /// Returns the value of a column: a number, or text.
    fn column(&self, name: &str) -> (i64, &str) {
        match name {
            "name" => (0, &self.name),
            "webhook_url" => (0, &self.webhook_url),
            "event" => (0, &self.event),
            "event_count" => (self.event_count, ""),
            "active" => (self.active.into(), ""),
            "hidden" => (self.hidden.into(), ""),
            "integration" => (0, &self.integration),
            "date_last_failed" => (0, &self.date_last_failed),
            "date_created" => (0, &self.date_created),
            "date_modified" => (0, &self.date_modified),
            "migrated_from_id" => (self.migrated_from_id, ""),
            _ => (self.id.into(), ""),
        }
    }

    fn has(&self, column: &str, wanted: &str) -> bool {
        let (number, text) = self.column(column);
        match column {
            "active" | "hidden" => flag(wanted).is_some_and(|it| i64::from(it) == number),
            "id" | "event_count" | "migrated_from_id" => wanted.trim().parse() == Ok(number),
            _ => text.eq_ignore_ascii_case(wanted),
        }
    }

    fn contains(&self, search: &str) -> bool {
        let fields = [&self.name, &self.webhook_url, &self.event, &self.integration];
        fields.iter().any(|field| field.to_lowercase().contains(search))
    }

    fn compare(&self, other: &WebhookOut, column: &str) -> Ordering {
        let ((a, text), (b, other_text)) = (self.column(column), other.column(column));
        let by_text = || text.to_lowercase().cmp(&other_text.to_lowercase());
        a.cmp(&b).then_with(by_text).then_with(|| self.id.cmp(&other.id))
    }
}

/// A row of the list before it is shown.
struct Row {
    endpoint: EndpointId,
    entry: Arc<Integration>,
    out: WebhookOut,
}

/// Answers a page of the list.
///
/// # Errors
/// What the store says.
pub(super) async fn page(
    api: &ApiState,
    bearer: Bearer,
    parameters: &QueryParameters,
) -> Result<Response, Refusal> {
    let configuration = numbers::numbered(api, bearer.application).await?;
    bearer.application(&configuration)?;
    let list = configuration.integrations(bearer.application);
    let mut rows: Vec<Row> = list
        .iter()
        .filter_map(|entry| {
            let endpoint = configuration.endpoint(entry.endpoint?)?;
            let out = WebhookOut::new(endpoint, entry, Tally::default());
            Some(Row { endpoint: endpoint.id, entry: entry.clone(), out })
        })
        .collect();
    let filters: Vec<(&str, &str)> = COLUMNS
        .iter()
        .filter_map(|column| parameters.text(column).map(|wanted| (*column, wanted)))
        .filter(|(_, wanted)| !wanted.is_empty())
        .collect();
    let order_by = match parameters.text("orderby").unwrap_or("id") {
        COUNT_ALIAS => "event_count",
        other => COLUMNS.into_iter().find(|column| *column == other).unwrap_or("id"),
    };
    let counted = |column: &str| COUNTED.contains(&column);
    let counts_matter = counted(order_by) || filters.iter().any(|(column, _)| counted(column));
    if counts_matter {
        count(api, &mut rows).await?;
    }
    let search = parameters.text("search").unwrap_or_default().to_lowercase();
    rows.retain(|row| filters.iter().all(|(column, wanted)| row.out.has(column, wanted)));
    rows.retain(|row| row.out.contains(&search));
    rows.sort_by(|a, b| a.out.compare(&b.out, order_by));
    if !parameters.text("order").is_some_and(|order| order.eq_ignore_ascii_case("asc")) {
        rows.reverse();
    }
    let total = rows.len() as u64;
    let (page, per_page) = parameters.paging();
    let skipped = usize::try_from((page - 1).saturating_mul(per_page)).unwrap_or(usize::MAX);
    let taken = usize::try_from(per_page).unwrap_or(usize::MAX);
    let mut shown: Vec<Row> = rows.into_iter().skip(skipped).take(taken).collect();
    if !counts_matter {
        count(api, &mut shown).await?;
    }
    let shown: Vec<&WebhookOut> = shown.iter().map(|row| &row.out).collect();
    Ok(answer::page(&shown, total, per_page))
}

async fn count(api: &ApiState, rows: &mut [Row]) -> Result<(), Refusal> {
    let found = tallies(api, rows.iter().map(|row| row.endpoint).collect()).await?;
    for row in rows {
        let tally = found.get(&row.endpoint).copied().unwrap_or_default();
        row.out = row.out.clone().counted(&row.entry, tally);
    }
    Ok(())
}

/// Counts the deliveries of endpoints, as far back as they are kept.
///
/// # Errors
/// What the store says.
pub(super) async fn tallies(
    api: &ApiState,
    endpoints: Vec<EndpointId>,
) -> Result<HashMap<EndpointId, Tally>, Refusal> {
    if endpoints.is_empty() {
        return Ok(HashMap::new());
    }
    let now = api.now();
    let counted = move |reader: &Reader| {
        endpoints.into_iter().map(|id| Ok((id, tally(reader, id, now)?))).collect::<Result<_, StoreError>>()
    };
    Ok(api.store.list(counted).await?)
}

fn tally(reader: &Reader, endpoint: EndpointId, now: UnixMillis) -> Result<Tally, StoreError> {
    let delivered = reader.count_deliveries(endpoint, UnixMillis(0), now)?.delivered;
    if reader.total_attempts(endpoint, UnixMillis(0), now)?.failed == 0 {
        return Ok(Tally { delivered, failed_at: None });
    }
    let (kind, span) = (Kind::default(), Span::default());
    let filter = AttemptFilter { endpoint, success: Some(false), status_class: None, kind, span };
    let mut slice = Slice { from: None, direction: Direction::Older, limit: 1 };
    for _ in 0..SEARCHES_MAX {
        let found = reader.list_attempts(&filter, &slice)?;
        if let Some(last) = found.items.first() {
            return Ok(Tally { delivered, failed_at: Some(last.started_at) });
        }
        slice.from = found.more_after;
        if slice.from.is_none() {
            break;
        }
    }
    Ok(Tally { delivered, failed_at: None })
}
