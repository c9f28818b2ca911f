//! `/api/v1/stats/usage/…`: statistics of a whole organisation, as background tasks.

use std::sync::Arc;

use axum::extract::State;
use semnal_core::application::Scope;
use semnal_store::task::{NewTask, Selection, TaskKind};

use super::super::ApiState;
use super::super::answer::Answer;
use super::super::auth::{Caller, View};
use super::super::body::RequestBody;
use super::super::error::ApiError;
use super::super::idempotency::Idempotency;
use super::super::input::Fields;
use super::endpoint::read_times;

/// 1,000 applications in one request.
pub(crate) const APPLICATIONS_MAX: usize = 1_000;

/// `POST /stats/usage/app` `{since, until, appIds?}` → 202: how many deliveries each application had.
pub(crate) async fn applications(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    idempotency: Idempotency,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Read)?;
    let mut fields = Fields::parse(&body)?;
    let times = read_times(&mut fields, api.now());
    let named = fields.typed::<Vec<String>>("appIds", "a list of texts").value();
    let named = named.filter(|names| !names.is_empty());
    if named.as_ref().is_some_and(|names| names.len() > APPLICATIONS_MAX) {
        fields.problem("appIds", "wrong_length", format!("must have {APPLICATIONS_MAX} entries at most"));
    }
    fields.finish()?;
    let (since, until) = times.ok_or(ApiError::Internal)?;
    let configuration = api.store.configuration();
    let (mut applications, mut unresolved) = (Vec::new(), Vec::new());
    for text in named.iter().flatten() {
        match view.application(&configuration, api.store.ids(), text) {
            Ok(found) => applications.push(found.id),
            Err(_) => unresolved.push(text.clone()),
        }
    }
    if named.is_some() && applications.is_empty() {
        let msg = "none of them is the id or uid of an application here";
        return Err(ApiError::invalid(&["body", "appIds"], "unknown_application", msg));
    }
    let selection = Selection { since, until, applications, ..Selection::default() };
    let task = new(&api, &caller, view, TaskKind::ApplicationStats, selection);
    super::start(&api, idempotency, task, Some(unresolved)).await
}

/// `PUT /stats/usage/event-types` → 202: the event types that each application's endpoints ask for.
pub(crate) async fn event_types(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    idempotency: Idempotency,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Read)?;
    let task = new(&api, &caller, view, TaskKind::EventTypes, Selection::default());
    super::start(&api, idempotency, task, None).await
}

fn new(api: &ApiState, caller: &Caller, view: View, kind: TaskKind, selection: Selection) -> NewTask {
    let (id, now) = super::begin(api);
    NewTask {
        id,
        organisation: view.organisation,
        application: None,
        endpoint: None,
        kind,
        selection,
        asked_by: caller.describe(),
        now,
    }
}
