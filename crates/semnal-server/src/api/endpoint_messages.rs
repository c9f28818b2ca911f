//! `GET /api/v1/app/{app_id}/endpoint/{endpoint_id}/msg`: the messages of an endpoint with what became of each there.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::delivery::DeliveryState;
use semnal_core::id::{DeliveryId, EndpointId};
use semnal_core::time::UnixMillis;
use semnal_store::error::StoreError;
use semnal_store::message::Message;
use semnal_store::read::Reader;
use semnal_store::views::apply::State as ListedState;
use semnal_store::views::filter::{DeliveriesOf, DeliveryFilter, Found, Kind, Listed, Slice, Span};
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::answer::Answer;
use super::attempts::filter::STATUSES;
use super::auth::Caller;
use super::error::ApiError;
use super::find::{self, Segments};
use super::messages::{self, MessageOut};
use super::page::{self, Page};
use super::query::Params;
use super::time::Rfc3339;

/// A message with what became of it at one endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointMessageOut<'a> {
    #[serde(flatten)]
    message: MessageOut<'a>,
    status: u16,
    status_text: &'static str,
    next_attempt: Option<Rfc3339>,
}

/// A message with its delivery to the endpoint.
struct Attempted {
    id: DeliveryId,
    message: Message,
    state: DeliveryState,
    due_at: Option<UnixMillis>,
}

/// `GET …/endpoint/{endpoint_id}/msg`: newest message first.
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, endpoint)): Segments<(String, String)>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let (limit, cursor) = (params.limit(), params.cursor::<DeliveryId>());
    let status = params.one_of("status", &STATUSES);
    let (before, after) = (params.instant("before"), params.instant("after"));
    let kind = Kind { channel: params.channel(), event_types: params.event_types() };
    let with_content = params.flag("with_content", true);
    params.finish()?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?.id;
    let endpoint = find::endpoint(&configuration, api.store.ids(), application, &endpoint)?;
    let (id, holds) = (endpoint.id, endpoint.state.holds());
    let of = DeliveriesOf::Endpoint(id);
    let slice = page::slice(&cursor, limit);
    let found = match status.map(state_of_status) {
        // What is being sent is listed as pending.
        Some(None) => Found { items: Vec::new(), more_after: None },
        wanted => {
            let state = wanted.flatten();
            let filter = DeliveryFilter { of, state, kind, span: Span { after, before } };
            api.store.list(move |reader| attempted(reader, &filter, &slice, id, holds)).await?
        }
    };
    let page = page::listed(found, |it: &Attempted| it.id, &cursor);
    let Page { data, iterator, prev_iterator, done } = page;
    let data = data.iter().map(|it| out(&api, it, with_content)).collect();
    Ok(Answer::json(StatusCode::OK, &Page { data, iterator, prev_iterator, done }))
}

fn attempted(
    reader: &Reader,
    filter: &DeliveryFilter,
    slice: &Slice<DeliveryId>,
    endpoint: EndpointId,
    holds: bool,
) -> Result<Found<Attempted, DeliveryId>, StoreError> {
    let Found { items, more_after } = reader.list_deliveries(filter, slice)?;
    let mut all = Vec::new();
    for Listed { id, .. } in items {
        // One that was deleted since is not shown.
        let Some(message) = reader.message(id.message)? else { continue };
        let deliveries = reader.deliveries(&message, |other| other == endpoint && holds)?;
        if let Some(delivery) = deliveries.into_iter().find(|it| it.id == id) {
            all.push(Attempted { id, message, state: delivery.state, due_at: delivery.due_at });
        }
    }
    Ok(Found { items: all, more_after })
}

fn out<'a>(api: &ApiState, it: &'a Attempted, with_content: bool) -> EndpointMessageOut<'a> {
    let (status, status_text) = status_of(it.state);
    EndpointMessageOut {
        message: messages::out(api.store.ids(), &it.message, messages::payload(&it.message, with_content)),
        status,
        status_text,
        next_attempt: it.due_at.map(Rfc3339),
    }
}

/// Returns the state that a status of the Svix API asks for; `None` for "being sent", which is not listed.
fn state_of_status(status: u16) -> Option<ListedState> {
    match status {
        0 => Some(ListedState::Delivered),
        1 => Some(ListedState::Pending),
        2 => Some(ListedState::Failed),
        _ => None,
    }
}

/// Returns a delivery's state as the Svix API has it: number and text.
pub(crate) fn status_of(state: DeliveryState) -> (u16, &'static str) {
    match state {
        DeliveryState::Delivered(_) => (0, "success"),
        DeliveryState::Pending(_) | DeliveryState::Held(_) => (1, "pending"),
        DeliveryState::Failed(_) => (2, "fail"),
        // The Svix API has no word for what has expired.
        DeliveryState::Cancelled(_) | DeliveryState::Expired(_) => (4, "canceled"),
    }
}
