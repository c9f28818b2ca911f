//! `/api/v1/app/{app_id}/endpoint`: the URLs that receive an application's events.

pub(crate) mod fields;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::configuration::Change;
use semnal_core::endpoint::{Endpoint, EndpointState};
use semnal_core::id::{ApplicationId, EndpointId, IdCipher, IdKind};
use semnal_core::name::Uid;
use semnal_core::retry::RetrySchedule;
use serde::Serialize;

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::body::RequestBody;
use super::error::ApiError;
use super::find::{self, Segments};
use super::idempotency::{self, Idempotency, Planned};
use super::input::Fields;
use super::page::{self, Order};
use super::query::Params;
use super::time::Rfc3339;
use fields::{EndpointFields, Place};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointOut<'a> {
    id: String,
    uid: Option<&'a str>,
    url: &'a str,
    version: u16,
    description: &'a str,
    event_types: Option<Vec<&'a str>>,
    filter_types: Option<Vec<&'a str>>,
    channels: Option<Vec<&'a str>>,
    disabled: bool,
    disabled_reason: Option<&'static str>,
    paused: bool,
    rate_limit: Option<u16>,
    throttle_rate: Option<u16>,
    concurrency_limit: Option<u16>,
    retry_schedule: Option<Vec<String>>,
    metadata: &'a BTreeMap<String, String>,
    created_at: Rfc3339,
    updated_at: Rfc3339,
}

/// Returns the public id of an endpoint.
pub(crate) fn public_id(ids: &IdCipher, application: ApplicationId, id: EndpointId) -> String {
    ids.encode(IdKind::Endpoint, application.partition(), id.0)
}

fn out<'a>(ids: &IdCipher, it: &'a Endpoint) -> EndpointOut<'a> {
    let event_types: Option<Vec<&str>> =
        it.event_types.as_ref().map(|names| names.iter().map(|name| name.as_str()).collect());
    EndpointOut {
        id: public_id(ids, it.application, it.id),
        uid: it.uid.as_ref().map(Uid::as_str),
        url: &it.url,
        version: 1,
        description: &it.description,
        filter_types: event_types.clone(),
        event_types,
        channels: it.channels.as_ref().map(|names| names.iter().map(|name| name.as_str()).collect()),
        disabled: matches!(it.state, EndpointState::Disabled(_)),
        disabled_reason: match it.state {
            EndpointState::Disabled(reason) => Some(reason.as_str()),
            EndpointState::Active | EndpointState::Paused => None,
        },
        paused: it.state == EndpointState::Paused,
        rate_limit: it.rate_limit,
        throttle_rate: it.rate_limit,
        concurrency_limit: it.concurrency_limit,
        retry_schedule: it.schedule.as_ref().map(RetrySchedule::to_texts),
        metadata: &it.metadata,
        created_at: Rfc3339(it.created_at),
        updated_at: Rfc3339(it.updated_at),
    }
}

/// `GET /api/v1/app/{app_id}/endpoint`
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(app): Segments<String>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let (limit, order, cursor) = (params.limit(), params.order(Order::Descending), params.cursor());
    params.finish()?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?;
    let all = configuration.endpoints_of(application.id);
    let page = page::cut(all.iter().collect(), |it| it.id, order, &cursor, limit);
    Ok(Answer::json(StatusCode::OK, &page.map(|it| out(api.store.ids(), it))))
}

/// `POST /api/v1/app/{app_id}/endpoint`
pub(crate) async fn create(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(app): Segments<String>,
    idempotency: Idempotency,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Manage)?;
    let mut fields = Fields::parse(&body)?;
    let given = EndpointFields::read(&mut fields, &api);
    let url = fields.required("url", given.url.clone());
    let (headers, secret) = fields::new_endpoint_only(&mut fields, &api)?;
    fields.finish()?;
    let url = url.ok_or(ApiError::Internal)?;
    let (ids, id, now) = (api.store.ids().clone(), EndpointId(api.store.next_key()), api.now());
    idempotency::change(&api, idempotency, move |configuration| {
        let application = view.application(configuration, &ids, &app)?.id;
        let uid = given.uid.clone().value();
        let place = Place { id, application, uid, url, now };
        let it = Endpoint { headers, ..given.whole(place, vec![secret]) };
        let answer = Answer::json(StatusCode::CREATED, &out(&ids, &it));
        Ok(Planned { changes: vec![Change::PutEndpoint(Box::new(it))], answer })
    })
    .await
}

