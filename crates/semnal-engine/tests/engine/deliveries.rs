//! Store, engine and transport together: a receiver that follows a script, and a clock that the test moves, so that
//! days of retries take milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use semnal_core::attempt::{AttemptEnd, Cause};
use semnal_core::configuration::Change;
use semnal_core::delivery::DeliveryState;
use semnal_core::endpoint::{DisabledReason, EndpointState};
use semnal_core::integration::{Integration, ZAPIER};
use semnal_core::retry::RetrySchedule;
use semnal_core::signature::Verifier;
use semnal_store::outcome::{Outcome, Verdict};

use crate::site::{SECRET, Site};
use crate::transport::receiver::{Receiver, answer_all};
use crate::transport::world::{START, World, settle, status};

/// 500, 500, 302, no answer at all, a reset, 429 with Retry-After, and then 200.
fn troubled() -> Receiver {
    let attempt = Arc::new(AtomicUsize::new(0));
    Receiver::start(move |mut peer| {
        loop {
            if attempt.load(Ordering::SeqCst) == 4 {
                attempt.fetch_add(1, Ordering::SeqCst);
                return peer.reset();
            }
            if !peer.read_request() {
                return;
            }
            let answer = match attempt.fetch_add(1, Ordering::SeqCst) + 1 {
                1 | 2 => status(500),
                3 => "HTTP/1.1 302 Found\r\nlocation: http://elsewhere.example/\r\ncontent-length: 0\r\n\r\n"
                    .into(),
                4 => {
                    peer.sees_the_end();
                    return;
                }
                6 => "HTTP/1.1 429 Slow down\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n".into(),
                _ => status(200),
            };
            if peer.write(answer).is_err() {
                return;
            }
        }
    })
}

#[tokio::test]
async fn every_failure_is_recorded_with_its_cause_and_retried_on_schedule_until_it_is_through() {
    let receiver = troubled();
    let world = World::with(&receiver);
    let site = Site::with(&world).await;
    let message = site.send().await;
    tokio::select! {
        () = site.until_decided(message) => panic!("the fourth attempt did not hang"),
        () = fourth(&receiver) => site.clock.advance(Duration::from_secs(15)),
    }
    site.until_decided(message).await;

    let attempts = site.attempts(message).await;
    let ends: Vec<String> = attempts.iter().map(|a| end(&a.end)).collect();
    let expected = ["500", "500", "302", "response_timeout", "connection_closed", "429", "200"];
    assert_eq!(ends, expected);
    on_schedule(&attempts);
    one_id_and_a_new_time_each(&receiver, &attempts, &site);
    assert_eq!(world.trap.connections(), 0, "the redirect was followed");
    assert!(matches!(site.state(message).await, DeliveryState::Delivered(p) if p.attempts == 7));
    site.balances().await;
}

/// Waits until the receiver has the fourth request, which it does not answer: that attempt ends with its time.
async fn fourth(receiver: &Receiver) {
    while receiver.requests().len() < 4 {
        tokio::task::yield_now().await;
    }
}

fn end(end: &AttemptEnd) -> String {
    match end {
        AttemptEnd::Answered(status) => status.to_string(),
        AttemptEnd::Failed { cause, .. } => cause.code().to_owned(),
    }
}

/// Each attempt starts when the one before said that it is due: within a fifth of the schedule, counted from its end,
/// and exactly after 120 s where the receiver asked for that.
fn on_schedule(attempts: &[Outcome]) {
    let schedule = RetrySchedule::default();
    for (step, pair) in (0u16..).zip(attempts.windows(2)) {
        let Verdict::RetryAt(due) = pair[0].verdict else { panic!("{:?}", pair[0]) };
        assert_eq!(pair[1].started_at, due, "attempt {} is not on time", step + 2);
        let hung = matches!(pair[0].end, AttemptEnd::Failed { cause: Cause::ResponseTimeout, .. });
        let ended = pair[0].started_at + if hung { Duration::from_secs(15) } else { Duration::ZERO };
        let wait = due.since(ended);
        if pair[0].end == AttemptEnd::Answered(429) {
            assert_eq!(wait, Duration::from_secs(120));
        } else {
            let (least, most) =
                (schedule.wait_after(step, 0.0).unwrap(), schedule.wait_after(step, 1.0).unwrap());
            assert!(
                wait >= least && wait <= most,
                "attempt {}: {wait:?} not in {least:?}..{most:?}",
                step + 2
            );
        }
    }
}

