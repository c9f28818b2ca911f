//! The attempts of messages: `…/attempt/msg/{msg_id}`, `…/attempt/endpoint/{endpoint_id}`, one attempt, and sending
//! again.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::attempt::AttemptEnd;
use semnal_core::configuration::Configuration;
use semnal_core::id::{ApplicationId, EndpointId, IdCipher, IdKind, Key, MessageId};
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::time::UnixMillis;
use semnal_store::error::StoreError;
use semnal_store::message::Message;
use semnal_store::outcome::{Outcome, Trigger, Verdict};
use semnal_store::read::Reader;
use semnal_store::store::Resent;
use serde::Serialize;

use super::ApiState;
use super::answer::Answer;
use super::auth::Caller;
use super::endpoints;
use super::error::ApiError;
use super::find::{self, Segments};
use super::idempotency::{self, Idempotency};
use super::messages;
use super::page::{self, Cursor, CursorKey, Order};
use super::query::Params;
use super::time::Rfc3339;

/// 0 is a success, 1 pending, 2 a failure, 3 being sent (Svix API).
const STATUSES: [u16; 4] = [0, 1, 2, 3];
/// 0 is "no answer" (Svix API).
const STATUS_CODE_CLASSES: [u16; 6] = [0, 100, 200, 300, 400, 500];
/// 2,000 messages are looked at for one page of an endpoint's attempts.
const MESSAGES_LOOKED_AT_MAX: usize = 2_000;
/// Messages read at once while looking for an endpoint's attempts.
const MESSAGES_AT_ONCE: usize = 100;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttemptOut {
    id: String,
    msg_id: String,
    endpoint_id: String,
    url: String,
    response: String,
    response_status_code: u16,
    response_duration_ms: i64,
    status: u16,
    status_text: &'static str,
    trigger_type: u16,
    cause: Option<&'static str>,
    timestamp: Rfc3339,
}

fn out(ids: &IdCipher, application: ApplicationId, it: &Outcome, with_content: bool) -> AttemptOut {
    let success = it.verdict == Verdict::Delivered;
    let (response, cause) = match &it.end {
        AttemptEnd::Answered(_) => (String::from_utf8_lossy(&it.response_body).into_owned(), None),
        AttemptEnd::Failed { cause, detail } if detail.is_empty() => {
            (cause.sentence().to_owned(), Some(cause.code()))
        }
        AttemptEnd::Failed { cause, detail } => {
            (format!("{}: {detail}", cause.sentence()), Some(cause.code()))
        }
    };
    AttemptOut {
        id: ids.encode_attempt(it.id),
        msg_id: messages::public_id(ids, application, it.id.delivery.message),
        endpoint_id: endpoints::public_id(ids, application, it.endpoint),
        url: it.url.clone(),
        response: if with_content { response } else { String::new() },
        response_status_code: it.end.status().unwrap_or(0),
        response_duration_ms: it.phases.total_ms(),
        status: if success { 0 } else { 2 },
        status_text: if success { "success" } else { "fail" },
        trigger_type: match it.trigger {
            Trigger::Scheduled => 0,
            Trigger::Manual => 1,
        },
        cause,
        timestamp: Rfc3339(it.started_at),
    }
}

/// Which attempts a list has.
struct Filter {
    status: Option<u16>,
    status_code_class: Option<u16>,
    channel: Option<Channel>,
    event_types: Option<BTreeSet<EventTypeName>>,
    before: Option<UnixMillis>,
    after: Option<UnixMillis>,
    endpoint: Option<EndpointId>,
}

impl Filter {
    fn read(params: &mut Params) -> Filter {
        Filter {
            status: params.one_of("status", &STATUSES),
            status_code_class: params.one_of("status_code_class", &STATUS_CODE_CLASSES),
            channel: params.channel(),
            event_types: params.event_types(),
            before: params.instant("before"),
            after: params.instant("after"),
            endpoint: None,
        }
    }

    fn wants_message(&self, it: &Message) -> bool {
        self.channel.as_ref().is_none_or(|channel| it.channels.contains(channel))
            && self.event_types.as_ref().is_none_or(|names| names.contains(&it.event_type))
    }

    fn wants(&self, it: &Outcome) -> bool {
        let status = if it.verdict == Verdict::Delivered { 0 } else { 2 };
        let class = it.end.status().unwrap_or(0) / 100 * 100;
        self.status.is_none_or(|wanted| wanted == status)
            && self.status_code_class.is_none_or(|wanted| wanted == class)
            && self.before.is_none_or(|before| it.started_at < before)
            && self.after.is_none_or(|after| it.started_at > after)
            && self.endpoint.is_none_or(|endpoint| it.endpoint == endpoint)
    }
}

