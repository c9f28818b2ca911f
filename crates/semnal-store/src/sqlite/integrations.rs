//! Rows of the numbered lists of webhooks. Read as a whole at start, written by the writer thread through
//! [`super::configuration`]; what each change means is [`semnal_core::integration`]'s to say, and done here alike.

use rusqlite::{Connection, Row, params};
use semnal_core::configuration::Change;
use semnal_core::id::{ApplicationId, EndpointId, Key};
use semnal_core::integration::Integration;
use semnal_core::time::UnixMillis;

use super::configuration::each;
use crate::error::StoreError;

/// Removes what says nothing any more; the greatest number of each list stays, and what was imported.
const CLEAR: &str = "delete from integration where application = ?1 and endpoint is null and gone_at is null
    and imported_from is null and number < (select max(number) from integration where application = ?1)";

pub(super) fn put(connection: &Connection, it: &Integration) -> Result<(), StoreError> {
    let sql = "insert into integration (application, number, endpoint, service, hidden, migrated_from, imported_from,
        count_offset, gone_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        on conflict (application, number) do update set endpoint = excluded.endpoint, service = excluded.service,
        hidden = excluded.hidden, migrated_from = excluded.migrated_from, imported_from = excluded.imported_from,
        count_offset = excluded.count_offset, gone_at = excluded.gone_at";
    connection.prepare_cached(sql)?.execute(params![
        it.application.0.0,
        it.number,
        it.endpoint.map(|id| id.0.0),
        it.service,
        it.hidden,
        it.migrated_from,
        it.imported_from,
        it.count_offset,
        it.gone_at.map(|at| at.0),
    ])?;
    clear(connection, it.application)
}

pub(super) fn forget(
    connection: &Connection,
    application: ApplicationId,
    number: u32,
) -> Result<(), StoreError> {
    let sql = "update integration set endpoint = null, gone_at = null where application = ?1 and number = ?2";
    connection.execute(sql, params![application.0.0, number])?;
    clear(connection, application)
}

pub(super) fn endpoint_deleted(connection: &Connection, id: EndpointId) -> Result<(), StoreError> {
    let sql = "update integration set endpoint = null where endpoint = ?1 returning application";
    let mut statement = connection.prepare_cached(sql)?;
    let lists = statement.query_map([id.0.0], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    lists.into_iter().try_for_each(|key| clear(connection, ApplicationId(Key(key))))
}

pub(super) fn delete_all(connection: &Connection, application: ApplicationId) -> Result<(), StoreError> {
    connection.execute("delete from integration where application = ?1", [application.0.0])?;
    Ok(())
}

fn clear(connection: &Connection, application: ApplicationId) -> Result<(), StoreError> {
    connection.prepare_cached(CLEAR)?.execute([application.0.0])?;
    Ok(())
}

pub(super) fn load(connection: &Connection, all: &mut Vec<Change>) -> Result<(), StoreError> {
    let sql =
        "select application, number, endpoint, service, hidden, migrated_from, imported_from, count_offset,
        gone_at from integration order by application, number";
    each(connection, sql, |row| {
        all.push(Change::PutIntegration(Box::new(read(row)?)));
        Ok(())
    })
}

fn read(row: &Row<'_>) -> Result<Integration, StoreError> {
    Ok(Integration {
        application: ApplicationId(Key(row.get(0)?)),
        number: row.get(1)?,
        endpoint: row.get::<_, Option<i64>>(2)?.map(|key| EndpointId(Key(key))),
        service: row.get(3)?,
        hidden: row.get(4)?,
        migrated_from: row.get(5)?,
        imported_from: row.get(6)?,
        count_offset: row.get(7)?,
        gone_at: row.get::<_, Option<i64>>(8)?.map(UnixMillis),
    })
}
