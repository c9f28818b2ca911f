//! `GET …/msg/{msg_id}/endpoint`: where a message goes, and how far it has come there. From the journal alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::configuration::Configuration;
use semnal_core::delivery::DeliveryState;
use semnal_core::endpoint::{Endpoint, EndpointState};
use semnal_core::id::{ApplicationId, EndpointId, IdCipher};
use semnal_core::name::Uid;
use semnal_core::time::UnixMillis;
use semnal_store::read::Delivery;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::endpoints;
use super::error::ApiError;
use super::find::{self, Segments};
use super::page::{self, CursorKey, Order};
use super::query::Params;
use super::time::Rfc3339;

/// An endpoint that a message goes to, with how far it has come there.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DestinationOut<'a> {
    id: String,
    status: u16,
    status_text: &'static str,
    next_attempt: Option<Rfc3339>,
    attempts: u16,
    uid: Option<&'a str>,
    url: &'a str,
    description: &'a str,
    event_types: Option<Vec<&'a str>>,
    channels: Option<Vec<&'a str>>,
    disabled: bool,
    paused: bool,
    deleted: bool,
    rate_limit: Option<u16>,
    throttle_rate: Option<u16>,
    created_at: Rfc3339,
    updated_at: Rfc3339,
}

/// Returns number and word of a delivery's state (Svix API). One that is being sent at this moment is pending: the
/// journal learns of an attempt when it ends. A cancelled one is a failure to clients that do not know the word, and for one
/// that has expired there is no other.
fn status(state: DeliveryState, expanded: bool) -> (u16, &'static str) {
    match state {
        DeliveryState::Delivered(_) => (0, "success"),
        DeliveryState::Pending(_) | DeliveryState::Held(_) => (1, "pending"),
        DeliveryState::Cancelled(_) | DeliveryState::Expired(_) if expanded => (4, "canceled"),
        DeliveryState::Failed(_) | DeliveryState::Cancelled(_) | DeliveryState::Expired(_) => (2, "fail"),
    }
}

/// A delivery with what is known of its endpoint.
struct Destination {
    delivery: Delivery,
    /// `None` when it was deleted.
    endpoint: Option<Arc<Endpoint>>,
    /// Where its last attempt went, and when.
    last_attempt: Option<(String, UnixMillis)>,
}

impl Destination {
    fn out(&self, ids: &IdCipher, application: ApplicationId, expanded: bool) -> DestinationOut<'_> {
        let state = self.delivery.state;
        let (status, status_text) = status(state, expanded);
        let endpoint = self.endpoint.as_deref();
        let is = |wanted: fn(EndpointState) -> bool| endpoint.is_some_and(|it| wanted(it.state));
        let last = self.last_attempt.as_ref();
        let made_at = self.delivery.endpoint.0.time();
        DestinationOut {
            id: endpoints::public_id(ids, application, self.delivery.endpoint),
            status,
            status_text,
            next_attempt: match state {
                DeliveryState::Pending(_) => self.delivery.due_at.map(Rfc3339),
                _ => None,
            },
            attempts: state.progress().attempts,
            uid: endpoint.and_then(|it| it.uid.as_ref()).map(Uid::as_str),
            url: endpoint.map_or_else(|| last.map_or("", |(url, _)| url), |it| &it.url),
            description: endpoint.map_or("", |it| &it.description),
            event_types: endpoint
                .and_then(|it| it.event_types.as_ref())
                .map(|names| names.iter().map(|name| name.as_str()).collect()),
            channels: endpoint
                .and_then(|it| it.channels.as_ref())
                .map(|names| names.iter().map(|name| name.as_str()).collect()),
            disabled: endpoint.is_none() || is(|state| matches!(state, EndpointState::Disabled(_))),
            paused: is(|state| state == EndpointState::Paused),
            deleted: endpoint.is_none(),
            rate_limit: endpoint.and_then(|it| it.rate_limit),
            throttle_rate: endpoint.and_then(|it| it.rate_limit),
            created_at: Rfc3339(endpoint.map_or(made_at, |it| it.created_at)),
            updated_at: Rfc3339(
                endpoint.map_or_else(|| last.map_or(made_at, |(_, at)| *at), |it| it.updated_at),
            ),
        }
    }
}

/// The order of a message's destinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct DestinationKey(EndpointId);

impl CursorKey for DestinationKey {
    const LIST: u8 = b'd';
    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        EndpointId::from_bytes(bytes).map(DestinationKey)
    }
}

/// `GET …/msg/{msg_id}/endpoint`: by the age of the endpoint, the oldest first. A deleted endpoint is listed when an
/// attempt was made: only then is its URL known.
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message)): Segments<(String, String)>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let (limit, cursor) = (params.limit(), params.cursor::<DestinationKey>());
    let expanded = params.flag("expanded_statuses", false);
    params.finish()?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?.id;
    let message = find::message(&api, application, &message).await?;
    let read = api.store.read(move |reader| {
        let holds = |id| configuration.endpoint(id).is_some_and(|it| it.state.holds());
        let deliveries = reader.deliveries(&message, holds)?;
        let attempts = reader.attempts(message.id)?;
        let last = attempts.into_iter().map(|it| (it.endpoint, (it.url, it.started_at))).collect();
        Ok(destinations(&configuration, deliveries, last))
    });
    let mut found = read.await?;
    found.sort_by_key(|it| it.delivery.endpoint);
    let key = |it: &Destination| DestinationKey(it.delivery.endpoint);
    let page = page::cut(found, key, Order::Ascending, &cursor, limit);
    // What is shown borrows from what was found.
    let (iterator, prev_iterator, done) = (page.iterator, page.prev_iterator, page.done);
    let data = page.data.iter().map(|it| it.out(api.store.ids(), application, expanded)).collect();
    Ok(Answer::json(StatusCode::OK, &page::Page { data, iterator, prev_iterator, done }))
}

fn destinations(
    configuration: &Configuration,
    deliveries: Vec<Delivery>,
    mut last: BTreeMap<EndpointId, (String, UnixMillis)>,
) -> Vec<Destination> {
    let all = deliveries.into_iter().map(|delivery| Destination {
        endpoint: configuration.endpoint(delivery.endpoint).cloned(),
        last_attempt: last.remove(&delivery.endpoint),
        delivery,
    });
    all.filter(|it| it.endpoint.is_some() || it.last_attempt.is_some()).collect()
}
