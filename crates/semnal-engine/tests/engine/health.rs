//! An endpoint that does nothing but fail: disabled, probed, back; over restarts, and down to milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use semnal_core::delivery::DeliveryState;
use semnal_core::endpoint::{DisabledReason, EndpointState};
use semnal_core::id::MessageId;
use semnal_core::retry::RetrySchedule;
use semnal_core::time::UnixMillis;
use semnal_engine::transport::connections::Connections;
use semnal_engine::transport::{ATTEMPT_LIMIT, Budget};

use crate::site::{Site, SiteOptions};
use crate::transport::receiver::Receiver;
use crate::transport::world::{OK_ADDRESS, START, Setup, World, arrival, endpoint_url, request, status};

const FAILING: EndpointState = EndpointState::Disabled(DisabledReason::Failing);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A receiver that answers with whatever status the test sets; a 503 asks for 20 minutes of rest.
struct Moody {
    receiver: Receiver,
    status: Arc<AtomicU16>,
}

impl Moody {
    fn new(first: u16) -> Moody {
        let current = Arc::new(AtomicU16::new(first));
        let said = current.clone();
        let receiver = Receiver::start(move |mut peer| {
            while peer.read_request() {
                let answer = match said.load(Ordering::SeqCst) {
                    503 => "HTTP/1.1 503 Busy\r\nretry-after: 1200\r\ncontent-length: 0\r\n\r\n".into(),
                    other => status(other),
                };
                if peer.write(answer).is_err() {
                    return;
                }
            }
        });
        Moody { receiver, status: current }
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn requests(&self) -> usize {
        self.receiver.requests().len()
    }
}

/// An hour of failing disables, a probe is made every ten minutes, a retry follows after five.
fn hourly() -> SiteOptions {
    SiteOptions {
        disable_after: Some(HOUR),
        probe_interval: Some(MINUTE * 10),
        schedule: RetrySchedule::parse(&vec!["5m"; 60].join(",")).unwrap(),
    }
}

/// Moves the clock from one thing to the next until `end`.
async fn run_until(site: &Site, end: UnixMillis) {
    loop {
        let next = site.engine.rest().await;
        if next > end {
            site.clock.advance_to(end);
            site.engine.rest().await;
            return;
        }
        site.clock.advance_to(next);
    }
}

async fn run_for(site: &Site, length: Duration) {
    run_until(site, site.clock.now() + length).await;
}

/// Moves the clock on until the endpoint is in this state; a month is too late.
async fn until_state(site: &Site, wanted: EndpointState) {
    while state(site) != wanted {
        assert!(site.clock.now().since(START) < HOUR * 720, "never {wanted:?}");
        let next = site.engine.rest().await;
        site.clock.advance_to(next);
        site.engine.rest().await;
    }
}

fn state(site: &Site) -> EndpointState {
    site.store.configuration().endpoint(site.endpoint.id).unwrap().state
}

async fn all_delivered(site: &Site, messages: &[MessageId]) {
    for message in messages {
        site.until_decided(*message).await;
        assert!(matches!(site.state(*message).await, DeliveryState::Delivered(_)));
    }
    site.balances().await;
}

#[tokio::test]
async fn an_hour_of_failure_disables_and_one_delivery_probes_until_a_success_lets_the_backlog_flow() {
    let moody = Moody::new(500);
    let world = World::with(&moody.receiver);
    let site = Site::with_options(&world, hourly()).await;
    let mut messages = vec![site.send().await];
    until_state(&site, FAILING).await;
    let failed_for = site.clock.now().since(START);
    assert!((HOUR..HOUR + MINUTE * 6).contains(&failed_for), "{failed_for:?}");
    for _ in 0..3 {
        messages.push(site.send().await);
    }
    run_for(&site, Duration::from_millis(1)).await;
    assert!(matches!(site.state(messages[3]).await, DeliveryState::Held(_)));
    let (before, disabled_at) = (moody.requests(), site.clock.now());
    run_for(&site, HOUR).await;
    assert_eq!(moody.requests() - before, 6, "one probe every ten minutes");
    assert_eq!(state(&site), FAILING);
    let probes = site.attempts(messages[0]).await.split_off(before);
    assert_eq!(probes.len(), 6, "the oldest is tried, and the attempt is kept like any other");
    for (probe, n) in probes.iter().zip(1u32..) {
        let expected = disabled_at + MINUTE * 10 * n;
        assert!(probe.started_at <= expected && expected.since(probe.started_at) <= Duration::from_millis(1));
    }
    site.balances().await;
    moody.answers(204);
    until_state(&site, EndpointState::Active).await;
    all_delivered(&site, &messages).await;
}

#[tokio::test]
async fn what_an_endpoint_failed_before_a_restart_counts_after_it() {
    let moody = Moody::new(500);
    let world = World::with(&moody.receiver);
    let site = Site::with_options(&world, hourly()).await;
    let message = site.send().await;
    run_for(&site, MINUTE * 40).await;
    let site = site.restart(&world).await;
    run_for(&site, MINUTE * 15).await;
    assert_eq!(state(&site), EndpointState::Active);
    run_for(&site, MINUTE * 15).await;
    assert_eq!(state(&site), FAILING);
    moody.answers(200);
    all_delivered(&site, &[message]).await;
}

#[tokio::test]
async fn after_a_restart_probes_go_on_and_one_that_was_missed_is_made_at_once() {
    let moody = Moody::new(500);
    let world = World::with(&moody.receiver);
    let site = Site::with_options(&world, hourly()).await;
    let message = site.send().await;
    until_state(&site, FAILING).await;
    let before = moody.requests();
    let site = site.restart(&world).await;
    run_for(&site, MINUTE * 9).await;
    assert_eq!((moody.requests(), state(&site)), (before, FAILING));
    run_for(&site, MINUTE).await;
    assert_eq!(moody.requests(), before + 1);
    site.engine.stop().await;
    site.clock.advance(MINUTE * 30);
    let site = site.restart(&world).await;
    run_for(&site, Duration::from_millis(1)).await;
    assert_eq!(moody.requests(), before + 2);
    moody.answers(200);
    all_delivered(&site, &[message]).await;
    assert_eq!(state(&site), EndpointState::Active);
}

#[tokio::test]
async fn an_endpoint_that_a_person_enables_sends_at_once_and_has_its_hour_again() {
    let moody = Moody::new(500);
    let world = World::with(&moody.receiver);
    let site = Site::with_options(&world, hourly()).await;
    let message = site.send().await;
    until_state(&site, FAILING).await;
    run_for(&site, MINUTE * 6).await;
    let before = moody.requests();
    site.set_state(EndpointState::Active).await;
    run_for(&site, MINUTE * 55).await;
    assert!(moody.requests() > before + 5, "it is sent to by its schedule again");
    assert_eq!(state(&site), EndpointState::Active);
    moody.answers(200);
    all_delivered(&site, &[message]).await;
}

#[tokio::test]
async fn a_probe_that_is_answered_with_410_is_the_last_one() {
    let moody = Moody::new(500);
    let world = World::with(&moody.receiver);
    let site = Site::with_options(&world, hourly()).await;
    let message = site.send().await;
    until_state(&site, FAILING).await;
    moody.answers(410);
    until_state(&site, EndpointState::Disabled(DisabledReason::Gone)).await;
    let before = moody.requests();
    run_for(&site, HOUR * 3).await;
    assert_eq!(moody.requests(), before);
    assert!(matches!(site.state(message).await, DeliveryState::Held(_)));
    site.balances().await;
}

#[tokio::test]
async fn an_endpoint_that_a_person_disabled_is_not_probed() {
    let moody = Moody::new(200);
    let world = World::with(&moody.receiver);
    let site = Site::with_options(&world, hourly()).await;
    site.set_state(EndpointState::Disabled(DisabledReason::Requested)).await;
    site.send().await;
    run_for(&site, HOUR * 3).await;
    assert_eq!(moody.requests(), 0);
}

#[tokio::test]
async fn a_probe_whose_endpoint_is_changed_before_it_is_sent_is_made_later() {
    let moody = Moody::new(503);
    let world = World::with(&moody.receiver);
    let site = Site::with_options(&world, hourly()).await;
    let message = site.send().await;
    until_state(&site, FAILING).await;
    // It asked for 20 minutes of rest: the probe that is due after ten waits in the queue.
    run_for(&site, MINUTE * 12).await;
    assert_eq!(site.engine.status().queued, 1);
    let it = (**site.store.configuration().endpoint(site.endpoint.id).unwrap()).clone();
    let described = semnal_core::endpoint::Endpoint { description: "x".into(), ..it };
    site.change(vec![semnal_core::configuration::Change::PutEndpoint(Box::new(described))]).await;
    assert_eq!(site.engine.status().queued, 0);
    moody.answers(200);
    until_state(&site, EndpointState::Active).await;
    all_delivered(&site, &[message]).await;
}

#[tokio::test]
async fn every_time_can_be_milliseconds() {
    let moody = Moody::new(500);
    let world = World::with(&moody.receiver);
    let options = SiteOptions {
        disable_after: Some(Duration::from_millis(20)),
        probe_interval: Some(Duration::from_millis(3)),
        schedule: RetrySchedule::parse(&vec!["4ms"; 60].join(",")).unwrap(),
    };
    let site = Site::with_options(&world, options).await;
    let message = site.send().await;
    until_state(&site, FAILING).await;
    assert!(site.clock.now().since(START) < Duration::from_millis(40));
    let before = moody.requests();
    run_for(&site, Duration::from_millis(30)).await;
    assert!((9..=10).contains(&(moody.requests() - before)), "{}", moody.requests() - before);
    moody.answers(200);
    all_delivered(&site, &[message]).await;
}

#[tokio::test]
async fn an_attempt_that_finds_no_connection_free_is_none_of_the_deliverys() {
    let (read, was_read) = mpsc::channel();
    let held = AtomicBool::new(true);
    let receiver = Receiver::start(move |mut peer| {
        while peer.read_request() {
            if held.swap(false, Ordering::SeqCst) {
                read.send(()).unwrap();
                peer.sees_the_end();
                return;
            }
            peer.write(status(200)).unwrap();
        }
    });
    let mut setup = Setup::new().name("ok.example", &["93.184.216.34"]).route(OK_ADDRESS, receiver.address);
    setup.open_connections_max = 1;
    let world = setup.build();
    let site = Site::with_options(&world, hourly()).await;
    let (other, url) = (Connections::new(), endpoint_url("http://ok.example/hook"));
    let long = Budget { total: ATTEMPT_LIMIT * 2, ..Budget::default() };
    let message = tokio::select! {
        holder = world.transport.send(&other, &url, request(""), long) => panic!("{holder:?}"),
        message = async {
            arrival(&was_read).await;
            let message = site.send().await;
            world.advance_when_due_next(START + ATTEMPT_LIMIT).await;
            site.engine.rest().await;
            message
        } => message,
    };
    assert!(site.attempts(message).await.is_empty(), "nothing is held against the receiver");
    site.balances().await;
    all_delivered(&site, &[message]).await;
    assert_eq!(site.attempts(message).await.len(), 1);
}
