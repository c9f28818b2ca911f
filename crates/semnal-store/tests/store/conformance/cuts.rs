//! Deleting an endpoint or an application: what it has not been sent is cancelled, whatever form it waits in.

use semnal_core::configuration::Change;
use semnal_core::delivery::{DeliveryState, Progress};
use semnal_core::id::{DeliveryId, EndpointId};
use semnal_store::outcome::{Report, Verdict};
use semnal_store::store::Resent;

use crate::fixture::{START, World, attempt, begin, created, delivery, endpoint, message, park};

on_every_backend! {
    undecided_deliveries_of_a_deleted_endpoint_are_cancelled,
    deleting_an_application_cancels_what_its_endpoints_have,
    cancelled_rows_are_cleaned_in_batches_until_none_is_left,
    cleaning_goes_on_after_a_crash,
    a_message_appended_before_the_deletion_in_one_transaction_is_cancelled,
    a_row_written_in_the_transaction_of_the_deletion_is_cancelled,
    a_resend_before_the_deletion_in_one_transaction_is_cancelled,
    a_resend_after_the_cut_survives_it,
    a_message_after_the_cut_survives_it,
    a_deletion_after_a_crash_cancels_rows_written_before_it,
    the_ledger_balances_before_the_engine_has_forgotten_what_was_cancelled,
}

fn progress(attempts: u16, step: u16) -> Progress {
    Progress { attempts, step }
}

fn forget(delivery: DeliveryId) -> Report {
    Report::Forget { delivery, has_row: false }
}

/// Adds an endpoint under an id that was deleted, as an import may.
async fn put_again(world: &World, id: EndpointId, application: semnal_core::id::ApplicationId) {
    world.apply(vec![Change::PutEndpoint(Box::new(endpoint(id, application)))]).await;
}

async fn undecided_deliveries_of_a_deleted_endpoint_are_cancelled(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let appended = world.append(vec![message(application, &endpoints); 5]).await;
    let all: Vec<_> = appended.iter().map(created).collect();
    let (gone, stays) = (endpoints[0], endpoints[1]);
    world
        .report(vec![
            attempt(delivery(&all[0], 0), gone, 1, Verdict::Delivered, false),
            attempt(delivery(&all[1], 0), gone, 1, Verdict::RetryAt(START), false),
            park(delivery(&all[2], 0), gone, 0, false),
            attempt(delivery(&all[3], 0), gone, 1, Verdict::Exhausted, false),
        ])
        .await;
    world.delete_endpoint(gone).await;
    assert_eq!(world.heard.look(|h| h.deleted.clone()), [gone]);
    world.report(vec![forget(delivery(&all[4], 0))]).await;
    let expected = [
        DeliveryState::Delivered(progress(1, 0)),
        DeliveryState::Cancelled(progress(1, 0)),
        DeliveryState::Cancelled(progress(0, 0)),
        DeliveryState::Failed(progress(1, 0)),
        DeliveryState::Cancelled(progress(0, 0)),
    ];
    for _ in 0..2 {
        for (it, state) in all.iter().zip(expected) {
            let found = world.deliveries(it.id).await;
            assert_eq!(found[0].state, state);
            assert_eq!(found[1].state, DeliveryState::Pending(progress(0, 0)));
            assert_eq!(found[1].endpoint, stays);
        }
        world.assert_balanced().await;
    }
}

async fn deleting_an_application_cancels_what_its_endpoints_have(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.report(vec![park(delivery(&it, 0), endpoints[0], 0, false)]).await;
    world.apply(vec![Change::DeleteApplication(application)]).await;
    assert_eq!(world.heard.look(|h| h.deleted.len()), 2);
    world.report(vec![forget(delivery(&it, 1))]).await;
    for found in world.deliveries(it.id).await {
        assert_eq!(found.state, DeliveryState::Cancelled(progress(0, 0)));
    }
    world.assert_balanced().await;
    let world = world.crash();
    assert!(world.store.configuration().endpoint(endpoints[0]).is_none());
    assert!(world.store.configuration().application(application).is_none());
    assert!(world.heard.look(|h| h.recovered.is_empty() && h.backlogs.is_empty()));
    world.assert_balanced().await;
}

/// Deletes an endpoint with 2,500 rows; returns one of its messages.
async fn delete_with_rows(world: &World) -> (EndpointId, semnal_core::id::MessageId) {
    let (application, endpoints) = world.tenant(1).await;
    let appended = world.append(vec![message(application, &endpoints); 2_500]).await;
    let parks = appended.iter().map(|a| park(delivery(&created(a), 0), endpoints[0], 0, false));
    world.report(parks.collect()).await;
    world.delete_endpoint(endpoints[0]).await;
    (endpoints[0], created(&appended[0]).id)
}

