//! The attempts of messages, and sending again.

use std::sync::Arc;

use semnal_core::attempt::{AttemptEnd, Cause, Phases};
use semnal_core::delivery::Progress;
use semnal_core::id::{AttemptId, DeliveryId, IdKind, MessageId};
use semnal_core::time::UnixMillis;
use semnal_store::outcome::{Outcome, Report, Trigger, Verdict};
use serde_json::{Value, json};

use super::{START, World};

/// Reports an attempt of a message's delivery as the engine does.
pub(crate) async fn report(
    world: &World,
    message: &str,
    ordinal: u16,
    number: u16,
    end: AttemptEnd,
    at_ms: i64,
) {
    let (_, key) = world.store().ids().decode(IdKind::Message, message).unwrap();
    let stored = world.store().read(move |reader| reader.message(MessageId(key))).await.unwrap().unwrap();
    let verdict = if end.is_success() { Verdict::Delivered } else { Verdict::RetryAt(UnixMillis(at_ms + 1)) };
    let delivery = DeliveryId { message: MessageId(key), ordinal };
    let outcome = Outcome {
        id: AttemptId { delivery, number },
        endpoint: stored.endpoints[usize::from(ordinal)],
        url: "https://example.com/hook".into(),
        started_at: UnixMillis(at_ms),
        end,
        verdict,
        trigger: if number == 3 { Trigger::Manual } else { Trigger::Scheduled },
        address: None,
        phases: Phases { total_us: 12_600, ..Phases::default() },
        response_headers: vec![("x-receiver".into(), b"\xff 1".to_vec())],
        response_body: b"not \xff now".to_vec(),
        response_truncated: false,
    };
    let progress = Progress { attempts: number, step: number };
    let has_row = number > 1;
    world
        .store()
        .report(vec![Report::Attempt { outcome: Arc::new(outcome), progress, has_row }])
        .await
        .unwrap();
    // A report is not waited for; what is stored after it is.
    world.apply(Vec::new()).await;
}

fn refused() -> AttemptEnd {
    AttemptEnd::Failed { cause: Cause::ConnectRefused, detail: "port 9".into() }
}

/// One message to two endpoints: the first failed twice and was delivered, the second failed once.
async fn story(world: &World) -> (&'static str, [String; 2], String) {
    let app = world.acme().await;
    let endpoints = [
        world.endpoint(app, json!({"uid": "first"})).await,
        world.endpoint(app, json!({"uid": "second"})).await,
    ];
    let message = world.message(app, json!({"eventId": "order-1", "channels": ["ro"]})).await;
    report(world, &message, 0, 1, AttemptEnd::Answered(500), START).await;
    report(world, &message, 1, 1, refused(), START + 1).await;
    report(world, &message, 0, 2, AttemptEnd::Answered(404), START + 1_000).await;
    report(world, &message, 0, 3, AttemptEnd::Answered(204), START + 2_000).await;
    (app, endpoints, message)
}

