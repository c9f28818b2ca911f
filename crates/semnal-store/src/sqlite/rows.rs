//! Messages, outcomes and retry rows: each statement next to its row mapping.

use std::net::SocketAddr;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};
use semnal_core::attempt::{AttemptEnd, Cause, Phases};
use semnal_core::delivery::Progress;
use semnal_core::id::{ApplicationId, AttemptId, DeliveryId, EndpointId, Key, MessageId};
use semnal_core::name::{Channel, EventTypeName, Uid};
use semnal_core::time::UnixMillis;

use crate::error::StoreError;
use crate::message::{FingerprintRow, Matched, Message};
use crate::outcome::{DueCursor, Outcome, RetryCount, RetryRow, Trigger, Verdict};

const INSERT_MESSAGE: &str =
    "insert into message (key, partition, application, event_type, event_id, channels,
    endpoints, idempotency, event_fingerprint, payload) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const MESSAGE_COLUMNS: &str = "key, application, event_type, event_id, channels, endpoints, idempotency,
    event_fingerprint, payload, payload_gone";

pub(crate) fn insert_message(connection: &Connection, it: &Message) -> Result<(), StoreError> {
    let channels: Option<String> = (!it.channels.is_empty())
        .then(|| it.channels.iter().map(Channel::as_str).collect::<Vec<_>>().join(" "));
    connection.prepare_cached(INSERT_MESSAGE)?.execute(params![
        it.id.0.0,
        it.application.partition(),
        it.application.0.0,
        it.event_type.as_str(),
        it.event_id.as_ref().map(Uid::as_str),
        channels,
        encode_endpoints(&it.endpoints),
        it.idempotency,
        it.event_fingerprint,
        it.payload.as_ref(),
    ])?;
    Ok(())
}

pub(crate) fn message(connection: &Connection, id: MessageId) -> Result<Option<Message>, StoreError> {
    let sql = format!("select {MESSAGE_COLUMNS} from message where key = ?1");
    let found =
        connection.prepare_cached(&sql)?.query_row([id.0.0], |row| Ok(read_message(row))).optional()?;
    found.transpose()
}

/// Returns what messages with a key of at least `from` matched, oldest first, without reading their payloads: the
/// length stands before them, and whether they are gone behind them without a byte of its own.
pub(crate) fn matched_from(
    connection: &Connection,
    from: Key,
    limit: usize,
) -> Result<Vec<Matched>, StoreError> {
    let sql = "select key, endpoints, length(payload), payload_gone from message where key >= ?1 order by key limit ?2";
    collect(connection, sql, params![from.0, limit], |row| {
        let id = MessageId(Key(row.get(0)?));
        let endpoints = read_endpoints(id.0, row.get_ref(1)?)?;
        let payload_gone = row.get::<_, Option<bool>>(3)?.unwrap_or(false);
        Ok(Matched { id, endpoints, payload_bytes: row.get(2)?, payload_gone })
    })
}

pub(super) fn read_event_type(key: Key, column: ValueRef<'_>) -> Result<EventTypeName, StoreError> {
    let corrupt = |what: String| StoreError::Corrupt { table: "message", key: key.0, what };
    let text = column.as_str().map_err(|e| corrupt(e.to_string()))?;
    EventTypeName::parse(text).map_err(|e| corrupt(format!("event type {e}")))
}

pub(super) fn read_channels(column: Option<&str>) -> Result<Vec<Channel>, String> {
    let names = column.unwrap_or("").split_whitespace().map(Channel::parse);
    names.collect::<Result<_, _>>().map_err(|e| format!("channel {e}"))
}

/// Returns the fingerprints of messages after a key: (key, idempotency, event id).
pub(crate) fn fingerprints_after(
    connection: &Connection,
    after: Key,
    limit: usize,
) -> Result<Vec<FingerprintRow>, StoreError> {
    let sql = "select key, idempotency, event_fingerprint from message where key > ?1 order by key limit ?2";
    collect(connection, sql, params![after.0, limit], |row| Ok((Key(row.get(0)?), row.get(1)?, row.get(2)?)))
}