fn one_id_and_a_new_time_each(receiver: &Receiver, attempts: &[Outcome], site: &Site) {
    // The fifth was reset before it was read.
    let requests = receiver.requests();
    assert_eq!(requests.len(), 6);
    let header = |request: &str, name: &str| {
        let line = request.lines().find_map(|l| l.strip_prefix(&format!("{name}: "))).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{name} is missing: {request}"))
    };
    let ids: Vec<String> = requests.iter().map(|r| header(r, "webhook-id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let numbers: Vec<String> = requests.iter().map(|r| header(r, "webhook-attempt")).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "6", "7"]);
    let verifier = Verifier::parse(SECRET).unwrap();
    let read = attempts.iter().filter(|a| a.id.number != 5);
    for (request, attempt) in requests.iter().zip(read) {
        let time = header(request, "webhook-timestamp");
        assert_eq!(time, attempt.started_at.unix_seconds().to_string());
        let (id, signature) = (header(request, "webhook-id"), header(request, "webhook-signature"));
        let body = request.split_once("\r\n\r\n").unwrap().1;
        assert_eq!(verifier.verify(&id, &time, &signature, body.as_bytes(), attempt.started_at), Ok(()));
    }
    assert!(site.clock.now() > START);
}

#[tokio::test]
async fn a_receiver_that_always_fails_is_given_up_after_16_attempts_and_nine_days() {
    let receiver = Receiver::answering(status(500));
    let world = World::with(&receiver);
    let site = Site::with(&world).await;
    let message = site.send().await;
    site.until_decided(message).await;
    let attempts = site.attempts(message).await;
    assert_eq!(attempts.len(), 16);
    on_schedule(&attempts);
    assert_eq!(attempts[15].verdict, Verdict::Exhausted);
    let days = site.clock.now().since(START).as_secs() / 86_400;
    assert!((7..=10).contains(&days), "{days} days");
    assert!(matches!(site.state(message).await, DeliveryState::Failed(_)));
    site.balances().await;
}

#[tokio::test]
async fn a_410_disables_the_endpoint_and_keeps_what_it_has() {
    let receiver = Receiver::answering(status(410));
    let world = World::with(&receiver);
    let site = Site::with(&world).await;
    let message = site.send().await;
    site.engine.rest().await;
    while !site.store.configuration().endpoint(site.endpoint.id).unwrap().state.holds() {
        tokio::task::yield_now().await;
    }
    site.engine.rest().await;
    let state = site.store.configuration().endpoint(site.endpoint.id).unwrap().state;
    assert_eq!(state, EndpointState::Disabled(DisabledReason::Gone));
    assert!(matches!(site.state(message).await, DeliveryState::Held(_)));
    let later = site.send().await;
    site.engine.rest().await;
    assert!(matches!(site.state(later).await, DeliveryState::Held(_)));
    assert_eq!(receiver.requests().len(), 1, "a disabled endpoint is left alone");
    site.balances().await;
}

#[tokio::test]
async fn an_endpoint_that_zapier_made_is_removed_when_it_is_gone_and_its_number_remembers_it() {
    let receiver = Receiver::answering(status(410));
    let world = World::with(&receiver);
    let site = Site::with(&world).await;
    let (application, id) = (site.endpoint.application, site.endpoint.id);
    let it = Integration { service: ZAPIER.to_owned(), ..Integration::new(application, 7, id) };
    site.change(vec![Change::PutIntegration(Box::new(it))]).await;
    let message = site.send().await;
    site.engine.rest().await;
    while site.store.configuration().endpoint(id).is_some() {
        tokio::task::yield_now().await;
    }
    site.engine.rest().await;
    let entry = site.store.configuration().integrations(application).get(7).unwrap().clone();
    assert_eq!((entry.endpoint, entry.gone_at), (None, Some(START)));
    assert!(site.state(message).await.is_decided(), "what it had not been sent is cancelled");
    assert_eq!(receiver.requests().len(), 1);
    site.balances().await;
}

#[tokio::test]
async fn a_hundred_events_for_a_paused_endpoint_are_all_delivered_when_it_is_resumed() {
    let receiver = Receiver::start(answer_all(status(200)));
    let world = World::with(&receiver);
    let site = Site::with(&world).await;
    site.set_state(EndpointState::Paused).await;
    let mut messages = Vec::new();
    for _ in 0..100 {
        messages.push(site.send().await);
    }
    site.engine.rest().await;
    settle().await;
    assert_eq!(receiver.requests().len(), 0);
    assert!(matches!(site.state(messages[99]).await, DeliveryState::Held(_)));
    site.balances().await;

    site.set_state(EndpointState::Active).await;
    while receiver.requests().len() < 100 {
        tokio::task::yield_now().await;
    }
    site.engine.rest().await;
    for message in messages {
        assert!(matches!(site.state(message).await, DeliveryState::Delivered(p) if p.attempts == 1));
    }
    assert_eq!(receiver.requests().len(), 100, "each one once");
    site.balances().await;
}
