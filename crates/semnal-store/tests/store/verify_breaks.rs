//! The proof of the ledger is worth what it notices: each thing that `verify` checks is broken once, and it has to
//! name exactly that. Rows are broken by SQL in a closed journal, running counts by an engine that reports nonsense.

use std::collections::BTreeMap;

use semnal_core::id::{DeliveryId, EndpointId, Key, MessageId};
use semnal_store::outcome::Verdict;
use semnal_store::verify::Imbalance;

use crate::fixture::{START, World, attempt, created, delivery, message, park};

/// An endpoint that the configuration does not know.
const STRANGER: EndpointId = EndpointId(Key(77));

/// A ledger with one delivery in each state.
struct Ledger {
    world: World,
    endpoint: EndpointId,
    other: EndpointId,
    /// Two attempts, the second delivered.
    delivered: DeliveryId,
    /// Two attempts, the second exhausted.
    failed: DeliveryId,
    /// One attempt, due again.
    waiting: DeliveryId,
    /// No attempt, in memory.
    fresh: DeliveryId,
}

async fn ledger() -> Ledger {
    let world = World::sqlite();
    let (application, endpoints) = world.tenant(2).await;
    let (endpoint, other) = (endpoints[0], endpoints[1]);
    let appended = world.append(vec![message(application, &[endpoint]); 4]).await;
    let ids: Vec<DeliveryId> = appended.iter().map(|a| delivery(&created(a), 0)).collect();
    let retry = Verdict::RetryAt(START);
    world
        .report(vec![
            attempt(ids[0], endpoint, 1, retry, false),
            attempt(ids[0], endpoint, 2, Verdict::Delivered, true),
            attempt(ids[1], endpoint, 1, retry, false),
            attempt(ids[1], endpoint, 2, Verdict::Exhausted, true),
            attempt(ids[2], endpoint, 1, retry, false),
        ])
        .await;
    Ledger { world, endpoint, other, delivered: ids[0], failed: ids[1], waiting: ids[2], fresh: ids[3] }
}

/// Runs `sql` in the closed journal, with the ids of the ledger filled in, and compares what `verify` names.
async fn check(sql: &str, expected: impl FnOnce(&Ledger) -> Vec<Imbalance>) {
    let mut ledger = ledger().await;
    let expected = expected(&ledger);
    let sql = [
        ("$endpoint", ledger.endpoint.0),
        ("$other", ledger.other.0),
        ("$stranger", STRANGER.0),
        ("$delivered", ledger.delivered.message.0),
        ("$failed", ledger.failed.message.0),
        ("$waiting", ledger.waiting.message.0),
        ("$fresh", ledger.fresh.message.0),
    ]
    .iter()
    .fold(sql.to_owned(), |sql, (name, key)| sql.replace(name, &key.0.to_string()));
    let broken = |journal: &rusqlite::Connection| assert_eq!(journal.execute(&sql, []).unwrap(), 1, "{sql}");
    ledger.world = ledger.world.with_closed_journal(broken).await;
    // So that the views are those of the broken rows, and only the ledger is named.
    ledger.world.rebuild_views().await;
    let found = ledger.world.verify().await;
    assert_eq!(found.imbalances, expected, "{sql}");
    assert_eq!(found.imbalance_count, expected.len() as u64);
    assert!(!found.balances());
}

/// An outcome row like the first of the delivered pair, under other keys.
fn outcome_under(message: &str, ordinal: u16, number: u16, endpoint: &str) -> String {
    format!(
        "insert into outcome (message, ordinal, number, endpoint, url, started_at, status, verdict, trigger_kind,
         total_us, response_truncated) values ({message}, {ordinal}, {number}, {endpoint}, 'x', 1, 204, 0, 0, 1, 0)"
    )
}

#[tokio::test]
async fn a_ledger_that_nobody_broke_balances() {
    let ledger = ledger().await;
    *ledger.world.heard.without_row.lock() = Some(1);
    let found = ledger.world.verify().await;
    assert!(found.balances(), "{found:?}");
    assert_eq!((found.messages, found.attempts), (4, 5));
    assert_eq!(found.states, BTreeMap::from([("delivered", 1), ("failed", 1), ("pending", 2)]));
}

#[tokio::test]
async fn an_outcome_without_its_message_is_named() {
    let absent = DeliveryId { message: MessageId(Key(5)), ordinal: 0 };
    check(&outcome_under("5", 0, 1, "$endpoint"), |l| vec![Imbalance::NotAccepted(absent, l.endpoint)]).await;
    let beyond = DeliveryId { message: MessageId(Key(i64::MAX - 1)), ordinal: 0 };
    let sql = outcome_under(&(i64::MAX - 1).to_string(), 0, 1, "$endpoint");
    check(&sql, |l| vec![Imbalance::NotAccepted(beyond, l.endpoint)]).await;
}

