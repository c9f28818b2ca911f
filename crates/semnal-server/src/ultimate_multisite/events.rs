//! `/event`: what happened, and making something happen. Creating an event fires it.
//!
//! The original keeps with each event who caused it and how grave it is. Here an event is a message, which says neither:
//! what is created is answered as it was given, and shown later as the original's own events are (severity neutral,
//! initiator system, object network).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use semnal_core::configuration::Configuration;
use semnal_core::id::{Key, MessageId};
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::time::UnixMillis;
use semnal_store::message::{Fingerprint, Message, NewMessage};
use semnal_store::read::Reader;
use semnal_store::views::filter::{Direction, Found, Kind, MessageFilter, Slice, Span};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::access::Bearer;
use super::answer::{self, Refusal};
use super::flat;
use super::parameters::{Body, QueryParameters, date};
use crate::api::ApiState;
use crate::api::append::{Stored, append};
use crate::api::body::RequestBody;
use crate::api::error::ApiError;
use crate::api::message_in::is_payload;
use crate::api::{messages, payload_check};

const MODEL: &str = "event";
/// 10,000 events back is as far as pages reach.
const REACH_MAX: u64 = 10_000;
/// The original's scale, from 1.
const SEVERITIES: [&str; 5] = ["Success", "Neutral", "Info", "Warning", "Fatal"];
/// Neutral, as the original stores what it fires.
const SEVERITY_DEFAULT: i64 = 2;

#[derive(Serialize)]
struct EventOut<'a> {
    /// As text: it has more digits than a JavaScript number.
    id: String,
    model: &'static str,
    slug: &'a str,
    severity: i64,
    severity_label: &'static str,
    /// Names of styles in the original's console, of which there are none here.
    severity_classes: &'static str,
    initiator: &'a str,
    author_id: i64,
    author: [(); 0],
    object_type: &'a str,
    object_id: i64,
    message: &'static str,
    payload: &'a RawValue,
    date_created: String,
}

/// What an event is said to be about.
struct About {
    severity: i64,
    initiator: String,
    object_type: String,
    object_id: i64,
}

impl Default for About {
    fn default() -> About {
        let (initiator, object_type) = ("system".to_owned(), "network".to_owned());
        About { severity: SEVERITY_DEFAULT, initiator, object_type, object_id: 0 }
    }
}

fn out<'a>(it: &'a Message, payload: &'a RawValue, about: &'a About) -> EventOut<'a> {
    let nth = usize::try_from(about.severity - 1).ok();
    let severity_label = nth.and_then(|nth| SEVERITIES.get(nth).copied()).unwrap_or("Note");
    EventOut {
        id: it.id.0.0.to_string(),
        model: MODEL,
        slug: it.event_type.as_str(),
        severity: about.severity,
        severity_label,
        severity_classes: "",
        initiator: &about.initiator,
        author_id: 0,
        author: [],
        object_type: &about.object_type,
        object_id: about.object_id,
        message: "No Message",
        payload,
        date_created: date(it.id.0.time()),
    }
}

/// Returns the payload of a message as it was accepted, or what stands for one that is gone.
fn payload_of(it: &Message) -> &RawValue {
    let none = || serde_json::from_str("{}").expect("an empty object is JSON");
    messages::payload(it, true).unwrap_or_else(none)
}

/// `GET /event`: newest first. `slug` limits it to one kind.
pub(super) async fn list(
    State(api): State<Arc<ApiState>>,
    bearer: Bearer,
    parameters: QueryParameters,
) -> Result<Response, Refusal> {
    bearer.application(&api.store.configuration())?;
    let (page, per_page) = parameters.paging();
    let event_types = match parameters.text("slug").filter(|slug| !slug.is_empty()) {
        None => None,
        // What is no name names no events.
        Some(slug) => match EventTypeName::parse(slug) {
            Ok(name) => Some([name].into()),
            Err(_) => return Ok(answer::page(&[(); 0], 0, per_page)),
        },
    };
    let skipped = (page - 1).saturating_mul(per_page);
    let kind = Kind { event_types, channel: None };
    let filter = MessageFilter { application: bearer.application, kind, span: Span::default() };
    let now = api.now();
    let (found, total) =
        api.store.list(move |reader| look(reader, &filter, (skipped, per_page), now)).await?;
    let about = About::default();
    let shown: Vec<EventOut<'_>> = found.iter().map(|it| out(it, payload_of(it), &about)).collect();
    Ok(answer::page(&shown, total, per_page))
}

/// Returns the events of a page, and how many there are on all.
fn look(
    reader: &Reader,
    filter: &MessageFilter,
    (skipped, per_page): (u64, u64),
    now: UnixMillis,
) -> Result<(Vec<Message>, u64), semnal_store::error::StoreError> {
    let counts = reader.count_messages(filter.application, UnixMillis(0), now)?;
    let wanted = |name: &EventTypeName| filter.kind.event_types.as_ref().is_none_or(|all| all.contains(name));
    let total = counts.iter().filter(|(name, _)| wanted(name)).map(|(_, count)| count).sum();
    let until = skipped.saturating_add(per_page).min(REACH_MAX);
    let mut ids: Vec<MessageId> = Vec::new();
    let mut from = None;
    loop {
        let limit = usize::try_from(until).unwrap_or(0).saturating_sub(ids.len());
        if limit == 0 {
            break;
        }
        let slice = Slice { from, direction: Direction::Older, limit };
        let Found { items, more_after } = reader.list_messages(filter, &slice)?;
        ids.extend(items);
        from = more_after;
        if from.is_none() {
            break;
        }
    }
    let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
    let found = ids.into_iter().skip(skipped).map(|id| reader.message(id));
    let found = found.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
    Ok((found, total))
}

