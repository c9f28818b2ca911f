//! The scheduler alone: whose turn it is, what stays in memory, what is asked of the store.

use std::collections::BTreeMap;

use semnal_core::application::Application;
use semnal_core::attempt::{AttemptEnd, Phases};
use semnal_core::configuration::Change;
use semnal_core::endpoint::{DisabledReason, Endpoint, EndpointSecret, EndpointState};
use semnal_core::id::{AttemptId, MessageId, OrganisationId};
use semnal_core::name::EventTypeName;
use semnal_core::signature::Secret;
use semnal_store::called_off::{CalledOff, Reason};
use semnal_store::outcome::Verdict;

use super::*;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const PROBE_INTERVAL: Duration = Duration::from_secs(3_600);

fn endpoint_id(n: i64) -> EndpointId {
    EndpointId(Key(n))
}

/// Application 1 with the endpoints 11, 12, … and application 2 with 21, 22, ….
fn configuration(endpoints: &[i64]) -> Arc<Configuration> {
    let mut configuration = Configuration::default();
    for n in [1, 2] {
        let application = Application {
            id: ApplicationId(Key(n)),
            organisation: OrganisationId(Key(0)),
            uid: None,
            name: String::new(),
            rate_limit: None,
            metadata: BTreeMap::new(),
            created_at: NOW,
            updated_at: NOW,
        };
        configuration.apply(&Change::PutApplication(application)).unwrap();
    }
    for n in endpoints {
        configuration.apply(&Change::PutEndpoint(Box::new(endpoint(*n)))).unwrap();
    }
    Arc::new(configuration)
}

