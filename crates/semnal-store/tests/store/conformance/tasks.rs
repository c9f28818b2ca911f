//! Background tasks: each step is in one transaction with its cursor.

use std::time::Duration;

use semnal_core::configuration::Change;
use semnal_core::delivery::{DeliveryState, Progress};
use semnal_core::id::{ApplicationId, DeliveryId, EndpointId, TaskId};
use semnal_core::name::{Channel, EventTypeName};
use semnal_core::time::UnixMillis;
use semnal_store::message::Fingerprint;
use semnal_store::outcome::{Report, Trigger, Verdict};
use semnal_store::store::StoredAnswer;
use semnal_store::task::{
    Ended, NewTask, RUNNING_MAX, Selection, Started, Step, Stepped, Task, TaskEnd, TaskFilter, TaskKind,
    TaskStatus,
};
use semnal_store::views::apply::State;
use semnal_store::views::filter::{Direction, Found, Slice};

use crate::fixture::{START, World, attempt, delivery, endpoint, message, organisation};

on_every_backend! {
    a_step_sends_again_and_moves_the_cursor_in_one_transaction,
    only_what_the_task_selects_is_sent,
    what_was_cancelled_is_sent_again_only_when_the_task_asks_for_just_that,
    a_task_that_reopens_waits_until_the_engine_has_forgotten_the_delivery,
    nothing_is_sent_again_whose_payload_or_message_is_gone,
    a_step_from_another_place_does_nothing,
    a_cancelled_task_takes_no_step,
    a_deleted_endpoint_ends_the_task,
    a_missing_delivery_is_added_once_and_only_where_the_endpoint_matches,
    the_same_request_starts_one_task,
    an_organisation_has_a_limited_number_of_running_tasks,
    tasks_are_listed_in_both_directions,
}

fn answer() -> StoredAnswer {
    StoredAnswer { status: 202, body: b"{}".to_vec() }
}

fn selection(state: Option<State>) -> Selection {
    Selection { since: UnixMillis(0), until: START, state, ..Selection::default() }
}

async fn start(
    world: &World,
    (application, endpoint): (ApplicationId, EndpointId),
    kind: TaskKind,
    selection: Selection,
    idempotency: Option<Fingerprint>,
) -> (TaskId, Started) {
    let task = NewTask {
        id: TaskId(world.store.next_key()),
        organisation: organisation().id,
        application: Some(application),
        endpoint: Some(endpoint),
        kind,
        selection,
        asked_by: "a test".into(),
        now: START,
    };
    let id = task.id;
    (id, world.store.start_task(task, idempotency, answer()).await.unwrap())
}

async fn recover(world: &World, of: (ApplicationId, EndpointId)) -> TaskId {
    start(world, of, TaskKind::Recover, selection(Some(State::Failed)), None).await.0
}

async fn task(world: &World, id: TaskId) -> Task {
    world.store.read(move |reader| reader.task(id)).await.unwrap().unwrap()
}

async fn step(world: &World, id: TaskId, step: Step) -> Stepped {
    world.store.step_task(id, step).await.unwrap()
}

/// Deliveries to one endpoint with these ends.
async fn ended(world: &World, of: (ApplicationId, EndpointId), verdicts: &[Verdict]) -> Vec<DeliveryId> {
    let mut all = Vec::new();
    for verdict in verdicts {
        let it = world.append_one(message(of.0, &[of.1])).await;
        world.report(vec![attempt(delivery(&it, 0), of.1, 1, *verdict, false)]).await;
        all.push(delivery(&it, 0));
    }
    all
}

async fn state(world: &World, id: DeliveryId) -> DeliveryState {
    world.deliveries(id.message).await[usize::from(id.ordinal)].state
}

async fn tenant(world: &World) -> (ApplicationId, EndpointId) {
    let (application, endpoints) = world.tenant(1).await;
    (application, endpoints[0])
}

