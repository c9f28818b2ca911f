//! Counts: from the roll-ups for whole minutes, from the rows for the rest, so that they equal a recount to the
//! millisecond.

use rusqlite::{Connection, Params, Row, params};
use semnal_core::id::{ApplicationId, EndpointId, Key};
use semnal_core::name::EventTypeName;
use semnal_core::time::UnixMillis;

use super::apply::State;
use super::day::{Day, minute, minute_start};
use super::durations::Durations;
use super::list::kept_from;
use super::reader::DayReader;
use super::rows::durations;
use crate::error::StoreError;
use crate::read::ReadSource;
use crate::sqlite::narrow::Gist;

/// Deliveries by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The receiver took them.
    pub delivered: u64,
    /// An attempt will be made, or they are held.
    pub pending: u64,
    /// Every attempt failed.
    pub failed: u64,
    /// A person cancelled them or expunged their messages, or their endpoint was deleted.
    pub cancelled: u64,
    /// The retention of their payloads passed.
    pub expired: u64,
}

/// The attempts of an endpoint within a time, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Attempts that were a success.
    pub succeeded: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// How long they took.
    pub durations: Durations,
}

impl Counts {
    /// Returns how many there are in any state.
    pub fn all(&self) -> u64 {
        self.delivered + self.pending + self.failed + self.cancelled + self.expired
    }

    pub(super) fn add(&mut self, state: State, by: i64) {
        let count = match state {
            State::Delivered => &mut self.delivered,
            State::Pending => &mut self.pending,
            State::Failed => &mut self.failed,
            State::Cancelled => &mut self.cancelled,
            State::Expired => &mut self.expired,
        };
        *count = count.saturating_add_signed(by);
    }
}

impl Totals {
    pub(super) fn add(&mut self, gist: &Gist) {
        self.succeeded += u64::from(gist.is_success());
        self.failed += u64::from(!gist.is_success());
        self.durations.add(gist.total_us);
    }
}

/// A stretch of keys, the first inclusive and the last exclusive, split into the whole minutes in its middle and what is
/// left at both ends.
#[derive(Debug, PartialEq, Eq)]
struct Split {
    /// From the first minute to the one after the last.
    minutes: (i64, i64),
    /// What is left, each within one minute.
    edges: Vec<(Key, Key)>,
}

fn split(low: Key, high: Key) -> Split {
    if low >= high {
        return Split { minutes: (0, 0), edges: Vec::new() };
    }
    let (first, last) = (minute(low.time()), minute(high.time()));
    if first == last {
        return Split { minutes: (0, 0), edges: vec![(low, high)] };
    }
    let is_whole = low == start(first);
    let from = if is_whole { first } else { first + 1 };
    let head = (!is_whole).then(|| (low, start(from)));
    let tail = (start(last) < high).then(|| (start(last), high));
    Split { minutes: (from, last), edges: head.into_iter().chain(tail).collect() }
}

/// Returns the first key that a minute can have.
fn start(minute: i64) -> Key {
    Key::first_at(minute_start(minute))
}

/// Counts the deliveries of an endpoint by state, of messages accepted within a time, both ends inclusive.
pub(crate) fn counts(
    reader: &DayReader,
    journal: &ReadSource<'_>,
    endpoint: EndpointId,
    first: UnixMillis,
    last: UnixMillis,
) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    let low = Key::first_at(first).max(kept_from(journal)?);
    let Split { minutes, edges } = split(low, Key::first_at(UnixMillis(last.0.saturating_add(1))));
    for day in reader.days(Day::of(first), Day::of(last)) {
        reader.with(day, |connection| {
            // Everything as of one moment, else a delivery that comes meanwhile is in one part and not in another.
            let connection = &*connection.unchecked_transaction()?;
            rolled_up(connection, endpoint, minutes, &mut counts)?;
            edges.iter().try_for_each(|edge| count_edge(connection, endpoint, *edge, &mut counts))
        })?;
    }
    Ok(counts)
}

/// Counts what lies within a part of one minute: the rows of that part, or the whole minute less the rows beside it,
/// whichever is less to go through. Of the current minute there is nothing beside it.
fn count_edge(
    connection: &Connection,
    endpoint: EndpointId,
    (low, high): (Key, Key),
    counts: &mut Counts,
) -> Result<(), StoreError> {
    let at = minute(low.time());
    let (first, end) = (start(at), start(at + 1));
    let beside = [(first, low), (high, end)];
    let mut is_empty = true;
    for (low, high) in beside {
        is_empty &= !has_rows(connection, endpoint, low, high)?;
    }
    if !is_empty && high.0 - low.0 < (end.0 - first.0) / 2 {
        return rows(connection, endpoint, (low, high), |state, count| counts.add(state, count));
    }
    rolled_up(connection, endpoint, (at, at + 1), counts)?;
    for stretch in beside.into_iter().filter(|_| !is_empty) {
        rows(connection, endpoint, stretch, |state, count| counts.add(state, -count))?;
    }
    Ok(())
}

