//! The lists, read from the files of the views: newest day first or oldest first, until the page is full.
//!
//! An index leads to the application or endpoint; the rest of a filter is judged row by row, and at most
//! [`LOOKED_AT_MAX`] rows are looked at for one page. A page that ends there is short, says so, and goes on at its
//! iterator: no question holds a reader up, whatever is stored.

use std::collections::BTreeSet;

use rusqlite::{Connection, Params, Row, params};
use semnal_core::id::{AttemptId, DeliveryId, EndpointId, Key, MessageId};
use semnal_core::time::UnixMillis;

use super::apply::State;
use super::day::Day;
use super::feed;
use super::files::find_type;
use super::filter::{
    AttemptFilter, AttemptKey, DeliveriesOf, DeliveryFilter, Direction, Found, Kind, Listed, MessageFilter,
    Slice, Span,
};
use super::reader::DayReader;
use crate::error::StoreError;
use crate::read::ReadSource;
use crate::sqlite::narrow;

/// 20,000 rows are looked at for one page at most: a few milliseconds.
pub(crate) const LOOKED_AT_MAX: usize = 20_000;

/// The page that is being filled.
struct Walk<T, K> {
    items: Vec<T>,
    limit: usize,
    looked_at: usize,
    /// The last key that was looked at and is part of the page.
    reached: Option<K>,
    ended: bool,
}

impl<T, K: Copy> Walk<T, K> {
    fn new(limit: usize) -> Walk<T, K> {
        Walk { items: Vec::new(), limit, looked_at: 0, reached: None, ended: false }
    }

    /// Looks at a row; afterwards [`Walk::ended`] tells whether to stop.
    fn look(&mut self, key: K, item: Option<T>) {
        self.looked_at += 1;
        if item.is_some() && self.items.len() == self.limit {
            // There is one more: the page ends before it.
            self.ended = true;
            return;
        }
        self.items.extend(item);
        self.reached = Some(key);
        self.ended = self.looked_at >= LOOKED_AT_MAX;
    }

    /// Goes through the rows of a statement.
    fn rows(
        &mut self,
        connection: &Connection,
        sql: &str,
        parameters: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<(K, Option<T>)>,
    ) -> Result<(), StoreError> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(parameters)?;
        while !self.ended
            && let Some(row) = rows.next()?
        {
            let (key, item) = read(row)?;
            self.look(key, item);
        }
        Ok(())
    }

    fn found(self) -> Found<T, K> {
        Found { items: self.items, more_after: if self.ended { self.reached } else { None } }
    }
}

/// What a filter asks of event type and channel, in the numbers of one file.
struct KindInFile {
    types: Option<BTreeSet<i64>>,
    channel: Option<String>,
}

impl KindInFile {
    /// Returns `None` when the file has none of the event types.
    fn of(kind: &Kind, connection: &Connection) -> Result<Option<KindInFile>, StoreError> {
        let channel = kind.channel.as_ref().map(|name| format!(" {} ", name.as_str()));
        let Some(names) = &kind.event_types else { return Ok(Some(KindInFile { types: None, channel })) };
        let mut types = BTreeSet::new();
        for name in names {
            types.extend(find_type(connection, name)?);
        }
        Ok((!types.is_empty()).then_some(KindInFile { types: Some(types), channel }))
    }

    fn wants(&self, row: &Row<'_>, event_type: usize, channels: usize) -> rusqlite::Result<bool> {
        if let Some(types) = &self.types
            && !types.contains(&row.get(event_type)?)
        {
            return Ok(false);
        }
        let Some(channel) = &self.channel else { return Ok(true) };
        Ok(row.get_ref(channels)?.as_str_or_null()?.is_some_and(|all| all.contains(channel.as_str())))
    }
}

/// Returns the days that a slice of the span goes through, in the order of the walk.
fn days(reader: &DayReader, span: Span, from: Option<UnixMillis>, direction: Direction) -> Vec<Day> {
    let (first, last) = span.ends();
    let (first, last) = match direction {
        Direction::Older => (Day::of(first), Day::of(from.map_or(last, |from| from.min(last)))),
        Direction::Newer => (Day::of(from.map_or(first, |from| from.max(first))), Day::of(last)),
    };
    let mut days = reader.days(first, last);
    if direction == Direction::Older {
        days.reverse();
    }
    days
}

