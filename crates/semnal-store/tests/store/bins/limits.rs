//! How much a bin holds and how long it lives.

use std::time::Duration;

use semnal_core::request_bin::{Bin, Expiry};
use semnal_store::bins::BinChange;

use super::{BinWorld, LIFETIME, on_both};

on_both! {
    the_oldest_requests_go_when_a_bin_has_too_many,
    the_oldest_requests_go_when_a_bin_has_too_many_bytes,
    a_request_that_is_too_large_for_its_bin_stays_until_the_next_one,
    the_largest_bin_gives_way_when_all_together_hold_too_much,
    a_bin_goes_when_nothing_has_used_it,
    a_bin_goes_at_the_time_that_was_set,
    a_request_goes_when_it_is_too_old_also_from_a_bin_in_use,
}

async fn the_oldest_requests_go_when_a_bin_has_too_many(world: BinWorld) {
    let (bin, other) = (world.bin("mine").await, world.bin("other").await);
    world.capture(&other, "x").await;
    for _ in 0..25 {
        world.capture(&bin, "x").await;
    }
    assert_eq!(world.numbers(&bin).await, (6..=25).rev().collect::<Vec<_>>());
    assert_eq!(world.tally(&bin).await.requests, 20);
    assert_eq!(world.numbers(&other).await, [1]);
}

async fn the_oldest_requests_go_when_a_bin_has_too_many_bytes(world: BinWorld) {
    let bin = world.bin("mine").await;
    let body = "x".repeat(30_000);
    for _ in 0..5 {
        world.capture(&bin, &body).await;
    }
    assert_eq!(world.numbers(&bin).await, [5, 4, 3]);
    let tally = world.tally(&bin).await;
    assert!((90_000..100_000).contains(&tally.bytes), "{tally:?}");
}

async fn a_request_that_is_too_large_for_its_bin_stays_until_the_next_one(world: BinWorld) {
    let bin = world.bin("mine").await;
    world.capture(&bin, "x").await;
    world.capture(&bin, &"x".repeat(200_000)).await;
    assert_eq!(world.numbers(&bin).await, [2]);
    world.capture(&bin, "x").await;
    assert_eq!(world.numbers(&bin).await, [3]);
    assert!(world.tally(&bin).await.bytes < 200);
}

async fn the_largest_bin_gives_way_when_all_together_hold_too_much(world: BinWorld) {
    let (large, small) = (world.bin("large").await, world.bin("small").await);
    world.capture(&small, &"x".repeat(20_000)).await;
    let (third, fourth) = (world.bin("third").await, world.bin("fourth").await);
    for _ in 0..6 {
        world.capture(&large, &"x".repeat(15_000)).await;
    }
    world.capture(&third, &"x".repeat(20_000)).await;
    world.capture(&fourth, &"x".repeat(40_000)).await;
    assert_eq!(world.numbers(&large).await, [6, 5, 4, 3]);
    for bin in [&small, &third, &fourth] {
        assert_eq!(world.numbers(bin).await, [1]);
    }
    let world = world.restart().await;
    assert_eq!(world.tally(&large).await.requests, 4);
}

async fn a_bin_goes_when_nothing_has_used_it(world: BinWorld) {
    let (bin, used) = (world.bin("mine").await, world.bin("used").await);
    world.advance(LIFETIME - Duration::from_secs(1));
    assert!(world.capture(&used, "x").await.is_some());
    world.advance(Duration::from_secs(1));
    assert!(world.bins.get(bin.id).is_none() && world.bins.get(used.id).is_some());
    assert_eq!(world.capture(&bin, "x").await, None);
    let world = world.restart().await;
    assert_eq!(world.bins.of_organisation(super::OURS).len(), 1);
    world.advance(LIFETIME);
    assert!(world.bins.of_organisation(super::OURS).is_empty());
}

async fn a_bin_goes_at_the_time_that_was_set(world: BinWorld) {
    let at = world.now() + LIFETIME * 3;
    let bin = Bin { expiry: Expiry::At(at), ..world.new_bin("mine") };
    world.apply(vec![BinChange::Put(Box::new(bin.clone()))]).await;
    world.advance(LIFETIME * 2);
    assert_eq!(world.bins.expires_at(&world.bins.get(bin.id).unwrap()), at);
    assert!(world.capture(&bin, "x").await.is_some());
    world.advance(LIFETIME);
    assert!(world.bins.get(bin.id).is_none());
}

async fn a_request_goes_when_it_is_too_old_also_from_a_bin_in_use(world: BinWorld) {
    let bin = world.bin("mine").await;
    world.capture(&bin, "old").await;
    world.advance(LIFETIME / 2);
    world.capture(&bin, "young").await;
    world.advance(LIFETIME / 2);
    // The look for what is too old is part of the next transaction.
    world.capture(&bin, "new").await;
    assert_eq!(world.numbers(&bin).await, [3, 2]);
    assert_eq!(world.tally(&bin).await.requests, 2);
}