/// Asks for the endpoint's rows until none is left.
fn wait_until_clean(world: &World, id: EndpointId) {
    loop {
        let asked = world.heard.look(|h| h.queued.len());
        world.store.load_queued(id, None, 10_000);
        let (_, rows, _) = world.heard.wait_for("rows", |h| h.queued.get(asked).cloned());
        if rows.is_empty() {
            return;
        }
    }
}

async fn cancelled_rows_are_cleaned_in_batches_until_none_is_left(world: World) {
    let (id, message) = delete_with_rows(&world).await;
    wait_until_clean(&world, id);
    assert_eq!(world.deliveries(message).await[0].state, DeliveryState::Cancelled(progress(0, 0)));
    world.assert_balanced().await;
}

async fn cleaning_goes_on_after_a_crash(world: World) {
    let (id, message) = delete_with_rows(&world).await;
    let world = world.restart().await;
    world.assert_balanced().await;
    wait_until_clean(&world, id);
    assert_eq!(world.deliveries(message).await[0].state, DeliveryState::Cancelled(progress(0, 0)));
    world.assert_balanced().await;
}

async fn a_message_appended_before_the_deletion_in_one_transaction_is_cancelled(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let version = world.store.configuration().version;
    let gate = world.hold_writer();
    let append = begin(world.store.append(vec![message(application, &endpoints)], version));
    let delete = begin(world.delete_endpoint(endpoints[0]));
    gate.open();
    let it = created(&append.await.unwrap()[0]);
    delete.await;
    world.report(vec![forget(delivery(&it, 0))]).await;
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Cancelled(progress(0, 0)));
    world.assert_balanced().await;
    let world = world.crash();
    assert!(world.heard.look(|h| h.recovered.is_empty()));
    world.assert_balanced().await;
}

async fn a_row_written_in_the_transaction_of_the_deletion_is_cancelled(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let gate = world.hold_writer();
    let delete = begin(world.delete_endpoint(endpoints[0]));
    let report = attempt(delivery(&it, 0), endpoints[0], 1, Verdict::RetryAt(START), false);
    world.store.report(vec![report]).await.unwrap();
    gate.open();
    delete.await;
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Cancelled(progress(1, 0)));
    wait_until_clean(&world, endpoints[0]);
    world.assert_balanced().await;
}

async fn a_resend_before_the_deletion_in_one_transaction_is_cancelled(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &[])).await;
    let gate = world.hold_writer();
    let resent = begin(world.resend(it.id, endpoints[0]));
    let delete = begin(world.delete_endpoint(endpoints[0]));
    let late = begin(world.resend(it.id, endpoints[0]));
    gate.open();
    assert_eq!(resent.await, Resent::Accepted);
    delete.await;
    assert_eq!(late.await, Resent::NoSuchEndpoint);
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Cancelled(progress(0, 0)));
    wait_until_clean(&world, endpoints[0]);
    world.assert_balanced().await;
}

async fn a_resend_after_the_cut_survives_it(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    world.report(vec![park(delivery(&it, 0), endpoints[0], 0, false)]).await;
    world.delete_endpoint(endpoints[0]).await;
    wait_until_clean(&world, endpoints[0]);
    put_again(&world, endpoints[0], application).await;
    assert_eq!(world.resend(it.id, endpoints[0]).await, Resent::Accepted);
    let world = world.crash();
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Pending(progress(0, 0)));
    world.assert_balanced().await;
    let world = world.restart().await;
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Pending(progress(0, 0)));
}

async fn a_message_after_the_cut_survives_it(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    world.delete_endpoint(endpoints[0]).await;
    let world = world.crash();
    put_again(&world, endpoints[0], application).await;
    let it = world.append_one(message(application, &endpoints)).await;
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Pending(progress(0, 0)));
    world.assert_balanced().await;
}

async fn a_deletion_after_a_crash_cancels_rows_written_before_it(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    for _ in 0..5 {
        // Keys that nothing is stored under: after a crash only the rows tell that they were given out.
        world.store.next_key();
    }
    world.report(vec![park(delivery(&it, 0), endpoints[0], 0, false)]).await;
    let world = world.crash();
    world.delete_endpoint(endpoints[0]).await;
    assert_eq!(world.deliveries(it.id).await[0].state, DeliveryState::Cancelled(progress(0, 0)));
    wait_until_clean(&world, endpoints[0]);
    world.assert_balanced().await;
}

async fn the_ledger_balances_before_the_engine_has_forgotten_what_was_cancelled(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let appended = world.append(vec![message(application, &endpoints); 3]).await;
    *world.heard.without_row.lock() = Some(3);
    world.delete_endpoint(endpoints[0]).await;
    world.assert_balanced().await;
    world.report(appended.iter().map(|a| forget(delivery(&created(a), 0))).collect()).await;
    *world.heard.without_row.lock() = Some(0);
    world.assert_balanced().await;
}
