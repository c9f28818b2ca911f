//! The proof that the views equal a recount: every row that the journal calls for is there and says the same, there are
//! no others, and every roll-up is the sum of its rows.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params};
use semnal_core::id::{EndpointId, Key, MessageId};

use super::apply::State;
use super::day::{Day, minute, minute_start};
use super::durations::Durations;
use super::rebuild::states;
use super::rows::durations;
use crate::error::StoreError;
use crate::read::Reader;
use crate::sqlite::narrow::{Gist, Heading};

/// Messages read at once.
const BATCH_MESSAGES: usize = 1_000;
/// Milliseconds of a minute above the sequence of a key: a key divided by this is its minute.
const KEYS_PER_MINUTE: i64 = 60_000 << 21;

/// The journal and the views as of one position of the feed.
pub(crate) struct Standing {
    pub(crate) journal: Reader,
    pub(crate) files: Vec<(Day, Connection)>,
}

/// What differs, as sentences.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    pub(crate) found: Vec<String>,
    pub(crate) count: u64,
}

/// 100 differences are described; the rest are counted.
const DESCRIBED_MAX: usize = 100;

impl Differences {
    fn note(&mut self, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.found.len() < DESCRIBED_MAX {
            self.found.push(what());
        }
    }
}

struct Audit<'a> {
    standing: &'a Standing,
    /// Rows of older messages are of such as are gone.
    oldest: MessageId,
    days: HashMap<Day, &'a Connection>,
    differences: Differences,
    messages: i64,
    deliveries: i64,
    attempts: i64,
    /// Attempts of one day, added up for its roll-ups.
    rolled: BTreeMap<(Day, EndpointId, i64), (i64, i64, Durations)>,
}

/// Compares the views with the journal.
pub(crate) fn audit(standing: &Standing) -> Result<Differences, StoreError> {
    let source = standing.journal.source();
    let oldest = MessageId(source.first_message()?.unwrap_or(Key(i64::MAX)));
    let mut audit = Audit {
        standing,
        oldest,
        days: standing.files.iter().map(|(day, connection)| (*day, connection)).collect(),
        differences: Differences::default(),
        messages: 0,
        deliveries: 0,
        attempts: 0,
        rolled: BTreeMap::new(),
    };
    let mut from = Key(0);
    loop {
        let headings = source.headings(MessageId(from), MessageId(Key(i64::MAX)), BATCH_MESSAGES)?;
        let (Some(first), Some(last)) = (headings.first(), headings.last()) else { break };
        let (first, last) = (first.id, last.id);
        audit.headings(&headings)?;
        for (id, endpoint, state) in states(&source, &headings, first, last)? {
            audit.delivery(id, endpoint, state)?;
        }
        let known =
            |gist: &Gist| headings.binary_search_by_key(&gist.id.delivery.message, |it| it.id).is_ok();
        for gist in source.gists(first, last)?.iter().filter(|gist| known(gist)) {
            audit.attempt(gist)?;
        }
        from = Key(last.0.0 + 1);
    }
    audit.totals(oldest)?;
    audit.roll_ups()?;
    Ok(audit.differences)
}

