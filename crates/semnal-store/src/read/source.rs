//! Every question to the journal, for either backend.

use std::ops::Bound;
use std::sync::Arc;

use rusqlite::Connection;
use semnal_core::health::Failing;
use semnal_core::id::{AttemptId, DeliveryId, EndpointId, Key, MessageId};
use semnal_core::operational::AttemptMark;
use semnal_core::time::UnixMillis;

use crate::called_off::CalledOffRow;
use crate::error::StoreError;
use crate::journal::{SharedTables, one};
use crate::message::{FingerprintRow, Matched, Message};
use crate::outcome::{DueCursor, Outcome, RetryCount, RetryRow};
use crate::sqlite::narrow::{self, Gist, Heading};
use crate::sqlite::{content, health, rows};
use crate::views::filter::Direction;

/// Either backend, borrowed for one question.
pub(crate) enum ReadSource<'a> {
    Sqlite(&'a Connection),
    Memory(&'a SharedTables),
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

    /// Returns the headings of messages in a key range, oldest first.
    pub(crate) fn headings(
        &self,
        first: MessageId,
        last: MessageId,
        limit: usize,
    ) -> Result<Vec<Heading>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => {
                narrow::headings(connection, first, last, Direction::Newer, limit)
            }
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                Ok(tables.messages.range(first..=last).take(limit).map(|(_, m)| Heading::of(m)).collect())
            }
        }
    }

    pub(crate) fn gist(&self, id: AttemptId) -> Result<Option<Gist>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => narrow::gist(connection, id),
            ReadSource::Memory(_) => Ok(self.outcome(id)?.as_ref().map(Gist::of)),
        }
    }

    pub(crate) fn gists(&self, first: MessageId, last: MessageId) -> Result<Vec<Gist>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => narrow::gists(connection, first, last),
            ReadSource::Memory(_) => Ok(self.outcomes(first, last)?.iter().map(Gist::of).collect()),
        }
    }

    pub(crate) fn outcome(&self, id: AttemptId) -> Result<Option<Outcome>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => rows::outcome(connection, id),
            ReadSource::Memory(tables) => Ok(tables.lock().outcomes.get(&(id.delivery, id.number)).cloned()),
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

    /// Returns the row that called a delivery off.
    pub(crate) fn called_off_row(&self, delivery: DeliveryId) -> Result<Option<CalledOffRow>, StoreError> {
        let rows = self.called_off(delivery.message, delivery.message)?;
        Ok(rows.into_iter().find(|row| row.delivery == delivery))
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

    /// Returns the retry row of an endpoint's oldest message, whether it has a time or not.
    pub(crate) fn oldest_retry(&self, endpoint: EndpointId) -> Result<Option<RetryRow>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => health::oldest_retry(connection, endpoint),
            ReadSource::Memory(tables) => {
                Ok(tables.lock().retries.values().find(|row| row.endpoint == endpoint).copied())
            }
        }
    }

    /// Returns every endpoint that has failed and not succeeded since.
    pub(crate) fn failing(&self) -> Result<Vec<(EndpointId, Failing)>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => health::all(connection),
            ReadSource::Memory(tables) => {
                Ok(tables.lock().failing.iter().map(|(id, it)| (*id, *it)).collect())
            }
        }
    }

    /// Returns how the attempts of a delivery before `number` ended, oldest first.
    pub(crate) fn marks_before(
        &self,
        delivery: DeliveryId,
        number: u16,
    ) -> Result<Vec<AttemptMark>, StoreError> {
        match self {
            ReadSource::Sqlite(connection) => health::marks_before(connection, delivery, number),
            ReadSource::Memory(tables) => {
                let tables = tables.lock();
                let before = tables.outcomes.range((delivery, 0)..(delivery, number));
                Ok(before.map(|(_, outcome)| outcome.verdict.mark()).collect())
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
