//! Whose retry schedule a delivery follows.

use std::time::Duration;

use semnal_core::application::EventType;
use semnal_core::configuration::Change;
use semnal_core::endpoint::Endpoint;
use semnal_core::id::OrganisationId;
use semnal_core::name::EventTypeName;
use semnal_core::retry::RetrySchedule;
use semnal_store::outcome::Verdict;

use crate::site::{Site, SiteOptions};
use crate::transport::receiver::Receiver;
use crate::transport::world::{START, World, status};

fn schedule(text: &str) -> RetrySchedule {
    RetrySchedule::parse(text).unwrap()
}

fn payment_received(schedule: Option<RetrySchedule>) -> EventType {
    EventType {
        organisation: OrganisationId::default(),
        name: EventTypeName::parse("payment_received").unwrap(),
        title: None,
        description: String::new(),
        group: None,
        archived: false,
        deprecated: false,
        feature_flags: std::collections::BTreeSet::new(),
        schema_enforced: false,
        schemas: None,
        example: None,
        schedule,
        created_at: START,
        updated_at: START,
    }
}

/// Sends to a receiver that always fails; returns the waits between the attempts.
async fn waits(own: Option<&str>, of_type: Option<&str>, server: &str) -> Vec<Duration> {
    let receiver = Receiver::answering(status(500));
    let world = World::with(&receiver);
    let options = SiteOptions { schedule: schedule(server), ..SiteOptions::default() };
    let site = Site::with_options(&world, options).await;
    let endpoint = Endpoint { schedule: own.map(schedule), ..site.endpoint.clone() };
    let kind = payment_received(of_type.map(schedule));
    site.change(vec![Change::PutEndpoint(Box::new(endpoint)), Change::PutEventType(Box::new(kind))]).await;
    let message = site.send().await;
    site.until_decided(message).await;
    let attempts = site.attempts(message).await;
    assert_eq!(attempts.last().map(|a| a.verdict), Some(Verdict::Exhausted));
    attempts.windows(2).map(|pair| pair[1].started_at.since(pair[0].started_at)).collect()
}

async fn check(own: Option<&str>, of_type: Option<&str>, expected: &[u64]) {
    let found = waits(own, of_type, "40s").await;
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (wait, seconds) in found.iter().zip(expected) {
        let spread = Duration::from_secs(*seconds) / 5;
        let nominal = Duration::from_secs(*seconds);
        assert!((nominal - spread..=nominal + spread).contains(wait), "{found:?}");
    }
}

#[tokio::test]
async fn a_delivery_follows_its_endpoint_else_its_event_type_else_the_server() {
    check(None, None, &[40]).await;
    check(None, Some("20s,30s"), &[20, 30]).await;
    check(Some("5s,10s,15s"), Some("20s,30s"), &[5, 10, 15]).await;
    check(Some("5s"), None, &[5]).await;
}

#[tokio::test]
async fn an_empty_schedule_means_one_attempt_also_when_the_server_has_a_longer_one() {
    check(Some(""), Some("20s"), &[]).await;
    check(None, Some(""), &[]).await;
}
