//! Reading the journal: by id, attempts of a message, the newest messages of an application, and the state of a
//! delivery. Readers have connections of their own and never hold the writer up.

mod deliveries;
mod source;
mod tasks;

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use semnal_core::delivery::{DeliveryEvent, DeliveryState, Progress, next};
use semnal_core::health::Failing;
use semnal_core::id::{ApplicationId, AttemptId, DeliveryId, EndpointId, Key, MessageId};
use semnal_core::name::EventTypeName;
use semnal_core::retry::RetrySchedule;
use semnal_core::time::UnixMillis;

use crate::called_off::CalledOffRow;
use crate::error::StoreError;
use crate::journal::{SharedTables, one};
use crate::message::Message;
use crate::outcome::{Outcome, RetryRow, Verdict};
use crate::sqlite;
use crate::views::filter::{AttemptFilter, AttemptKey, DeliveryFilter, Found, Listed, MessageFilter, Slice};
use crate::views::reader::DayReader;
use crate::views::statistics::{self, Counts, Totals};
use crate::views::{list, scan};

pub(crate) use source::ReadSource;

/// A connection that reads.
pub struct Reader {
    inner: Inner,
    /// The files of the views; without them lists go through the rows.
    pub(crate) views: Option<DayReader>,
}

enum Inner {
    Sqlite(Connection),
    Memory(SharedTables),
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

impl Reader {
    pub(crate) fn open_sqlite(path: &Path) -> Result<Reader, StoreError> {
        Ok(Reader { inner: Inner::Sqlite(sqlite::open_reader(path)?), views: None })
    }

    pub(crate) fn memory(tables: SharedTables) -> Reader {
        Reader { inner: Inner::Memory(tables), views: None }
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

    /// Opens another reader of the same rows, without views.
    pub(crate) fn another(&self) -> Result<Reader, StoreError> {
        match &self.inner {
            Inner::Sqlite(connection) => {
                Reader::open_sqlite(Path::new(connection.path().unwrap_or_default()))
            }
            Inner::Memory(tables) => Ok(Reader::memory(tables.clone())),
        }
    }

    /// Ends the snapshot if there is one.
    pub(crate) fn end_snapshot_if_open(&self) -> Result<(), StoreError> {
        match &self.inner {
            Inner::Sqlite(connection) if !connection.is_autocommit() => self.end_snapshot(),
            _ => Ok(()),
        }
    }

    /// Returns an attempt.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or the row is damaged.
    pub fn attempt(&self, id: AttemptId) -> Result<Option<Outcome>, StoreError> {
        self.source().outcome(id)
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
                let of_this = outcomes.iter().filter(|o| o.id.delivery == id).map(|o| o.verdict);
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
}

/// Lists and counts, from the views where there are any.
impl Reader {
    /// Returns every endpoint that has failed and not succeeded since, and since when.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub fn failing(&self) -> Result<Vec<(EndpointId, Failing)>, StoreError> {
        self.source().failing()
    }

    /// Lists messages of an application.
    ///
    /// # Errors
    /// [`StoreError`] when a database fails or a row is damaged; so for the functions below.
    pub fn list_messages(
        &self,
        filter: &MessageFilter,
        slice: &Slice<MessageId>,
    ) -> Result<Found<MessageId, MessageId>, StoreError> {
        match &self.views {
            Some(views) => list::messages(views, &self.source(), filter, slice),
            None => scan::messages(&self.source(), filter, slice),
        }
    }

    /// Lists deliveries.
    ///
    /// # Errors
    /// See [`Reader::list_messages`].
    pub fn list_deliveries(
        &self,
        filter: &DeliveryFilter,
        slice: &Slice<DeliveryId>,
    ) -> Result<Found<Listed, DeliveryId>, StoreError> {
        match &self.views {
            Some(views) => list::deliveries(views, &self.source(), filter, slice),
            None => scan::deliveries(&self.source(), filter, slice),
        }
    }

    /// Lists attempts of an endpoint.
    ///
    /// # Errors
    /// See [`Reader::list_messages`].
    pub fn list_attempts(
        &self,
        filter: &AttemptFilter,
        slice: &Slice<AttemptKey>,
    ) -> Result<Found<AttemptKey, AttemptKey>, StoreError> {
        match &self.views {
            Some(views) => list::attempts(views, &self.source(), filter, slice),
            None => scan::attempts(&self.source(), filter, slice),
        }
    }

    /// Counts the deliveries of an endpoint by state, of messages accepted within a time, both ends inclusive.
    ///
    /// # Errors
    /// See [`Reader::list_messages`].
    pub fn count_deliveries(
        &self,
        endpoint: EndpointId,
        first: UnixMillis,
        last: UnixMillis,
    ) -> Result<Counts, StoreError> {
        match &self.views {
            Some(views) => statistics::counts(views, &self.source(), endpoint, first, last),
            None => scan::counts(&self.source(), endpoint, first, last),
        }
    }

    /// Adds up the attempts of an endpoint that started in the minutes from that of `first` to that of `last`. Those of
    /// messages that are gone count until every message of their day is gone, or the views are built anew.
    ///
    /// # Errors
    /// See [`Reader::list_messages`].
    pub fn total_attempts(
        &self,
        endpoint: EndpointId,
        first: UnixMillis,
        last: UnixMillis,
    ) -> Result<Totals, StoreError> {
        match &self.views {
            Some(views) => statistics::totals(views, endpoint, first, last),
            None => scan::totals(&self.source(), endpoint, first, last),
        }
    }

    /// Counts the messages of an application by event type, accepted in the minutes from that of `first` to that of
    /// `last`.
    ///
    /// # Errors
    /// See [`Reader::list_messages`].
    pub fn count_messages(
        &self,
        application: ApplicationId,
        first: UnixMillis,
        last: UnixMillis,
    ) -> Result<Vec<(EventTypeName, u64)>, StoreError> {
        match &self.views {
            Some(views) => statistics::messages(views, &self.source(), application, first, last),
            None => scan::message_counts(&self.source(), application, first, last),
        }
    }
}

/// Returns what a delivery is while its endpoint holds.
fn held(state: DeliveryState) -> DeliveryState {
    next(state, DeliveryEvent::EndpointHolds, &RetrySchedule::default(), UnixMillis::default(), 0.0).state
}

/// Returns what a delivery is, from its rows alone: the verdicts of its attempts in their order, its retry row, and the
/// row that called it off, which decides. `cut` is the position up to which undecided work of its endpoint is cancelled.
pub(crate) fn derive_state(
    id: DeliveryId,
    verdicts: impl Iterator<Item = Verdict>,
    retry: Option<&RetryRow>,
    cut: Option<Key>,
    called_off: Option<&CalledOffRow>,
) -> DeliveryState {
    let (mut attempts, mut last) = (0u16, None);
    for verdict in verdicts {
        attempts += 1;
        last = Some(verdict);
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