impl Audit<'_> {
    fn day(&mut self, day: Day) -> Option<&Connection> {
        let found = self.days.get(&day).copied();
        if found.is_none() {
            self.differences.note(|| format!("the file of {day:?} is missing"));
        }
        found
    }

    fn headings(&mut self, headings: &[Heading]) -> Result<(), StoreError> {
        for it in headings {
            self.messages += 1;
            let Some(file) = self.day(Day::of(it.id.0.time())) else { continue };
            let sql = "select count(*) from message join event_type on id = event_type
                where application = ?1 and key = ?2 and name = ?3";
            let row = params![it.application.0.0, it.id.0.0, it.event_type.as_str()];
            let count: i64 = file.prepare_cached(sql)?.query_row(row, |row| row.get(0))?;
            if count != 1 {
                self.differences.note(|| format!("message {:?} is not listed", it.id));
            }
        }
        Ok(())
    }

    fn delivery(
        &mut self,
        id: semnal_core::id::DeliveryId,
        endpoint: EndpointId,
        state: State,
    ) -> Result<(), StoreError> {
        self.deliveries += 1;
        let Some(file) = self.day(Day::of(id.message.0.time())) else { return Ok(()) };
        let found = super::rows::state_of(file, endpoint, id)?;
        if found != Some(state) {
            self.differences.note(|| format!("{id:?} to {endpoint:?} is {state:?} and listed as {found:?}"));
        }
        Ok(())
    }

    fn attempt(&mut self, it: &Gist) -> Result<(), StoreError> {
        self.attempts += 1;
        let day = Day::of(it.started_at);
        let Some(file) = self.day(day) else { return Ok(()) };
        let sql = "select count(*) from attempt where endpoint = ?1 and started_at = ?2 and message = ?3
            and ordinal = ?4 and number = ?5 and success = ?6 and status is ?7";
        let row = params![
            it.endpoint.0.0,
            it.started_at.0,
            it.id.delivery.message.0.0,
            it.id.delivery.ordinal,
            it.id.number,
            it.is_success(),
            it.status,
        ];
        let count: i64 = file.prepare_cached(sql)?.query_row(row, |row| row.get(0))?;
        if count != 1 {
            self.differences.note(|| format!("attempt {:?} is not listed as it ended", it.id));
        }
        let rolled = self.rolled.entry((day, it.endpoint, minute(it.started_at))).or_default();
        rolled.0 += i64::from(it.is_success());
        rolled.1 += i64::from(!it.is_success());
        rolled.2.add(it.total_us);
        Ok(())
    }

    /// Every row that the journal calls for was met; when there are as many rows, there are no others.
    fn totals(&mut self, oldest: MessageId) -> Result<(), StoreError> {
        for (table, key, expected) in [
            ("message", "key", self.messages),
            ("delivery", "message", self.deliveries),
            ("attempt", "message", self.attempts),
        ] {
            let sql = format!("select count(*) from {table} where {key} >= ?1");
            let mut found = 0;
            for (_, file) in &self.standing.files {
                found += file.query_row(&sql, [oldest.0.0], |row| row.get::<_, i64>(0))?;
            }
            if found != expected {
                self.differences.note(|| format!("{found} rows of {table} are listed, {expected} exist"));
            }
        }
        Ok(())
    }

    fn roll_ups(&mut self) -> Result<(), StoreError> {
        for (day, file) in &self.standing.files {
            for (table, sql) in [
                (
                    "message_minute",
                    "select application, minute, event_type, count from message_minute where count <> 0
                     except
                     select application, key / ?1, event_type, count(*) from message group by 1, 2, 3",
                ),
                (
                    "message_minute",
                    "select application, key / ?1, event_type, count(*) from message group by 1, 2, 3
                     except select application, minute, event_type, count from message_minute",
                ),
                (
                    "delivery_minute",
                    "select endpoint, minute, state, count from delivery_minute where count <> 0
                     except select endpoint, message / ?1, state, count(*) from delivery group by 1, 2, 3",
                ),
                (
                    "delivery_minute",
                    "select endpoint, message / ?1, state, count(*) from delivery group by 1, 2, 3
                     except select endpoint, minute, state, count from delivery_minute",
                ),
            ] {
                let sql = format!("select count(*) from ({sql})");
                let wrong: i64 = file.query_row(&sql, [KEYS_PER_MINUTE], |row| row.get(0))?;
                if wrong != 0 {
                    self.differences
                        .note(|| format!("{wrong} rows of {table} of {day:?} are not the sum of theirs"));
                }
            }
            self.attempt_roll_ups(*day, file)?;
        }
        for ((day, endpoint, minute), _) in std::mem::take(&mut self.rolled) {
            self.differences.note(|| format!("attempts of {endpoint:?} at {minute} of {day:?} are missing"));
        }
        Ok(())
    }

    /// Tells whether a roll-up that differs from the journal is right nevertheless: some of its attempts are those of
    /// messages that are gone, and it is the sum of the rows that the file has.
    fn has_gone(
        &self,
        file: &Connection,
        endpoint: EndpointId,
        minute: i64,
        (succeeded, failed, durations): &(i64, i64, Durations),
    ) -> Result<bool, StoreError> {
        let (start, end) = (minute_start(minute), minute_start(minute + 1));
        let sql = "select coalesce(sum(success), 0), count(*), coalesce(sum(message < ?4), 0) from attempt
            where endpoint = ?1 and started_at >= ?2 and started_at < ?3";
        let row = params![endpoint.0.0, start.0, end.0, self.oldest.0.0];
        let (successes, all, gone): (i64, i64, i64) =
            file.prepare_cached(sql)?.query_row(row, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let timed = i64::try_from(durations.count()).unwrap_or(i64::MAX);
        Ok(gone > 0 && successes == *succeeded && all == succeeded + failed && timed == all)
    }

    fn attempt_roll_ups(&mut self, day: Day, file: &Connection) -> Result<(), StoreError> {
        let mut statement =
            file.prepare("select endpoint, minute, succeeded, failed, durations from attempt_minute")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (endpoint, minute) = (EndpointId(Key(row.get(0)?)), row.get(1)?);
            let found = (row.get(2)?, row.get(3)?, durations(row, 4)?);
            let expected = self.rolled.remove(&(day, endpoint, minute));
            if expected.as_ref() != Some(&found) && !self.has_gone(file, endpoint, minute, &found)? {
                self.differences
                    .note(|| format!("attempts of {endpoint:?} at minute {minute} are not added up right"));
            }
        }
        Ok(())
    }
}