pub(crate) fn last_message(connection: &Connection) -> Result<Option<Key>, StoreError> {
    let key: Option<i64> = connection.query_row("select max(key) from message", [], |row| row.get(0))?;
    Ok(key.map(Key))
}

fn read_message(row: &Row<'_>) -> Result<Message, StoreError> {
    let key: i64 = row.get(0)?;
    let corrupt = |what: String| StoreError::Corrupt { table: "message", key, what };
    let event_id: Option<String> = row.get(3)?;
    Ok(Message {
        id: MessageId(Key(key)),
        application: ApplicationId(Key(row.get(1)?)),
        event_type: read_event_type(Key(key), row.get_ref(2)?)?,
        event_id: event_id.map(|id| Uid::parse(&id)).transpose().map_err(|e| corrupt(e.to_string()))?,
        channels: read_channels(row.get_ref(4)?.as_str_or_null().map_err(|e| corrupt(e.to_string()))?)
            .map_err(corrupt)?,
        endpoints: read_endpoints(Key(key), row.get_ref(5)?)?,
        idempotency: row.get(6)?,
        event_fingerprint: row.get(7)?,
        payload: match row.get::<_, Option<bool>>(9)? {
            Some(true) => bytes::Bytes::new(),
            _ => row.get::<_, Vec<u8>>(8)?.into(),
        },
    })
}

fn encode_endpoints(endpoints: &[EndpointId]) -> Vec<u8> {
    endpoints.iter().flat_map(|id| id.0.0.to_be_bytes()).collect()
}

pub(super) fn read_endpoints(message: Key, column: ValueRef<'_>) -> Result<Vec<EndpointId>, StoreError> {
    let corrupt = |what: String| StoreError::Corrupt { table: "message", key: message.0, what };
    let (keys, rest) = column.as_blob().map_err(|e| corrupt(e.to_string()))?.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(corrupt("endpoints are not whole keys".into()));
    }
    Ok(keys.iter().map(|k| EndpointId(Key(i64::from_be_bytes(*k)))).collect())
}

const INSERT_OUTCOME: &str =
    "insert into outcome (message, ordinal, number, endpoint, url, started_at, status, cause,
    detail, verdict, next_at, trigger_kind, address, dns_us, connect_us, tls_us, wait_us, total_us,
    response_truncated, response_headers, response_body)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)";
const OUTCOME_COLUMNS: &str =
    "message, ordinal, number, endpoint, url, started_at, status, cause, detail, verdict,
    next_at, trigger_kind, address, dns_us, connect_us, tls_us, wait_us, total_us, response_truncated,
    response_headers, response_body";

pub(crate) fn insert_outcome(connection: &Connection, it: &Outcome) -> Result<(), StoreError> {
    let (cause, detail) = match &it.end {
        AttemptEnd::Answered(_) => (None, None),
        AttemptEnd::Failed { cause, detail } => (Some(cause.code()), Some(detail.as_str())),
    };
    let (verdict, next_at) = match it.verdict {
        Verdict::Delivered => (0, None),
        Verdict::RetryAt(at) => (1, Some(at.0)),
        Verdict::Exhausted => (2, None),
        Verdict::Held => (3, None),
    };
    connection.prepare_cached(INSERT_OUTCOME)?.execute(params![
        it.id.delivery.message.0.0,
        it.id.delivery.ordinal,
        it.id.number,
        it.endpoint.0.0,
        it.url,
        it.started_at.0,
        it.end.status(),
        cause,
        detail,
        verdict,
        next_at,
        matches!(it.trigger, Trigger::Manual),
        it.address.map(|a| a.to_string()),
        it.phases.dns_us,
        it.phases.connect_us,
        it.phases.tls_us,
        it.phases.wait_us,
        it.phases.total_us,
        it.response_truncated,
        encode_headers(&it.response_headers),
        (!it.response_body.is_empty()).then_some(it.response_body.as_slice()),
    ])?;
    Ok(())
}