/// Lists messages of an application. Those that the files do not have yet, such as on a full disk, are read from the
/// journal.
pub(crate) fn messages(
    reader: &DayReader,
    journal: &ReadSource<'_>,
    filter: &MessageFilter,
    slice: &Slice<MessageId>,
) -> Result<Found<MessageId, MessageId>, StoreError> {
    let mut walk = Walk::new(slice.limit);
    let (low, high) = bounds(filter.span, slice);
    let low = low.max(Key(kept_from(journal)?.0 - 1));
    let unlisted = unlisted(reader, journal)?;
    let border = unlisted.map_or(high, |first| high.min(first.0));
    let latest = (low.max(Key(border.0 - 1)), high);
    if slice.direction == Direction::Older && border < high {
        messages_of_journal(&mut walk, journal, filter, latest, slice.direction)?;
    }
    for day in days(reader, filter.span, slice.from.map(|id| id.0.time()), slice.direction) {
        if walk.ended {
            break;
        }
        reader.with(day, |connection| {
            let Some(kind) = KindInFile::of(&filter.kind, connection)? else { return Ok(()) };
            messages_of_day(&mut walk, connection, filter, &kind, (low, border), slice.direction)
        })?;
    }
    if slice.direction == Direction::Newer && border < high && !walk.ended {
        messages_of_journal(&mut walk, journal, filter, latest, slice.direction)?;
    }
    Ok(walk.found())
}

/// Returns the key before which every message is gone; the files still have rows of the day in which it lies.
pub(super) fn kept_from(journal: &ReadSource<'_>) -> Result<Key, StoreError> {
    Ok(journal.first_message()?.unwrap_or(Key(i64::MAX)))
}

/// Returns the first message that the files may not have.
fn unlisted(reader: &DayReader, journal: &ReadSource<'_>) -> Result<Option<MessageId>, StoreError> {
    match (reader.behind(), journal) {
        (Some(position), ReadSource::Sqlite(connection)) => feed::first_message_after(connection, position),
        _ => Ok(None),
    }
}

fn messages_of_journal(
    walk: &mut Walk<MessageId, MessageId>,
    journal: &ReadSource<'_>,
    filter: &MessageFilter,
    (low, high): (Key, Key),
    direction: Direction,
) -> Result<(), StoreError> {
    let ReadSource::Sqlite(connection) = journal else { return Ok(()) };
    let (first, last) = (MessageId(Key(low.0 + 1)), MessageId(Key(high.0 - 1)));
    for heading in narrow::headings(connection, first, last, direction, LOOKED_AT_MAX)? {
        if walk.ended {
            break;
        }
        let wanted = heading.application == filter.application && filter.kind.wants(&heading);
        walk.look(heading.id, wanted.then_some(heading.id));
    }
    Ok(())
}

/// Returns the keys between which a slice of the span lies, both exclusive.
fn bounds(span: Span, slice: &Slice<MessageId>) -> (Key, Key) {
    let (first, end) = span.keys();
    let (low, high) = (Key(first.0 - 1), end);
    match (slice.direction, slice.from) {
        (_, None) => (low, high),
        (Direction::Older, Some(from)) => (low, high.min(from.0)),
        (Direction::Newer, Some(from)) => (low.max(from.0), high),
    }
}

const MESSAGES_OLDER: &str = "select key, event_type, channels from message
    where application = ?1 and key > ?2 and key < ?3 order by key desc";
const MESSAGES_NEWER: &str = "select key, event_type, channels from message
    where application = ?1 and key > ?2 and key < ?3 order by key";
// Left alone, the planner would go through every message of the application.
const MESSAGES_OF_TYPE_OLDER: &str =
    "select key, event_type, channels from message indexed by message_by_type
    where application = ?1 and event_type = ?4 and key > ?2 and key < ?3 order by key desc";
const MESSAGES_OF_TYPE_NEWER: &str =
    "select key, event_type, channels from message indexed by message_by_type
    where application = ?1 and event_type = ?4 and key > ?2 and key < ?3 order by key";