async fn a_step_sends_again_and_moves_the_cursor_in_one_transaction(world: World) {
    let of = tenant(&world).await;
    let all = ended(&world, of, &[Verdict::Exhausted; 3]).await;
    let id = recover(&world, of).await;
    let first = Step { to: Some(all[1]), deliveries: all[..2].to_vec(), total: Some(3), ..Step::default() };
    assert_eq!(step(&world, id, first).await, Stepped::Taken(TaskStatus::Running));
    assert_eq!(world.heard.look(|heard| heard.backlogs.clone()), [of.1]);
    let world = world.crash();
    let it = task(&world, id).await;
    assert_eq!((it.cursor, it.done, it.sent, it.total), (Some(all[1]), 2, 2, Some(3)));
    assert_eq!(world.heard.look(|heard| heard.backlogs.clone()), [of.1]);
    let pending = DeliveryState::Pending(Progress { attempts: 1, step: 0 });
    assert_eq!((state(&world, all[0]).await, state(&world, all[1]).await), (pending, pending));
    assert!(state(&world, all[2]).await.is_decided());
    world.store.load_queued(of.1, None, 10);
    let rows = world.heard.wait_for("rows", |heard| heard.queued.pop()).1;
    assert!(rows.iter().all(|row| row.trigger == Trigger::Manual && row.due_at.is_none()), "{rows:?}");
    let last = Step {
        from: Some(all[1]),
        to: Some(all[2]),
        deliveries: all[2..].to_vec(),
        is_last: true,
        ..Step::default()
    };
    assert_eq!(step(&world, id, last.clone()).await, Stepped::Taken(TaskStatus::Finished));
    assert_eq!(step(&world, id, last).await, Stepped::Ended(TaskStatus::Finished));
    assert_eq!(task(&world, id).await.sent, 3);
    world.assert_balanced().await;
}

async fn only_what_the_task_selects_is_sent(world: World) {
    let of = tenant(&world).await;
    let later = Verdict::RetryAt(UnixMillis(START.0 + 60_000));
    let mut all = ended(&world, of, &[Verdict::Delivered, Verdict::Exhausted, later]).await;
    all.push(delivery(&*world.append_one(message(of.0, &[of.1])).await, 0));
    let check = async |selection: Selection, expected: u64| {
        let (id, _) = start(&world, of, TaskKind::BulkReplay, selection, None).await;
        let it = Step { to: Some(all[3]), deliveries: all.clone(), is_last: true, ..Step::default() };
        step(&world, id, it).await;
        let it = task(&world, id).await;
        assert_eq!((it.done, it.sent), (4, expected));
    };
    check(Selection { status_class: Some(4), ..selection(Some(State::Failed)) }, 0).await;
    check(Selection { status_class: Some(5), ..selection(Some(State::Failed)) }, 1).await;
    // What waits for a time is brought forward, what is in memory is on its way.
    check(Selection { status_class: Some(0), ..selection(Some(State::Pending)) }, 1).await;
    assert_eq!(world.heard.look(|heard| heard.resent.len()), 1);
    check(selection(None), 1).await;
    check(selection(None), 0).await;
    world.assert_balanced().await;
}

/// Takes one step of a task that replays these deliveries; returns how many it sent.
async fn replay(
    world: &World,
    of: (ApplicationId, EndpointId),
    state: Option<State>,
    deliveries: &[DeliveryId],
) -> u64 {
    let (id, _) = start(world, of, TaskKind::BulkReplay, selection(state), None).await;
    let to = deliveries.last().copied();
    step(world, id, Step { to, deliveries: deliveries.to_vec(), is_last: true, ..Step::default() }).await;
    task(world, id).await.sent
}

async fn what_was_cancelled_is_sent_again_only_when_the_task_asks_for_just_that(world: World) {
    let of = tenant(&world).await;
    let it = delivery(&*world.append_one(message(of.0, &[of.1])).await, 0);
    world.cancel(it.message, None).await;
    world.report(vec![Report::Forget { delivery: it, has_row: false }]).await;
    assert_eq!(replay(&world, of, None, &[it]).await, 0);
    assert_eq!(replay(&world, of, Some(State::Failed), &[it]).await, 0);
    assert_eq!(state(&world, it).await, DeliveryState::Cancelled(Progress::default()));
    assert_eq!(replay(&world, of, Some(State::Cancelled), &[it]).await, 1);
    assert_eq!(world.heard.look(|heard| heard.backlogs.clone()), [of.1]);
    world.assert_balanced().await;
    let world = world.crash();
    assert_eq!(state(&world, it).await, DeliveryState::Pending(Progress::default()));
    world.assert_balanced().await;
}

async fn a_task_that_reopens_waits_until_the_engine_has_forgotten_the_delivery(world: World) {
    let of = tenant(&world).await;
    let it = delivery(&*world.append_one(message(of.0, &[of.1])).await, 0);
    world.cancel(it.message, None).await;
    assert_eq!(replay(&world, of, Some(State::Cancelled), &[it]).await, 1);
    assert!(world.heard.look(|heard| heard.backlogs.is_empty() && heard.resent.is_empty()));
    world.assert_balanced().await;
    // An attempt was under way: its end is heard of first, and counts.
    world.report(vec![attempt(it, of.1, 1, Verdict::Exhausted, false)]).await;
    let resent = world.heard.look(|heard| heard.resent.clone());
    assert_eq!(resent.iter().map(|row| (row.delivery, row.progress.attempts)).collect::<Vec<_>>(), [(it, 1)]);
    world.assert_balanced().await;
    let world = world.crash();
    assert!(!state(&world, it).await.is_decided());
    world.assert_balanced().await;
}