#[tokio::test]
async fn attempts_of_a_message_are_listed_newest_first_and_filtered() {
    let world = World::new().await;
    let (app, endpoints, message) = story(&world).await;
    let path = format!("{app}/attempt/msg/order-1");
    let all = world.get(&path).await.expect(200);
    let first = &all["data"][0];
    assert_eq!(
        *first,
        json!({
            "id": first["id"], "msgId": message, "endpointId": endpoints[0], "url": "https://example.com/hook",
            "response": "not \u{fffd} now", "responseStatusCode": 204, "responseDurationMs": 13, "status": 0,
            "statusText": "success", "triggerType": 1, "cause": null, "timestamp": "2023-11-14T22:13:22.000Z",
        })
    );
    assert!(first["id"].as_str().unwrap().starts_with("atmpt_"));
    let failed = &all["data"][2];
    assert_eq!((&failed["responseStatusCode"], &failed["status"]), (&json!(0), &json!(2)));
    assert_eq!(
        (&failed["cause"], &failed["response"]),
        (&json!("connect_refused"), &json!("The connection was refused: port 9"))
    );

    let codes = async |query: &str| -> Vec<Value> {
        let found = world.get(&format!("{path}?{query}")).await.expect(200);
        found["data"].as_array().unwrap().iter().map(|it| it["responseStatusCode"].clone()).collect()
    };
    assert_eq!(codes("").await, [204, 404, 0, 500]);
    assert_eq!(codes("status=0").await, [204]);
    assert_eq!(codes("status=2").await, [404, 0, 500]);
    assert_eq!(codes("status=1").await, [0; 0]);
    assert_eq!(codes("status_code_class=400").await, [404]);
    assert_eq!(codes("status_code_class=0").await, [0]);
    assert_eq!(codes("endpoint_id=second").await, [0]);
    assert_eq!(codes(&format!("endpoint_id={}", endpoints[0])).await, [204, 404, 500]);
    assert_eq!(codes("event_types=other").await, [204, 404, 0, 500]);
    assert_eq!(codes("channel=ro").await, [204, 404, 0, 500]);
    assert_eq!(codes("channel=de").await, [0; 0]);
    assert_eq!(codes("before=2023-11-14T22:13:21Z").await, [0, 500]);
    assert_eq!(codes("after=2023-11-14T22:13:21Z").await, [204]);
    assert_eq!(
        world.get(&format!("{path}?status=4&status_code_class=7")).await.invalid(),
        ["query.status", "query.status_code_class"]
    );
    world.get(&format!("{path}?endpoint_id=nobody")).await.refused(404, "not_found");
    let without = world.get(&format!("{path}?with_content=false")).await.expect(200);
    assert_eq!(without["data"][0]["response"], "");

    let ids: Vec<String> = world.walk(&path, "id").await.concat();
    assert_eq!(world.walk(&format!("{path}?limit=3"), "id").await, [&ids[..3], &ids[3..]]);
    world.delete(&format!("{app}/endpoint/first")).await.expect(204);
    assert_eq!(codes(&format!("endpoint_id={}", endpoints[0])).await, [204, 404, 500]);
}

#[tokio::test]
async fn attempts_of_an_endpoint_are_listed_newest_message_first_and_back() {
    let world = World::new().await;
    let (app, _, _) = story(&world).await;
    world.advance_seconds(60);
    let second = world.message(app, json!({"eventType": "other"})).await;
    report(&world, &second, 0, 1, AttemptEnd::Answered(200), START + 60_000).await;
    let path = format!("{app}/attempt/endpoint/first");
    let all = world.get(&path).await.expect(200);
    let codes: Vec<Value> =
        all["data"].as_array().unwrap().iter().map(|it| it["responseStatusCode"].clone()).collect();
    assert_eq!(codes, [200, 204, 404, 500]);
    let ids: Vec<String> = world.walk(&path, "id").await.concat();
    for limit in 1..=4 {
        let pages: Vec<_> = ids.chunks(limit).map(<[String]>::to_vec).collect();
        let walked = world.walk(&format!("{path}?limit={limit}"), "id").await;
        assert_eq!(walked.into_iter().filter(|page| !page.is_empty()).collect::<Vec<_>>(), pages, "{limit}");
    }
    let failed = world.get(&format!("{path}?status=2&event_types=shop.opened")).await.expect(200);
    assert_eq!(failed["data"].as_array().unwrap().len(), 2);
    world.get(&format!("{app}/attempt/endpoint/nobody")).await.refused(404, "not_found");
}

#[tokio::test]
async fn one_attempt_is_read_under_its_message() {
    let world = World::new().await;
    let (app, _, message) = story(&world).await;
    let listed = world.get(&format!("{app}/attempt/msg/{message}")).await.expect(200);
    let id = listed["data"][1]["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("{app}/msg/order-1/attempt/{id}")).await.expect(200), listed["data"][1]);
    let other = world.message(app, json!({})).await;
    world.get(&format!("{app}/msg/{other}/attempt/{id}")).await.refused(404, "not_found");
    world.get(&format!("{app}/msg/{message}/attempt/atmpt_0")).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_message_is_sent_again() {
    let world = World::new().await;
    let (app, endpoints, message) = story(&world).await;
    let path = format!("{app}/msg/{message}/endpoint/{}/resend", endpoints[0]);
    assert_eq!(world.call("POST", &path, None).await.expect(202), json!({}));
    assert_eq!(
        world.post(&format!("{app}/msg/order-1/endpoint/second/resend/"), json!({})).await.expect(202),
        json!({})
    );
    world
        .call("POST", &format!("{app}/msg/{message}/endpoint/nobody/resend"), None)
        .await
        .refused(404, "not_found");
    world
        .call("POST", &format!("{app}/msg/nothing/endpoint/first/resend"), None)
        .await
        .refused(404, "not_found");
}
