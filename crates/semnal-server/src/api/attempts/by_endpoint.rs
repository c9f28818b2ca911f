//! `GET …/attempt/endpoint/{endpoint_id}`: found by going through the messages of the application, since the journal
//! keeps attempts by message. The views will answer this from an index.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use semnal_core::application::Scope;
use semnal_core::id::{ApplicationId, Key, MessageId};
use semnal_core::time::UnixMillis;
use semnal_store::error::StoreError;
use semnal_store::message::Message;
use semnal_store::outcome::Outcome;
use semnal_store::read::Reader;

use super::super::ApiState;
use super::super::answer::Answer;
use super::super::auth::Caller;
use super::super::error::ApiError;
use super::super::find::{self, Segments};
use super::super::page::{self, Cursor, CursorKey, Page};
use super::super::query::Params;
use super::filter::{AttemptKey, Filter};
use super::out;

/// 2,000 messages are looked at for one page.
const MESSAGES_LOOKED_AT_MAX: usize = 2_000;
/// Messages read at once.
const MESSAGES_AT_ONCE: usize = 100;

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
pub(crate) async fn list(
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
    let page = page_of(scan, &cursor);
    let page = page.map(|it| out(api.store.ids(), application, &it, with_content));
    Ok(Answer::json(StatusCode::OK, &page))
}

/// Adds the iterators to what was found.
fn page_of(scan: Scan, cursor: &Cursor<EndpointAttemptKey>) -> Page<Outcome> {
    if let Cursor::Before(_) = cursor {
        let done = scan.found.is_empty();
        return page::edges(scan.found, EndpointAttemptKey::of, !scan.done, done, cursor);
    }
    let has_previous = *cursor != Cursor::Start;
    let mut page = page::edges(scan.found, EndpointAttemptKey::of, has_previous, scan.done, cursor);
    if page.data.is_empty() && !scan.done {
        // Nothing was found among those that were looked at; the next page goes on behind them.
        let first = AttemptKey { started_at: UnixMillis(i64::MIN), ordinal: 0, number: 0 };
        page.iterator = Cursor::After(EndpointAttemptKey(MessageId(scan.reached), first)).encode();
    }
    page
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
