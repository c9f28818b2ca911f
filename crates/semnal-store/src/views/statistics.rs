//! Counts: from the roll-ups for whole minutes, from the rows for the rest, so that they equal a recount to the
//! millisecond.

use rusqlite::{Connection, Row, params};
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

/// A time split into the whole minutes in its middle and what is left at both ends.
struct Split {
    /// From the first minute to the one after the last.
    minutes: (i64, i64),
    /// Stretches of milliseconds, both ends inclusive; empty ones are reversed.
    edges: [(UnixMillis, UnixMillis); 2],
}

fn split(first: UnixMillis, last: UnixMillis) -> Split {
    let from = minute(UnixMillis(first.0.saturating_add(59_999)));
    let to = minute(UnixMillis(last.0.saturating_add(1)));
    if from >= to {
        return Split { minutes: (0, 0), edges: [(first, last), (UnixMillis(0), UnixMillis(-1))] };
    }
    let head = (first, UnixMillis(minute_start(from).0 - 1));
    Split { minutes: (from, to), edges: [head, (minute_start(to), last)] }
}

/// Returns from when on a time is to be counted when messages before a key are gone, and the keys before that which are
/// left of the millisecond in which they end.
fn kept(from: Key, first: UnixMillis, last: UnixMillis) -> (UnixMillis, Option<(Key, Key)>) {
    if from <= Key::first_at(first) {
        return (first, None);
    }
    let next = UnixMillis(from.time().0 + 1);
    (next, (from.time() <= last).then(|| (from, Key::first_at(next))))
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
    let (first, partly_gone) = kept(kept_from(journal)?, first, last);
    let Split { minutes: (from, to), edges } = split(first, last);
    let edges = edges.into_iter().filter(|(first, last)| first <= last);
    let edges = edges.map(|(first, last)| (Key::first_at(first), Key::first_at(UnixMillis(last.0 + 1))));
    let edges: Vec<(Key, Key)> = edges.chain(partly_gone).collect();
    let rolled_up = "select state, count from delivery_minute
        where endpoint = ?1 and minute >= ?2 and minute < ?3";
    let rows = "select state, count(*) from delivery
        where endpoint = ?1 and message >= ?2 and message < ?3 group by state";
    for day in reader.days(Day::of(first), Day::of(last)) {
        reader.with(day, |connection| {
            let mut take = |sql: &str, low: i64, high: i64| -> Result<(), StoreError> {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(params![endpoint.0.0, low, high])?;
                while let Some(row) = rows.next()? {
                    counts.add(State::of_code(row.get(0)?).unwrap_or(State::Pending), row.get(1)?);
                }
                Ok(())
            };
            take(rolled_up, from, to)?;
            for (low, high) in edges.iter().copied() {
                let at = minute(low.time());
                let is_whole = minute(Key(high.0 - 1).time()) == at
                    && !outside(connection, endpoint, at, low.0, high.0)?;
                if is_whole { take(rolled_up, at, at + 1)? } else { take(rows, low.0, high.0)? }
            }
            Ok(())
        })?;
    }
    Ok(counts)
}

/// Tells whether a minute has deliveries of an endpoint outside a stretch of keys. That spares counting the rows of the
/// current minute one by one, of which there are many.
fn outside(
    connection: &Connection,
    endpoint: EndpointId,
    minute: i64,
    low: i64,
    high: i64,
) -> Result<bool, StoreError> {
    let (start, end) = (Key::first_at(minute_start(minute)).0, Key::first_at(minute_start(minute + 1)).0);
    let sql = "select exists (select 1 from delivery where endpoint = ?1 and message >= ?2 and message < ?3)
        or exists (select 1 from delivery where endpoint = ?1 and message >= ?4 and message < ?5)";
    let parameters = params![endpoint.0.0, start, low, high, end];
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

    fn check(first: i64, last: i64, minutes: (i64, i64), edges: [(i64, i64); 2]) {
        let it = split(UnixMillis(first), UnixMillis(last));
        assert_eq!(it.minutes, minutes);
        assert_eq!(it.edges.map(|(first, last)| (first.0, last.0)), edges);
    }

    #[test]
    fn a_time_is_whole_minutes_with_what_is_left_at_both_ends() {
        check(60_000, 179_999, (1, 3), [(60_000, 59_999), (180_000, 179_999)]);
        check(59_999, 180_000, (1, 3), [(59_999, 59_999), (180_000, 180_000)]);
        check(60_001, 119_998, (0, 0), [(60_001, 119_998), (0, -1)]);
        check(60_001, 119_999, (0, 0), [(60_001, 119_999), (0, -1)]);
        check(60_000, 119_999, (1, 2), [(60_000, 59_999), (120_000, 119_999)]);
    }
}
