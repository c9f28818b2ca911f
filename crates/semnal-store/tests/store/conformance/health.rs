//! An endpoint that does nothing but fail is disabled, and a success brings it back, in the transaction of the attempt.

use std::sync::Arc;
use std::time::Duration;

use semnal_core::configuration::Change;
use semnal_core::delivery::Progress;
use semnal_core::endpoint::{DisabledReason, Endpoint, EndpointState};
use semnal_core::id::{DeliveryId, EndpointId};
use semnal_core::time::UnixMillis;
use semnal_store::outcome::{Outcome, Report, Verdict};

use crate::fixture::{DISABLE_AFTER, START, World, attempt, delivery, message, outcome};

on_every_backend! {
    an_hour_of_nothing_but_failure_disables_and_the_engine_hears_of_it,
    what_is_known_about_failing_survives_a_crash_between_two_attempts,
    a_success_in_between_starts_the_hour_again,
    a_success_enables_what_was_disabled_for_failing,
    a_success_of_a_delivery_that_was_cancelled_meanwhile_counts_as_well,
    an_endpoint_that_a_person_enables_has_its_hour_again,
    an_endpoint_that_leads_elsewhere_has_its_hour_again,
    an_attempt_at_a_former_url_says_nothing,
    a_deleted_endpoint_leaves_nothing_behind,
    the_oldest_undecided_delivery_is_found_with_or_without_a_time,
}

const FAILING: EndpointState = EndpointState::Disabled(DisabledReason::Failing);

fn retry_at(at: UnixMillis) -> Verdict {
    Verdict::RetryAt(at + Duration::from_secs(1))
}

fn report(it: Outcome) -> Report {
    let number = it.id.number;
    let progress = Progress { attempts: number, step: number };
    Report::Attempt { outcome: Arc::new(it), progress, has_row: number > 1 }
}

/// Reports attempts `numbers` of a delivery that fail, a fifth of the limit from one to the next.
async fn fail(world: &World, id: DeliveryId, endpoint: EndpointId, numbers: std::ops::RangeInclusive<u16>) {
    for number in numbers {
        let started_at = START + DISABLE_AFTER * u32::from(number - 1) / 5;
        let failed = outcome(id, endpoint, number, retry_at(started_at));
        world.report(vec![report(Outcome { started_at, ..failed })]).await;
    }
}

async fn succeed(world: &World, id: DeliveryId, endpoint: EndpointId, number: u16) {
    let started_at = START + DISABLE_AFTER * u32::from(number - 1) / 5;
    let taken = outcome(id, endpoint, number, Verdict::Delivered);
    world.report(vec![report(Outcome { started_at, ..taken })]).await;
}

fn endpoint(world: &World, id: EndpointId) -> Endpoint {
    (**world.store.configuration().endpoint(id).unwrap()).clone()
}

fn state(world: &World, id: EndpointId) -> EndpointState {
    endpoint(world, id).state
}

async fn put(world: &World, it: Endpoint) {
    world.apply(vec![Change::PutEndpoint(Box::new(it))]).await;
}

async fn one_delivery(world: &World) -> (EndpointId, DeliveryId) {
    let (application, endpoints) = world.tenant(1).await;
    let it = world.append_one(message(application, &endpoints)).await;
    (endpoints[0], delivery(&it, 0))
}

async fn an_hour_of_nothing_but_failure_disables_and_the_engine_hears_of_it(world: World) {
    let (id, of) = one_delivery(&world).await;
    fail(&world, of, id, 1..=5).await;
    assert_eq!(state(&world, id), EndpointState::Active, "four fifths of the hour");
    world.advance_ms(7);
    let heard = world.heard.look(|h| h.changed.len());
    fail(&world, of, id, 6..=6).await;
    assert_eq!(state(&world, id), FAILING);
    assert_eq!(endpoint(&world, id).updated_at, world.now());
    assert_eq!(world.heard.look(|h| h.changed[heard..].to_vec()), [id]);
    world.assert_balanced().await;
    let world = world.crash();
    assert_eq!(state(&world, id), FAILING);
    world.assert_balanced().await;
}

async fn what_is_known_about_failing_survives_a_crash_between_two_attempts(world: World) {
    let (id, of) = one_delivery(&world).await;
    fail(&world, of, id, 1..=5).await;
    let world = world.crash();
    fail(&world, of, id, 6..=6).await;
    assert_eq!(state(&world, id), FAILING);
}

