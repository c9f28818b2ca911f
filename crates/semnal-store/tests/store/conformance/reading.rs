//! Readers: by id, attempts of a message, the messages of an application in both directions.

use semnal_core::delivery::{DeliveryState, Progress};
use semnal_core::id::{ApplicationId, Key, MessageId};
use semnal_store::error::StoreError;
use semnal_store::message::Message;
use semnal_store::outcome::Verdict;
use semnal_store::views::filter::{Direction, Found, Kind, MessageFilter, Slice, Span};

use crate::fixture::{World, attempt, begin, created, delivery, message};

on_every_backend! {
    what_does_not_exist_is_none,
    attempts_come_by_ordinal_and_number,
    one_delivery_is_what_the_list_of_all_says,
    the_newest_messages_come_first,
    newer_messages_come_oldest_first,
    a_page_goes_on_where_the_one_before_ended,
    a_page_holds_only_messages_of_the_application,
    a_page_from_either_end_of_the_keys_is_fine,
    an_error_of_the_question_is_handed_back,
    a_delivery_is_never_seen_between_two_commits,
}

async fn page(
    world: &World,
    application: ApplicationId,
    from: Option<MessageId>,
    direction: Direction,
    limit: usize,
) -> Found<MessageId, MessageId> {
    let filter = MessageFilter { application, kind: Kind::default(), span: Span::default() };
    let slice = Slice { from, direction, limit };
    world.store.list(move |reader| reader.list_messages(&filter, &slice)).await.unwrap()
}

async fn fill(world: &World, application: ApplicationId, count: usize) -> Vec<MessageId> {
    world.append(vec![message(application, &[]); count]).await.iter().map(|a| created(a).id).collect()
}

async fn what_does_not_exist_is_none(world: World) {
    assert_eq!(world.message(MessageId(Key(5))).await, None);
    assert!(world.attempts(MessageId(Key(5))).await.is_empty());
    let application = world.application().await;
    let found = page(&world, application, None, Direction::Older, 10).await;
    assert_eq!(found, Found { items: Vec::new(), more_after: None });
}

async fn attempts_come_by_ordinal_and_number(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let other = world.append_one(message(application, &endpoints)).await;
    let retry = Verdict::RetryAt(world.now());
    world.report(vec![attempt(delivery(&it, 1), endpoints[1], 1, Verdict::Delivered, false)]).await;
    world.report(vec![attempt(delivery(&it, 0), endpoints[0], 1, retry, false)]).await;
    world.report(vec![attempt(delivery(&other, 0), endpoints[0], 1, retry, false)]).await;
    world.report(vec![attempt(delivery(&it, 0), endpoints[0], 2, retry, true)]).await;
    let found = world.attempts(it.id).await;
    let order: Vec<_> = found.iter().map(|o| (o.id.delivery.ordinal, o.id.number)).collect();
    assert_eq!(order, [(0, 1), (0, 2), (1, 1)]);
}

async fn one_delivery_is_what_the_list_of_all_says(world: World) {
    let (application, endpoints) = world.tenant(4).await;
    let it = world.append_one(message(application, &endpoints)).await;
    let retry = Verdict::RetryAt(world.now());
    world.report(vec![attempt(delivery(&it, 0), endpoints[0], 1, Verdict::Delivered, false)]).await;
    world.report(vec![attempt(delivery(&it, 1), endpoints[1], 1, retry, false)]).await;
    world.report(vec![attempt(delivery(&it, 1), endpoints[1], 2, retry, true)]).await;
    world.report(vec![attempt(delivery(&it, 2), endpoints[2], 1, Verdict::Exhausted, false)]).await;
    let message = (*it).clone();
    let seen = world.store.read(move |reader| {
        let all = reader.deliveries(&message, |_| false)?;
        let pairs = reader.delivery_endpoints(&message)?.into_iter();
        let each = pairs.map(|(id, endpoint)| reader.delivery(&message, id, endpoint, false));
        Ok((all, each.collect::<Result<Vec<_>, _>>()?))
    });
    let (all, each) = seen.await.unwrap();
    assert_eq!(each.iter().map(|(one, _)| one.clone()).collect::<Vec<_>>(), all);
    let numbers: Vec<_> = each.iter().map(|(_, last)| last.as_ref().map(|it| it.id.number)).collect();
    assert_eq!(numbers, [Some(1), Some(2), Some(1), None]);
    assert_eq!(each[1].0.state.progress().attempts, 2);
}

