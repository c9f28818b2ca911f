//! The rows of a day's file: each statement next to what it writes, and the roll-ups that move with it.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use semnal_core::id::{ApplicationId, DeliveryId, EndpointId, Key, MessageId};
use semnal_core::name::Channel;
use semnal_core::time::UnixMillis;

use super::apply::State;
use super::day::minute;
use super::durations::Durations;
use super::files::DayFile;
use crate::error::StoreError;
use crate::sqlite::narrow::{Gist, Heading};

/// A delivery to write.
#[derive(Clone, Copy)]
pub(super) struct DeliveryRow<'a> {
    pub(super) id: DeliveryId,
    pub(super) endpoint: EndpointId,
    pub(super) state: State,
    pub(super) heading: &'a Heading,
}

/// An attempt to write.
pub(super) struct AttemptRow<'a> {
    pub(super) gist: &'a Gist,
    pub(super) heading: &'a Heading,
}

impl AttemptRow<'_> {
    /// Returns the row's place in the table.
    pub(super) fn key(&self) -> (EndpointId, UnixMillis, DeliveryId, u16) {
        (self.gist.endpoint, self.gist.started_at, self.gist.id.delivery, self.gist.id.number)
    }
}

/// Roll-ups of one day, to be added to what its file has.
#[derive(Default)]
pub(super) struct Minutes {
    messages: HashMap<(ApplicationId, i64, i64), i64>,
    deliveries: HashMap<(EndpointId, i64, State), i64>,
    attempts: HashMap<(EndpointId, i64), Attempts>,
}

/// The attempts of an endpoint that started within a minute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Attempts {
    pub(super) succeeded: i64,
    pub(super) failed: i64,
    pub(super) durations: Durations,
}

/// Writes a message; tells whether the file did not have it.
pub(super) fn put_message(
    file: &mut DayFile,
    it: &Heading,
    minutes: &mut Minutes,
) -> Result<bool, StoreError> {
    let event_type = file.type_id(&it.event_type)?;
    let sql = "insert into message (application, key, event_type, channels) values (?1, ?2, ?3, ?4)
        on conflict do nothing";
    let row = params![it.application.0.0, it.id.0.0, event_type, channels(it)];
    if file.connection.prepare_cached(sql)?.execute(row)? == 0 {
        return Ok(false);
    }
    let at = (it.application, minute(it.id.0.time()), event_type);
    *minutes.messages.entry(at).or_default() += 1;
    Ok(true)
}

/// Writes a delivery. `is_new` says that the file cannot have it yet.
pub(super) fn put_delivery(
    file: &mut DayFile,
    it: DeliveryRow<'_>,
    is_new: bool,
    minutes: &mut Minutes,
) -> Result<(), StoreError> {
    let old = if is_new { None } else { state_of(&file.connection, it.endpoint, it.id)? };
    if old == Some(it.state) {
        return Ok(());
    }
    let at = minute(it.id.message.0.time());
    let mut count = |state, by| *minutes.deliveries.entry((it.endpoint, at, state)).or_default() += by;
    count(it.state, 1);
    if let Some(old) = old {
        count(old, -1);
        let sql = "update delivery set state = ?4 where endpoint = ?1 and message = ?2 and ordinal = ?3";
        let row = params![it.endpoint.0.0, it.id.message.0.0, it.id.ordinal, it.state.code()];
        file.connection.prepare_cached(sql)?.execute(row)?;
        return Ok(());
    }
    let event_type = file.type_id(&it.heading.event_type)?;
    let sql = "insert into delivery (endpoint, message, ordinal, application, state, event_type, channels)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    file.connection.prepare_cached(sql)?.execute(params![
        it.endpoint.0.0,
        it.id.message.0.0,
        it.id.ordinal,
        it.heading.application.0.0,
        it.state.code(),
        event_type,
        channels(it.heading),
    ])?;
    Ok(())
}

/// Writes an attempt, unless the file has it.
pub(super) fn put_attempt(
    file: &mut DayFile,
    it: &AttemptRow<'_>,
    minutes: &mut Minutes,
) -> Result<(), StoreError> {
    let event_type = file.type_id(&it.heading.event_type)?;
    let success = it.gist.is_success();
    let sql = "insert into attempt
        (endpoint, started_at, message, ordinal, number, success, status, event_type, channels)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) on conflict do nothing";
    let row = params![
        it.gist.endpoint.0.0,
        it.gist.started_at.0,
        it.gist.id.delivery.message.0.0,
        it.gist.id.delivery.ordinal,
        it.gist.id.number,
        success,
        it.gist.status,
        event_type,
        channels(it.heading),
    ];
    if file.connection.prepare_cached(sql)?.execute(row)? == 1 {
        let at = (it.gist.endpoint, minute(it.gist.started_at));
        minutes.attempts.entry(at).or_default().add(it.gist);
    }
    Ok(())
}

