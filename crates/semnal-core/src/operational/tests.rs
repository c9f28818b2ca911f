//! Which event follows from what, and the payloads as receivers see them.

use serde_json::{Value, json};

use super::*;
use crate::endpoint::EndpointSecret;
use crate::id::{DeliveryId, Key, MessageId};
use crate::signature::Secret;

fn endpoint(state: EndpointState) -> Endpoint {
    Endpoint {
        id: EndpointId(Key(2)),
        application: ApplicationId(Key(1)),
        uid: Some(Uid::parse("billing").unwrap()),
        url: "https://example.com/".into(),
        description: String::new(),
        state,
        event_types: None,
        channels: None,
        rate_limit: None,
        concurrency_limit: None,
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        secrets: vec![EndpointSecret { secret: Secret::Ed25519([0; 32]), expires_at: None }],
        schedule: None,
        created_at: UnixMillis(0),
        updated_at: UnixMillis(0),
    }
}

#[test]
fn a_change_of_an_endpoint_is_announced_as_what_it_is() {
    use DisabledReason::{Failing, Gone, Requested};
    use EndpointEvent as E;
    use EndpointState::{Active, Disabled, Paused};
    let check = |old: Option<EndpointState>, new: Option<EndpointState>, expected: &[EndpointEvent]| {
        let later = |state| Endpoint { updated_at: UnixMillis(9), ..endpoint(state) };
        let (old, new) = (old.map(endpoint), new.map(later));
        assert_eq!(endpoint_events(old.as_ref(), new.as_ref()), expected);
    };
    check(None, Some(Active), &[E::Created]);
    check(None, Some(Disabled(Requested)), &[E::Created]);
    check(Some(Active), None, &[E::Deleted]);
    check(Some(Active), Some(Active), &[]);
    check(Some(Active), Some(Paused), &[E::Updated]);
    check(Some(Paused), Some(Active), &[E::Updated]);
    check(Some(Active), Some(Disabled(Failing)), &[E::Disabled(Failing)]);
    check(Some(Disabled(Failing)), Some(Disabled(Gone)), &[E::Disabled(Gone)]);
    check(Some(Disabled(Requested)), Some(Active), &[E::Enabled]);
    check(Some(Disabled(Requested)), Some(Paused), &[E::Enabled]);
    check(None, None, &[]);
}

#[test]
fn what_is_changed_and_disabled_at_once_is_announced_twice() {
    let old = endpoint(EndpointState::Active);
    let disabled = endpoint(EndpointState::Disabled(DisabledReason::Requested));
    let new = Endpoint { url: "https://example.org/".into(), ..disabled };
    let expected = [EndpointEvent::Updated, EndpointEvent::Disabled(DisabledReason::Requested)];
    assert_eq!(endpoint_events(Some(&old), Some(&new)), expected);
    let paused = Endpoint { url: "https://example.org/".into(), ..endpoint(EndpointState::Paused) };
    assert_eq!(endpoint_events(Some(&old), Some(&paused)), [EndpointEvent::Updated]);
}

/// Runs through a delivery's attempts: `d`elivered, `f`ailed, e`x`hausted; returns `-`, `F`, `X` or `R` for each.
fn announced(attempts: &str) -> String {
    let mut earlier = Vec::new();
    let mut told = String::new();
    for (number, letter) in (1u16..).zip(attempts.chars()) {
        let mark = match letter {
            'd' => AttemptMark::Delivered,
            'f' => AttemptMark::Failed,
            'x' => AttemptMark::Exhausted,
            other => panic!("{other}"),
        };
        let event = AttemptEvent::of(&earlier, mark);
        assert!(event.is_none() || event == AttemptEvent::candidate(number, mark), "{attempts} at {number}");
        told.push(match event {
            None => '-',
            Some(AttemptEvent::Failing) => 'F',
            Some(AttemptEvent::Exhausted) => 'X',
            Some(AttemptEvent::Recovered) => 'R',
        });
        earlier.push(mark);
    }
    told
}

