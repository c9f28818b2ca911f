//! Background tasks through the API; they run when the test says so.

use std::sync::Arc;

use semnal_core::id::{IdKind, Key, TaskId};
use semnal_core::time::UnixMillis;
use semnal_engine::clock::Clock;
use semnal_store::task::TaskEnd;
use serde_json::{Value, json};

use super::{START, World, token};
use crate::tasks::{Round, TaskRunner};

const SINCE: &str = "2023-11-14T22:13:20.000Z";

fn runner(world: &World) -> TaskRunner {
    let (clock, _) = Clock::manual(UnixMillis(START));
    TaskRunner::new(world.store().clone(), clock, Arc::new(|_| true))
}

/// Runs every task to its end.
async fn run(world: &World) {
    let mut runner = runner(world);
    while runner.round().await.unwrap() != Round::Idle {}
}

fn id(started: &Value) -> String {
    started["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_task_is_started_watched_and_finished() {
    let world = World::new().await;
    let app = world.acme().await;
    world.message(app, json!({})).await;
    world.endpoint(app, json!({"uid": "late"})).await;
    let path = format!("{app}/endpoint/late/replay-missing");
    let started = world.post(&path, json!({"since": SINCE})).await.expect(202);
    let task = format!("/api/v1/background-task/{}", id(&started));
    assert_eq!(
        started,
        json!({"id": started["id"], "status": "running", "task": "endpoint.replay", "updatedAt": SINCE})
    );
    let data = json!({"messagesSent": 0, "done": 0, "total": null});
    let mut expected = started.clone();
    expected["data"] = data;
    assert_eq!(world.get(&task).await.expect(200), expected);
    run(&world).await;
    let finished = world.get(&task).await.expect(200);
    assert_eq!(finished["status"], "finished");
    assert_eq!(finished["data"], json!({"messagesSent": 1, "done": 1, "total": null}));
    world.post(&format!("{task}/cancel"), json!({})).await.refused(409, "conflict");
}

#[tokio::test]
async fn the_same_request_starts_one_task() {
    let world = World::new().await;
    let app = world.acme().await;
    world.endpoint(app, json!({"uid": "e"})).await;
    for path in ["recover", "bulk-replay"].map(|name| format!("{app}/endpoint/e/{name}")) {
        let body = json!({"since": SINCE});
        let first = world.post_once("k", &path, body.clone()).await.expect(202);
        assert_eq!(world.post_once("k", &path, body.clone()).await.expect(202), first);
        assert_ne!(world.post_once("other", &path, body).await.expect(202)["id"], first["id"]);
    }
}

#[tokio::test]
async fn every_problem_of_a_selection_is_named() {
    let world = World::new().await;
    let app = world.acme().await;
    world.endpoint(app, json!({"uid": "e"})).await;
    let post = async |name: &str, body: Value| world.post(&format!("{app}/endpoint/e/{name}"), body).await;
    assert_eq!(post("recover", json!({})).await.invalid(), ["body.since"]);
    assert_eq!(
        post("recover", json!({"since": "x", "until": "y"})).await.invalid(),
        ["body.since", "body.until"]
    );
    assert_eq!(post("recover", json!({"since": "2024-01-01T00:00:00Z"})).await.invalid(), ["body.since"]);
    let wrong = json!({"since": SINCE, "status": 7, "statusCodeClass": 410, "tag": "t", "channel": "a b"});
    let mut places = post("bulk-replay", wrong).await.invalid();
    places.sort();
    assert_eq!(places, ["body.channel", "body.status", "body.statusCodeClass", "body.tag"]);
    world
        .post(&format!("{app}/endpoint/nobody/recover"), json!({"since": SINCE}))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn tasks_are_listed_filtered_and_cancelled() {
    let world = World::new().await;
    let app = world.acme().await;
    world.endpoint(app, json!({"uid": "e"})).await;
    let mut ids = Vec::new();
    for name in ["recover", "replay-missing", "bulk-replay"] {
        let path = format!("{app}/endpoint/e/{name}");
        ids.insert(0, id(&world.post(&path, json!({"since": SINCE})).await.expect(202)));
    }
    let path = "/api/v1/background-task";
    assert_eq!(world.walk(path, "id").await.concat(), ids);
    assert_eq!(world.walk(&format!("{path}?limit=2"), "id").await, [&ids[..2], &ids[2..]]);
    let oldest: Vec<String> = ids.iter().rev().cloned().collect();
    assert_eq!(
        world.walk(&format!("{path}?limit=2&order=ascending"), "id").await,
        [&oldest[..2], &oldest[2..]]
    );
    world.post(&format!("{path}/{}/cancel", ids[0]), json!({})).await.expect(204);
    world.post(&format!("{path}/{}/cancel", ids[0]), json!({})).await.expect(204);
    let cancelled = world.get(&format!("{path}/{}", ids[0])).await.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["data"]["cancelled"]), (&json!("failed"), &json!(true)));
    for (query, expected) in [
        ("status=running", &ids[1..]),
        ("status=failed", &ids[..1]),
        ("status=cancelled", &ids[..1]),
        ("status=finished", &[]),
        ("task=endpoint.recover", &ids[2..]),
    ] {
        assert_eq!(world.walk(&format!("{path}?{query}"), "id").await.concat(), expected, "{query}");
    }
    let wrong = world.get(&format!("{path}?status=x&task=y&order=z")).await.invalid();
    assert_eq!(wrong, ["query.order", "query.status", "query.task"]);
    run(&world).await;
    assert_eq!(world.get(&format!("{path}/{}", ids[0])).await.expect(200), cancelled);
}

