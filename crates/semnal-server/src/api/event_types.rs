//! `/api/v1/event-type`: the catalogue of an organisation.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::{EventType, Scope};
use semnal_core::configuration::{Change, Configuration};
use semnal_core::id::OrganisationId;
use semnal_core::name::EventTypeName;
use semnal_core::retry::RetrySchedule;
use semnal_core::time::UnixMillis;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::body::RequestBody;
use super::error::{ApiError, excerpt};
use super::find::Segments;
use super::idempotency::{self, Idempotency, Planned};
use super::input::{Fields, Given};
use super::page::{self, Order};
use super::payload_check::{self, ENFORCED_FIELD};
use super::query::Params;
use super::time::Rfc3339;

/// 4,096 characters for a description.
pub(super) const DESCRIPTION_CHARACTERS_MAX: usize = 4_096;
/// 256 characters for a group.
pub(super) const GROUP_CHARACTERS_MAX: usize = 256;
/// 1,024 characters for a title.
pub(super) const TITLE_CHARACTERS_MAX: usize = 1_024;
/// 50 feature flags of an event type or of a portal's token.
pub(super) const FEATURE_FLAGS_MAX: usize = 50;

/// An event type as it is answered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventTypeOut<'a> {
    name: &'a str,
    title: Option<&'a str>,
    description: &'a str,
    group_name: Option<&'a str>,
    archived: bool,
    deprecated: bool,
    /// The first of `featureFlags`: older SDKs know one only.
    feature_flag: Option<&'a str>,
    feature_flags: Option<Vec<&'a str>>,
    #[schema(value_type = Option<Object>)]
    schemas: Option<&'a RawValue>,
    schema_enforced: bool,
    #[schema(value_type = Option<Object>)]
    example: Option<&'a RawValue>,
    retry_schedule: Option<Vec<String>>,
    created_at: Rfc3339,
    updated_at: Rfc3339,
}

fn out(it: &EventType, with_content: bool) -> EventTypeOut<'_> {
    EventTypeOut {
        name: it.name.as_str(),
        title: it.title.as_deref(),
        description: &it.description,
        group_name: it.group.as_deref(),
        archived: it.archived,
        deprecated: it.deprecated,
        feature_flag: it.feature_flags.first().map(EventTypeName::as_str),
        feature_flags: (!it.feature_flags.is_empty())
            .then(|| it.feature_flags.iter().map(EventTypeName::as_str).collect()),
        schema_enforced: it.schema_enforced,
        schemas: json(it.schemas.as_deref(), with_content),
        example: json(it.example.as_deref(), with_content),
        retry_schedule: it.schedule.as_ref().map(RetrySchedule::to_texts),
        created_at: Rfc3339(it.created_at),
        updated_at: Rfc3339(it.updated_at),
    }
}

fn json(text: Option<&str>, with_content: bool) -> Option<&RawValue> {
    serde_json::from_str(text.filter(|_| with_content)?).ok()
}

/// The fields that POST, PUT and PATCH share.
struct EventTypeFields {
    title: Given<String>,
    description: Given<String>,
    group: Given<String>,
    archived: Given<bool>,
    deprecated: Given<bool>,
    feature_flags: Given<BTreeSet<EventTypeName>>,
    schemas: Given<String>,
    schema_enforced: Given<bool>,
    example: Given<String>,
    schedule: Given<RetrySchedule>,
}

impl EventTypeFields {
    fn read(fields: &mut Fields<'_>) -> EventTypeFields {
        let names = ["featureFlags", "featureFlag"];
        let several = feature_flags(fields, names[0]);
        let one = fields.parsed(names[1], "invalid_name", EventTypeName::parse);
        let given = [several, one.map(|flag| BTreeSet::from([flag]))];
        EventTypeFields {
            title: fields.text("title", 0..=TITLE_CHARACTERS_MAX),
            description: fields.text("description", 0..=DESCRIPTION_CHARACTERS_MAX),
            group: fields.text("groupName", 1..=GROUP_CHARACTERS_MAX),
            archived: fields.flag("archived"),
            deprecated: fields.flag("deprecated"),
            feature_flags: fields.either(names, given),
            schemas: object(fields, "schemas"),
            schema_enforced: fields.flag(ENFORCED_FIELD),
            example: object(fields, "example"),
            schedule: fields.schedule("retrySchedule"),
        }
    }

