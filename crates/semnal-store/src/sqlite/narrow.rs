//! Messages without their payloads and attempts without their answers: what lists and counts go by.

use rusqlite::{Connection, Row, params};
use semnal_core::id::{ApplicationId, AttemptId, DeliveryId, EndpointId, Key, MessageId};
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::time::UnixMillis;

use super::rows::{collect, read_channels, read_endpoints, read_event_type, read_verdict};
use crate::error::StoreError;
use crate::message::Message;
use crate::outcome::{Outcome, Verdict};
use crate::views::filter::Direction;

/// A message without its payload: what lists and counts go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heading {
    pub(crate) id: MessageId,
    pub(crate) application: ApplicationId,
    pub(crate) event_type: EventTypeName,
    pub(crate) channels: Vec<Channel>,
    /// See [`Message::endpoints`].
    pub(crate) endpoints: Vec<EndpointId>,
}

impl Heading {
    pub(crate) fn of(it: &Message) -> Heading {
        Heading {
            id: it.id,
            application: it.application,
            event_type: it.event_type.clone(),
            channels: it.channels.clone(),
            endpoints: it.endpoints.clone(),
        }
    }
}

const HEADINGS: &str = "select key, application, event_type, channels, endpoints from message
    where key between ?1 and ?2 order by key limit ?3";
const HEADINGS_NEWEST_FIRST: &str = "select key, application, event_type, channels, endpoints from message
    where key between ?1 and ?2 order by key desc limit ?3";

/// Returns the headings of messages in a key range, without reading their payloads.
pub(crate) fn headings(
    connection: &Connection,
    first: MessageId,
    last: MessageId,
    direction: Direction,
    limit: usize,
) -> Result<Vec<Heading>, StoreError> {
    let sql = if direction == Direction::Newer { HEADINGS } else { HEADINGS_NEWEST_FIRST };
    collect(connection, sql, params![first.0.0, last.0.0, limit], |row| {
        let key = Key(row.get(0)?);
        let corrupt = |what: String| StoreError::Corrupt { table: "message", key: key.0, what };
        Ok(Heading {
            id: MessageId(key),
            application: ApplicationId(Key(row.get(1)?)),
            event_type: read_event_type(key, row.get_ref(2)?)?,
            channels: read_channels(row.get_ref(3)?.as_str_or_null().map_err(|e| corrupt(e.to_string()))?)
                .map_err(corrupt)?,
            endpoints: read_endpoints(key, row.get_ref(4)?)?,
        })
    })
}

/// An attempt without its answer: what lists and counts go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gist {
    pub(crate) id: AttemptId,
    pub(crate) endpoint: EndpointId,
    pub(crate) started_at: UnixMillis,
    pub(crate) status: Option<u16>,
    pub(crate) verdict: Verdict,
    pub(crate) total_us: u64,
}

impl Gist {
    pub(crate) fn of(it: &Outcome) -> Gist {
        Gist {
            id: it.id,
            endpoint: it.endpoint,
            started_at: it.started_at,
            status: it.end.status(),
            verdict: it.verdict,
            total_us: u64::from(it.phases.total_us),
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        self.verdict == Verdict::Delivered
    }
}

const GIST_COLUMNS: &str =
    "message, ordinal, number, endpoint, started_at, status, verdict, next_at, total_us";

/// Returns the gist of an attempt.
pub(crate) fn gist(connection: &Connection, id: AttemptId) -> Result<Option<Gist>, StoreError> {
    let sql =
        format!("select {GIST_COLUMNS} from outcome where message = ?1 and ordinal = ?2 and number = ?3");
    let key = params![id.delivery.message.0.0, id.delivery.ordinal, id.number];
    Ok(collect(connection, &sql, key, read_gist)?.pop())
}

/// Returns the gists of every attempt of the messages in a key range, in the order of message, ordinal and number.
pub(crate) fn gists(
    connection: &Connection,
    first: MessageId,
    last: MessageId,
) -> Result<Vec<Gist>, StoreError> {
    let sql = format!(
        "select {GIST_COLUMNS} from outcome where message between ?1 and ?2 order by message, ordinal, number"
    );
    collect(connection, &sql, params![first.0.0, last.0.0], read_gist)
}

fn read_gist(row: &Row<'_>) -> Result<Gist, StoreError> {
    let key: i64 = row.get(0)?;
    let delivery = DeliveryId { message: MessageId(Key(key)), ordinal: row.get(1)? };
    Ok(Gist {
        id: AttemptId { delivery, number: row.get(2)? },
        endpoint: EndpointId(Key(row.get(3)?)),
        started_at: UnixMillis(row.get(4)?),
        status: row.get(5)?,
        verdict: read_verdict(key, row.get(6)?, row.get(7)?)?,
        total_us: row.get(8)?,
    })
}
