//! Events that somebody sends to try a webhook: marked on their way, tried once.

use semnal_core::delivery::DeliveryState;
use semnal_core::name::Channel;
use semnal_core::retry::RetrySchedule;

use crate::site::{Site, SiteOptions};
use crate::transport::receiver::Receiver;
use crate::transport::world::{World, status};

async fn site(world: &World) -> Site {
    let schedule = RetrySchedule::parse("5ms,5ms").unwrap();
    Site::with_options(world, SiteOptions { schedule, ..SiteOptions::default() }).await
}

fn is_marked(request: &str) -> bool {
    request.lines().any(|line| line.eq_ignore_ascii_case("webhook-test: true"))
}

#[tokio::test]
async fn a_test_says_that_it_is_one_and_a_real_event_does_not() {
    let receiver = Receiver::answering(status(204));
    let world = World::with(&receiver);
    let site = site(&world).await;
    for channels in [vec![Channel::of_tests()], Vec::new()] {
        let message = site.send_on(channels).await;
        site.until_decided(message).await;
    }
    assert_eq!(receiver.requests().iter().map(|it| is_marked(it)).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn a_test_that_fails_is_not_tried_again_and_a_real_event_is() {
    let receiver = Receiver::answering(status(500));
    let world = World::with(&receiver);
    let site = site(&world).await;
    for (channels, attempts) in [(vec![Channel::of_tests()], 1), (Vec::new(), 3)] {
        let message = site.send_on(channels).await;
        site.until_decided(message).await;
        assert_eq!(site.attempts(message).await.len(), attempts);
        assert!(matches!(site.state(message).await, DeliveryState::Failed(_)));
    }
    site.balances().await;
}