async fn nothing_is_sent_again_whose_payload_or_message_is_gone(world: World) {
    let world = world.keeping(Duration::from_secs(1)).await;
    let of = tenant(&world).await;
    let all = ended(&world, of, &[Verdict::Exhausted, Verdict::Exhausted]).await;
    let other = world.endpoint(of.0).await;
    world.store.expunge_payload(all[0].message).await.unwrap();
    assert_eq!(replay(&world, of, Some(State::Failed), &all[..1]).await, 0);
    let (id, _) = start(&world, (of.0, other), TaskKind::ReplayMissing, selection(None), None).await;
    let messages = all.iter().map(|it| it.message).collect();
    step(&world, id, Step { to: Some(all[0]), messages, ..Step::default() }).await;
    assert_eq!(task(&world, id).await.sent, 1, "the message that has its payload");
    world.assert_balanced().await;
    world.advance_ms(1_001);
    world.wait_until_gone(all[1].message).await;
    assert_eq!(replay(&world, of, None, &all).await, 0);
    let messages = all.iter().map(|it| it.message).collect();
    step(&world, id, Step { from: Some(all[0]), to: Some(all[1]), messages, ..Step::default() }).await;
    assert_eq!(task(&world, id).await.sent, 1);
    world.assert_balanced().await;
}

async fn a_step_from_another_place_does_nothing(world: World) {
    let of = tenant(&world).await;
    let all = ended(&world, of, &[Verdict::Exhausted; 2]).await;
    let id = recover(&world, of).await;
    let one = Step { to: Some(all[0]), deliveries: vec![all[0]], ..Step::default() };
    assert_eq!(step(&world, id, one.clone()).await, Stepped::Taken(TaskStatus::Running));
    world.report(vec![attempt(all[0], of.1, 2, Verdict::Exhausted, true)]).await;
    assert_eq!(step(&world, id, one).await, Stepped::Moved);
    assert!(state(&world, all[0]).await.is_decided());
    assert_eq!(task(&world, id).await.sent, 1);
    let nobody = TaskId(world.store.next_key());
    assert_eq!(step(&world, nobody, Step::default()).await, Stepped::NoSuchTask);
}

async fn a_cancelled_task_takes_no_step(world: World) {
    let of = tenant(&world).await;
    let all = ended(&world, of, &[Verdict::Exhausted]).await;
    let id = recover(&world, of).await;
    let cancel = || world.store.end_task(id, TaskEnd::Cancelled("enough".into()));
    assert_eq!(cancel().await.unwrap(), Ended::Now);
    assert_eq!(cancel().await.unwrap(), Ended::Before(TaskStatus::Cancelled));
    let one = Step { to: Some(all[0]), deliveries: all.clone(), ..Step::default() };
    assert_eq!(step(&world, id, one).await, Stepped::Ended(TaskStatus::Cancelled));
    let world = world.restart().await;
    let it = task(&world, id).await;
    assert_eq!((it.status, it.error.as_deref(), it.sent), (TaskStatus::Cancelled, Some("enough"), 0));
    assert!(state(&world, all[0]).await.is_decided());
    assert_eq!(world.store.read(|reader| reader.running_tasks(10)).await.unwrap(), []);
}

async fn a_deleted_endpoint_ends_the_task(world: World) {
    let of = tenant(&world).await;
    let all = ended(&world, of, &[Verdict::Exhausted]).await;
    let id = recover(&world, of).await;
    world.delete_endpoint(of.1).await;
    let one = Step { to: Some(all[0]), deliveries: all, ..Step::default() };
    assert_eq!(step(&world, id, one).await, Stepped::Taken(TaskStatus::Failed));
    let it = task(&world, id).await;
    assert_eq!((it.sent, it.error.as_deref()), (0, Some("the endpoint was deleted")));
    world.assert_balanced().await;
}

