//! The negative controls of the oracle: a clean history passes, and each violation alone is named as what it is.

use super::*;

/// Two messages to two endpoints, all of it as it should be.
fn history() -> History {
    let mut history = History::default();
    for sequence in [1, 2] {
        send(&mut history, sequence);
        history.accept(sequence, id(sequence));
        for endpoint in [0, 1] {
            history.arrive(arrival(sequence, endpoint));
        }
    }
    history.verify(Verified::Balanced);
    history
}

fn send(history: &mut History, sequence: u64) {
    let targets = vec![EndpointNumber(0), EndpointNumber(1)];
    history.send(sequence, Sent { body_hash: 100 + sequence, targets });
}

fn id(sequence: u64) -> MessageId {
    format!("msg_{sequence}").into()
}

fn arrival(sequence: u64, endpoint: u32) -> Arrival {
    Arrival {
        endpoint: EndpointNumber(endpoint),
        message: id(sequence),
        sequence: Some(sequence),
        body_hash: 100 + sequence,
        signed: true,
        taken: true,
        at_us: sequence * 1_000,
    }
}

/// The history with `spoil` applied has exactly these violations.
fn check(spoil: impl FnOnce(&mut History), expected: &[(Violation, u64)]) {
    let mut history = history();
    spoil(&mut history);
    let judgement = history.judge();
    for violation in Violation::ALL {
        let count = expected.iter().find(|(kind, _)| *kind == violation).map_or(0, |(_, count)| *count);
        assert_eq!(judgement.count(violation), count, "{violation:?}: {:?}", judgement.examples);
    }
    assert_eq!(judgement.is_clean(), expected.is_empty());
}

#[test]
fn a_history_without_a_fault_is_clean() {
    check(|_| {}, &[]);
    let judgement = history().judge();
    assert_eq!((judgement.accepted, judgement.pairs, judgement.arrivals), (2, 4, 4));
    assert_eq!(judgement.duplicates, 0);
}

#[test]
fn an_accepted_message_that_never_arrives_is_lost() {
    check(|h| h.arrivals.retain(|a| a.message != id(2)), &[(Violation::Lost, 2)]);
}

#[test]
fn an_accepted_message_that_no_attempt_brought_through_is_lost() {
    check(|h| h.arrivals[0].taken = false, &[(Violation::Lost, 1)]);
}

#[test]
fn a_message_at_an_endpoint_that_did_not_ask_for_it_is_at_the_wrong_endpoint() {
    check(|h| h.arrive(arrival(1, 2)), &[(Violation::WrongEndpoint, 1)]);
    check(
        |h| h.arrive(Arrival { endpoint: EndpointNumber::UNKNOWN, ..arrival(1, 0) }),
        &[(Violation::WrongEndpoint, 1)],
    );
}

#[test]
fn a_changed_body_is_wrong_bytes_and_delivers_nothing() {
    check(|h| h.arrivals[0].body_hash = 1, &[(Violation::WrongBytes, 1), (Violation::Lost, 1)]);
    check(|h| h.arrive(Arrival { body_hash: 1, ..arrival(1, 0) }), &[(Violation::WrongBytes, 1)]);
}

#[test]
fn a_body_of_another_message_is_wrong_bytes() {
    check(
        |h| h.arrive(Arrival { sequence: Some(2), body_hash: 102, ..arrival(1, 0) }),
        &[(Violation::WrongBytes, 1)],
    );
}

#[test]
fn a_message_that_nobody_sent_is_wrong_bytes() {
    check(
        |h| h.arrive(Arrival { message: "msg_x".into(), sequence: None, ..arrival(1, 0) }),
        &[(Violation::WrongBytes, 1)],
    );
}

#[test]
fn a_signature_that_does_not_verify_is_bad() {
    check(|h| h.arrivals[3].signed = false, &[(Violation::BadSignature, 1)]);
}