#[tokio::test]
async fn an_outcome_of_an_endpoint_that_the_message_did_not_match_is_named() {
    check(&outcome_under("$delivered", 1, 1, "$other"), |l| {
        vec![Imbalance::NotAccepted(DeliveryId { ordinal: 1, ..l.delivered }, l.other)]
    })
    .await;
    check("update outcome set endpoint = $other where message = $failed and number = 1", |l| {
        vec![Imbalance::NotAccepted(l.failed, l.endpoint)]
    })
    .await;
}

#[tokio::test]
async fn a_retry_row_without_an_accepted_pair_is_named() {
    let absent = DeliveryId { message: MessageId(Key(5)), ordinal: 0 };
    check("insert into retry values ($stranger, 5, 0, 0, 0, null, 0, 0)", |_| {
        vec![Imbalance::NotAccepted(absent, STRANGER)]
    })
    .await;
    check("insert into retry values ($stranger, $delivered, 3, 0, 0, null, 0, 0)", |l| {
        vec![Imbalance::NotAccepted(DeliveryId { ordinal: 3, ..l.delivered }, STRANGER)]
    })
    .await;
}

#[tokio::test]
async fn a_retry_row_of_another_endpoint_is_named() {
    check("insert into retry values ($stranger, $delivered, 0, 2, 0, null, 0, 0)", |l| {
        vec![Imbalance::NotAccepted(l.delivered, STRANGER)]
    })
    .await;
    // Its own delivery has lost its row, and the endpoint that got it counts one too many.
    check("update retry set endpoint = $other where message = $waiting", |l| {
        vec![
            Imbalance::Unreachable(l.waiting),
            Imbalance::NotAccepted(l.waiting, l.other),
            Imbalance::PendingCount(l.other, 1, 0),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_gap_between_attempts_is_named() {
    check("update outcome set number = 3 where message = $delivered and number = 2", |l| {
        vec![Imbalance::AttemptGap(l.delivered)]
    })
    .await;
    check("delete from outcome where message = $failed and number = 1", |l| {
        vec![Imbalance::AttemptGap(l.failed)]
    })
    .await;
}

#[tokio::test]
async fn a_delivery_without_a_2xx_is_named() {
    for end in ["status = 500", "status = 302", "status = null, cause = 'connect_refused'"] {
        check(&format!("update outcome set {end} where message = $delivered and number = 2"), |l| {
            vec![Imbalance::DeliveredWithout2xx(l.delivered)]
        })
        .await;
    }
}

#[tokio::test]
async fn a_retry_row_that_counts_other_attempts_is_named() {
    check("update retry set attempts = 2 where message = $waiting", |l| {
        vec![Imbalance::AttemptCount(l.waiting)]
    })
    .await;
}

#[tokio::test]
async fn a_retry_that_no_row_holds_is_named() {
    check("delete from retry where message = $waiting", |l| vec![Imbalance::Unreachable(l.waiting)]).await;
}

#[tokio::test]
async fn a_cut_below_a_delivery_does_not_explain_that_it_is_lost() {
    let ledger = ledger().await;
    let (endpoint, waiting) = (ledger.endpoint.0.0, ledger.waiting);
    let broken = move |journal: &rusqlite::Connection| {
        journal.execute("delete from retry", []).unwrap();
        journal.execute("insert into cut values (?1, 5)", [endpoint]).unwrap();
    };
    let world = ledger.world.with_closed_journal(broken).await;
    world.rebuild_views().await;
    assert_eq!(world.verify().await.imbalances, [Imbalance::Unreachable(waiting)]);
}

#[tokio::test]
async fn a_row_that_did_not_reopen_its_decided_delivery_is_named() {
    for decided in ["$delivered", "$failed"] {
        let sql = format!("insert into retry values ($endpoint, {decided}, 0, 2, 0, 9, 0, 9)");
        check(&sql, |l| {
            vec![Imbalance::Unreachable(if decided == "$failed" { l.failed } else { l.delivered })]
        })
        .await;
    }
}

#[tokio::test]
async fn an_undecided_delivery_below_the_mark_is_named() {
    // Recovery does not see it either, so that the counts are short of it.
    check("update meta set value = x'7fffffffffffffff' where name = 'low_water'", |l| {
        vec![
            Imbalance::BelowMark(l.fresh),
            Imbalance::PendingCount(l.endpoint, 1, 2),
            Imbalance::EngineCount(0, 1),
        ]
    })
    .await;
}

#[tokio::test]
async fn an_engine_with_another_number_of_deliveries_in_memory_is_named() {
    let ledger = ledger().await;
    for wrong in [0, 2, 7] {
        *ledger.world.heard.without_row.lock() = Some(wrong);
        assert_eq!(ledger.world.verify().await.imbalances, [Imbalance::EngineCount(wrong, 1)]);
    }
}

#[tokio::test]
async fn a_running_count_that_is_wrong_is_named() {
    let ledger = ledger().await;
    // A delivery that is decided already is reported once more.
    let again = attempt(ledger.delivered, ledger.endpoint, 3, Verdict::Delivered, true);
    ledger.world.report(vec![again]).await;
    let expected = [Imbalance::PendingCount(ledger.endpoint, 1, 2)];
    assert_eq!(ledger.world.verify().await.imbalances, expected);
}

#[tokio::test]
async fn a_parked_delivery_that_the_engine_still_counts_is_named() {
    let ledger = ledger().await;
    ledger.world.report(vec![park(ledger.fresh, ledger.endpoint, 0, false)]).await;
    ledger.world.assert_balanced().await;
    *ledger.world.heard.without_row.lock() = Some(1);
    assert_eq!(ledger.world.verify().await.imbalances, [Imbalance::EngineCount(1, 0)]);
}

/// A row that says that a delivery was called off, with the attempts that the ledger has of it.
fn called_off(message: &str, ordinal: u16, reason: u8, attempts: u16) -> String {
    format!("insert into called_off values ({message}, {ordinal}, {reason}, {attempts}, 1)")
}

#[tokio::test]
async fn a_called_off_delivery_without_an_accepted_pair_is_named() {
    let absent = DeliveryId { message: MessageId(Key(5)), ordinal: 0 };
    check(&called_off("5", 0, 0, 0), |_| vec![Imbalance::CalledOffNotAccepted(absent)]).await;
    check(&called_off("$delivered", 1, 0, 0), |l| {
        vec![Imbalance::CalledOffNotAccepted(DeliveryId { ordinal: 1, ..l.delivered })]
    })
    .await;
}

#[tokio::test]
async fn a_called_off_delivery_with_a_retry_row_is_named() {
    check(&called_off("$waiting", 0, 0, 1), |l| {
        vec![Imbalance::Revived(l.waiting), Imbalance::PendingCount(l.endpoint, 2, 1)]
    })
    .await;
}

#[tokio::test]
async fn attempts_after_the_one_that_was_under_way_are_named() {
    for (attempts, fits) in [(0, false), (1, true), (2, true), (3, false)] {
        let ledger = ledger().await;
        let sql = called_off(&ledger.failed.message.0.0.to_string(), 0, 0, attempts);
        let broken = |journal: &rusqlite::Connection| assert_eq!(journal.execute(&sql, []).unwrap(), 1);
        let world = ledger.world.with_closed_journal(broken).await;
        world.rebuild_views().await;
        let found = world.verify().await.imbalances;
        let expected = [Imbalance::AttemptAfterEnd(ledger.failed)];
        assert_eq!(found, expected[usize::from(fits)..], "{attempts}");
    }
}

#[tokio::test]
async fn a_delivery_called_off_for_a_payload_that_is_there_is_named() {
    for reason in [1, 2] {
        check(&called_off("$fresh", 0, reason, 0), |l| vec![Imbalance::PayloadNotGone(l.fresh)]).await;
    }
}

#[tokio::test]
async fn an_undecided_delivery_without_its_payload_is_named() {
    check("update message set payload_gone = 1 where key = $fresh", |l| {
        vec![Imbalance::NothingToSend(l.fresh)]
    })
    .await;
}

#[tokio::test]
async fn a_payload_that_is_to_expire_before_its_message_came_is_named() {
    check("insert into payload_expiry values (5, $fresh)", |l| {
        vec![Imbalance::ExpiryBeforeMessage(l.fresh.message)]
    })
    .await;
}

#[tokio::test]
async fn a_hundred_imbalances_are_named_and_all_are_counted() {
    let ledger = ledger().await;
    let world = ledger.world.with_closed_journal(|journal| {
        for number in 1..=150 {
            let sql = outcome_under("5", 0, number, &STRANGER.0.0.to_string());
            journal.execute(&sql, []).unwrap();
        }
    });
    let found = world.await.verify().await;
    assert_eq!((found.imbalances.len(), found.imbalance_count), (100, 150));
}