    /// Makes a whole event type; what is not given has its default.
    fn whole(self, organisation: OrganisationId, name: EventTypeName, now: UnixMillis) -> EventType {
        EventType {
            organisation,
            name,
            title: self.title.value(),
            description: self.description.value().unwrap_or_default(),
            group: self.group.value(),
            archived: self.archived.value().unwrap_or_default(),
            deprecated: self.deprecated.value().unwrap_or_default(),
            feature_flags: self.feature_flags.value().unwrap_or_default(),
            schemas: self.schemas.value(),
            schema_enforced: self.schema_enforced.value().unwrap_or_default(),
            example: self.example.value(),
            schedule: self.schedule.value(),
            created_at: now,
            updated_at: now,
        }
    }
}

/// Reads feature flags. An empty list is the same as none.
pub(crate) fn feature_flags(fields: &mut Fields<'_>, name: &str) -> Given<BTreeSet<EventTypeName>> {
    match fields.raw(name) {
        Given::Value(raw) if raw.get().trim_start_matches('[').trim_start() == "]" => {
            Given::Value(BTreeSet::new())
        }
        _ => fields.names(name, FEATURE_FLAGS_MAX, EventTypeName::parse),
    }
}

/// Reads an object and keeps it as it was written.
fn object(fields: &mut Fields<'_>, name: &'static str) -> Given<String> {
    let raw = fields.raw(name);
    match fields.typed::<serde_json::Map<String, serde_json::Value>>(name, "a JSON object") {
        Given::Value(_) => raw.map(|raw| raw.get().to_owned()),
        Given::Null => Given::Null,
        Given::Absent => Given::Absent,
    }
}

fn find(
    configuration: &Configuration,
    organisation: OrganisationId,
    text: &str,
) -> Result<Arc<EventType>, ApiError> {
    let name = EventTypeName::parse(text).ok();
    let found = name.and_then(|name| configuration.event_type(organisation, &name)).cloned();
    found.ok_or_else(|| not_found(text))
}

fn not_found(name: &str) -> ApiError {
    ApiError::NotFound(format!("there is no event type {:?} here; check its name", excerpt(name)))
}

/// `GET /api/v1/event-type`
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let (limit, order, cursor) = (params.limit(), params.order(Order::Ascending), params.cursor());
    let archived_too = params.flag("include_archived", false);
    let with_content = params.flag("with_content", false);
    params.finish()?;
    let configuration = api.store.configuration();
    let offered = configuration
        .event_types(view.organisation)
        .filter(|it| (archived_too || !it.archived) && caller.sees(it));
    let page = page::cut(offered.collect(), |it| it.name.to_string(), order, &cursor, limit);
    Ok(Answer::json(StatusCode::OK, &page.map(|it| out(it, with_content))))
}

/// `POST /api/v1/event-type`: an archived one of the same name is taken out of the archive.
pub(crate) async fn create(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    idempotency: Idempotency,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Manage)?;
    create_in(&api, view.organisation, idempotency, &body).await
}

/// Makes an event type of an organisation from the body of a request.
///
/// # Errors
/// 422 with what is wrong, 409 when there is one, and what the store says.
pub(crate) async fn create_in(
    api: &ApiState,
    organisation: OrganisationId,
    idempotency: Idempotency,
    body: &[u8],
) -> Result<Answer, ApiError> {
    let mut fields = Fields::parse(body)?;
    let name = fields.parsed("name", "invalid_name", EventTypeName::parse);
    let name = fields.required("name", name);
    let given = EventTypeFields::read(&mut fields);
    fields.required("description", given.description.clone());
    fields.finish()?;
    let enforced = given.schema_enforced.clone().value().unwrap_or_default();
    let approved = payload_check::approve(api, given.schemas.clone().value(), enforced).await?;
    let (name, now) = (name.ok_or(ApiError::Internal)?, api.now());
    idempotency::change(api, idempotency, move |configuration| {
        let old = configuration.event_type(organisation, &name);
        if old.is_some_and(|old| !old.archived) {
            return Err(ApiError::Conflict(format!(
                "the event type {:?} exists already; change that one",
                excerpt(name.as_str())
            )));
        }
        let created_at = old.map_or(now, |old| old.created_at);
        let it = EventType { created_at, ..given.whole(organisation, name, now) };
        approved.covers(&it, configuration)?;
        let answer = Answer::json(StatusCode::CREATED, &out(&it, true));
        Ok(Planned { changes: vec![Change::PutEventType(Box::new(it))], answer })
    })
    .await
}