async fn a_success_in_between_starts_the_hour_again(world: World) {
    let (id, of) = one_delivery(&world).await;
    fail(&world, of, id, 1..=3).await;
    succeed(&world, of, id, 4).await;
    let world = world.crash();
    world.resend(of.message, id).await;
    fail(&world, of, id, 5..=9).await;
    assert_eq!(state(&world, id), EndpointState::Active, "four fifths of an hour since the success");
    fail(&world, of, id, 10..=10).await;
    assert_eq!(state(&world, id), FAILING);
}

async fn a_success_enables_what_was_disabled_for_failing(world: World) {
    let (id, of) = one_delivery(&world).await;
    fail(&world, of, id, 1..=6).await;
    let world = world.crash();
    fail(&world, of, id, 7..=7).await;
    assert_eq!(state(&world, id), FAILING, "a probe that fails leaves it as it is");
    succeed(&world, of, id, 8).await;
    assert_eq!(state(&world, id), EndpointState::Active);
    let world = world.crash();
    assert_eq!(state(&world, id), EndpointState::Active);
    world.assert_balanced().await;
}

async fn a_success_of_a_delivery_that_was_cancelled_meanwhile_counts_as_well(world: World) {
    let (id, of) = one_delivery(&world).await;
    fail(&world, of, id, 1..=6).await;
    assert_eq!(state(&world, id), FAILING);
    world.cancel(of.message, None).await;
    assert_eq!(state(&world, id), FAILING, "that somebody cancels says nothing about the endpoint");
    succeed(&world, of, id, 7).await;
    assert_eq!(state(&world, id), EndpointState::Active);
    world.assert_balanced().await;
}

async fn an_endpoint_that_a_person_enables_has_its_hour_again(world: World) {
    let (id, of) = one_delivery(&world).await;
    fail(&world, of, id, 1..=6).await;
    put(&world, Endpoint { state: EndpointState::Active, ..endpoint(&world, id) }).await;
    fail(&world, of, id, 7..=11).await;
    assert_eq!(state(&world, id), EndpointState::Active);
    fail(&world, of, id, 12..=12).await;
    assert_eq!(state(&world, id), FAILING);
}

async fn an_endpoint_that_leads_elsewhere_has_its_hour_again(world: World) {
    let (id, of) = one_delivery(&world).await;
    fail(&world, of, id, 1..=5).await;
    let url = "https://example.org/".to_owned();
    put(&world, Endpoint { url: url.clone(), ..endpoint(&world, id) }).await;
    let started_at = START + DISABLE_AFTER;
    let failed = Outcome { started_at, url, ..outcome(of, id, 6, retry_at(started_at)) };
    world.report(vec![report(failed)]).await;
    assert_eq!(state(&world, id), EndpointState::Active);
}

async fn an_attempt_at_a_former_url_says_nothing(world: World) {
    let (id, of) = one_delivery(&world).await;
    put(&world, Endpoint { url: "https://example.org/".into(), state: FAILING, ..endpoint(&world, id) })
        .await;
    succeed(&world, of, id, 1).await;
    assert_eq!(state(&world, id), FAILING);
}

async fn a_deleted_endpoint_leaves_nothing_behind(world: World) {
    let (id, of) = one_delivery(&world).await;
    fail(&world, of, id, 1..=5).await;
    let old = endpoint(&world, id);
    world.delete_endpoint(id).await;
    let world = world.crash();
    // The same key again, which never happens, shows whether the row was left.
    put(&world, old).await;
    let it = world.append_one(message(endpoint(&world, id).application, &[id])).await;
    let started_at = START + DISABLE_AFTER;
    let failed = outcome(delivery(&it, 0), id, 1, retry_at(started_at));
    world.report(vec![report(Outcome { started_at, ..failed })]).await;
    assert_eq!(state(&world, id), EndpointState::Active);
}

async fn the_oldest_undecided_delivery_is_found_with_or_without_a_time(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let id = endpoints[0];
    let look = async |expected: Option<DeliveryId>| {
        let before = world.heard.look(|h| h.oldest.len());
        world.store.load_oldest(id);
        let found = world.heard.wait_for("the oldest row", |h| h.oldest.get(before).copied());
        assert_eq!((found.0, found.1.map(|row| row.delivery)), (id, expected));
    };
    look(None).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(world.append_one(message(application, &endpoints)).await);
    }
    let of = |n: usize| delivery(&all[n], 0);
    world.report(vec![crate::fixture::park(delivery(&all[0], 1), endpoints[1], 0, false)]).await;
    world.report(vec![crate::fixture::park(of(2), id, 0, false)]).await;
    look(Some(of(2))).await;
    world.report(vec![attempt(of(1), id, 1, retry_at(START), false)]).await;
    look(Some(of(1))).await;
    world.report(vec![attempt(of(1), id, 2, Verdict::Delivered, true)]).await;
    look(Some(of(2))).await;
}
