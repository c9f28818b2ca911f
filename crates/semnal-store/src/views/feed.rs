//! The feed: one row per transaction of the journal that says what the views have to look at.
//!
//! Outcomes land in the middle of their table when a retry ends, so the views cannot find them by a growing key. The
//! feed lists them in the order of commits, 13 bytes each, in the same transaction; it is trimmed when the views have
//! synced what follows from it. It names rows and holds no facts: the views read those from the journal, so that
//! reading a part of the feed twice changes nothing.

use rusqlite::{Connection, OptionalExtension, params};
use semnal_core::id::{AttemptId, DeliveryId, EndpointId, Key, MessageId};

use crate::error::StoreError;
use crate::journal::Write;
use crate::outcome::Trigger;

/// Something to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Messages were appended: all with keys from the first to the last.
    Messages(MessageId, MessageId),
    /// An attempt ended.
    Attempt(AttemptId),
    /// The state of a delivery changed otherwise: it was added, reopened, cancelled, or it expired.
    Delivery(DeliveryId),
    /// Undecided deliveries of an endpoint were cancelled.
    Endpoint(EndpointId),
    /// The messages up to this one were deleted.
    Deleted(MessageId),
}

/// A row of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FeedRow {
    /// Growing without gaps, from 1.
    pub(crate) position: i64,
    pub(crate) entries: Vec<Entry>,
}

/// What the transaction under way adds to the feed.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    messages: Option<(MessageId, MessageId)>,
    others: Vec<Entry>,
    /// The position of the last row that is committed.
    last: i64,
}

/// A row that was committed: its position, and how many entries it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fed {
    pub(crate) position: i64,
    pub(crate) entries: u64,
}

impl Pending {
    /// Goes on after the last position that was ever given out.
    pub(crate) fn after(last: i64) -> Pending {
        Pending { last, ..Pending::default() }
    }

    /// Notes what a write changes that the views show.
    pub(crate) fn note(&mut self, write: &Write) {
        match write {
            Write::Message(it) => {
                let first = self.messages.map_or(it.id, |(first, _)| first);
                self.messages = Some((first, it.id));
            }
            Write::Outcome(it) => self.others.push(Entry::Attempt(it.id)),
            Write::Added { delivery, .. } => self.others.push(Entry::Delivery(*delivery)),
            Write::Retry(row) if row.trigger == Trigger::Manual => {
                self.others.push(Entry::Delivery(row.delivery));
            }
            Write::Cut(endpoint, _) => self.others.push(Entry::Endpoint(*endpoint)),
            Write::CallOff(row) => self.others.push(Entry::Delivery(row.delivery)),
            Write::Reopen(delivery) => self.others.push(Entry::Delivery(*delivery)),
            Write::DeleteThrough(last) => self.others.push(Entry::Deleted(MessageId(*last))),
            // The views hold nothing of a payload or a response.
            Write::ExpungePayload(_) | Write::ExpungeResponse(_) => {}
            Write::Retry(_)
            | Write::DeleteRetry(..)
            | Write::Change(_)
            | Write::Answer(_)
            | Write::DeleteAnswersBefore(_)
            | Write::Task(_)
            | Write::DeleteTasksBefore(_)
            | Write::TrimFeed(_)
            | Write::Failing(..)
            | Write::PayloadExpiry(..)
            | Write::DeletePayloadExpiry(..)
            | Write::Meta(..) => {}
        }
    }

    /// Writes the row of the transaction, if it has anything to say; [`Pending::committed`] follows the commit.
    pub(crate) fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        let entries = self.entries();
        if entries == 0 {
            return Ok(());
        }
        let sql = "insert into feed (position, entries, changes) values (?1, ?2, ?3)";
        connection.prepare_cached(sql)?.execute(params![self.last + 1, entries, self.encode()])?;
        Ok(())
    }

    /// Starts the next transaction; returns the row that the last one committed.
    pub(crate) fn committed(&mut self) -> Option<Fed> {
        let entries = self.entries();
        self.clear();
        (entries > 0).then(|| {
            self.last += 1;
            Fed { position: self.last, entries }
        })
    }

    /// Forgets a transaction that was rolled back.
    pub(crate) fn clear(&mut self) {
        self.messages = None;
        self.others.clear();
    }

    fn entries(&self) -> u64 {
        let messages = self.messages.map_or(0, |_| 1);
        messages + self.others.len() as u64
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(17 + 13 * self.others.len());
        if let Some((first, last)) = self.messages {
            encode(Entry::Messages(first, last), &mut bytes);
        }
        for entry in &self.others {
            encode(*entry, &mut bytes);
        }
        bytes
    }
}