fn messages_of_day(
    walk: &mut Walk<MessageId, MessageId>,
    connection: &Connection,
    filter: &MessageFilter,
    kind: &KindInFile,
    (low, high): (Key, Key),
    direction: Direction,
) -> Result<(), StoreError> {
    let read = |row: &Row<'_>| {
        let id = MessageId(Key(row.get(0)?));
        Ok((id, kind.wants(row, 1, 2)?.then_some(id)))
    };
    let application = filter.application.0.0;
    let Some(types) = &kind.types else {
        let sql = if direction == Direction::Older { MESSAGES_OLDER } else { MESSAGES_NEWER };
        return walk.rows(connection, sql, params![application, low.0, high.0], read);
    };
    // Each event type has its own stretch of the index; what the stretches give is merged.
    let sql = if direction == Direction::Older { MESSAGES_OF_TYPE_OLDER } else { MESSAGES_OF_TYPE_NEWER };
    let mut parts = Vec::new();
    for event_type in types {
        let mut part = Walk::new(walk.limit - walk.items.len() + 1);
        part.rows(connection, sql, params![application, low.0, high.0, event_type], read)?;
        parts.push(part);
    }
    merge(walk, parts, direction);
    Ok(())
}

/// Adds to a walk what walks over disjoint parts of the same stretch found.
fn merge(walk: &mut Walk<MessageId, MessageId>, parts: Vec<Walk<MessageId, MessageId>>, way: Direction) {
    let ends = parts.iter().filter(|part| part.ended).filter_map(|part| part.reached);
    // Beyond the nearest end of a part that is not complete, rows of that part may be missing.
    let nearest = if way == Direction::Older { ends.max() } else { ends.min() };
    let is_within = |id: &MessageId| match (way, nearest) {
        (_, None) => true,
        (Direction::Older, Some(end)) => *id >= end,
        (Direction::Newer, Some(end)) => *id <= end,
    };
    walk.looked_at += parts.iter().map(|part| part.looked_at).sum::<usize>();
    let mut found: Vec<MessageId> = parts.into_iter().flat_map(|part| part.items).filter(is_within).collect();
    found.sort_unstable();
    if way == Direction::Older {
        found.reverse();
    }
    let room = walk.limit - walk.items.len();
    let more = found.len() > room;
    found.truncate(room);
    walk.ended = more || nearest.is_some();
    let last = found.last().copied().or(walk.reached);
    walk.reached = if more { last } else { nearest.or(last) };
    walk.items.extend(found);
}

const DELIVERY_COLUMNS: &str = "message, ordinal, endpoint, state, event_type, channels";

/// Lists deliveries.
pub(crate) fn deliveries(
    reader: &DayReader,
    journal: &ReadSource<'_>,
    filter: &DeliveryFilter,
    slice: &Slice<DeliveryId>,
) -> Result<Found<Listed, DeliveryId>, StoreError> {
    let mut walk = Walk::new(slice.limit);
    let (first, end) = filter.span.keys();
    let lowest = DeliveryId { message: MessageId(first.max(kept_from(journal)?)), ordinal: 0 };
    let highest = DeliveryId { message: MessageId(end), ordinal: 0 };
    let (compare_low, low, compare_high, high) = match (slice.direction, slice.from) {
        (_, None) => (">=", lowest, "<", highest),
        (Direction::Older, Some(from)) => (">=", lowest, "<", highest.min(from)),
        (Direction::Newer, Some(from)) if from >= lowest => (">", from, "<", highest),
        (Direction::Newer, Some(_)) => (">=", lowest, "<", highest),
    };
    // Only what is not delivered is in the partial indexes.
    let open = filter.state.is_some_and(|state| state != State::Delivered);
    let (owner, from_table) = match filter.of {
        DeliveriesOf::Endpoint(id) if open => {
            (id.0.0, "delivery indexed by delivery_open where state <> 0 and endpoint = ?1")
        }
        DeliveriesOf::Endpoint(id) => (id.0.0, "delivery where endpoint = ?1"),
        DeliveriesOf::OpenOfApplication(id) => {
            (id.0.0, "delivery indexed by delivery_open_of_application where state <> 0 and application = ?1")
        }
    };
    let order = if slice.direction == Direction::Older { "desc" } else { "asc" };
    let sql = format!(
        "select {DELIVERY_COLUMNS} from {from_table} and (message, ordinal) {compare_low} (?2, ?3)
         and (message, ordinal) {compare_high} (?4, ?5) order by message {order}, ordinal {order}"
    );
    let from = slice.from.map(|id| id.message.0.time());
    for day in days(reader, filter.span, from, slice.direction) {
        if walk.ended {
            break;
        }
        reader.with(day, |connection| {
            let Some(kind) = KindInFile::of(&filter.kind, connection)? else { return Ok(()) };
            let parameters = params![owner, low.message.0.0, low.ordinal, high.message.0.0, high.ordinal];
            walk.rows(connection, &sql, parameters, |row| {
                let id = DeliveryId { message: MessageId(Key(row.get(0)?)), ordinal: row.get(1)? };
                let state = State::of_code(row.get(3)?).unwrap_or(State::Pending);
                let wanted = filter.state.is_none_or(|wanted| wanted == state) && kind.wants(row, 4, 5)?;
                let listed = Listed { id, endpoint: EndpointId(Key(row.get(2)?)), state };
                Ok((id, wanted.then_some(listed)))
            })
        })?;
    }
    Ok(walk.found())
}