#[tokio::test]
async fn usage_is_counted_for_each_application() {
    let world = World::new().await;
    let app = world.acme().await;
    world.endpoint(app, json!({"uid": "all"})).await;
    world.endpoint(app, json!({"uid": "some", "eventTypes": ["shop.closed"]})).await;
    world.message(app, json!({})).await;
    world.message(app, json!({"eventType": "shop.closed"})).await;
    let body = json!({"since": SINCE, "until": SINCE, "appIds": ["acme", "x"]});
    let stats = world.post("/api/v1/stats/usage/app", body).await.expect(202);
    assert_eq!((&stats["task"], &stats["unresolvedAppIds"]), (&json!("application.stats"), &json!(["x"])));
    let types = world.put("/api/v1/stats/usage/event-types", json!({})).await.expect(202);
    run(&world).await;
    let own = world.get(app).await.expect(200)["id"].clone();
    let data = async |task: &Value| {
        world.get(&format!("/api/v1/background-task/{}", id(task))).await.expect(200)["data"].clone()
    };
    let usage = json!({"appId": own, "appUid": "acme", "messageDestinations": 3});
    assert_eq!(data(&stats).await, json!({"appStats": [usage]}));
    let asked = json!({
        "appId": own, "explicitlySubscribedEventTypes": ["shop.closed"], "hasCatchAllEndpoint": true,
    });
    assert_eq!(data(&types).await, json!({"event_types": [asked]}));
    let body = json!({"since": SINCE, "until": SINCE, "appIds": ["x"]});
    assert_eq!(world.post("/api/v1/stats/usage/app", body).await.invalid(), ["body.appIds"]);
}