/// `GET /api/v1/app/{app_id}/endpoint/{endpoint_id}`
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, endpoint)): Segments<(String, String)>,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?;
    let it = find::endpoint(&configuration, api.store.ids(), application.id, &endpoint)?;
    Ok(Answer::json(StatusCode::OK, &out(api.store.ids(), &it)))
}

/// `PUT /api/v1/app/{app_id}/endpoint/{endpoint_id}`: replaces, or creates under the uid of the path. Secrets and
/// custom headers have paths of their own and stay.
pub(crate) async fn put(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, endpoint)): Segments<(String, String)>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Manage)?;
    let mut fields = Fields::parse(&body)?;
    let given = EndpointFields::read(&mut fields, &api);
    let url = fields.required("url", given.url.clone());
    fields.finish()?;
    let (url, fresh) = (url.ok_or(ApiError::Internal)?, fields::generate_secret(api.default_signature)?);
    let (ids, id, now) = (api.store.ids().clone(), EndpointId(api.store.next_key()), api.now());
    idempotency::change(&api, Idempotency(None), move |configuration| {
        let application = view.application(configuration, &ids, &app)?.id;
        let (status, it) = match find::endpoint(configuration, &ids, application, &endpoint) {
            Ok(old) => {
                let uid = find::put_uid(given.uid.clone(), old.uid.as_ref(), &endpoint);
                let place = Place { id: old.id, application, uid, url, now };
                let new = given.whole(place, old.secrets.clone());
                let (headers, created_at) = (old.headers.clone(), old.created_at);
                (StatusCode::OK, Endpoint { headers, created_at, ..new })
            }
            Err(not_found) => {
                let uid = find::uid_for_new(given.uid.clone(), &ids, IdKind::Endpoint, &endpoint, not_found)?;
                let place = Place { id, application, uid: Some(uid), url, now };
                (StatusCode::CREATED, given.whole(place, vec![fresh]))
            }
        };
        let answer = Answer::json(status, &out(&ids, &it));
        Ok(Planned { changes: vec![Change::PutEndpoint(Box::new(it))], answer })
    })
    .await
}

/// `PATCH /api/v1/app/{app_id}/endpoint/{endpoint_id}`
pub(crate) async fn patch(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, endpoint)): Segments<(String, String)>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Manage)?;
    let mut fields = Fields::parse(&body)?;
    let patch = EndpointFields::read(&mut fields, &api).into_patch(&mut fields);
    fields.finish()?;
    let (ids, now) = (api.store.ids().clone(), api.now());
    idempotency::change(&api, Idempotency(None), move |configuration| {
        let application = view.application(configuration, &ids, &app)?.id;
        let mut it = Endpoint::clone(&*find::endpoint(configuration, &ids, application, &endpoint)?);
        patch.apply(&mut it);
        it.updated_at = now;
        let answer = Answer::json(StatusCode::OK, &out(&ids, &it));
        Ok(Planned { changes: vec![Change::PutEndpoint(Box::new(it))], answer })
    })
    .await
}

/// `DELETE /api/v1/app/{app_id}/endpoint/{endpoint_id}`: what it has not been sent is cancelled.
pub(crate) async fn delete(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, endpoint)): Segments<(String, String)>,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Manage)?;
    let ids = api.store.ids().clone();
    idempotency::change(&api, Idempotency(None), move |configuration| {
        let application = view.application(configuration, &ids, &app)?.id;
        let id = find::endpoint(configuration, &ids, application, &endpoint)?.id;
        Ok(Planned { changes: vec![Change::DeleteEndpoint(id)], answer: Answer::no_content() })
    })
    .await
}
