//! `load_due` and `load_queued`: what the engine takes back from the retry table.

use std::time::Duration;

use semnal_core::delivery::Progress;
use semnal_core::id::DeliveryId;
use semnal_core::time::UnixMillis;
use semnal_store::outcome::{DueCursor, RetryRow, Verdict, due_cursor_at};

use crate::fixture::{START, World, attempt, created, delivery, message, park};

on_every_backend! {
    due_rows_come_in_the_order_of_their_time,
    rows_that_are_due_at_the_limit_come_with_the_next_question,
    thousands_of_rows_due_in_one_millisecond_are_paged_without_loss,
    rows_without_a_time_are_not_due,
    queued_rows_come_oldest_message_first,
    queued_rows_are_paged_until_they_are_complete,
    rows_with_a_time_or_of_another_endpoint_are_not_queued,
    rows_written_before_the_question_are_in_the_answer,
}

const FIRST: UnixMillis = UnixMillis(i64::MIN);

fn after(seconds: u64) -> UnixMillis {
    START + Duration::from_secs(seconds)
}

fn due(world: &World, from: DueCursor, until: UnixMillis, limit: usize) -> (Vec<RetryRow>, DueCursor) {
    let asked = world.heard.look(|h| h.due.len());
    world.store.load_due(from, until, limit);
    world.heard.wait_for("due rows", |h| h.due.get(asked).cloned())
}

fn queued(
    world: &World,
    endpoint: semnal_core::id::EndpointId,
    from: Option<DeliveryId>,
    limit: usize,
) -> (Vec<RetryRow>, bool) {
    let asked = world.heard.look(|h| h.queued.len());
    world.store.load_queued(endpoint, from, limit);
    let (of, rows, complete) = world.heard.wait_for("queued rows", |h| h.queued.get(asked).cloned());
    assert_eq!(of, endpoint);
    (rows, complete)
}

async fn due_rows_come_in_the_order_of_their_time(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let other = world.append_one(message(application, &endpoints)).await;
    let rows = [
        (delivery(&it, 0), endpoints[0], 9),
        (delivery(&it, 1), endpoints[1], 3),
        (delivery(&other, 0), endpoints[0], 3),
        (delivery(&other, 1), endpoints[1], 3),
    ];
    for (id, endpoint, seconds) in rows {
        world.report(vec![attempt(id, endpoint, 1, Verdict::RetryAt(after(seconds)), false)]).await;
    }
    let (found, reached) = due(&world, due_cursor_at(FIRST), after(10), 100);
    let order: Vec<_> = found.iter().map(|row| row.delivery).collect();
    assert_eq!(order, [delivery(&other, 0), delivery(&it, 1), delivery(&other, 1), delivery(&it, 0)]);
    assert_eq!(reached, due_cursor_at(after(10)));
    assert_eq!(found[0].progress, Progress { attempts: 1, step: 1 });
    assert_eq!(found[0].due_at, Some(after(3)));
}

async fn rows_that_are_due_at_the_limit_come_with_the_next_question(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.report(vec![attempt(delivery(&it, 0), endpoints[0], 1, Verdict::RetryAt(after(5)), false)]).await;
    let (found, reached) = due(&world, due_cursor_at(FIRST), after(5), 10);
    assert_eq!((found.len(), reached), (0, due_cursor_at(after(5))));
    let (found, reached) = due(&world, reached, after(6), 10);
    assert_eq!((found.len(), reached), (1, due_cursor_at(after(6))));
    let (found, _) = due(&world, reached, after(60), 10);
    assert_eq!(found.len(), 0);
}

async fn thousands_of_rows_due_in_one_millisecond_are_paged_without_loss(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let appended = world.append(vec![message(application, &endpoints); 1_500]).await;
    let mut reports = Vec::new();
    for appended in &appended {
        let it = created(appended);
        for (ordinal, endpoint) in (0u16..).zip(&endpoints) {
            let verdict = Verdict::RetryAt(after(1));
            reports.push(attempt(delivery(&it, ordinal), *endpoint, 1, verdict, false));
        }
    }
    world.report(reports).await;
    let (mut all, mut cursor) = (Vec::new(), due_cursor_at(FIRST));
    loop {
        let (rows, reached) = due(&world, cursor, after(2), 700);
        assert!(reached > cursor);
        cursor = reached;
        let full = rows.len() == 700;
        all.extend(rows);
        if !full {
            break;
        }
    }
    assert_eq!(all.len(), 3_000);
    assert!(all.windows(2).all(|two| two[0].due_cursor() < two[1].due_cursor()));
    assert_eq!(cursor, due_cursor_at(after(2)));
}

async fn rows_without_a_time_are_not_due(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.report(vec![park(delivery(&it, 0), endpoints[0], 0, false)]).await;
    assert!(due(&world, due_cursor_at(FIRST), UnixMillis(i64::MAX), 10).0.is_empty());
}

async fn queued_rows_come_oldest_message_first(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let appended = world.append(vec![message(application, &endpoints); 3]).await;
    let ids: Vec<_> = appended.iter().map(|a| delivery(&created(a), 0)).collect();
    for id in ids.iter().rev() {
        world.report(vec![park(*id, endpoints[0], 0, false)]).await;
    }
    let (rows, complete) = queued(&world, endpoints[0], None, 10);
    assert!(complete);
    assert_eq!(rows.iter().map(|row| row.delivery).collect::<Vec<_>>(), ids);
}

async fn queued_rows_are_paged_until_they_are_complete(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let appended = world.append(vec![message(application, &endpoints); 5]).await;
    let ids: Vec<_> = appended.iter().map(|a| delivery(&created(a), 0)).collect();
    world.report(ids.iter().map(|id| park(*id, endpoints[0], 0, false)).collect()).await;
    let (first, complete) = queued(&world, endpoints[0], None, 3);
    assert_eq!((first.len(), complete), (3, false));
    let (second, complete) = queued(&world, endpoints[0], Some(first[2].delivery), 3);
    assert_eq!((second.len(), complete), (2, true));
    assert_eq!(second[1].delivery, ids[4]);
}

async fn rows_with_a_time_or_of_another_endpoint_are_not_queued(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world
        .report(vec![
            attempt(delivery(&it, 0), endpoints[0], 1, Verdict::RetryAt(START), false),
            park(delivery(&it, 1), endpoints[1], 0, false),
        ])
        .await;
    assert_eq!(queued(&world, endpoints[0], None, 10), (vec![], true));
    assert_eq!(queued(&world, endpoints[1], None, 10).0.len(), 1);
}

async fn rows_written_before_the_question_are_in_the_answer(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let gate = world.hold_writer();
    world.store.report(vec![park(delivery(&it, 0), endpoints[0], 0, false)]).await.unwrap();
    world.store.load_queued(endpoints[0], None, 10);
    gate.open();
    let (_, rows, _) = world.heard.wait_for("queued rows", |h| h.queued.first().cloned());
    assert_eq!(rows.len(), 1);
}
