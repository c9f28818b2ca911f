//! Rows about endpoints that fail, and what the announcements about a delivery follow from.

use rusqlite::{Connection, params};
use semnal_core::health::Failing;
use semnal_core::id::{DeliveryId, EndpointId, Key};
use semnal_core::operational::AttemptMark;
use semnal_core::time::UnixMillis;

use super::rows::{collect, read_retry};
use crate::error::StoreError;
use crate::outcome::RetryRow;

const PUT_FAILING: &str = "insert into failing (endpoint, since, failures) values (?1, ?2, ?3)
    on conflict (endpoint) do update set since = excluded.since, failures = excluded.failures";

/// Writes what is known about an endpoint's failing, or deletes it.
pub(crate) fn put(
    connection: &Connection,
    endpoint: EndpointId,
    failing: Option<Failing>,
) -> Result<(), StoreError> {
    match failing {
        Some(it) => {
            let parameters = params![endpoint.0.0, it.since.0, it.failures];
            connection.prepare_cached(PUT_FAILING)?.execute(parameters)?;
        }
        None => {
            connection.prepare_cached("delete from failing where endpoint = ?1")?.execute([endpoint.0.0])?;
        }
    }
    Ok(())
}

/// Returns every endpoint that fails.
pub(crate) fn all(connection: &Connection) -> Result<Vec<(EndpointId, Failing)>, StoreError> {
    collect(connection, "select endpoint, since, failures from failing", [], |row| {
        let failing = Failing { since: UnixMillis(row.get(1)?), failures: row.get(2)? };
        Ok((EndpointId(Key(row.get(0)?)), failing))
    })
}

/// Returns the retry row of an endpoint's oldest message, whether it has a time or not.
pub(crate) fn oldest_retry(
    connection: &Connection,
    endpoint: EndpointId,
) -> Result<Option<RetryRow>, StoreError> {
    let sql = "select endpoint, message, ordinal, attempts, step, due_at, trigger_kind, since from retry
        where endpoint = ?1 order by message, ordinal limit 1";
    Ok(collect(connection, sql, [endpoint.0.0], read_retry)?.pop())
}

/// Returns how the attempts of a delivery before `number` ended, oldest first, without what they brought back.
pub(crate) fn marks_before(
    connection: &Connection,
    delivery: DeliveryId,
    number: u16,
) -> Result<Vec<AttemptMark>, StoreError> {
    let sql =
        "select verdict from outcome where message = ?1 and ordinal = ?2 and number < ?3 order by number";
    let parameters = params![delivery.message.0.0, delivery.ordinal, number];
    collect(connection, sql, parameters, |row| {
        Ok(match row.get::<_, i64>(0)? {
            0 => AttemptMark::Delivered,
            2 => AttemptMark::Exhausted,
            _ => AttemptMark::Failed,
        })
    })
}
