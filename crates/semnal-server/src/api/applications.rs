//! `/api/v1/app`: the tenants of an organisation.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::{Application, Scope};
use semnal_core::configuration::Change;
use semnal_core::id::{ApplicationId, IdCipher, IdKind, OrganisationId};
use semnal_core::name::Uid;
use semnal_core::time::UnixMillis;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::body::RequestBody;
use super::error::ApiError;
use super::find::{self, Segments};
use super::idempotency::{self, Idempotency, Planned};
use super::input::{Fields, Given};
use super::page::{self, Order};
use super::query::Params;
use super::time::Rfc3339;

/// 1,024 characters for a name.
pub(super) const NAME_CHARACTERS_MAX: usize = 1_024;

/// An application as it is answered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApplicationOut<'a> {
    id: String,
    uid: Option<&'a str>,
    name: &'a str,
    rate_limit: Option<u16>,
    throttle_rate: Option<u16>,
    metadata: &'a BTreeMap<String, String>,
    created_at: Rfc3339,
    updated_at: Rfc3339,
}

/// Returns the public id of an application.
pub(crate) fn public_id(ids: &IdCipher, id: ApplicationId) -> String {
    ids.encode(IdKind::Application, id.partition(), id.0)
}

fn out<'a>(ids: &IdCipher, it: &'a Application) -> ApplicationOut<'a> {
    ApplicationOut {
        id: public_id(ids, it.id),
        uid: it.uid.as_ref().map(Uid::as_str),
        name: &it.name,
        rate_limit: it.rate_limit,
        throttle_rate: it.rate_limit,
        metadata: &it.metadata,
        created_at: Rfc3339(it.created_at),
        updated_at: Rfc3339(it.updated_at),
    }
}

/// What a client gives in POST, PUT and inside a message.
#[derive(Debug, Clone)]
pub(crate) struct ApplicationIn {
    pub name: String,
    pub uid: Given<Uid>,
    pub rate_limit: Option<u16>,
    pub metadata: BTreeMap<String, String>,
}

impl ApplicationIn {
    /// Reads the fields of a whole application.
    pub(crate) fn read(mut fields: Fields<'_>) -> Result<ApplicationIn, ApiError> {
        let name = fields.text("name", 1..=NAME_CHARACTERS_MAX);
        let name = fields.required("name", name);
        let uid = fields.parsed("uid", "invalid_name", Uid::parse);
        let rate_limit = rate_limit(&mut fields).value();
        let metadata = fields.metadata().value().unwrap_or_default();
        fields.finish()?;
        Ok(ApplicationIn { name: name.unwrap_or_default(), uid, rate_limit, metadata })
    }

    /// Makes a new application of it.
    pub(crate) fn create(
        self,
        id: ApplicationId,
        organisation: OrganisationId,
        uid: Option<Uid>,
        now: UnixMillis,
    ) -> Application {
        Application {
            id,
            organisation,
            uid,
            name: self.name,
            rate_limit: self.rate_limit,
            metadata: self.metadata,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Reads `rateLimit` and `throttleRate`, two names of one thing.
pub(crate) fn rate_limit(fields: &mut Fields<'_>) -> Given<u16> {
    let names = ["rateLimit", "throttleRate"];
    let given = names.map(|name| fields.number(name, 1..=u16::MAX));
    fields.either(names, given)
}

/// `GET /api/v1/app`
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Read)?;
    let (limit, order, cursor) = (params.limit(), params.order(Order::Ascending), params.cursor());
    params.finish()?;
    let configuration = api.store.configuration();
    let all = configuration.applications(view.organisation).filter(|it| !it.is_operational()).collect();
    let page = page::cut(all, |it| it.id, order, &cursor, limit);
    Ok(Answer::json(StatusCode::OK, &page.map(|it| out(api.store.ids(), it))))
}

/// `POST /api/v1/app`
pub(crate) async fn create(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    idempotency: Idempotency,
    mut params: Params,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Manage)?;
    let get_if_exists = params.flag("get_if_exists", false);
    params.finish()?;
    let given = ApplicationIn::read(Fields::parse(&body)?)?;
    let (ids, id, now) = (api.store.ids().clone(), ApplicationId(api.store.next_key()), api.now());
    idempotency::change(&api, idempotency, move |configuration| {
        let uid = given.uid.clone().value();
        let existing = uid.as_ref().and_then(|uid| configuration.application_by_uid(view.organisation, uid));
        if let Some(existing) = existing.filter(|_| get_if_exists) {
            let answer = Answer::json(StatusCode::OK, &out(&ids, existing));
            return Ok(Planned { changes: Vec::new(), answer });
        }
        let it = given.create(id, view.organisation, uid, now);
        let answer = Answer::json(StatusCode::CREATED, &out(&ids, &it));
        Ok(Planned { changes: vec![Change::PutApplication(it)], answer })
    })
    .await
}

