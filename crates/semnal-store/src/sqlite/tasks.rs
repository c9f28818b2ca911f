//! The rows of background tasks.

use rusqlite::{Connection, Row, params};
use semnal_core::id::{ApplicationId, DeliveryId, EndpointId, Key, MessageId, OrganisationId, TaskId};
use semnal_core::time::UnixMillis;

use super::rows::collect;
use crate::error::StoreError;
use crate::task::{Selection, Task, TaskFilter, TaskKind, TaskStatus};
use crate::views::filter::{Direction, Slice};

const COLUMNS: &str = "key, organisation, application, endpoint, kind, status, parameters, cursor_message,
    cursor_ordinal, done, sent, total, result, error, asked_by, created_at, updated_at";

/// Writes a task over its row.
pub(crate) fn put(connection: &Connection, it: &Task) -> Result<(), StoreError> {
    let sql = format!(
        "insert or replace into task ({COLUMNS})
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    );
    connection.prepare_cached(&sql)?.execute(params![
        it.id.0.0,
        it.organisation.0.0,
        it.application.map(|id| id.0.0),
        it.endpoint.map(|id| id.0.0),
        it.kind.as_str(),
        it.status.as_str(),
        it.selection.to_json(),
        it.cursor.map(|id| id.message.0.0),
        it.cursor.map(|id| id.ordinal),
        it.done,
        it.sent,
        it.total,
        it.result,
        it.error,
        it.asked_by,
        it.created_at.0,
        it.updated_at.0,
    ])?;
    Ok(())
}

/// Deletes ended tasks with lower keys.
pub(crate) fn delete_ended_before(connection: &Connection, key: Key) -> Result<(), StoreError> {
    let sql = "delete from task where key < ?1 and status <> 'running'";
    connection.prepare_cached(sql)?.execute([key.0])?;
    Ok(())
}

/// Returns a task.
pub(crate) fn task(connection: &Connection, id: TaskId) -> Result<Option<Task>, StoreError> {
    let sql = format!("select {COLUMNS} from task where key = ?1");
    Ok(collect(connection, &sql, [id.0.0], read)?.pop())
}

/// Returns running tasks, oldest first.
pub(crate) fn running(connection: &Connection, limit: usize) -> Result<Vec<Task>, StoreError> {
    let sql = format!("select {COLUMNS} from task where status = 'running' order by key limit ?1");
    collect(connection, &sql, [limit], read)
}

/// Returns the greatest key of a task.
pub(crate) fn last(connection: &Connection) -> Result<Option<Key>, StoreError> {
    let key: Option<i64> = connection.query_row("select max(key) from task", [], |row| row.get(0))?;
    Ok(key.map(Key))
}

/// Returns tasks of an organisation in the order of the slice, one more than its limit when there are more.
pub(crate) fn list(
    connection: &Connection,
    filter: &TaskFilter,
    slice: &Slice<TaskId>,
) -> Result<Vec<Task>, StoreError> {
    let (low, high, order) = match (slice.direction, slice.from) {
        (Direction::Older, from) => (i64::MIN, from.map_or(i64::MAX, |id| id.0.0), "desc"),
        (Direction::Newer, from) => (from.map_or(i64::MIN, |id| id.0.0), i64::MAX, "asc"),
    };
    let sql = format!(
        "select {COLUMNS} from task where organisation = ?1 and key > ?2 and key < ?3
         and (?4 is null or application = ?4) and (?5 is null or kind = ?5)
         and (?6 is null or instr(?6, ' ' || status || ' ')) order by key {order} limit ?7"
    );
    let names: Vec<&str> = filter.statuses.iter().map(|status| status.as_str()).collect();
    let statuses = (!names.is_empty()).then(|| format!(" {} ", names.join(" ")));
    let parameters = params![
        filter.organisation.0.0,
        low,
        high,
        filter.application.map(|id| id.0.0),
        filter.kind.map(TaskKind::as_str),
        statuses,
        slice.limit + 1,
    ];
    collect(connection, &sql, parameters, read)
}

fn read(row: &Row<'_>) -> Result<Task, StoreError> {
    let key: i64 = row.get(0)?;
    let corrupt = |what: String| StoreError::Corrupt { table: "task", key, what };
    let (kind, status, parameters): (String, String, String) = (row.get(4)?, row.get(5)?, row.get(6)?);
    let cursor = match (row.get::<_, Option<i64>>(7)?, row.get::<_, Option<u16>>(8)?) {
        (Some(message), Some(ordinal)) => Some(DeliveryId { message: MessageId(Key(message)), ordinal }),
        _ => None,
    };
    Ok(Task {
        id: TaskId(Key(key)),
        organisation: OrganisationId(Key(row.get(1)?)),
        application: row.get::<_, Option<i64>>(2)?.map(|key| ApplicationId(Key(key))),
        endpoint: row.get::<_, Option<i64>>(3)?.map(|key| EndpointId(Key(key))),
        kind: TaskKind::parse(&kind).ok_or_else(|| corrupt(format!("unknown kind {kind}")))?,
        status: TaskStatus::parse(&status).ok_or_else(|| corrupt(format!("unknown status {status}")))?,
        selection: Selection::from_json(&parameters).map_err(corrupt)?,
        cursor,
        done: row.get(9)?,
        sent: row.get(10)?,
        total: row.get(11)?,
        result: row.get(12)?,
        error: row.get(13)?,
        asked_by: row.get(14)?,
        created_at: UnixMillis(row.get(15)?),
        updated_at: UnixMillis(row.get(16)?),
    })
}
