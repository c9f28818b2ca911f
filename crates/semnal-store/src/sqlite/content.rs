//! Rows that take something back: deliveries that were called off, content that was overwritten, messages whose
//! retention passed. Each statement next to its row mapping.
//!
//! Content is overwritten by as many zeros, so that SQLite changes its pages where they are: a shorter row would be
//! moved, and what moves leaves copies behind.

use rusqlite::{Connection, params};
use semnal_core::id::{AttemptId, DeliveryId, Key, MessageId};
use semnal_core::time::UnixMillis;

use super::rows::collect;
use crate::called_off::{CalledOffRow, Reason};
use crate::error::StoreError;
use crate::outcome::EXPUNGED;

pub(crate) fn put_called_off(connection: &Connection, it: &CalledOffRow) -> Result<(), StoreError> {
    let sql = "insert into called_off (message, ordinal, reason, attempts, at) values (?1, ?2, ?3, ?4, ?5)";
    let DeliveryId { message, ordinal } = it.delivery;
    let parameters = params![message.0.0, ordinal, it.reason.number(), it.attempts, it.at.0];
    connection.prepare_cached(sql)?.execute(parameters)?;
    Ok(())
}

pub(crate) fn delete_called_off(connection: &Connection, delivery: DeliveryId) -> Result<(), StoreError> {
    let sql = "delete from called_off where message = ?1 and ordinal = ?2";
    connection.prepare_cached(sql)?.execute(params![delivery.message.0.0, delivery.ordinal])?;
    Ok(())
}

/// Returns the rows of the messages in a key range, in the order of message and ordinal.
pub(crate) fn called_off(
    connection: &Connection,
    first: MessageId,
    last: MessageId,
) -> Result<Vec<CalledOffRow>, StoreError> {
    let sql = "select message, ordinal, reason, attempts, at from called_off where message between ?1 and ?2
        order by message, ordinal";
    collect(connection, sql, params![first.0.0, last.0.0], |row| {
        let key: i64 = row.get(0)?;
        let unknown = || StoreError::Corrupt { table: "called_off", key, what: "unknown reason".to_owned() };
        Ok(CalledOffRow {
            delivery: DeliveryId { message: MessageId(Key(key)), ordinal: row.get(1)? },
            reason: Reason::from_number(row.get(2)?).ok_or_else(unknown)?,
            attempts: row.get(3)?,
            at: UnixMillis(row.get(4)?),
        })
    })
}

/// Overwrites a message's payload and marks it as gone.
pub(crate) fn expunge_payload(connection: &Connection, message: MessageId) -> Result<(), StoreError> {
    let sql = "update message set payload = zeroblob(length(payload)), payload_gone = 1 where key = ?1";
    connection.prepare_cached(sql)?.execute([message.0.0])?;
    Ok(())
}

/// Overwrites what is kept of an attempt's response, and then puts the fixed text in its place: the first statement
/// changes the bytes where they are, the second may move the row.
pub(crate) fn expunge_response(connection: &Connection, attempt: AttemptId) -> Result<(), StoreError> {
    let AttemptId { delivery: DeliveryId { message, ordinal }, number } = attempt;
    let zeros = "update outcome set response_headers = zeroblob(length(response_headers)),
        response_body = zeroblob(length(response_body)) where message = ?1 and ordinal = ?2 and number = ?3";
    connection.prepare_cached(zeros)?.execute(params![message.0.0, ordinal, number])?;
    let text = "update outcome set response_headers = null, response_body = ?4,
        detail = iif(detail is null, null, '') where message = ?1 and ordinal = ?2 and number = ?3";
    connection.prepare_cached(text)?.execute(params![message.0.0, ordinal, number, EXPUNGED])?;
    Ok(())
}

pub(crate) fn put_payload_expiry(
    connection: &Connection,
    at: UnixMillis,
    message: MessageId,
) -> Result<(), StoreError> {
    let sql = "insert into payload_expiry (at, message) values (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![at.0, message.0.0])?;
    Ok(())
}

pub(crate) fn delete_payload_expiry(
    connection: &Connection,
    at: UnixMillis,
    message: MessageId,
) -> Result<(), StoreError> {
    let sql = "delete from payload_expiry where at = ?1 and message = ?2";
    connection.prepare_cached(sql)?.execute(params![at.0, message.0.0])?;
    Ok(())
}

/// Returns the messages whose payloads expire after a row, in the order of time and key.
pub(crate) fn payload_expiries(
    connection: &Connection,
    after: Option<(UnixMillis, MessageId)>,
    limit: usize,
) -> Result<Vec<(UnixMillis, MessageId)>, StoreError> {
    let sql =
        "select at, message from payload_expiry where (at, message) > (?1, ?2) order by at, message limit ?3";
    let (at, message) = after.map_or((i64::MIN, 0), |(at, message)| (at.0, message.0.0));
    collect(connection, sql, params![at, message, limit], |row| {
        Ok((UnixMillis(row.get(0)?), MessageId(Key(row.get(1)?))))
    })
}

pub(crate) fn first_message(connection: &Connection) -> Result<Option<Key>, StoreError> {
    let key: Option<i64> = connection.query_row("select min(key) from message", [], |row| row.get(0))?;
    Ok(key.map(Key))
}

/// Deletes the messages up to a key with everything that is kept under their keys. The caller has deleted their retry
/// rows, and bounds how many there are.
pub(crate) fn delete_through(connection: &Connection, last: Key) -> Result<(), StoreError> {
    let statements = [
        "delete from outcome where message <= ?1",
        "delete from added_delivery where message <= ?1",
        "delete from called_off where message <= ?1",
        "delete from message where key <= ?1",
    ];
    for sql in statements {
        connection.prepare_cached(sql)?.execute([last.0])?;
    }
    Ok(())
}
