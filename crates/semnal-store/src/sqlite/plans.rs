//! Holds the hot statements to their query plans. Each function runs once on an empty journal; the statements that it
//! really ran are read off the connection and explained.

use std::sync::mpsc::channel;

use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use semnal_core::delivery::Progress;
use semnal_core::id::{DeliveryId, EndpointId, Key, MessageId};
use semnal_core::time::UnixMillis;

use super::{SqliteJournal, narrow, rows};
use crate::error::StoreError;
use crate::outcome::{RetryRow, Trigger, due_cursor_at};
use crate::views::filter::Direction;

const ENDPOINT: EndpointId = EndpointId(Key(5));
const DELIVERY: DeliveryId = DeliveryId { message: MessageId(Key(7)), ordinal: 0 };

/// Returns the plan of every statement that `run` runs, one line each.
fn plans<T>(run: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let mut connection = SqliteJournal::open(directory.path()).unwrap().connection;
    let (heard, ran) = channel();
    let listen = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(_, sql) = event {
            heard.send(sql.to_owned()).unwrap();
        }
    };
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(listen)).unwrap();
    run(&connection).unwrap();
    let ran: Vec<String> = ran.try_iter().collect();
    assert!(!ran.is_empty(), "nothing ran");
    let mut lines = Vec::new();
    for sql in ran {
        let mut statement = connection.prepare(&format!("explain query plan {sql}")).unwrap();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().unwrap() {
            lines.push(row.get::<_, String>(3).unwrap());
        }
    }
    lines
}

fn check<T>(run: impl FnOnce(&Connection) -> Result<T, StoreError>, expected: &[&str]) {
    assert_eq!(plans(run), expected);
}

#[test]
fn a_message_is_found_by_its_key() {
    check(|c| rows::message(c, DELIVERY.message), &["SEARCH message USING INTEGER PRIMARY KEY (rowid=?)"]);
}

#[test]
fn pages_of_messages_follow_the_key_without_sorting() {
    let beyond = "SEARCH message USING INTEGER PRIMARY KEY (rowid>?)";
    let between = "SEARCH message USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
    check(|c| rows::matched_from(c, Key(1), 10), &[beyond]);
    for direction in [Direction::Older, Direction::Newer] {
        check(|c| narrow::headings(c, DELIVERY.message, DELIVERY.message, direction, 10), &[between]);
    }
    check(|c| rows::fingerprints_after(c, Key(1), 10), &[beyond]);
}

#[test]
fn the_last_message_is_the_end_of_the_table() {
    check(rows::last_message, &["SEARCH message"]);
}

#[test]
fn the_attempts_of_messages_are_one_range() {
    check(
        |c| rows::outcomes(c, DELIVERY.message, DELIVERY.message),
        &["SEARCH outcome USING PRIMARY KEY (message>? AND message<?)"],
    );
}

#[test]
fn a_retry_row_is_found_by_its_key() {
    let key = "SEARCH retry USING PRIMARY KEY (endpoint=? AND message=? AND ordinal=?)";
    check(|c| rows::retry(c, ENDPOINT, DELIVERY), &[key]);
    check(|c| rows::delete_retry(c, ENDPOINT, DELIVERY), &[key]);
}

#[test]
fn a_retry_row_is_written_without_looking_for_it() {
    let row = RetryRow {
        endpoint: ENDPOINT,
        delivery: DELIVERY,
        progress: Progress::default(),
        due_at: None,
        trigger: Trigger::Scheduled,
        since: Key(1),
    };
    check(|c| rows::put_retry(c, &row), &[]);
}

#[test]
fn due_rows_come_from_the_index_in_its_order() {
    let until = UnixMillis(9);
    check(
        |c| rows::retry_due(c, due_cursor_at(UnixMillis(1)), until, 10),
        &["SEARCH retry USING INDEX retry_due ((due_at,endpoint,message,ordinal)>(?,?,?,?) AND due_at<?)"],
    );
}

#[test]
fn queued_rows_of_an_endpoint_come_in_the_order_of_the_key() {
    let plan = plans(|c| rows::retry_queued(c, ENDPOINT, Some(DELIVERY), 10));
    assert_eq!(plan, ["SEARCH retry USING PRIMARY KEY (endpoint=? AND (message,ordinal)>(?,?))"]);
}

#[test]
fn cancelled_rows_are_looked_for_under_their_endpoint_only() {
    let plan = plans(|c| rows::delete_cancelled(c, ENDPOINT, Key(1), 10));
    assert!(plan.iter().all(|line| !line.contains("SCAN")), "{plan:?}");
    assert!(plan.iter().any(|line| line == "SEARCH retry USING PRIMARY KEY (endpoint=?)"), "{plan:?}");
}

#[test]
fn what_belongs_to_an_endpoint_or_message_is_found_by_its_key() {
    check(|c| rows::cut(c, ENDPOINT), &["SEARCH cut USING INTEGER PRIMARY KEY (rowid=?)"]);
    check(
        |c| rows::added(c, DELIVERY.message, DELIVERY.message),
        &["SEARCH added_delivery USING PRIMARY KEY (message>? AND message<?)"],
    );
    check(|c| rows::meta(c, "low_water"), &["SEARCH meta USING PRIMARY KEY (name=?)"]);
}

#[test]
fn the_proof_pages_through_the_retry_table_by_its_key() {
    let plan = plans(|c| rows::retry_page(c, Some((ENDPOINT, DELIVERY)), 10));
    assert_eq!(plan, ["SEARCH retry USING PRIMARY KEY ((endpoint,message,ordinal)>(?,?,?))"]);
}
