//! Reading the journal: by id, attempts of a message, the newest messages of an application, and the state of a
//! delivery. Readers have connections of their own and never hold the writer up.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use semnal_core::delivery::{DeliveryEvent, DeliveryState, Progress, next};
use semnal_core::id::{ApplicationId, DeliveryId, EndpointId, Key, MessageId};
use semnal_core::retry::RetrySchedule;
use semnal_core::time::UnixMillis;

use crate::called_off::CalledOffRow;
use crate::error::StoreError;
use crate::journal::{SharedTables, one};
use crate::message::{FingerprintRow, Matched, Message};
use crate::outcome::{DueCursor, Outcome, RetryCount, RetryRow, Verdict};
use crate::sqlite::{self, content, rows};

/// 100,000 rows are looked at for one page of a list at most; a page that ends there is short and goes on at its
/// iterator. The views take this limit away.
pub const LIST_SCAN_ROWS_MAX: usize = 100_000;
/// Rows fetched at once while a list is scanned.
const SCAN_BATCH_ROWS: usize = 1_000;

/// A connection that reads.
pub struct Reader {
    inner: Inner,
}

enum Inner {
    Sqlite(Connection),
    Memory(SharedTables),
}

/// Either backend, borrowed for one question.
pub(crate) enum ReadSource<'a> {
    Sqlite(&'a Connection),
    Memory(&'a SharedTables),
}

/// One delivery as the ledger has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Which.
    pub id: DeliveryId,
    /// Where it goes.
    pub endpoint: EndpointId,
    /// What it is now; `Held` when it is undecided and its endpoint holds.
    pub state: DeliveryState,
    /// When the next attempt is due, if there is a time.
    pub due_at: Option<UnixMillis>,
}

/// A page of messages and where the next one starts.
#[derive(Debug, Clone, PartialEq)]
pub struct MessagePage {
    /// The messages, in the order asked for.
    pub messages: Vec<Message>,
    /// Whether nothing follows.
    pub done: bool,
    /// The key at which the scan ended; the next page starts beyond it.
    pub reached: Key,
}

impl Reader {
    pub(crate) fn open_sqlite(path: &Path) -> Result<Reader, StoreError> {
        Ok(Reader { inner: Inner::Sqlite(sqlite::open_reader(path)?) })
    }

    pub(crate) fn memory(tables: SharedTables) -> Reader {
        Reader { inner: Inner::Memory(tables) }
    }

