//! Operational events on their whole way: from what happens to the request that tells of it.

use semnal_core::configuration::Change;
use semnal_core::endpoint::Endpoint;
use semnal_core::id::{ApplicationId, EndpointId};
use semnal_core::name::Channel;
use semnal_core::operational;
use semnal_core::retry::RetrySchedule;

use crate::site::{Site, SiteOptions, endpoint};
use crate::transport::receiver::Receiver;
use crate::transport::world::{OK_ADDRESS, START, Setup, World, status};

/// A world with a receiver of the shop and one of whoever runs the server.
fn world(shop: &Receiver, operator: &Receiver) -> World {
    const OPERATOR_ADDRESS: &str = "93.184.216.35:80";
    Setup::new()
        .name("ok.example", &["93.184.216.34"])
        .route(OK_ADDRESS, shop.address)
        .name("operator.example", &["93.184.216.35"])
        .route(OPERATOR_ADDRESS, operator.address)
        .build()
}

/// Returns the built-in application with an endpoint that leads to the operator.
fn listening(site: &Site) -> [Change; 2] {
    let application = ApplicationId(site.store.next_key());
    let it = endpoint(application, EndpointId(site.store.next_key()));
    [
        Change::PutApplication(operational::application(application, Default::default(), START)),
        Change::PutEndpoint(Box::new(Endpoint { url: "http://operator.example/".into(), ..it })),
    ]
}

fn events(receiver: &Receiver) -> Vec<String> {
    let name = |request: &String| {
        let line = request.lines().find_map(|line| line.strip_prefix("webhook-event: "));
        line.unwrap_or_else(|| panic!("{request}")).to_owned()
    };
    receiver.requests().iter().map(name).collect()
}

#[tokio::test]
async fn the_operator_does_not_hear_of_tests() {
    let (shop, operator) = (Receiver::answering(status(500)), Receiver::answering(status(204)));
    let world = world(&shop, &operator);
    let site = Site::with_options(&world, SiteOptions::default()).await;
    site.change(listening(&site).into()).await;
    for channels in [vec![Channel::of_tests()], Vec::new()] {
        let message = site.send_on(channels).await;
        site.until_decided(message).await;
    }
    assert_eq!(
        events(&operator),
        ["message.attempt.failing", "message.attempt.exhausted"],
        "of the real one"
    );
}

#[tokio::test]
async fn the_operator_hears_of_a_delivery_that_fails_and_of_its_end() {
    let (shop, operator) = (Receiver::answering(status(500)), Receiver::answering(status(204)));
    let world = world(&shop, &operator);
    let schedule = RetrySchedule::parse("5ms,5ms,5ms,5ms").unwrap();
    let site = Site::with_options(&world, SiteOptions { schedule, ..SiteOptions::default() }).await;
    site.change(listening(&site).into()).await;
    let message = site.send().await;
    site.until_decided(message).await;
    assert_eq!(events(&operator), ["message.attempt.failing", "message.attempt.exhausted"]);
    let told = &operator.requests()[1];
    let body = told.split_once("\r\n\r\n").unwrap().1;
    let payload: serde_json::Value = serde_json::from_str(body).unwrap();
    let last = site.attempts(message).await.pop().unwrap();
    assert_eq!(payload["data"]["lastAttempt"]["id"], site.store.ids().encode_attempt(last.id));
    site.balances().await;
}

#[tokio::test]
async fn an_event_reaches_an_endpoint_that_the_same_transaction_made() {
    let (shop, operator) = (Receiver::answering(status(204)), Receiver::answering(status(204)));
    let world = world(&shop, &operator);
    let site = Site::with(&world).await;
    let another = endpoint(site.endpoint.application, EndpointId(site.store.next_key()));
    let mut changes = Vec::from(listening(&site));
    changes.push(Change::PutEndpoint(Box::new(another)));
    site.change(changes).await;
    site.engine.rest().await;
    assert_eq!(events(&operator), ["endpoint.created"]);
    site.balances().await;
}
