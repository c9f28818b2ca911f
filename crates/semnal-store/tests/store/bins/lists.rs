//! Lists of requests: their order, their parts, and what is looked for in them.

use semnal_core::request_bin::capture::Wanted;
use semnal_store::views::filter::{Direction, Slice};

use super::{BinWorld, on_both};

on_both! {
    parts_of_a_list_join_in_both_directions,
    a_search_goes_on_where_it_stopped,
    requests_that_come_at_once_are_all_kept,
}

async fn parts_of_a_list_join_in_both_directions(world: BinWorld) {
    let bin = world.bin("mine").await;
    for number in 0..11 {
        world.capture(&bin, &number.to_string()).await;
    }
    for direction in [Direction::Older, Direction::Newer] {
        let (mut found, mut from) = (Vec::new(), None);
        loop {
            let part = world.part(&bin, Slice { from, direction, limit: 4 }, Wanted::default()).await;
            assert!(part.items.len() <= 4);
            found.extend(part.items.iter().map(|it| it.id.number));
            from = part.more_after;
            if from.is_none() {
                break;
            }
        }
        let expected: Vec<u32> = match direction {
            Direction::Older => (1..=11).rev().collect(),
            Direction::Newer => (1..=11).collect(),
        };
        assert_eq!(found, expected);
    }
}

async fn a_search_goes_on_where_it_stopped(world: BinWorld) {
    let bin = world.bin("mine").await;
    for number in 0..12 {
        world.capture(&bin, if number % 3 == 0 { "fizz" } else { "else" }).await;
    }
    let wanted = Wanted { body: Some("fizz".into()), ..Wanted::default() };
    let first = Slice { from: None, direction: Direction::Older, limit: 3 };
    let part = world.part(&bin, first, wanted.clone()).await;
    assert_eq!(part.items.iter().map(|it| it.id.number).collect::<Vec<_>>(), [10, 7, 4]);
    let rest = world.part(&bin, Slice { from: part.more_after, ..first }, wanted).await;
    assert_eq!((rest.items[0].id.number, rest.items.len(), rest.more_after), (1, 1, None));
}

async fn requests_that_come_at_once_are_all_kept(world: BinWorld) {
    let bin = world.bin("mine").await;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (bins, id, capture) = (world.bins.clone(), bin.id, super::capture(world.now(), &[number]));
            tokio::spawn(async move { bins.capture(id, capture).await.unwrap().unwrap().number })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
    assert_eq!(world.numbers(&bin).await.len(), 20);
}