    pub(crate) fn source(&self) -> ReadSource<'_> {
        match &self.inner {
            Inner::Sqlite(connection) => ReadSource::Sqlite(connection),
            Inner::Memory(tables) => ReadSource::Memory(tables),
        }
    }

    /// Starts a read transaction, so that the questions until [`Reader::end_snapshot`] see one state.
    pub(crate) fn begin_snapshot(&self) -> Result<(), StoreError> {
        if let Inner::Sqlite(connection) = &self.inner {
            connection.execute_batch("begin; select 1 from meta limit 1")?;
        }
        Ok(())
    }

    pub(crate) fn end_snapshot(&self) -> Result<(), StoreError> {
        if let Inner::Sqlite(connection) = &self.inner {
            connection.execute_batch("commit")?;
        }
        Ok(())
    }

    /// Returns a message.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or the row is damaged.
    pub fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        self.source().message(id)
    }

    /// Returns every attempt of a message, by endpoint ordinal and number.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or a row is damaged.
    pub fn attempts(&self, message: MessageId) -> Result<Vec<Outcome>, StoreError> {
        let (first, last) = one(message);
        self.source().outcomes(first, last)
    }

    /// Returns the deliveries of a message, `holds` telling which endpoints hold their work at the moment.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or a row is damaged.
    pub fn deliveries(
        &self,
        message: &Message,
        holds: impl Fn(EndpointId) -> bool,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.at_one_moment(message, |source| {
            let (first, last) = one(message.id);
            let outcomes = source.outcomes(first, last)?;
            let called_off = source.called_off(first, last)?;
            let mut all = Vec::new();
            for (id, endpoint) in source.delivery_endpoints(message)? {
                let of_this = outcomes.iter().filter(|o| o.id.delivery == id);
                let retry = source.retry(endpoint, id)?;
                let cut = source.cut(endpoint)?;
                let called_off = called_off.iter().find(|row| row.delivery == id);
                let state = derive_state(id, of_this, retry.as_ref(), cut, called_off);
                let state = if holds(endpoint) { held(state) } else { state };
                let due_at = retry.and_then(|row| row.due_at).filter(|_| !state.is_decided());
                all.push(Delivery { id, endpoint, state, due_at });
            }
            Ok(all)
        })
    }

    /// Asks several things about a message's deliveries as of one moment: a commit between two of them would show a
    /// delivery that never was, such as one without the row that its last outcome asks for.
    fn at_one_moment<T>(
        &self,
        message: &Message,
        question: impl FnOnce(&ReadSource<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &self.inner {
            Inner::Sqlite(_) => {
                self.begin_snapshot()?;
                let answer = question(&self.source());
                // After an error too: a read transaction that stays open would keep the log from starting again.
                self.end_snapshot()?;
                answer
            }
            Inner::Memory(tables) => {
                let part = Arc::new(Mutex::new(tables.lock().of_message(message)));
                question(&ReadSource::Memory(&part))
            }
        }
    }

    /// Returns messages of an application: those older than `from`, newest first, or with `newer` those newer than
    /// `from`, oldest first, that `wanted` accepts.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or a row is damaged.
    pub fn messages_of(
        &self,
        application: ApplicationId,
        from: Key,
        newer: bool,
        limit: usize,
        wanted: impl Fn(&Message) -> bool,
    ) -> Result<MessagePage, StoreError> {
        let source = self.source();
        let mut page = MessagePage { messages: Vec::new(), done: false, reached: from };
        let mut scanned = 0;
        while scanned < LIST_SCAN_ROWS_MAX {
            let owners = source.message_owners(page.reached, newer, SCAN_BATCH_ROWS)?;
            let complete = owners.len() < SCAN_BATCH_ROWS;
            scanned += owners.len();
            for (id, owner) in owners {
                if page.messages.len() == limit && owner == application {
                    return Ok(page);
                }
                if owner == application
                    && let Some(message) = source.message(id)?
                    && wanted(&message)
                {
                    page.messages.push(message);
                }
                page.reached = id.0;
            }
            if complete {
                page.done = true;
                return Ok(page);
            }
        }
        Ok(page)
    }
}

/// Returns what a delivery is while its endpoint holds.
fn held(state: DeliveryState) -> DeliveryState {
    next(state, DeliveryEvent::EndpointHolds, &RetrySchedule::default(), UnixMillis::default(), 0.0).state
}

/// Returns what a delivery is, from its rows alone. `cut` is the position up to which undecided work of its endpoint
/// is cancelled; a delivery that was called off is what that row says.
pub(crate) fn derive_state<'a>(
    id: DeliveryId,
    outcomes: impl Iterator<Item = &'a Outcome>,
    retry: Option<&RetryRow>,
    cut: Option<Key>,
    called_off: Option<&CalledOffRow>,
) -> DeliveryState {
    let (mut attempts, mut last) = (0u16, None);
    for outcome in outcomes {
        attempts += 1;
        last = Some(outcome.verdict);
    }
    if let Some(row) = called_off {
        return row.reason.state(Progress { attempts, step: 0 });
    }
    let alive = |since: Key| cut.is_none_or(|position| since > position);
    if let Some(row) = retry.filter(|row| alive(row.since)) {
        return DeliveryState::Pending(row.progress);
    }
    let progress = Progress { attempts, step: 0 };
    match last {
        Some(Verdict::Delivered) => DeliveryState::Delivered(progress),
        Some(Verdict::Exhausted) => DeliveryState::Failed(progress),
        None if retry.is_none() && alive(id.message.0) => DeliveryState::Pending(progress),
        _ => DeliveryState::Cancelled(progress),
    }
}

