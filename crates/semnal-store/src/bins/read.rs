//! Reads captured requests.

use semnal_core::id::{BinId, CapturedId, MessageId};
use semnal_core::request_bin::capture::{CapturedRequest, Wanted};

use super::memory::{SharedTables, all_of};
use super::sqlite::{REQUEST_COLUMNS, SqliteReader, request};
use crate::error::StoreError;
use crate::views::filter::{Direction, Found, Slice};

/// 16 MiB of requests in one part of a list.
const PART_BYTES_MAX: u64 = 16 * 1_024 * 1_024;
/// 250 requests of one message.
const OF_MESSAGE_MAX: usize = 250;

/// What reads: a connection of its own, or the tables in memory.
pub(super) enum Reader {
    Sqlite(SqliteReader),
    Memory(SharedTables),
}

impl Reader {
    /// Returns a request.
    pub(super) fn request(&self, id: CapturedId) -> Result<Option<CapturedRequest>, StoreError> {
        match self {
            Reader::Sqlite(it) => {
                let sql = format!("select {REQUEST_COLUMNS} from request where bin = ?1 and number = ?2");
                let mut statement = it.connection.prepare_cached(&sql)?;
                let mut rows = statement.query((id.bin.0.0, id.number))?;
                rows.next()?.map(request).transpose()
            }
            Reader::Memory(tables) => Ok(tables.lock().requests.get(&id).map(|it| (**it).clone())),
        }
    }

    /// Returns the requests of a bin beyond a number that are wanted, in the order of the walk.
    pub(super) fn requests(
        &self,
        bin: BinId,
        slice: &Slice<u32>,
        wanted: &Wanted,
    ) -> Result<Found<CapturedRequest, u32>, StoreError> {
        let mut part = Part { limit: slice.limit, bytes: 0, found: Vec::new(), more_after: None };
        match self {
            Reader::Sqlite(it) => {
                let (beyond, order) = match slice.direction {
                    Direction::Older => ("number < ?2", "desc"),
                    Direction::Newer => ("number > ?2", "asc"),
                };
                let sql = format!(
                    "select {REQUEST_COLUMNS} from request where bin = ?1 and {beyond} order by number {order}"
                );
                let mut statement = it.connection.prepare_cached(&sql)?;
                let mut rows = statement.query((bin.0.0, start(slice)))?;
                while let Some(row) = rows.next()? {
                    if part.take(request(row)?, wanted) == Full::Yes {
                        break;
                    }
                }
            }
            Reader::Memory(tables) => {
                let tables = tables.lock();
                let all = tables.requests.range(all_of(bin)).map(|(_, it)| it);
                let start = start(slice);
                let in_order: Vec<_> = match slice.direction {
                    Direction::Older => all.rev().filter(|it| i64::from(it.id.number) < start).collect(),
                    Direction::Newer => all.filter(|it| i64::from(it.id.number) > start).collect(),
                };
                for it in in_order {
                    if part.take((**it).clone(), wanted) == Full::Yes {
                        break;
                    }
                }
            }
        }
        Ok(Found { items: part.found, more_after: part.more_after })
    }

    /// Returns the number of the newest request of a bin that says that it is a delivery of a message.
    pub(super) fn last_of_message(&self, bin: BinId, message: MessageId) -> Result<Option<u32>, StoreError> {
        match self {
            Reader::Sqlite(it) => {
                let sql =
                    "select number from request where message = ?1 and bin = ?2 order by number desc limit 1";
                let mut statement = it.connection.prepare_cached(sql)?;
                let mut rows = statement.query((message.0.0, bin.0.0))?;
                Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
            }
            Reader::Memory(tables) => {
                let tables = tables.lock();
                let of = tables.requests.values().filter(|it| it.id.bin == bin);
                Ok(of.filter(|it| it.capture.message == Some(message)).map(|it| it.id.number).max())
            }
        }
    }

    /// Returns the requests that say that they are deliveries of a message, newest first.
    pub(super) fn of_message(&self, message: MessageId) -> Result<Vec<CapturedRequest>, StoreError> {
        let mut found = match self {
            Reader::Sqlite(it) => {
                let sql = format!(
                    "select {REQUEST_COLUMNS} from request where message = ?1 limit {OF_MESSAGE_MAX}"
                );
                let mut statement = it.connection.prepare_cached(&sql)?;
                let mut rows = statement.query([message.0.0])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.push(request(row)?);
                }
                found
            }
            Reader::Memory(tables) => {
                let tables = tables.lock();
                let of = tables.requests.values().filter(|it| it.capture.message == Some(message));
                of.take(OF_MESSAGE_MAX).map(|it| (**it).clone()).collect()
            }
        };
        found.sort_by_key(|it| std::cmp::Reverse((it.capture.received_at, it.id)));
        Ok(found)
    }
}

/// Returns the number beyond which a walk begins.
fn start(slice: &Slice<u32>) -> i64 {
    match (slice.from, slice.direction) {
        (Some(number), _) => i64::from(number),
        (None, Direction::Older) => i64::MAX,
        (None, Direction::Newer) => -1,
    }
}

#[derive(PartialEq, Eq)]
enum Full {
    Yes,
    No,
}

/// A part of a list in the making.
struct Part {
    limit: usize,
    bytes: u64,
    found: Vec<CapturedRequest>,
    more_after: Option<u32>,
}

impl Part {
    /// Takes a request if it is wanted and there is room; one that comes when the part is full says that more follows.
    fn take(&mut self, it: CapturedRequest, wanted: &Wanted) -> Full {
        if !it.capture.matches(wanted) {
            return Full::No;
        }
        let bytes = it.capture.bytes();
        let has_room = self.found.is_empty() || self.bytes + bytes <= PART_BYTES_MAX;
        if self.found.len() >= self.limit || !has_room {
            self.more_after = self.found.last().map(|last| last.id.number);
            return Full::Yes;
        }
        self.bytes += bytes;
        self.found.push(it);
        Full::No
    }
}