fn rolled_up(
    connection: &Connection,
    endpoint: EndpointId,
    (from, to): (i64, i64),
    counts: &mut Counts,
) -> Result<(), StoreError> {
    let sql = "select state, count from delivery_minute where endpoint = ?1 and minute >= ?2 and minute < ?3";
    let add = |state, count| counts.add(state, count);
    by_state(connection, sql, params![endpoint.0.0, from, to], add)
}

fn rows(
    connection: &Connection,
    endpoint: EndpointId,
    (low, high): (Key, Key),
    take: impl FnMut(State, i64),
) -> Result<(), StoreError> {
    let sql = "select state, count(*) from delivery
        where endpoint = ?1 and message >= ?2 and message < ?3 group by state";
    by_state(connection, sql, params![endpoint.0.0, low.0, high.0], take)
}

fn by_state(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    mut take: impl FnMut(State, i64),
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        take(State::of_code(row.get(0)?).unwrap_or(State::Pending), row.get(1)?);
    }
    Ok(())
}

fn has_rows(connection: &Connection, endpoint: EndpointId, low: Key, high: Key) -> Result<bool, StoreError> {
    let sql = "select exists (select 1 from delivery where endpoint = ?1 and message >= ?2 and message < ?3)";
    let parameters = params![endpoint.0.0, low.0, high.0];
    Ok(connection.prepare_cached(sql)?.query_row(parameters, |row| row.get(0))?)
}

/// Adds up the attempts of an endpoint that started in the whole minutes from that of `first` to that of `last`. The
/// roll-ups do not say whose attempts they are: those of messages that are gone are among them until their day goes.
pub(crate) fn totals(
    reader: &DayReader,
    endpoint: EndpointId,
    first: UnixMillis,
    last: UnixMillis,
) -> Result<Totals, StoreError> {
    let mut totals = Totals::default();
    let sql = "select succeeded, failed, durations from attempt_minute
        where endpoint = ?1 and minute between ?2 and ?3";
    for day in reader.days(Day::of(first), Day::of(last)) {
        reader.with(day, |connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(params![endpoint.0.0, minute(first), minute(last)])?;
            while let Some(row) = rows.next()? {
                totals.succeeded += row.get::<_, u64>(0)?;
                totals.failed += row.get::<_, u64>(1)?;
                totals.durations.merge(&durations(row, 2)?);
            }
            Ok(())
        })?;
    }
    Ok(totals)
}

/// Counts the messages of an application by event type, accepted in the whole minutes from that of `first` to that of
/// `last`.
pub(crate) fn messages(
    reader: &DayReader,
    journal: &ReadSource<'_>,
    application: ApplicationId,
    first: UnixMillis,
    last: UnixMillis,
) -> Result<Vec<(EventTypeName, u64)>, StoreError> {
    let mut counts = std::collections::BTreeMap::<EventTypeName, u64>::new();
    let kept = kept_from(journal)?;
    let partly_gone = minute(kept.time());
    let (from, to) = (minute(first), minute(last));
    let rolled_up = "select name, sum(count) from message_minute join event_type on id = event_type
        where application = ?1 and minute >= ?2 and minute < ?3 group by name";
    let rows = "select name, count(*) from message join event_type on id = event_type
        where application = ?1 and key >= ?2 and key < ?3 group by name";
    for day in reader.days(Day::of(first), Day::of(last)) {
        reader.with(day, |connection| {
            let mut take = |sql: &str, low: i64, high: i64| -> Result<(), StoreError> {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(params![application.0.0, low, high])?;
                while let Some(row) = rows.next()? {
                    *counts.entry(event_type(row)?).or_default() += row.get::<_, u64>(1)?;
                }
                Ok(())
            };
            if (from..=to).contains(&partly_gone) {
                take(rows, kept.0, Key::first_at(minute_start(partly_gone + 1)).0)?;
            }
            take(rolled_up, from.max(partly_gone + 1), to + 1)
        })?;
    }
    Ok(counts.into_iter().collect())
}

fn event_type(row: &Row<'_>) -> Result<EventTypeName, StoreError> {
    let damaged = || StoreError::Corrupt { table: "event_type", key: 0, what: "its name is none".into() };
    EventTypeName::parse(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?).map_err(|_| damaged())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys from `low` to `high`, in milliseconds: the minutes, and what is left.
    fn check(low: i64, high: i64, minutes: (i64, i64), edges: &[(i64, i64)]) {
        let key = |at: i64| Key::first_at(UnixMillis(at));
        let edges = edges.iter().map(|(low, high)| (key(*low), key(*high))).collect();
        assert_eq!(split(key(low), key(high)), Split { minutes, edges }, "{low} to {high}");
    }

    #[test]
    fn a_stretch_is_whole_minutes_with_what_is_left_at_both_ends() {
        check(60_000, 180_000, (1, 3), &[]);
        check(59_999, 180_001, (1, 3), &[(59_999, 60_000), (180_000, 180_001)]);
        check(60_001, 119_999, (0, 0), &[(60_001, 119_999)]);
        check(60_001, 120_000, (2, 2), &[(60_001, 120_000)]);
        check(60_001, 120_001, (2, 2), &[(60_001, 120_000), (120_000, 120_001)]);
        check(60_000, 120_000, (1, 2), &[]);
        check(60_000, 60_000, (0, 0), &[]);
        check(60_001, 60_000, (0, 0), &[]);
    }
}