impl ReadSource<'_> {
    pub(crate) fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::message(connection, id),
            ReadSource::Memory(tables) => Ok(tables.lock().messages.get(&id).map(|m| (**m).clone())),
        }
    }

    pub(crate) fn matched_from(&self, from: Key, limit: usize) -> Result<Vec<Matched>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::matched_from(connection, from, limit),
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                let range = tables.messages.range(MessageId(from)..).take(limit);
                let matched = |(id, m): (&MessageId, &Arc<Message>)| Matched {
                    id: *id,
                    endpoints: m.endpoints.clone(),
                    payload_bytes: m.payload.len(),
                    payload_gone: m.payload_is_gone(),
                };
                Ok(range.map(matched).collect())
            }
        }
    }

    fn message_owners(
        &self,
        from: Key,
        newer: bool,
        limit: usize,
    ) -> Result<Vec<(MessageId, ApplicationId)>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::message_owners(connection, from, newer, limit),
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                let owner = |(id, m): (&MessageId, &std::sync::Arc<Message>)| (*id, m.application);
                Ok(if newer {
                    let beyond = (Bound::Excluded(MessageId(from)), Bound::Unbounded);
                    tables.messages.range(beyond).take(limit).map(owner).collect()
                } else {
                    tables.messages.range(..MessageId(from)).rev().take(limit).map(owner).collect()
                })
            }
        }
    }

    pub(crate) fn last_message(&self) -> Result<Option<Key>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::last_message(connection),
            ReadSource::Memory(tables) => Ok(tables.lock().messages.keys().next_back().map(|id| id.0)),
        }
    }

    pub(crate) fn fingerprints_after(
        &self,
        after: Key,
        limit: usize,
    ) -> Result<Vec<FingerprintRow>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::fingerprints_after(connection, after, limit),
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                let beyond = (Bound::Excluded(MessageId(after)), Bound::Unbounded);
                let range = tables.messages.range(beyond).take(limit);
                Ok(range.map(|(id, m)| (id.0, m.idempotency, m.event_fingerprint)).collect())
            }
        }
    }

    pub(crate) fn outcomes(&self, first: MessageId, last: MessageId) -> Result<Vec<Outcome>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::outcomes(connection, first, last),
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                let from = (DeliveryId { message: first, ordinal: 0 }, 0);
                let to = (DeliveryId { message: last, ordinal: u16::MAX }, u16::MAX);
                Ok(tables.outcomes.range(from..=to).map(|(_, o)| o.clone()).collect())
            }
        }
    }

    pub(crate) fn added(
        &self,
        first: MessageId,
        last: MessageId,
    ) -> Result<Vec<(DeliveryId, EndpointId)>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::added(connection, first, last),
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                let from = DeliveryId { message: first, ordinal: 0 };
                let to = DeliveryId { message: last, ordinal: u16::MAX };
                Ok(tables.added.range(from..=to).map(|(d, e)| (*d, *e)).collect())
            }
        }
    }

    pub(crate) fn called_off(
        &self,
        first: MessageId,
        last: MessageId,
    ) -> Result<Vec<CalledOffRow>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => content::called_off(connection, first, last),
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                let from = DeliveryId { message: first, ordinal: 0 };
                let to = DeliveryId { message: last, ordinal: u16::MAX };
                Ok(tables.called_off.range(from..=to).map(|(_, row)| *row).collect())
            }
        }
    }

    pub(crate) fn payload_expiries(
        &self,
        after: Option<(UnixMillis, MessageId)>,
        limit: usize,
    ) -> Result<Vec<(UnixMillis, MessageId)>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => content::payload_expiries(connection, after, limit),
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                let beyond = tables.payload_expiries.iter().filter(|row| Some(**row) > after);
                Ok(beyond.take(limit).copied().collect())
            }
        }
    }

    /// Returns the key of the oldest message.
    pub(crate) fn first_message(&self) -> Result<Option<Key>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => content::first_message(connection),
            ReadSource::Memory(tables) => Ok(tables.lock().messages.keys().next().map(|id| id.0)),
        }
    }

    /// Returns every delivery of a message with its endpoint: those matched, then those added.
    pub(crate) fn delivery_endpoints(
        &self,
        message: &Message,
    ) -> Result<Vec<(DeliveryId, EndpointId)>, StoreError> {
        let mut all: Vec<_> = (0u16..)
            .zip(&message.endpoints)
            .map(|(ordinal, endpoint)| (DeliveryId { message: message.id, ordinal }, *endpoint))
            .collect();
        let (first, last) = one(message.id);
        all.extend(self.added(first, last)?);
        Ok(all)
    }

    pub(crate) fn retry(
        &self,
        endpoint: EndpointId,
        delivery: DeliveryId,
    ) -> Result<Option<RetryRow>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::retry(connection, endpoint, delivery),
            ReadSource::Memory(tables) => Ok(tables.lock().retries.get(&(endpoint, delivery)).copied()),
        }
    }

    pub(crate) fn retry_due(
        &self,
        after: DueCursor,
        until: UnixMillis,
        limit: usize,
    ) -> Result<Vec<RetryRow>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::retry_due(connection, after, until, limit),
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                let due = |row: &&RetryRow| row.due_cursor().is_some_and(|c| c > after && c.0 < until);
                let mut rows: Vec<RetryRow> = tables.retries.values().filter(due).copied().collect();
                rows.sort_by_key(RetryRow::due_cursor);
                rows.truncate(limit);
                Ok(rows)
            }
        }
    }

    pub(crate) fn retry_queued(
        &self,
        endpoint: EndpointId,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<RetryRow>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::retry_queued(connection, endpoint, after, limit),
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                let beyond = |row: &&RetryRow| {
                    row.endpoint == endpoint && row.due_at.is_none() && Some(row.delivery) > after
                };
                Ok(tables.retries.values().filter(beyond).take(limit).copied().collect())
            }
        }
    }

    pub(crate) fn retry_counts(&self) -> Result<Vec<RetryCount>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::retry_counts(connection),
            ReadSource::Memory(tables) => {
                let mut counts = std::collections::BTreeMap::<EndpointId, RetryCount>::new();
                for row in tables.lock().retries.values() {
                    let endpoint = row.endpoint;
                    let none = RetryCount { endpoint, rows: 0, without_time: 0, last_since: row.since };
                    let count = counts.entry(endpoint).or_insert(none);
                    count.rows += 1;
                    count.without_time += u64::from(row.due_at.is_none());
                    count.last_since = count.last_since.max(row.since);
                }
                Ok(counts.into_values().collect())
            }
        }
    }

    pub(crate) fn retry_page(
        &self,
        after: Option<(EndpointId, DeliveryId)>,
        limit: usize,
    ) -> Result<Vec<RetryRow>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::retry_page(connection, after, limit),
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                let beyond = tables.retries.iter().filter(|(key, _)| Some(**key) > after);
                Ok(beyond.take(limit).map(|(_, row)| *row).collect())
            }
        }
    }

    pub(crate) fn cuts(&self) -> Result<Vec<(EndpointId, Key)>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::cuts(connection),
            ReadSource::Memory(tables) => Ok(tables.lock().cuts.iter().map(|(e, k)| (*e, *k)).collect()),
        }
    }

    pub(crate) fn cut(&self, endpoint: EndpointId) -> Result<Option<Key>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::cut(connection, endpoint),
            ReadSource::Memory(tables) => Ok(tables.lock().cuts.get(&endpoint).copied()),
        }
    }

    pub(crate) fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::meta(connection, name),
            ReadSource::Memory(tables) => Ok(tables.lock().meta.get(name).cloned()),
        }
    }

    /// Returns a meta value that is a number.
    pub(crate) fn meta_number(&self, name: &'static str) -> Result<Option<i64>, StoreError> {
        let Some(bytes) = self.meta(name)? else { return Ok(None) };
        let damaged =
            || StoreError::Corrupt { table: "meta", key: 0, what: format!("{name} is not a number") };
        Ok(Some(i64::from_be_bytes(bytes.as_slice().try_into().map_err(|_| damaged())?)))
    }
}