#[test]
fn the_fourth_failure_is_announced_and_the_recovery_after_it() {
    let check = |attempts, expected: &str| assert_eq!(announced(attempts), expected, "{attempts}");
    check("d", "-");
    check("fffd", "----");
    check("fffffd", "---F-R");
    check("ffffffx", "---F--X");
    check("fffx", "---X");
    check("x", "X");
    check("xd", "XR");
    check("fxfd", "-X-R");
    // Sent again after it was delivered: counted anew.
    check("fffdffd", "-------");
    check("dffffd", "----FR");
    check("ffffddd", "---FR--");
}

const IDS: [u8; 16] = [7; 16];

fn shop() -> Application {
    let uid = Some(Uid::parse("shop").unwrap());
    Application { uid, ..application(ApplicationId(Key(1)), OrganisationId(Key(0)), UnixMillis(0)) }
}

#[test]
fn payloads_have_the_fields_of_svix() {
    let ids = IdCipher::new(IDS);
    let read = |event| -> Value {
        let payload = endpoint_payload(&ids, &shop(), &endpoint(EndpointState::Active), event, UnixMillis(7));
        serde_json::from_str(&payload).unwrap()
    };
    let partition = ApplicationId(Key(1)).partition();
    let (app, ep) =
        (ids.encode(IdKind::Application, partition, Key(1)), ids.encode(IdKind::Endpoint, partition, Key(2)));
    let data = json!({"appId": app, "appUid": "shop", "endpointId": ep, "endpointUid": "billing"});
    for event in
        [EndpointEvent::Created, EndpointEvent::Updated, EndpointEvent::Deleted, EndpointEvent::Enabled]
    {
        assert_eq!(read(event), json!({"type": event.name(), "data": data}));
        assert!(EVENT_TYPES.contains(&event.name()));
    }
    let disabled = read(EndpointEvent::Disabled(DisabledReason::Failing));
    assert_eq!(disabled["type"], "endpoint.disabled");
    assert_eq!(disabled["data"]["failSince"], "1970-01-01T00:00:00.007Z");
    assert_eq!(disabled["data"]["reason"], "failing");
}

#[test]
fn an_event_about_an_attempt_names_message_and_attempt() {
    let ids = IdCipher::new(IDS);
    let event_id = Uid::parse("order-1").unwrap();
    let id = AttemptId { delivery: DeliveryId { message: MessageId(Key(3)), ordinal: 0 }, number: 4 };
    let subject = AttemptSubject {
        id,
        endpoint: EndpointId(Key(2)),
        event_id: Some(&event_id),
        status: None,
        started_at: UnixMillis(1_769_860_800_007),
    };
    for event in [AttemptEvent::Failing, AttemptEvent::Exhausted, AttemptEvent::Recovered] {
        let payload: Value = serde_json::from_str(&attempt_payload(&ids, &shop(), subject, event)).unwrap();
        assert_eq!(payload["type"], event.name());
        assert!(EVENT_TYPES.contains(&event.name()));
        let data = &payload["data"];
        let partition = ApplicationId(Key(1)).partition();
        assert_eq!(data["msgId"], ids.encode(IdKind::Message, partition, Key(3)));
        assert_eq!((&data["msgEventId"], &data["appUid"]), (&json!("order-1"), &json!("shop")));
        let last = json!({
            "id": ids.encode_attempt(id), "responseStatusCode": 0, "timestamp": "2026-01-31T12:00:00.007Z",
        });
        assert_eq!(data["lastAttempt"], last);
    }
}

#[test]
fn the_built_in_application_is_known_by_its_uid() {
    assert!(application(ApplicationId(Key(1)), OrganisationId(Key(0)), UnixMillis(0)).is_operational());
    assert!(!shop().is_operational());
    assert!(!Application { uid: None, ..shop() }.is_operational());
}