async fn a_missing_delivery_is_added_once_and_only_where_the_endpoint_matches(world: World) {
    let (application, endpoints) = world.tenant(2).await;
    let (had, new) = (endpoints[0], endpoints[1]);
    let lacking = world.append_one(message(application, &[had])).await;
    let having = world.append_one(message(application, &[had, new])).await;
    let mut unwanted = message(application, &[had]);
    unwanted.event_type = EventTypeName::parse("other").unwrap();
    let unwanted = world.append_one(unwanted).await;
    let foreign = world.append_one(message(world.application().await, &[])).await;
    let mut tried = message(application, &[had]);
    tried.channels = vec![Channel::of_tests()];
    let tried = world.append_one(tried).await;
    let mut narrow = endpoint(new, application);
    narrow.event_types = Some([lacking.event_type.clone()].into());
    world.apply(vec![Change::PutEndpoint(Box::new(narrow))]).await;
    let ids = vec![lacking.id, having.id, unwanted.id, foreign.id, tried.id];
    for expected in [1, 0] {
        let (id, _) = start(&world, (application, new), TaskKind::ReplayMissing, selection(None), None).await;
        let it = Step {
            to: Some(delivery(&tried, u16::MAX)),
            messages: ids.clone(),
            is_last: true,
            ..Step::default()
        };
        assert_eq!(step(&world, id, it).await, Stepped::Taken(TaskStatus::Finished));
        assert_eq!(task(&world, id).await.sent, expected);
        assert_eq!(world.deliveries(lacking.id).await.len(), 2);
    }
    let added = &world.deliveries(lacking.id).await[1];
    assert_eq!((added.endpoint, added.state), (new, DeliveryState::Pending(Progress::default())));
    for (id, deliveries) in [(having.id, 2), (unwanted.id, 1), (foreign.id, 0), (tried.id, 1)] {
        assert_eq!(world.deliveries(id).await.len(), deliveries);
    }
    world.assert_balanced().await;
    let world = world.crash();
    world.report(vec![attempt(delivery(&lacking, 1), new, 1, Verdict::Delivered, true)]).await;
    world.assert_balanced().await;
}

async fn the_same_request_starts_one_task(world: World) {
    let of = tenant(&world).await;
    let key = Some([9; 16]);
    let begin = async |world: &World| start(world, of, TaskKind::Recover, selection(None), key).await;
    let (first, started) = begin(&world).await;
    assert_eq!(started, Started::Running);
    assert_eq!(begin(&world).await.1, Started::Repeated(answer()));
    let world = world.crash();
    assert_eq!(begin(&world).await.1, Started::Repeated(answer()));
    let running = world.store.read(|reader| reader.running_tasks(10)).await.unwrap();
    assert_eq!(running.iter().map(|it| it.id).collect::<Vec<_>>(), [first]);
}

async fn an_organisation_has_a_limited_number_of_running_tasks(world: World) {
    let of = tenant(&world).await;
    let mut last = recover(&world, of).await;
    for _ in 1..RUNNING_MAX {
        last = recover(&world, of).await;
    }
    let more = async || start(&world, of, TaskKind::Recover, selection(None), None).await.1;
    assert_eq!(more().await, Started::TooMany);
    world.store.end_task(last, TaskEnd::Finished("{}".into())).await.unwrap();
    assert_eq!(more().await, Started::Running);
    // Ended ones are forgotten after 90 days.
    world.advance_ms(91 * 86_400_000);
    let first = world.store.read(|reader| reader.running_tasks(1)).await.unwrap()[0].id;
    world.store.end_task(first, TaskEnd::Failed("no".into())).await.unwrap();
    start(&world, of, TaskKind::Recover, selection(None), None).await;
    for gone in [first, last] {
        assert_eq!(world.store.read(move |reader| reader.task(gone)).await.unwrap(), None);
    }
}

async fn tasks_are_listed_in_both_directions(world: World) {
    let of = tenant(&world).await;
    let mut all = Vec::new();
    for kind in [TaskKind::Recover, TaskKind::BulkReplay, TaskKind::Recover, TaskKind::Recover] {
        all.push(start(&world, of, kind, selection(None), None).await.0);
    }
    world.store.end_task(all[2], TaskEnd::Finished("{}".into())).await.unwrap();
    let list = async |filter: &TaskFilter, from, direction, limit| {
        let (filter, slice) = (filter.clone(), Slice { from, direction, limit });
        let found = world.store.read(move |reader| reader.tasks(&filter, &slice)).await.unwrap();
        let Found { items, more_after } = found;
        (items.iter().map(|it| it.id).collect::<Vec<_>>(), more_after)
    };
    let every =
        TaskFilter { organisation: organisation().id, application: None, kind: None, statuses: vec![] };
    use Direction::{Newer, Older};
    assert_eq!(list(&every, None, Older, 2).await, (vec![all[3], all[2]], Some(all[2])));
    assert_eq!(list(&every, Some(all[2]), Older, 2).await, (vec![all[1], all[0]], None));
    assert_eq!(list(&every, Some(all[0]), Newer, 9).await, (all[1..].to_vec(), None));
    let running = TaskFilter {
        application: Some(of.0),
        kind: Some(TaskKind::Recover),
        statuses: vec![TaskStatus::Running, TaskStatus::Failed],
        ..every.clone()
    };
    assert_eq!(list(&running, None, Older, 9).await.0, [all[3], all[0]]);
    let foreign = TaskFilter { application: Some(ApplicationId(world.store.next_key())), ..every };
    assert_eq!(list(&foreign, None, Older, 9).await.0, []);
}