/// Returns every attempt of the messages in a key range, in the order of message, ordinal and number.
pub(crate) fn outcomes(
    connection: &Connection,
    first: MessageId,
    last: MessageId,
) -> Result<Vec<Outcome>, StoreError> {
    let sql = format!(
        "select {OUTCOME_COLUMNS} from outcome where message between ?1 and ?2 order by message, ordinal, number"
    );
    collect(connection, &sql, params![first.0.0, last.0.0], read_outcome)
}

pub(super) fn read_verdict(key: i64, code: i64, next_at: Option<i64>) -> Result<Verdict, StoreError> {
    match (code, next_at) {
        (0, _) => Ok(Verdict::Delivered),
        (1, Some(at)) => Ok(Verdict::RetryAt(UnixMillis(at))),
        (2, _) => Ok(Verdict::Exhausted),
        (3, _) => Ok(Verdict::Held),
        _ => Err(StoreError::Corrupt { table: "outcome", key, what: "unknown verdict".into() }),
    }
}

/// Returns an attempt.
pub(crate) fn outcome(connection: &Connection, id: AttemptId) -> Result<Option<Outcome>, StoreError> {
    let sql =
        format!("select {OUTCOME_COLUMNS} from outcome where message = ?1 and ordinal = ?2 and number = ?3");
    let key = params![id.delivery.message.0.0, id.delivery.ordinal, id.number];
    Ok(collect(connection, &sql, key, read_outcome)?.pop())
}

fn read_outcome(row: &Row<'_>) -> Result<Outcome, StoreError> {
    let key: i64 = row.get(0)?;
    let corrupt = |what: &str| StoreError::Corrupt { table: "outcome", key, what: what.to_owned() };
    let status: Option<u16> = row.get(6)?;
    let cause: Option<String> = row.get(7)?;
    let end = match (status, cause) {
        (Some(status), _) => AttemptEnd::Answered(status),
        (None, Some(code)) => AttemptEnd::Failed {
            cause: Cause::from_code(&code).ok_or_else(|| corrupt("unknown cause"))?,
            detail: row.get::<_, Option<String>>(8)?.unwrap_or_default(),
        },
        (None, None) => return Err(corrupt("neither status nor cause")),
    };
    let verdict = read_verdict(key, row.get(9)?, row.get(10)?)?;
    let address: Option<String> = row.get(12)?;
    Ok(Outcome {
        id: AttemptId {
            delivery: DeliveryId { message: MessageId(Key(key)), ordinal: row.get(1)? },
            number: row.get(2)?,
        },
        endpoint: EndpointId(Key(row.get(3)?)),
        url: row.get(4)?,
        started_at: UnixMillis(row.get(5)?),
        end,
        verdict,
        trigger: trigger(row.get(11)?),
        address: address.and_then(|text| text.parse::<SocketAddr>().ok()),
        phases: Phases {
            dns_us: row.get(13)?,
            connect_us: row.get(14)?,
            tls_us: row.get(15)?,
            wait_us: row.get(16)?,
            total_us: row.get(17)?,
        },
        response_truncated: row.get(18)?,
        response_headers: decode_headers(row.get_ref(19)?.as_blob_or_null().ok().flatten().unwrap_or(&[])),
        response_body: row.get::<_, Option<Vec<u8>>>(20)?.unwrap_or_default(),
    })
}

/// Headers are kept as they stand in a response: `name: value` lines. A value cannot hold a line break.
fn encode_headers(headers: &[(String, Vec<u8>)]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    (!bytes.is_empty()).then_some(bytes)
}

fn decode_headers(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let lines = bytes.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines
        .filter_map(|line| {
            let colon = line.iter().position(|b| *b == b':')?;
            let name = String::from_utf8_lossy(&line[..colon]).into_owned();
            Some((name, line[colon + 1..].trim_ascii_start().to_vec()))
        })
        .collect()
}

fn trigger(manual: bool) -> Trigger {
    if manual { Trigger::Manual } else { Trigger::Scheduled }
}

const PUT_RETRY: &str =
    "insert into retry (endpoint, message, ordinal, attempts, step, due_at, trigger_kind, since)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    on conflict (endpoint, message, ordinal) do update set attempts = excluded.attempts, step = excluded.step,
    due_at = excluded.due_at, trigger_kind = excluded.trigger_kind";