/// `GET /event/{id}`
pub(super) async fn read(
    State(api): State<Arc<ApiState>>,
    bearer: Bearer,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    if !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::no_route());
    }
    let key = id.parse().map_err(|_| Refusal::not_found(MODEL))?;
    let found = api.store.read(move |reader| reader.message(MessageId(Key(key)))).await?;
    let found = found.filter(|it| it.application == bearer.application);
    let it = found.ok_or_else(|| Refusal::not_found(MODEL))?;
    Ok(answer::json(StatusCode::OK, &out(&it, payload_of(&it), &About::default())))
}

#[derive(Deserialize)]
struct PayloadIn<'a> {
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// `POST /event`: the event goes to every webhook that wants it; its body is the payload with the plugin's version.
pub(super) async fn create(
    State(api): State<Arc<ApiState>>,
    bearer: Bearer,
    RequestBody(bytes): RequestBody,
) -> Result<Response, Refusal> {
    let mut body = Body::parse(&bytes)?;
    body.require(&["severity", "payload", "initiator", "object_type", "slug"])?;
    let slug = body.text("slug");
    let about = About {
        severity: body.integer("severity").unwrap_or(SEVERITY_DEFAULT),
        initiator: body.text("initiator").unwrap_or_default(),
        object_type: body.text("object_type").unwrap_or_default(),
        object_id: body.integer("object_id").unwrap_or(0),
    };
    body.finish()?;
    judge(&about)?;
    let event_type = EventTypeName::parse(&slug.unwrap_or_default())
        .map_err(|why| Refusal::field("slug", format!("The Slug {why}")))?;
    let read: PayloadIn<'_> = serde_json::from_slice(&bytes).map_err(|_| Refusal::not_json())?;
    let given = read.payload.filter(|it| is_payload(it)).ok_or_else(|| {
        Refusal::field("payload", "The Payload must be a JSON object that is not nested too deep")
    })?;
    let configuration = api.store.configuration();
    let known = configuration.event_type(bearer.organisation, &event_type);
    let payload = flat::with_version(given, known.and_then(|it| it.example.as_deref()));
    let event = NewEvent { event_type, channels: Vec::new(), payload: payload.into(), idempotency: None };
    match fire(&api, bearer, event).await? {
        Stored::Created(it) => Ok(answer::json(StatusCode::OK, &out(&it, payload_of(&it), &about))),
        Stored::Repeated(_) | Stored::EventIdExists => Err(ApiError::Internal.into()),
    }
}

fn judge(about: &About) -> Result<(), Refusal> {
    let word = |text: &str| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        !text.is_empty() && text.len() <= 20 && text.chars().all(allowed)
    };
    match about {
        it if !(1..=5).contains(&it.severity) => {
            Err(Refusal::field("severity", "The Severity must be a number from 1 to 5"))
        }
        it if !matches!(it.initiator.as_str(), "system" | "manual") => {
            Err(Refusal::field("initiator", "The Initiator only allows 'system', or 'manual'"))
        }
        it if !word(&it.object_type) => Err(Refusal::field(
            "object_type",
            "The Object Type only allows a-z, 0-9, _ and -, 20 characters at most",
        )),
        _ => Ok(()),
    }
}

/// An event that happened somewhere else.
pub(super) struct NewEvent {
    pub(super) event_type: EventTypeName,
    pub(super) channels: Vec<Channel>,
    pub(super) payload: Bytes,
    pub(super) idempotency: Option<Fingerprint>,
}

/// Stores an event for every webhook that wants it.
///
/// # Errors
/// 422 when the catalogue refuses it, 503 when it cannot be stored.
pub(super) async fn fire(api: &ApiState, bearer: Bearer, event: NewEvent) -> Result<Stored, ApiError> {
    let (application, organisation, name) = (bearer.application, bearer.organisation, &event.event_type);
    let payload: &RawValue = serde_json::from_slice(&event.payload).map_err(|_| ApiError::Internal)?;
    let event = &event;
    let make = |configuration: Arc<Configuration>| async move {
        configuration.application(application).ok_or_else(|| ApiError::not_found("application", ""))?;
        messages::check_event_type(api, &configuration, organisation, name)?;
        payload_check::check(api, &configuration, organisation, name, payload, &messages::PAYLOAD_PLACE)
            .await?;
        Ok(NewMessage {
            application,
            event_type: name.clone(),
            event_id: None,
            endpoints: configuration.matching(application, name, &event.channels),
            channels: event.channels.clone(),
            payload: event.payload.clone(),
            payload_retention_days: None,
            idempotency: event.idempotency,
        })
    };
    append(api, make).await
}
