//! Bulk work on an endpoint: `recover`, `replay-missing`, `bulk-replay`.

use std::sync::Arc;

use axum::extract::State;
use semnal_core::application::Scope;
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::time::UnixMillis;
use semnal_store::task::{NewTask, Selection, TaskKind};
use semnal_store::views::apply::State as ListedState;

use super::super::ApiState;
use super::super::answer::Answer;
use super::super::auth::Caller;
use super::super::body::RequestBody;
use super::super::error::ApiError;
use super::super::find::{self, Segments};
use super::super::idempotency::Idempotency;
use super::super::input::{Fields, Given};
use super::super::time;

/// 500 event types in a selection.
pub(crate) const EVENT_TYPES_MAX: usize = 500;

/// `POST …/endpoint/{endpoint_id}/recover` `{since, until?}` → 202: sends what failed again.
pub(crate) async fn recover(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(path): Segments<(String, String)>,
    idempotency: Idempotency,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let mut fields = Fields::parse(&body);
    let selection =
        times(&mut fields, api.now()).map(|it| Selection { state: Some(ListedState::Failed), ..it });
    start(&api, &caller, path, idempotency, TaskKind::Recover, finish(fields, selection)).await
}

/// `POST …/endpoint/{endpoint_id}/replay-missing` `{since, until?}` → 202: sends what the endpoint matches now and never
/// had.
pub(crate) async fn replay_missing(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(path): Segments<(String, String)>,
    idempotency: Idempotency,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let mut fields = Fields::parse(&body);
    let selection = times(&mut fields, api.now());
    start(&api, &caller, path, idempotency, TaskKind::ReplayMissing, finish(fields, selection)).await
}

/// `POST …/endpoint/{endpoint_id}/bulk-replay` `{since, until?, eventTypes?, channel?, status?, statusCodeClass?}` → 202:
/// sends again, whatever became of it.
pub(crate) async fn bulk_replay(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(path): Segments<(String, String)>,
    idempotency: Idempotency,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let mut fields = Fields::parse(&body);
    let selection = times(&mut fields, api.now()).map(|it| narrowed(&mut fields, it));
    start(&api, &caller, path, idempotency, TaskKind::BulkReplay, finish(fields, selection)).await
}

/// 0 is a success, 1 pending, 2 a failure, 3 being sent, 4 cancelled (Svix API).
pub(crate) const STATUS_MAX: u16 = 4;

/// Reads what narrows a selection down.
fn narrowed(fields: &mut Result<Fields<'_>, ApiError>, selection: Selection) -> Selection {
    let Ok(fields) = fields else { return selection };
    let event_types = fields.names("eventTypes", EVENT_TYPES_MAX, EventTypeName::parse).value();
    let channel = fields.parsed("channel", "invalid_name", Channel::parse).value();
    let state = match fields.number::<u16>("status", 0..=STATUS_MAX) {
        Given::Value(0) => Some(ListedState::Delivered),
        // What is being sent is kept as pending.
        Given::Value(1 | 3) => Some(ListedState::Pending),
        Given::Value(2) => Some(ListedState::Failed),
        Given::Value(_) => Some(ListedState::Cancelled),
        Given::Absent | Given::Null => None,
    };
    let class = fields.number::<u16>("statusCodeClass", 0..=500);
    if matches!(class, Given::Value(class) if class % 100 != 0) {
        fields.problem("statusCodeClass", "out_of_range", "must be one of 0, 100, 200, 300, 400, 500");
    }
    if !matches!(fields.raw("tag"), Given::Absent | Given::Null) {
        fields.problem("tag", "not_supported", "messages have no tags here; leave it out");
    }
    let status_class = class.value().map(|class| class / 100);
    Selection { event_types, channel, state, status_class, ..selection }
}

/// Reads `since` and `until`; a task has an end, so that later messages are not part of it.
fn times(fields: &mut Result<Fields<'_>, ApiError>, now: UnixMillis) -> Option<Selection> {
    let Ok(fields) = fields else { return None };
    let (since, until) = read_times(fields, now)?;
    Some(Selection { since, until, ..Selection::default() })
}

/// Reads `since`, which is required, and `until`, which is now at the latest.
pub(super) fn read_times(fields: &mut Fields<'_>, now: UnixMillis) -> Option<(UnixMillis, UnixMillis)> {
    let parse =
        |text: &str| time::parse(text).ok_or("must be a time as RFC 3339 writes it: 2026-01-31T12:00:00Z");
    let since = fields.parsed("since", "invalid_time", parse);
    let since = fields.required("since", since);
    let until = fields.parsed("until", "invalid_time", parse).value();
    let (since, until) = (since?, until.unwrap_or(now).min(now));
    if since > until {
        fields.problem("since", "out_of_range", "must not be later than until, or than now");
        return None;
    }
    Some((since, until))
}

fn finish(fields: Result<Fields<'_>, ApiError>, selection: Option<Selection>) -> Result<Selection, ApiError> {
    fields?.finish()?;
    selection.ok_or(ApiError::Internal)
}

async fn start(
    api: &ApiState,
    caller: &Caller,
    (app, endpoint): (String, String),
    idempotency: Idempotency,
    kind: TaskKind,
    selection: Result<Selection, ApiError>,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Manage)?;
    let selection = selection?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?.id;
    let endpoint = find::endpoint(&configuration, api.store.ids(), application, &endpoint)?.id;
    let (id, now) = super::begin(api);
    let task = NewTask {
        id,
        organisation: view.organisation,
        application: Some(application),
        endpoint: Some(endpoint),
        kind,
        selection,
        asked_by: caller.describe(),
        now,
    };
    super::start(api, idempotency, task, None).await
}