/// `GET /api/v1/app/{app_id}`
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(app): Segments<String>,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let configuration = api.store.configuration();
    let it = view.application(&configuration, api.store.ids(), &app)?;
    Ok(Answer::json(StatusCode::OK, &out(api.store.ids(), it)))
}

/// `PUT /api/v1/app/{app_id}`: replaces, or creates under the uid of the path.
pub(crate) async fn put(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(app): Segments<String>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Manage)?;
    let given = ApplicationIn::read(Fields::parse(&body)?)?;
    let (ids, id, now) = (api.store.ids().clone(), ApplicationId(api.store.next_key()), api.now());
    idempotency::change(&api, Idempotency(None), move |configuration| {
        let found = view.own_application(configuration, &ids, &app);
        let (status, it) = match found {
            Err(built_in @ ApiError::Forbidden(_)) => return Err(built_in),
            Ok(old) => {
                let uid = find::put_uid(given.uid.clone(), old.uid.as_ref(), &app);
                let new = given.create(old.id, view.organisation, uid, now);
                (StatusCode::OK, Application { created_at: old.created_at, ..new })
            }
            Err(not_found) => {
                let uid = find::uid_for_new(given.uid.clone(), &ids, IdKind::Application, &app, not_found)?;
                (StatusCode::CREATED, given.create(id, view.organisation, Some(uid), now))
            }
        };
        let answer = Answer::json(status, &out(&ids, &it));
        Ok(Planned { changes: vec![Change::PutApplication(it)], answer })
    })
    .await
}

/// `PATCH /api/v1/app/{app_id}`
pub(crate) async fn patch(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(app): Segments<String>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Manage)?;
    let mut fields = Fields::parse(&body)?;
    let name = fields.text("name", 1..=NAME_CHARACTERS_MAX);
    let name = fields.not_null("name", name);
    let uid = fields.parsed("uid", "invalid_name", Uid::parse);
    let rate = rate_limit(&mut fields);
    let metadata = fields.metadata();
    let metadata = fields.not_null("metadata", metadata);
    fields.finish()?;
    let (ids, now) = (api.store.ids().clone(), api.now());
    idempotency::change(&api, Idempotency(None), move |configuration| {
        let mut it = Application::clone(view.own_application(configuration, &ids, &app)?);
        it.name = name.unwrap_or(it.name);
        uid.patch(&mut it.uid);
        rate.patch(&mut it.rate_limit);
        it.metadata = metadata.unwrap_or(it.metadata);
        it.updated_at = now;
        let answer = Answer::json(StatusCode::OK, &out(&ids, &it));
        Ok(Planned { changes: vec![Change::PutApplication(it)], answer })
    })
    .await
}

/// `DELETE /api/v1/app/{app_id}`: with its endpoints; what they have not been sent is cancelled.
pub(crate) async fn delete(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(app): Segments<String>,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Manage)?;
    let ids = api.store.ids().clone();
    idempotency::change(&api, Idempotency(None), move |configuration| {
        let id = view.own_application(configuration, &ids, &app)?.id;
        Ok(Planned { changes: vec![Change::DeleteApplication(id)], answer: Answer::no_content() })
    })
    .await
}