/// The order of a message's attempts: when they started, then their id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct AttemptKey {
    started_at: UnixMillis,
    ordinal: u16,
    number: u16,
}

impl AttemptKey {
    fn of(it: &Outcome) -> AttemptKey {
        AttemptKey { started_at: it.started_at, ordinal: it.id.delivery.ordinal, number: it.id.number }
    }
}

impl CursorKey for AttemptKey {
    const LIST: u8 = b'r';
    fn to_bytes(&self) -> Vec<u8> {
        [&self.started_at.0.to_be_bytes()[..], &self.ordinal.to_be_bytes(), &self.number.to_be_bytes()]
            .concat()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (time, rest) = bytes.split_at_checked(8)?;
        let (ordinal, number) = rest.split_at_checked(2)?;
        Some(AttemptKey {
            started_at: UnixMillis(i64::from_be_bytes(time.try_into().ok()?)),
            ordinal: u16::from_be_bytes(ordinal.try_into().ok()?),
            number: u16::from_be_bytes(number.try_into().ok()?),
        })
    }
}

/// `GET …/attempt/msg/{msg_id}`: newest first.
pub(crate) async fn list_by_message(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message)): Segments<(String, String)>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let (limit, cursor) = (params.limit(), params.cursor::<AttemptKey>());
    let mut filter = Filter { event_types: None, ..Filter::read(&mut params) };
    let with_content = params.flag("with_content", true);
    let endpoint = params.text("endpoint_id").map(str::to_owned);
    params.finish()?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?.id;
    let message = find::message(&api, application, &message).await?;
    if let Some(text) = endpoint {
        filter.endpoint = Some(endpoint_or_former(&configuration, api.store.ids(), application, &text)?);
    }
    let mut found = if filter.wants_message(&message) {
        api.store.read(move |reader| reader.attempts(message.id)).await?
    } else {
        Vec::new()
    };
    found.retain(|it| filter.wants(it));
    found.sort_by_key(AttemptKey::of);
    let page = page::cut(found, AttemptKey::of, Order::Descending, &cursor, limit);
    let page = page.map(|it| out(api.store.ids(), application, &it, with_content));
    Ok(Answer::json(StatusCode::OK, &page))
}

/// Returns the id of an endpoint, or of one that was deleted: its attempts are still there.
fn endpoint_or_former(
    configuration: &Configuration,
    ids: &IdCipher,
    application: ApplicationId,
    text: &str,
) -> Result<EndpointId, ApiError> {
    match ids.decode(IdKind::Endpoint, text) {
        Ok((partition, key)) if partition == application.partition() => Ok(EndpointId(key)),
        _ => Ok(find::endpoint(configuration, ids, application, text)?.id),
    }
}

/// The order of an endpoint's attempts: by message, then as they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct EndpointAttemptKey(MessageId, AttemptKey);

impl EndpointAttemptKey {
    fn of(it: &Outcome) -> EndpointAttemptKey {
        EndpointAttemptKey(it.id.delivery.message, AttemptKey::of(it))
    }
}

impl CursorKey for EndpointAttemptKey {
    const LIST: u8 = b'x';
    fn to_bytes(&self) -> Vec<u8> {
        [self.0.to_bytes(), self.1.to_bytes()].concat()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (message, attempt) = bytes.split_at_checked(8)?;
        Some(EndpointAttemptKey(MessageId::from_bytes(message)?, AttemptKey::from_bytes(attempt)?))
    }
}

/// `GET …/attempt/endpoint/{endpoint_id}`: newest message first, and of one message the newest attempt first.
pub(crate) async fn list_by_endpoint(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, endpoint)): Segments<(String, String)>,
    mut params: Params,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let (limit, cursor) = (params.limit(), params.cursor::<EndpointAttemptKey>());
    let mut filter = Filter::read(&mut params);
    let with_content = params.flag("with_content", true);
    params.finish()?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?.id;
    let endpoint = find::endpoint(&configuration, api.store.ids(), application, &endpoint)?;
    filter.endpoint = Some(endpoint.id);
    let start = cursor.clone();
    let scan = api.store.read(move |reader| scan(reader, application, &filter, &start, limit)).await?;
    let page = match &cursor {
        Cursor::Before(_) => {
            let done = scan.found.is_empty();
            page::edges(scan.found, EndpointAttemptKey::of, !scan.done, done, &cursor)
        }
        _ => {
            let mut page =
                page::edges(scan.found, EndpointAttemptKey::of, cursor != Cursor::Start, scan.done, &cursor);
            if page.data.is_empty() && !scan.done {
                let first = AttemptKey { started_at: UnixMillis(i64::MIN), ordinal: 0, number: 0 };
                page.iterator = Cursor::After(EndpointAttemptKey(MessageId(scan.reached), first)).encode();
            }
            page
        }
    };
    let page = page.map(|it| out(api.store.ids(), application, &it, with_content));
    Ok(Answer::json(StatusCode::OK, &page))
}