const RETRY_COLUMNS: &str = "endpoint, message, ordinal, attempts, step, due_at, trigger_kind, since";

/// Writes a row, or changes one: `since` stays what it was when the row was first written, so that a cut made since
/// then still cancels it.
pub(crate) fn put_retry(connection: &Connection, it: &RetryRow) -> Result<(), StoreError> {
    connection.prepare_cached(PUT_RETRY)?.execute(params![
        it.endpoint.0.0,
        it.delivery.message.0.0,
        it.delivery.ordinal,
        it.progress.attempts,
        it.progress.step,
        it.due_at.map(|at| at.0),
        matches!(it.trigger, Trigger::Manual),
        it.since.0,
    ])?;
    Ok(())
}

pub(crate) fn delete_retry(
    connection: &Connection,
    endpoint: EndpointId,
    delivery: DeliveryId,
) -> Result<(), StoreError> {
    let sql = "delete from retry where endpoint = ?1 and message = ?2 and ordinal = ?3";
    let parameters = params![endpoint.0.0, delivery.message.0.0, delivery.ordinal];
    connection.prepare_cached(sql)?.execute(parameters)?;
    Ok(())
}

pub(crate) fn retry(
    connection: &Connection,
    endpoint: EndpointId,
    delivery: DeliveryId,
) -> Result<Option<RetryRow>, StoreError> {
    let sql =
        format!("select {RETRY_COLUMNS} from retry where endpoint = ?1 and message = ?2 and ordinal = ?3");
    let parameters = params![endpoint.0.0, delivery.message.0.0, delivery.ordinal];
    Ok(collect(connection, &sql, parameters, read_retry)?.pop())
}

/// Returns rows due before `until` and beyond the cursor, in the order of due time, endpoint and delivery.
pub(crate) fn retry_due(
    connection: &Connection,
    after: DueCursor,
    until: UnixMillis,
    limit: usize,
) -> Result<Vec<RetryRow>, StoreError> {
    let sql = format!(
        "select {RETRY_COLUMNS} from retry
         where (due_at, endpoint, message, ordinal) > (?1, ?2, ?3, ?4) and due_at < ?5
         order by due_at, endpoint, message, ordinal limit ?6"
    );
    let (due_at, endpoint, delivery) = after;
    let parameters = params![due_at.0, endpoint.0.0, delivery.message.0.0, delivery.ordinal, until.0, limit];
    collect(connection, &sql, parameters, read_retry)
}

/// Returns rows of an endpoint without a time, oldest message first, after `after`.
pub(crate) fn retry_queued(
    connection: &Connection,
    endpoint: EndpointId,
    after: Option<DeliveryId>,
    limit: usize,
) -> Result<Vec<RetryRow>, StoreError> {
    let sql = format!(
        "select {RETRY_COLUMNS} from retry where endpoint = ?1 and (message, ordinal) > (?2, ?3) and due_at is null
         order by message, ordinal limit ?4"
    );
    let (message, ordinal) = after.map_or((-1, 0), |d| (d.message.0.0, d.ordinal));
    collect(connection, &sql, params![endpoint.0.0, message, ordinal, limit], read_retry)
}

/// Returns how many rows each endpoint has.
pub(crate) fn retry_counts(connection: &Connection) -> Result<Vec<RetryCount>, StoreError> {
    let sql = "select endpoint, count(*), count(*) - count(due_at), max(since) from retry
        group by endpoint order by endpoint";
    collect(connection, sql, [], |row| {
        let endpoint = EndpointId(Key(row.get(0)?));
        let last_since = Key(row.get(3)?);
        Ok(RetryCount { endpoint, rows: row.get(1)?, without_time: row.get(2)?, last_since })
    })
}