#[tokio::test]
async fn nobody_sees_the_tasks_of_others() {
    let world = World::new().await;
    let organisation = token(&json!({"sub": "org_a"}));
    let call = async |token: &str, method: &str, path: &str, body: Value| {
        world.call_as(token, method, path, Some(body)).await
    };
    let mut tasks = Vec::new();
    for app in ["own", "other"] {
        call(&organisation, "POST", "/api/v1/app", json!({"name": app, "uid": app})).await.expect(201);
        let endpoints = format!("/api/v1/app/{app}/endpoint");
        let url = json!({"url": "https://example.com/", "uid": "e"});
        call(&organisation, "POST", &endpoints, url).await.expect(201);
        let path = format!("{endpoints}/e/recover");
        tasks.push(id(&call(&organisation, "POST", &path, json!({"since": SINCE})).await.expect(202)));
    }
    let stats = call(&organisation, "PUT", "/api/v1/stats/usage/event-types", json!({})).await.expect(202);
    tasks.push(id(&stats));
    let own = call(&organisation, "GET", "/api/v1/app/own", json!({})).await.expect(200);
    let portal = token(&json!({"sub": own["id"], "org": "org_a"}));
    let stranger = token(&json!({"sub": "org_b"}));
    let listed = async |token: &str| -> usize {
        let found = call(token, "GET", "/api/v1/background-task", json!({})).await.expect(200);
        found["data"].as_array().unwrap().len()
    };
    assert_eq!((listed(&organisation).await, listed(&portal).await, listed(&stranger).await), (3, 1, 0));
    for (token, task) in [
        (&portal, &tasks[1]),
        (&portal, &tasks[2]),
        (&stranger, &tasks[0]),
        (&stranger, &tasks[2]),
        (&organisation, &world.store().ids().encode(IdKind::Task, 0, Key(7))),
        (&organisation, &"qtask_0".to_owned()),
    ] {
        let path = format!("/api/v1/background-task/{task}");
        call(token, "GET", &path, json!({})).await.refused(404, "not_found");
        call(token, "POST", &format!("{path}/cancel"), json!({})).await.refused(404, "not_found");
    }
    call(&portal, "POST", &format!("/api/v1/background-task/{}/cancel", tasks[0]), json!({}))
        .await
        .expect(204);
    call(&portal, "POST", "/api/v1/app/own/endpoint/e/recover", json!({"since": SINCE})).await.expect(202);
    call(&portal, "POST", "/api/v1/app/other/endpoint/e/recover", json!({"since": SINCE}))
        .await
        .refused(404, "not_found");
    for (method, path) in [("POST", "/api/v1/stats/usage/app"), ("PUT", "/api/v1/stats/usage/event-types")] {
        call(&portal, method, path, json!({})).await.refused(403, "forbidden");
    }
}

#[tokio::test]
async fn a_full_disk_stops_no_task_for_good() {
    let world = World::new().await;
    let app = world.acme().await;
    world.message(app, json!({})).await;
    world.endpoint(app, json!({"uid": "late"})).await;
    let path = format!("{app}/endpoint/late/replay-missing");
    let started = world.post(&path, json!({"since": SINCE})).await.expect(202);
    world.disk.faults.set_disk_full(true);
    let failed = runner(&world).round().await.unwrap_err();
    assert!(matches!(failed, semnal_store::error::StoreError::Full), "{failed:?}");
    world.disk.faults.set_disk_full(false);
    run(&world).await;
    let task = world.get(&format!("/api/v1/background-task/{}", id(&started))).await.expect(200);
    assert_eq!((&task["status"], &task["data"]["messagesSent"]), (&json!("finished"), &json!(1)));
}

#[tokio::test]
async fn a_task_waits_while_its_endpoint_has_enough_to_do_but_not_for_ever() {
    let world = World::new().await;
    let app = world.acme().await;
    world.endpoint(app, json!({"uid": "e"})).await;
    let started = world.post(&format!("{app}/endpoint/e/recover"), json!({"since": SINCE})).await.expect(202);
    let (clock, hand) = Clock::manual(UnixMillis(START));
    let mut runner = TaskRunner::new(world.store().clone(), clock, Arc::new(|_| false));
    assert_eq!(runner.round().await.unwrap(), Round::Waiting);
    hand.advance(std::time::Duration::from_secs(5));
    assert_eq!(runner.round().await.unwrap(), Round::Advanced);
    assert_eq!(runner.round().await.unwrap(), Round::Idle);
    let (_, key) = world.store().ids().decode(IdKind::Task, &id(&started)).unwrap();
    let end = world.store().end_task(TaskId(key), TaskEnd::Failed("late".into())).await.unwrap();
    assert!(matches!(end, semnal_store::task::Ended::Before(_)), "{end:?}");
}