fn encode(entry: Entry, bytes: &mut Vec<u8>) {
    let (kind, first, rest): (u8, Key, &[u8]) = match entry {
        Entry::Messages(first, last) => (b'm', first.0, &last.0.0.to_be_bytes()),
        Entry::Attempt(id) => {
            let [a, b] = id.delivery.ordinal.to_be_bytes();
            let [c, d] = id.number.to_be_bytes();
            (b'a', id.delivery.message.0, &[a, b, c, d])
        }
        Entry::Delivery(id) => (b'd', id.message.0, &id.ordinal.to_be_bytes()),
        Entry::Endpoint(id) => (b'e', id.0, &[]),
        Entry::Deleted(last) => (b'x', last.0, &[]),
    };
    bytes.push(kind);
    bytes.extend_from_slice(&first.0.to_be_bytes());
    bytes.extend_from_slice(rest);
}

fn decode(mut bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    while let Some((kind, rest)) = bytes.split_first() {
        let (key, rest) = rest.split_first_chunk::<8>()?;
        let key = Key(i64::from_be_bytes(*key));
        let (entry, rest) = match kind {
            b'm' => {
                let (last, rest) = rest.split_first_chunk::<8>()?;
                (Entry::Messages(MessageId(key), MessageId(Key(i64::from_be_bytes(*last)))), rest)
            }
            b'a' => {
                let (tail, rest) = rest.split_first_chunk::<4>()?;
                let [a, b, c, d] = *tail;
                let delivery = DeliveryId { message: MessageId(key), ordinal: u16::from_be_bytes([a, b]) };
                (Entry::Attempt(AttemptId { delivery, number: u16::from_be_bytes([c, d]) }), rest)
            }
            b'd' => {
                let (ordinal, rest) = rest.split_first_chunk::<2>()?;
                let ordinal = u16::from_be_bytes(*ordinal);
                (Entry::Delivery(DeliveryId { message: MessageId(key), ordinal }), rest)
            }
            b'e' => (Entry::Endpoint(EndpointId(key)), rest),
            b'x' => (Entry::Deleted(MessageId(key)), rest),
            _ => return None,
        };
        entries.push(entry);
        bytes = rest;
    }
    Some(entries)
}

/// Returns rows after a position, oldest first, until they have `entries_max` entries or more together.
pub(crate) fn read(
    connection: &Connection,
    after: i64,
    entries_max: usize,
) -> Result<Vec<FeedRow>, StoreError> {
    let sql = "select position, changes from feed where position > ?1 order by position";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query([after])?;
    let (mut rows, mut count) = (Vec::new(), 0);
    while count < entries_max
        && let Some(row) = found.next()?
    {
        let position = row.get(0)?;
        let damaged = || StoreError::Corrupt {
            table: "feed",
            key: position,
            what: "its changes are not what was written".into(),
        };
        let entries = row.get_ref(1)?.as_blob().ok().and_then(decode).ok_or_else(damaged)?;
        count += entries.len();
        rows.push(FeedRow { position, entries });
    }
    Ok(rows)
}

/// Returns the first message that was appended after a position: all that come later have greater keys. Reads no further
/// than it: lists ask whenever the journal is a commit ahead.
pub(crate) fn first_message_after(
    connection: &Connection,
    position: i64,
) -> Result<Option<MessageId>, StoreError> {
    let mut after = position;
    loop {
        let rows = read(connection, after, 1)?;
        let Some(row) = rows.last() else { return Ok(None) };
        // Messages stand before everything else in a row.
        if let Some(Entry::Messages(first, _)) = row.entries.first() {
            return Ok(Some(*first));
        }
        after = row.position;
    }
}

/// Returns how many entries the rows after a position and up to another have together.
pub(crate) fn entries_between(connection: &Connection, after: i64, last: i64) -> Result<u64, StoreError> {
    let sql = "select coalesce(sum(entries), 0) from feed where position > ?1 and position <= ?2";
    Ok(connection.query_row(sql, [after, last], |row| row.get(0))?)
}

/// Returns the last position that is in the table.
pub(crate) fn last(connection: &Connection) -> Result<Option<i64>, StoreError> {
    Ok(connection.query_row("select max(position) from feed", [], |row| row.get(0)).optional()?.flatten())
}

/// Deletes the rows up to a position.
pub(crate) fn trim(connection: &Connection, position: i64) -> Result<(), StoreError> {
    connection.prepare_cached("delete from feed where position <= ?1")?.execute([position])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_were_written() {
        let delivery = DeliveryId { message: MessageId(Key(77)), ordinal: 300 };
        let all = [
            Entry::Messages(MessageId(Key(5)), MessageId(Key(i64::MAX))),
            Entry::Attempt(AttemptId { delivery, number: 60_000 }),
            Entry::Delivery(delivery),
            Entry::Endpoint(EndpointId(Key(9))),
            Entry::Deleted(MessageId(Key(8))),
        ];
        let mut bytes = Vec::new();
        for entry in all {
            encode(entry, &mut bytes);
        }
        assert_eq!(decode(&bytes), Some(all.to_vec()));
        assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(decode(b"z12345678"), None);
    }
}