/// Returns retry rows in the order of their key, after `after`, for `verify`.
pub(crate) fn retry_page(
    connection: &Connection,
    after: Option<(EndpointId, DeliveryId)>,
    limit: usize,
) -> Result<Vec<RetryRow>, StoreError> {
    let sql = format!(
        "select {RETRY_COLUMNS} from retry where (endpoint, message, ordinal) > (?1, ?2, ?3)
         order by endpoint, message, ordinal limit ?4"
    );
    let (endpoint, message, ordinal) = after.map_or((-1, 0, 0), |(e, d)| (e.0.0, d.message.0.0, d.ordinal));
    collect(connection, &sql, params![endpoint, message, ordinal, limit], read_retry)
}

/// Deletes rows of an endpoint that a cut has cancelled; returns how many.
pub(crate) fn delete_cancelled(
    connection: &Connection,
    endpoint: EndpointId,
    position: Key,
    limit: usize,
) -> Result<usize, StoreError> {
    let sql = "delete from retry where (endpoint, message, ordinal) in
        (select endpoint, message, ordinal from retry where endpoint = ?1 and since <= ?2 limit ?3)";
    Ok(connection.prepare_cached(sql)?.execute(params![endpoint.0.0, position.0, limit])?)
}

pub(super) fn read_retry(row: &Row<'_>) -> Result<RetryRow, StoreError> {
    Ok(RetryRow {
        endpoint: EndpointId(Key(row.get(0)?)),
        delivery: DeliveryId { message: MessageId(Key(row.get(1)?)), ordinal: row.get(2)? },
        progress: Progress { attempts: row.get(3)?, step: row.get(4)? },
        due_at: row.get::<_, Option<i64>>(5)?.map(UnixMillis),
        trigger: trigger(row.get(6)?),
        since: Key(row.get(7)?),
    })
}

pub(crate) fn put_added(
    connection: &Connection,
    delivery: DeliveryId,
    endpoint: EndpointId,
    asked_by: &str,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let sql = "insert into added_delivery (message, ordinal, endpoint, asked_by, created_at)
        values (?1, ?2, ?3, ?4, ?5)";
    let parameters = params![delivery.message.0.0, delivery.ordinal, endpoint.0.0, asked_by, now.0];
    connection.prepare_cached(sql)?.execute(parameters)?;
    Ok(())
}

/// Returns the added deliveries of the messages in a key range: (message, ordinal, endpoint).
pub(crate) fn added(
    connection: &Connection,
    first: MessageId,
    last: MessageId,
) -> Result<Vec<(DeliveryId, EndpointId)>, StoreError> {
    let sql = "select message, ordinal, endpoint from added_delivery where message between ?1 and ?2
        order by message, ordinal";
    collect(connection, sql, params![first.0.0, last.0.0], |row| {
        let delivery = DeliveryId { message: MessageId(Key(row.get(0)?)), ordinal: row.get(1)? };
        Ok((delivery, EndpointId(Key(row.get(2)?))))
    })
}

pub(crate) fn put_cut(
    connection: &Connection,
    endpoint: EndpointId,
    position: Key,
) -> Result<(), StoreError> {
    let sql = "insert into cut (endpoint, position) values (?1, ?2)
        on conflict (endpoint) do update set position = max(position, excluded.position)";
    connection.prepare_cached(sql)?.execute(params![endpoint.0.0, position.0])?;
    Ok(())
}

pub(crate) fn cuts(connection: &Connection) -> Result<Vec<(EndpointId, Key)>, StoreError> {
    collect(connection, "select endpoint, position from cut", [], |row| {
        Ok((EndpointId(Key(row.get(0)?)), Key(row.get(1)?)))
    })
}

pub(crate) fn cut(connection: &Connection, endpoint: EndpointId) -> Result<Option<Key>, StoreError> {
    let sql = "select position from cut where endpoint = ?1";
    let found = connection.prepare_cached(sql)?.query_row([endpoint.0.0], |row| row.get(0)).optional()?;
    Ok(found.map(Key))
}

pub(crate) fn put_meta(connection: &Connection, name: &str, value: &[u8]) -> Result<(), StoreError> {
    let sql = "insert into meta (name, value) values (?1, ?2) on conflict (name) do update set value = excluded.value";
    connection.prepare_cached(sql)?.execute(params![name, value])?;
    Ok(())
}

pub(crate) fn meta(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "select value from meta where name = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?)
}

pub(super) fn collect<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}