const ATTEMPT_COLUMNS: &str = "started_at, message, ordinal, number, success, status, event_type, channels";

/// Lists attempts of an endpoint.
pub(crate) fn attempts(
    reader: &DayReader,
    journal: &ReadSource<'_>,
    filter: &AttemptFilter,
    slice: &Slice<AttemptKey>,
) -> Result<Found<AttemptKey, AttemptKey>, StoreError> {
    let mut walk = Walk::new(slice.limit);
    let kept_from = kept_from(journal)?;
    let (first, last) = filter.span.ends();
    let edge = |time: i64| {
        let delivery = DeliveryId { message: MessageId(Key(i64::MIN)), ordinal: 0 };
        AttemptKey { started_at: UnixMillis(time), id: AttemptId { delivery, number: 0 } }
    };
    let (low, high) = match (slice.direction, slice.from) {
        (_, None) => (edge(first.0), edge(last.0 + 1)),
        (Direction::Older, Some(from)) => (edge(first.0), edge(last.0 + 1).min(from)),
        (Direction::Newer, Some(from)) => (edge(first.0).max(from), edge(last.0 + 1)),
    };
    let from_table = if filter.success == Some(false) {
        "attempt indexed by attempt_failed where success = 0"
    } else {
        "attempt where true"
    };
    let order = if slice.direction == Direction::Older { "desc" } else { "asc" };
    let sql = format!(
        "select {ATTEMPT_COLUMNS} from {from_table} and endpoint = ?1
         and (started_at, message, ordinal, number) > (?2, ?3, ?4, ?5)
         and (started_at, message, ordinal, number) < (?6, ?7, ?8, ?9)
         order by started_at {order}, message {order}, ordinal {order}, number {order}"
    );
    for day in days(reader, filter.span, slice.from.map(|key| key.started_at), slice.direction) {
        if walk.ended {
            break;
        }
        reader.with(day, |connection| {
            let Some(kind) = KindInFile::of(&filter.kind, connection)? else { return Ok(()) };
            let (l, h) = (low.id, high.id);
            let parameters = params![
                filter.endpoint.0.0,
                low.started_at.0,
                l.delivery.message.0.0,
                l.delivery.ordinal,
                l.number,
                high.started_at.0,
                h.delivery.message.0.0,
                h.delivery.ordinal,
                h.number,
            ];
            walk.rows(connection, &sql, parameters, |row| {
                let delivery = DeliveryId { message: MessageId(Key(row.get(1)?)), ordinal: row.get(2)? };
                let id = AttemptId { delivery, number: row.get(3)? };
                let key = AttemptKey { started_at: UnixMillis(row.get(0)?), id };
                let status = row.get::<_, Option<u16>>(5)?.unwrap_or(0);
                let is_kept = delivery.message.0 >= kept_from;
                let wanted = is_kept && filter.wants_result(row.get(4)?, status) && kind.wants(row, 6, 7)?;
                Ok((key, wanted.then_some(key)))
            })
        })?;
    }
    Ok(walk.found())
}