async fn the_newest_messages_come_first(world: World) {
    let application = world.application().await;
    let all = fill(&world, application, 3).await;
    let found = page(&world, application, None, Direction::Older, 10).await;
    assert_eq!(found, Found { items: vec![all[2], all[1], all[0]], more_after: None });
    let found = page(&world, application, Some(all[1]), Direction::Older, 10).await;
    assert_eq!(found.items, [all[0]]);
}

async fn newer_messages_come_oldest_first(world: World) {
    let application = world.application().await;
    let all = fill(&world, application, 3).await;
    let found = page(&world, application, Some(all[0]), Direction::Newer, 10).await;
    assert_eq!(found, Found { items: vec![all[1], all[2]], more_after: None });
}

async fn a_page_goes_on_where_the_one_before_ended(world: World) {
    let application = world.application().await;
    let mut all = fill(&world, application, 7).await;
    for direction in [Direction::Newer, Direction::Older] {
        let (mut seen, mut from) = (Vec::new(), None);
        loop {
            let found = page(&world, application, from, direction, 3).await;
            assert!(found.items.len() <= 3);
            seen.extend(found.items);
            from = found.more_after;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
        all.reverse();
    }
}

async fn a_page_holds_only_messages_of_the_application(world: World) {
    let (first, second) = (world.application().await, world.application().await);
    let mut wanted = Vec::new();
    for _ in 0..4 {
        wanted.extend(fill(&world, first, 1).await);
        fill(&world, second, 1).await;
    }
    let found = page(&world, first, None, Direction::Newer, 4).await;
    assert_eq!(found, Found { items: wanted, more_after: None });
}

async fn a_page_from_either_end_of_the_keys_is_fine(world: World) {
    let application = world.application().await;
    let all = fill(&world, application, 1).await;
    for (from, direction, expected) in [
        (i64::MAX - 1, Direction::Newer, 0),
        (i64::MAX - 1, Direction::Older, 1),
        (0, Direction::Newer, 1),
        (0, Direction::Older, 0),
    ] {
        let found = page(&world, application, Some(MessageId(Key(from))), direction, 10).await;
        assert_eq!(found.items.len(), expected, "from {from}, {direction:?}");
    }
    assert_eq!(all.len(), 1);
}

async fn an_error_of_the_question_is_handed_back(world: World) {
    let answer = world.store.read(|_| Err::<Message, _>(StoreError::Full)).await;
    assert!(matches!(answer, Err(StoreError::Full)));
}

async fn a_delivery_is_never_seen_between_two_commits(world: World) {
    let (application, endpoints) = world.tenant(1).await;
    let all = world.append(vec![message(application, &endpoints); 50]).await;
    for it in all.iter().map(created) {
        let seen = it.clone();
        let watch = begin(world.store.read(move |reader| {
            loop {
                let state = reader.deliveries(&seen, |_| false)?[0].state;
                match state {
                    DeliveryState::Pending(_) => {}
                    other => return Ok(other),
                }
            }
        }));
        let id = delivery(&it, 0);
        for number in 1..=3 {
            let retry = attempt(id, endpoints[0], number, Verdict::RetryAt(world.now()), number > 1);
            world.report(vec![retry]).await;
        }
        world.report(vec![attempt(id, endpoints[0], 4, Verdict::Delivered, true)]).await;
        let expected = DeliveryState::Delivered(Progress { attempts: 4, step: 0 });
        assert_eq!(watch.await.unwrap(), expected);
    }
}