#[test]
fn an_arrival_after_the_endpoint_was_deleted_is_after_stop() {
    let stop = |after_us| Stopped { endpoint: EndpointNumber(1), message: None, after_us };
    check(|h| h.stop(stop(1_500)), &[(Violation::AfterStop, 1)]);
    check(|h| h.stop(stop(2_000)), &[]);
}

#[test]
fn an_arrival_after_its_message_was_cancelled_is_after_stop() {
    let stop = |sequence| Stopped { endpoint: EndpointNumber(1), message: Some(id(sequence)), after_us: 500 };
    check(|h| h.stop(stop(2)), &[(Violation::AfterStop, 1)]);
    check(|h| h.stop(stop(3)), &[]);
}

#[test]
fn what_a_deletion_stopped_is_not_lost() {
    check(
        |h| {
            h.arrivals.retain(|a| a.endpoint != EndpointNumber(1));
            h.stop(Stopped { endpoint: EndpointNumber(1), message: None, after_us: 0 });
        },
        &[],
    );
}

#[test]
fn a_ledger_that_does_not_balance_is_named() {
    check(|h| h.verify(Verified::Unbalanced("row 7".to_owned())), &[(Violation::VerifyFails, 1)]);
}

#[test]
fn two_ids_under_one_idempotency_key_are_accepted_twice() {
    check(|h| h.accept(1, "msg_1b".into()), &[(Violation::AcceptedTwice, 1)]);
    check(|h| h.accept(2, id(1)), &[(Violation::AcceptedTwice, 1)]);
}

#[test]
fn the_same_message_arriving_under_two_ids_is_accepted_twice() {
    check(
        |h| h.arrive(Arrival { message: "msg_other".into(), ..arrival(1, 0) }),
        &[(Violation::AcceptedTwice, 1)],
    );
}

#[test]
fn a_message_whose_answer_was_never_seen_may_arrive_or_not() {
    check(|h| send(h, 3), &[]);
    check(
        |h| {
            send(h, 3);
            h.arrive(arrival(3, 0));
        },
        &[],
    );
}

#[test]
fn repeats_are_no_violation_and_are_counted_by_kill() {
    let mut history = history();
    history.kill(5_000);
    history.kill(9_000);
    for at_us in [4_000, 6_000, 7_000, 9_500] {
        history.arrive(Arrival { at_us, ..arrival(1, 0) });
    }
    let judgement = history.judge();
    assert!(judgement.is_clean());
    assert_eq!(judgement.duplicates, 4);
    assert_eq!(judgement.duplicates_by_kill, [1, 2, 1]);
}

#[test]
fn a_repeat_is_explained_only_by_a_kill_soon_after_the_delivery() {
    let taken_us = 10_000_000;
    let unexplained = |kills_us: &[u64], at_us| {
        let mut history = History::default();
        send(&mut history, 1);
        kills_us.iter().for_each(|&kill_us| history.kill(kill_us));
        history.arrive(Arrival { at_us: taken_us, ..arrival(1, 0) });
        history.arrive(Arrival { at_us, ..arrival(1, 0) });
        history.judge().unexplained
    };
    assert_eq!(unexplained(&[taken_us + 5_000], taken_us + 9_000), 0);
    assert_eq!(unexplained(&[taken_us + 5_000, taken_us + 9_000_000], taken_us + 10_000_000), 0);
    assert_eq!(unexplained(&[taken_us - 1_000], taken_us + 9_000), 0);
    assert_eq!(unexplained(&[], taken_us + 9_000), 1);
    assert_eq!(unexplained(&[taken_us - SOCKET_WINDOW_US - 1], taken_us + 9_000), 1);
    assert_eq!(unexplained(&[taken_us + 5_000], taken_us + 4_000), 1);
    assert_eq!(unexplained(&[taken_us + COMMIT_WINDOW_US + 1], taken_us + 9_000_000), 1);
}

#[test]
fn an_attempt_after_a_failed_one_is_no_repeat() {
    let mut history = history();
    history.arrivals.insert(0, Arrival { taken: false, ..arrival(1, 0) });
    assert_eq!(history.judge().duplicates, 0);
}