fn endpoint(n: i64) -> Endpoint {
    Endpoint {
        id: endpoint_id(n),
        application: ApplicationId(Key(n / 10)),
        uid: None,
        url: format!("https://endpoint-{n}.example/"),
        description: String::new(),
        state: EndpointState::Active,
        event_types: None,
        channels: None,
        rate_limit: None,
        concurrency_limit: None,
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        secrets: vec![EndpointSecret { secret: Secret::Ed25519([1; 32]), expires_at: None }],
        schedule: None,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn scheduler(endpoints: &[i64], in_flight_max: usize) -> Scheduler {
    let mut it = Scheduler::new(RequestForm::default(), in_flight_max, Some(PROBE_INTERVAL), NOW);
    it.reconfigure(configuration(endpoints), &[], &[], NOW);
    it
}

fn delivery(n: i64) -> DeliveryId {
    DeliveryId { message: MessageId(Key(n)), ordinal: 0 }
}

fn offer(scheduler: &mut Scheduler, endpoint: i64, messages: std::ops::Range<i64>) {
    for n in messages {
        let message = Message {
            id: MessageId(Key(n)),
            application: ApplicationId(Key(endpoint / 10)),
            event_type: EventTypeName::parse("x").unwrap(),
            event_id: None,
            channels: Vec::new(),
            endpoints: vec![endpoint_id(endpoint)],
            payload: bytes::Bytes::from_static(&[b' '; 1_024]),
            idempotency: None,
            event_fingerprint: None,
        };
        scheduler.offer_fresh(endpoint_id(endpoint), delivery(n), Some(Arc::new(message)), NOW);
    }
}

/// Takes what may be sent now, and says which endpoints it goes to.
fn take(scheduler: &mut Scheduler) -> Vec<i64> {
    let jobs = std::iter::from_fn(|| scheduler.next(NOW));
    jobs.map(|job| job.destination.endpoint.id.0.0).collect()
}

fn row(endpoint: i64, n: i64, due_at: Option<UnixMillis>) -> RetryRow {
    RetryRow {
        endpoint: endpoint_id(endpoint),
        delivery: delivery(n),
        progress: Progress { attempts: 1, step: 1 },
        due_at,
        trigger: Trigger::Scheduled,
        since: Key(0),
    }
}

fn count(endpoints: &[i64], wanted: i64) -> usize {
    endpoints.iter().filter(|n| **n == wanted).count()
}

#[test]
fn an_endpoint_that_hangs_on_everything_takes_nothing_from_its_neighbour() {
    let mut it = scheduler(&[11, 12], 2_048);
    offer(&mut it, 11, 0..5_000);
    let hanging = take(&mut it);
    assert_eq!(hanging, vec![11; 8], "a new endpoint starts with eight at once, and these never end");
    for n in 10_000..10_100 {
        offer(&mut it, 12, n..n + 1);
        assert_eq!(take(&mut it), [12], "the neighbour's event is sent at once");
        it.ended(endpoint_id(12), delivery(n), Finish::Success, NOW);
    }
}

#[test]
fn applications_take_turns_however_much_each_has() {
    let mut it = scheduler(&[11, 12, 13, 14, 21], 16);
    for endpoint in [11, 12, 13, 14] {
        offer(&mut it, endpoint, endpoint * 1_000..endpoint * 1_000 + 500);
    }
    offer(&mut it, 21, 1..9);
    let mut sent = Vec::new();
    for _ in 0..100 {
        let jobs: Vec<Job> = std::iter::from_fn(|| it.next(NOW)).collect();
        for job in jobs {
            let id = job.destination.endpoint.id;
            sent.push(id.0.0);
            it.ended(id, job.item.delivery, Finish::Success, NOW);
        }
    }
    let until_served = sent.iter().rposition(|n| *n == 21).unwrap();
    assert_eq!(count(&sent, 21), 8);
    // One turn is worth 64 KiB, that is 32 requests of 1 KiB payload: the small application waits for a few at most.
    assert!(until_served < 3 * 32, "{until_served} requests before the small application was served");
    for endpoint in [11, 12, 13, 14] {
        assert!(count(&sent, endpoint) > 300, "endpoints of one application share its turns: {endpoint}");
    }
}

#[test]
fn what_exceeds_an_endpoints_window_goes_to_the_store() {
    let mut it = scheduler(&[11], 2_048);
    let (window, beyond) = (i64::try_from(WINDOW_MAX).unwrap(), 100);
    offer(&mut it, 11, 0..window + beyond);
    let (reports, _) = it.drain();
    assert_eq!(reports.len(), 100);
    assert!(reports.iter().all(|r| matches!(r, Report::Park { has_row: false, .. })));
    assert_eq!(it.status().queued, WINDOW_MAX);
}

#[test]
fn a_backlog_is_read_only_as_far_as_there_is_room_and_once() {
    let mut it = scheduler(&[11], 2_048);
    it.found_backlog(endpoint_id(11), NOW);
    it.found_backlog(endpoint_id(11), NOW);
    let (_, loads) = it.drain();
    let expected = Load::Queued { endpoint: endpoint_id(11), after: None, limit: BACKLOG_ROWS };
    assert_eq!(loads, [expected]);
    let rows: Vec<RetryRow> = (0..10).map(|n| row(11, n, None)).collect();
    it.loaded_queued(endpoint_id(11), &rows, true, NOW);
    it.loaded_queued(endpoint_id(11), &rows, true, NOW);
    assert_eq!(it.status().queued, 10, "a row that is read twice is taken once");
    assert!(it.drain().0.is_empty(), "nothing that was read is written back");
}

#[test]
fn a_paused_endpoint_keeps_its_work_in_the_store_until_it_is_active() {
    let mut it = scheduler(&[11], 2_048);
    offer(&mut it, 11, 0..3);
    let pause = |state| {
        let mut next = (*configuration(&[11])).clone();
        next.apply(&Change::PutEndpoint(Box::new(Endpoint { state, ..endpoint(11) }))).unwrap();
        Arc::new(next)
    };
    it.reconfigure(pause(EndpointState::Paused), &[endpoint_id(11)], &[], NOW);
    offer(&mut it, 11, 3..5);
    assert_eq!(take(&mut it), [] as [i64; 0]);
    let (reports, _) = it.drain();
    assert_eq!(reports.len(), 5);
    it.confirmed(&reports, NOW);
    assert!(it.drain().1.is_empty(), "nothing is read while it is paused");
    it.reconfigure(pause(EndpointState::Active), &[endpoint_id(11)], &[], NOW);
    let (_, loads) = it.drain();
    assert!(matches!(loads[..], [Load::Queued { after: None, .. }]), "{loads:?}");
}

#[test]
fn timers_given_up_while_rows_are_read_leave_no_gap() {
    let mut it = scheduler(&[11], 2_048);
    it.tick(NOW);
    let (_, loads) = it.drain();
    assert!(matches!(loads[..], [Load::Due { .. }]));
    it.loaded_due(Vec::new(), due_cursor_at(NOW + HORIZON), NOW);
    // Half a minute later more is read; meanwhile so many retries become due that the latest are given up.
    let later = NOW + HORIZON / 2 + Duration::from_millis(1);
    it.tick(later);
    assert!(matches!(it.drain().1[..], [Load::Due { .. }]));
    let over = i64::try_from(TIMERS_MAX).unwrap() + 10;
    for n in 0..over {
        it.add_timer(row(11, n, Some(NOW + HORIZON - Duration::from_millis(1))));
    }
    let given_up_to = it.reached;
    it.loaded_due(Vec::new(), due_cursor_at(later + HORIZON), later);
    assert_eq!(it.reached, given_up_to, "what was given up is read again, not jumped over");
    assert_eq!(it.status().timers, TIMERS_MAX);
}

#[test]
fn a_deleted_endpoints_attempts_are_stopped_and_its_queue_forgotten() {
    let mut it = scheduler(&[11], 2_048);
    offer(&mut it, 11, 0..20);
    let job = it.next(NOW).unwrap();
    it.reconfigure(configuration(&[]), &[], &[endpoint_id(11)], NOW);
    assert!(job.stop.is_cancelled());
    let (reports, _) = it.drain();
    assert_eq!(reports.len(), 19);
    assert!(reports.iter().all(|r| matches!(r, Report::Forget { has_row: false, .. })));
}

#[test]
fn nothing_is_sent_while_the_disk_is_full() {
    let mut it = scheduler(&[11], 2_048);
    it.set_disk_full(true);
    offer(&mut it, 11, 0..1);
    assert_eq!(take(&mut it), [] as [i64; 0]);
    it.set_disk_full(false);
    assert_eq!(take(&mut it), [11]);
}

#[test]
fn an_endpoint_that_asks_for_rest_gets_it() {
    let mut it = scheduler(&[11], 2_048);
    offer(&mut it, 11, 0..2);
    let job = it.next(NOW).unwrap();
    let until = NOW + Duration::from_secs(120);
    it.next(NOW);
    it.ended(endpoint_id(11), job.item.delivery, Finish::SlowDown(until), NOW);
    offer(&mut it, 11, 2..3);
    assert_eq!(take(&mut it), [] as [i64; 0]);
    assert_eq!(it.wakes.first(), Some(&(until, endpoint_id(11))));
    it.tick(until);
    assert!(it.next(until).is_some());
}

#[test]
fn a_persons_request_goes_first_and_bulk_work_goes_last() {
    let mut it = scheduler(&[11], 1_000);
    offer(&mut it, 11, 10..12);
    let manual = |n, due_at| RetryRow { trigger: Trigger::Manual, ..row(11, n, due_at) };
    it.found_backlog(endpoint_id(11), NOW);
    assert!(!it.takes_bulk(endpoint_id(11)));
    it.loaded_queued(endpoint_id(11), &[manual(1, None), manual(2, None)], true, NOW);
    it.resent(&[manual(5, Some(NOW))], NOW);
    let order: Vec<i64> =
        std::iter::from_fn(|| it.next(NOW)).map(|job| job.item.delivery.message.0.0).collect();
    assert_eq!(order, [5, 10, 11, 1, 2]);
}

#[test]
fn bulk_work_is_taken_by_an_endpoint_with_little_to_do_or_one_that_holds() {
    let mut it = scheduler(&[11, 12], 0);
    assert!(it.takes_bulk(endpoint_id(11)));
    offer(&mut it, 11, 0..255);
    assert!(it.takes_bulk(endpoint_id(11)));
    offer(&mut it, 11, 255..256);
    assert!(!it.takes_bulk(endpoint_id(11)));
    assert!(it.takes_bulk(endpoint_id(12)));
    let paused = Endpoint { state: EndpointState::Paused, ..endpoint(11) };
    let mut configuration = (*configuration(&[11, 12])).clone();
    configuration.apply(&Change::PutEndpoint(Box::new(paused))).unwrap();
    it.reconfigure(Arc::new(configuration), &[endpoint_id(11)], &[], NOW);
    assert!(it.takes_bulk(endpoint_id(11)));
}

#[test]
fn a_row_that_is_sent_again_leaves_its_timer() {
    let mut it = scheduler(&[11], 1_000);
    it.tick(NOW);
    let later = NOW + Duration::from_secs(10);
    it.loaded_due(vec![row(11, 1, Some(later)), row(11, 2, Some(later))], due_cursor_at(NOW + HORIZON), NOW);
    it.resent(&[RetryRow { trigger: Trigger::Manual, ..row(11, 1, Some(NOW)) }], NOW);
    assert_eq!((it.status().timers, take(&mut it).len()), (1, 1));
}

#[test]
fn a_row_that_is_probed_before_its_time_is_not_offered_again_at_its_time() {
    let mut it = scheduler(&[11], 2_048);
    let mut next = (*configuration(&[11])).clone();
    let state = EndpointState::Disabled(DisabledReason::Failing);
    next.apply(&Change::PutEndpoint(Box::new(Endpoint { state, ..endpoint(11) }))).unwrap();
    it.reconfigure(Arc::new(next), &[endpoint_id(11)], &[], NOW);
    it.tick(NOW);
    it.drain();
    let probed_at = NOW + PROBE_INTERVAL;
    let row = row(11, 1, Some(probed_at + HORIZON / 2));
    let load = |it: &mut Scheduler| it.loaded_due(vec![row], due_cursor_at(probed_at + HORIZON), probed_at);
    load(&mut it);
    assert_eq!(it.status().timers, 1);
    let (_, loads) = it.drain();
    assert!(loads.contains(&Load::Oldest { endpoint: endpoint_id(11) }), "{loads:?}");
    it.loaded_oldest(endpoint_id(11), Some(row), probed_at);
    assert_eq!(it.status().timers, 0, "its timer would offer the same attempt a second time");
    load(&mut it);
    assert_eq!(it.status().timers, 0, "nor does a load that was under way bring it back");
    let job = it.next(probed_at).unwrap();
    assert_eq!(job.item.delivery, delivery(1));
    assert!(it.next(probed_at).is_none(), "one probe at a time");
}

#[test]
fn a_probe_that_is_called_off_before_it_was_sent_makes_room_for_another() {
    let mut it = scheduler(&[11], 2_048);
    let mut next = (*configuration(&[11])).clone();
    let state = EndpointState::Disabled(DisabledReason::Failing);
    next.apply(&Change::PutEndpoint(Box::new(Endpoint { state, ..endpoint(11) }))).unwrap();
    it.reconfigure(Arc::new(next), &[endpoint_id(11)], &[], NOW);
    let probed_at = NOW + PROBE_INTERVAL;
    it.tick(probed_at);
    it.drain();
    it.loaded_oldest(endpoint_id(11), Some(row(11, 1, None)), probed_at);
    it.call_off(&[called_off(11, 1, None)], probed_at);
    assert!(it.next(probed_at).is_none(), "what was called off is not sent");
    let (reports, _) = it.drain();
    assert!(matches!(reports[..], [Report::Forget { has_row: true, .. }]), "{reports:?}");
    let again = probed_at + PROBE_INTERVAL;
    it.tick(again);
    assert!(it.drain().1.contains(&Load::Oldest { endpoint: endpoint_id(11) }));
    // It was reopened before the store has heard that it was forgotten: it is not taken twice.
    it.loaded_oldest(endpoint_id(11), Some(row(11, 1, None)), again);
    assert!(it.next(again).is_none());
    it.confirmed(&reports, again);
    it.tick(again + PROBE_INTERVAL);
    it.loaded_oldest(endpoint_id(11), Some(row(11, 1, None)), again + PROBE_INTERVAL);
    assert!(it.next(again + PROBE_INTERVAL).is_some());
}

fn called_off(endpoint: i64, n: i64, due_at: Option<UnixMillis>) -> CalledOff {
    CalledOff { endpoint: endpoint_id(endpoint), delivery: delivery(n), due_at, reason: Reason::Cancelled }
}

#[test]
fn what_is_called_off_leaves_the_queue_and_the_timers_and_is_confirmed_once() {
    let mut it = scheduler(&[11, 12], 2_048);
    offer(&mut it, 11, 0..3);
    it.loaded_due(Vec::new(), due_cursor_at(NOW + HORIZON), NOW);
    let later = NOW + Duration::from_secs(5);
    it.add_timer(row(12, 9, Some(later)));
    it.drain();
    let all = [called_off(11, 1, None), called_off(12, 9, Some(later)), called_off(12, 8, None)];
    it.call_off(&all, NOW);
    it.call_off(&all, NOW);
    let (reports, _) = it.drain();
    let mut told: Vec<_> = reports
        .iter()
        .map(|report| match report {
            Report::Forget { delivery, has_row } => (*delivery, *has_row),
            other => panic!("{other:?}"),
        })
        .collect();
    told.sort_unstable();
    assert_eq!(told, [(delivery(1), false), (delivery(8), true), (delivery(9), true)]);
    assert_eq!((it.status().queued, it.status().timers, it.fresh()), (2, 0, 3));
    it.confirmed(&reports, NOW);
    assert_eq!(it.fresh(), 2);
    let sent: Vec<_> = std::iter::from_fn(|| it.next(NOW)).map(|job| job.item.delivery).collect();
    assert_eq!(sent, [delivery(0), delivery(2)]);
    assert_eq!(it.payload_bytes, 0);
}

#[test]
fn an_attempt_under_way_ends_and_nothing_follows_from_it() {
    let mut it = scheduler(&[11], 2_048);
    offer(&mut it, 11, 0..1);
    let job = it.next(NOW).unwrap();
    it.call_off(&[called_off(11, 0, None)], NOW);
    assert!(!job.stop.is_cancelled());
    assert!(it.drain().0.is_empty(), "its own report says that it is over");
    let due = NOW + Duration::from_millis(1);
    // A row that is read meanwhile is not taken: the same delivery would be sent twice at once.
    it.loaded_queued(endpoint_id(11), &[row(11, 0, None)], true, NOW);
    assert!(it.next(NOW).is_none());
    it.finish(
        outcome(11, 0, Verdict::RetryAt(due)),
        Progress { attempts: 1, step: 1 },
        false,
        Finish::Failure,
        NOW,
    );
    let (reports, _) = it.drain();
    assert!(matches!(reports[..], [Report::Attempt { .. }]));
    it.loaded_due(Vec::new(), due_cursor_at(NOW + HORIZON), NOW);
    it.confirmed(&reports, NOW);
    assert_eq!((it.status().timers, it.fresh()), (0, 0));
    it.resent(&[row(11, 0, Some(NOW))], NOW);
    assert_eq!(take(&mut it), [11], "a resend that the store tells of afterwards is sent");
}

#[test]
fn a_message_that_cannot_be_read_because_it_is_gone_is_not_put_back() {
    let mut it = scheduler(&[11], 2_048);
    offer(&mut it, 11, 0..1);
    let job = it.next(NOW).unwrap();
    it.call_off(&[called_off(11, 0, None)], NOW);
    it.put_back(endpoint_id(11), &job.item, NOW + Duration::from_secs(60), NOW);
    assert!(matches!(it.drain().0[..], [Report::Forget { has_row: false, .. }]));
    offer(&mut it, 11, 1..2);
    assert_eq!(take(&mut it), [11], "the endpoint does not rest for it");
}

fn outcome(endpoint: i64, n: i64, verdict: Verdict) -> Arc<Outcome> {
    Arc::new(Outcome {
        id: AttemptId { delivery: delivery(n), number: 1 },
        endpoint: endpoint_id(endpoint),
        url: String::new(),
        started_at: NOW,
        end: AttemptEnd::Answered(500),
        verdict,
        trigger: Trigger::Scheduled,
        address: None,
        phases: Phases::default(),
        response_headers: Vec::new(),
        response_body: Vec::new(),
        response_truncated: false,
    })
}