struct Scan {
    /// In the order of the list.
    found: Vec<Outcome>,
    done: bool,
    reached: Key,
}

/// Goes through the messages of an application, newest first (or, before a cursor, oldest first), and takes the
/// attempts that the filter wants. The views will answer this from an index.
fn scan(
    reader: &Reader,
    application: ApplicationId,
    filter: &Filter,
    cursor: &Cursor<EndpointAttemptKey>,
    limit: usize,
) -> Result<Scan, StoreError> {
    let newer = matches!(cursor, Cursor::Before(_));
    // One step back, so that the message at the edge is looked at again.
    let mut scan = Scan {
        found: Vec::new(),
        done: false,
        reached: match cursor {
            Cursor::Start => Key(i64::MAX),
            Cursor::After(edge) => Key(edge.0.0.0.saturating_add(1)),
            Cursor::Before(edge) => Key(edge.0.0.0.saturating_sub(1)),
        },
    };
    let beyond = |it: &Outcome| match cursor {
        Cursor::Start => true,
        Cursor::After(edge) => EndpointAttemptKey::of(it) < *edge,
        Cursor::Before(edge) => EndpointAttemptKey::of(it) > *edge,
    };
    let mut looked_at = 0;
    while scan.found.len() <= limit && !scan.done && looked_at < MESSAGES_LOOKED_AT_MAX {
        let wanted = |it: &Message| filter.wants_message(it);
        let page = reader.messages_of(application, scan.reached, newer, MESSAGES_AT_ONCE, wanted)?;
        looked_at += MESSAGES_AT_ONCE;
        for message in page.messages {
            let mut attempts = reader.attempts(message.id)?;
            attempts.retain(|it| filter.wants(it) && beyond(it));
            attempts.sort_by_key(AttemptKey::of);
            if !newer {
                attempts.reverse();
            }
            scan.found.extend(attempts);
        }
        (scan.done, scan.reached) = (page.done, page.reached);
    }
    if scan.found.len() > limit {
        scan.found.truncate(limit);
        scan.done = false;
    }
    if newer {
        scan.found.reverse();
    }
    Ok(scan)
}

/// `GET …/msg/{msg_id}/attempt/{attempt_id}`
pub(crate) async fn get(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message, attempt)): Segments<(String, String, String)>,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Read)?;
    let application = view.application(&api.store.configuration(), api.store.ids(), &app)?.id;
    let message = find::message(&api, application, &message).await?;
    let not_found = || ApiError::not_found("attempt", &attempt);
    let id = api.store.ids().decode_attempt(&attempt).map_err(|_| not_found())?;
    if id.delivery.message != message.id {
        return Err(not_found());
    }
    let found = api.store.read(move |reader| reader.attempts(message.id)).await?;
    let it = found.iter().find(|it| it.id == id).ok_or_else(not_found)?;
    Ok(Answer::json(StatusCode::OK, &out(api.store.ids(), application, it, true)))
}

/// `POST …/msg/{msg_id}/endpoint/{endpoint_id}/resend`
pub(crate) async fn resend(
    State(api): State<Arc<ApiState>>,
    caller: Caller,
    Segments((app, message, endpoint)): Segments<(String, String, String)>,
    idempotency: Idempotency,
) -> Result<Answer, ApiError> {
    let view = caller.portal(Scope::Manage)?;
    let configuration = api.store.configuration();
    let application = view.application(&configuration, api.store.ids(), &app)?.id;
    let endpoint_id = find::endpoint(&configuration, api.store.ids(), application, &endpoint)?.id;
    let found = find::message(&api, application, &message).await?;
    if let Some(answer) = idempotency::recall(&api, idempotency).await? {
        return Ok(answer);
    }
    match api.store.resend(found.id, endpoint_id, caller.describe()).await? {
        Resent::Accepted => idempotency::remember(&api, idempotency, Answer::accepted()).await,
        Resent::NoSuchMessage => Err(ApiError::not_found("message", &message)),
        Resent::NoSuchEndpoint => Err(ApiError::not_found("endpoint", &endpoint)),
    }
}