impl Attempts {
    pub(super) fn add(&mut self, gist: &Gist) {
        self.succeeded += i64::from(gist.is_success());
        self.failed += i64::from(!gist.is_success());
        self.durations.add(gist.total_us);
    }
}

impl Minutes {
    /// Adds everything to the file's roll-ups.
    pub(super) fn write(self, file: &DayFile) -> Result<(), StoreError> {
        let connection = &file.connection;
        for ((application, minute, event_type), count) in self.messages {
            let sql = "insert into message_minute (application, minute, event_type, count)
                values (?1, ?2, ?3, ?4) on conflict do update set count = count + excluded.count";
            let row = params![application.0.0, minute, event_type, count];
            connection.prepare_cached(sql)?.execute(row)?;
        }
        for ((endpoint, minute, state), count) in self.deliveries.into_iter().filter(|(_, by)| *by != 0) {
            let sql = "insert into delivery_minute (endpoint, minute, state, count)
                values (?1, ?2, ?3, ?4) on conflict do update set count = count + excluded.count";
            connection.prepare_cached(sql)?.execute(params![endpoint.0.0, minute, state.code(), count])?;
        }
        for ((endpoint, minute), mut more) in self.attempts {
            if let Some(old) = attempts_of(connection, endpoint, minute)? {
                more.succeeded += old.succeeded;
                more.failed += old.failed;
                more.durations.merge(&old.durations);
            }
            let sql = "insert into attempt_minute (endpoint, minute, succeeded, failed, durations)
                values (?1, ?2, ?3, ?4, ?5) on conflict do update set succeeded = excluded.succeeded,
                failed = excluded.failed, durations = excluded.durations";
            let durations = more.durations.encode();
            let row = params![endpoint.0.0, minute, more.succeeded, more.failed, durations];
            connection.prepare_cached(sql)?.execute(row)?;
        }
        Ok(())
    }
}

fn attempts_of(
    connection: &Connection,
    endpoint: EndpointId,
    minute: i64,
) -> Result<Option<Attempts>, StoreError> {
    let sql = "select succeeded, failed, durations from attempt_minute where endpoint = ?1 and minute = ?2";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![endpoint.0.0, minute], |row| Ok((row.get(0)?, row.get(1)?, durations(row, 2)?)))
        .optional()?;
    Ok(found.map(|(succeeded, failed, durations)| Attempts { succeeded, failed, durations }))
}

/// Reads a column with durations; one that is damaged counts as an error of the database.
pub(super) fn durations(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Durations> {
    let bytes = row.get_ref(at)?.as_blob()?;
    let damaged = || {
        let what = "durations are not what was written".into();
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Blob, what)
    };
    Durations::decode(bytes).ok_or_else(damaged)
}

pub(super) fn state_of(
    connection: &Connection,
    endpoint: EndpointId,
    id: DeliveryId,
) -> Result<Option<State>, StoreError> {
    let sql = "select state from delivery where endpoint = ?1 and message = ?2 and ordinal = ?3";
    let key = params![endpoint.0.0, id.message.0.0, id.ordinal];
    let code: Option<i64> = connection.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
    let damaged = || StoreError::Corrupt {
        table: "delivery",
        key: id.message.0.0,
        what: "its state is none of ours".into(),
    };
    code.map(|code| State::of_code(code).ok_or_else(damaged)).transpose()
}

/// Returns deliveries of an endpoint that the file has as pending, oldest message first.
pub(super) fn pending_of(
    connection: &Connection,
    endpoint: EndpointId,
    after: Option<DeliveryId>,
    limit: usize,
) -> Result<Vec<DeliveryId>, StoreError> {
    let sql = "select message, ordinal from delivery
        where endpoint = ?1 and (message, ordinal) > (?2, ?3) and state <> 0 and state = 1
        order by message, ordinal limit ?4";
    let (message, ordinal) = after.map_or((-1, 0), |id| (id.message.0.0, id.ordinal));
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(params![endpoint.0.0, message, ordinal, limit], |row| {
        Ok(DeliveryId { message: MessageId(Key(row.get(0)?)), ordinal: row.get(1)? })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Channels stand in one column, each between spaces, so that one of them is found as ` name `.
fn channels(it: &Heading) -> Option<String> {
    let names = it.channels.iter().map(Channel::as_str);
    (!it.channels.is_empty()).then(|| names.fold(" ".to_owned(), |all, name| all + name + " "))
}