/// `GET /api/v1/event-type/{event_type_name}`
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(name): Segments<String>,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let it = find(&api.store.configuration(), view.organisation, &name)?;
    if !caller.sees(&it) {
        return Err(not_found(&name));
    }
    Ok(Answer::json(StatusCode::OK, &out(&it, true)))
}

/// `PUT /api/v1/event-type/{event_type_name}`: replaces or creates.
pub(crate) async fn put(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(name): Segments<String>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Manage)?;
    let mut fields = Fields::parse(&body)?;
    let given = EventTypeFields::read(&mut fields);
    fields.required("description", given.description.clone());
    fields.finish()?;
    let name = EventTypeName::parse(&name).map_err(|error| {
        ApiError::invalid(&["path", "event_type_name"], "invalid_name", error.to_string())
    })?;
    let enforced = given.schema_enforced.clone().value().unwrap_or_default();
    let approved = payload_check::approve(&api, given.schemas.clone().value(), enforced).await?;
    let now = api.now();
    idempotency::change(&api, Idempotency(None), move |configuration| {
        let old = configuration.event_type(view.organisation, &name);
        let status = if old.is_some() { StatusCode::OK } else { StatusCode::CREATED };
        let created_at = old.map_or(now, |old| old.created_at);
        let it = EventType { created_at, ..given.whole(view.organisation, name, now) };
        approved.covers(&it, configuration)?;
        let answer = Answer::json(status, &out(&it, true));
        Ok(Planned { changes: vec![Change::PutEventType(Box::new(it))], answer })
    })
    .await
}

/// `PATCH /api/v1/event-type/{event_type_name}`
pub(crate) async fn patch(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(name): Segments<String>,
    RequestBody(body): RequestBody,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Manage)?;
    patch_in(&api, view.organisation, &name, &body).await
}

/// Changes an event type of an organisation by the body of a request.
///
/// # Errors
/// 422 with what is wrong, 404, and what the store says.
pub(crate) async fn patch_in(
    api: &ApiState,
    organisation: OrganisationId,
    name: &str,
    body: &[u8],
) -> Result<Answer, ApiError> {
    let mut fields = Fields::parse(body)?;
    let given = EventTypeFields::read(&mut fields);
    let description = fields.not_null("description", given.description);
    let archived = fields.not_null("archived", given.archived);
    let deprecated = fields.not_null("deprecated", given.deprecated);
    let enforced = fields.not_null(ENFORCED_FIELD, given.schema_enforced);
    fields.finish()?;
    let old = find(&api.store.configuration(), organisation, name)?;
    let mut schemas = old.schemas.clone();
    given.schemas.clone().patch(&mut schemas);
    let approved = payload_check::approve(api, schemas, enforced.unwrap_or(old.schema_enforced)).await?;
    let (now, name) = (api.now(), name.to_owned());
    idempotency::change(api, Idempotency(None), move |configuration| {
        let mut it = EventType::clone(&*find(configuration, organisation, &name)?);
        it.description = description.unwrap_or(it.description);
        it.archived = archived.unwrap_or(it.archived);
        it.deprecated = deprecated.unwrap_or(it.deprecated);
        given.title.patch(&mut it.title);
        given.group.patch(&mut it.group);
        match given.feature_flags {
            Given::Absent => {}
            other => it.feature_flags = other.value().unwrap_or_default(),
        }
        given.schemas.patch(&mut it.schemas);
        it.schema_enforced = enforced.unwrap_or(it.schema_enforced);
        given.example.patch(&mut it.example);
        given.schedule.patch(&mut it.schedule);
        it.updated_at = now;
        approved.covers(&it, configuration)?;
        let answer = Answer::json(StatusCode::OK, &out(&it, true));
        Ok(Planned { changes: vec![Change::PutEventType(Box::new(it))], answer })
    })
    .await
}

/// `DELETE /api/v1/event-type/{event_type_name}`: archives, or with `expunge=true` removes.
pub(crate) async fn delete(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments(name): Segments<String>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.organisation(Scope::Manage)?;
    let expunge = params.flag("expunge", false);
    params.finish()?;
    let now = api.now();
    idempotency::change(&api, Idempotency(None), move |configuration| {
        let it = find(configuration, view.organisation, &name)?;
        let change = if expunge {
            Change::DeleteEventType(view.organisation, it.name.clone())
        } else {
            let archived = EventType { archived: true, updated_at: now, ..EventType::clone(&it) };
            Change::PutEventType(Box::new(archived))
        };
        Ok(Planned { changes: vec![change], answer: Answer::no_content() })
    })
    .await
}
