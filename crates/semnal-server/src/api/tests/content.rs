//! What is taken back: payloads, responses, deliveries.

use semnal_core::attempt::{AttemptEnd, Cause};
use semnal_core::delivery::DeliveryState;
use semnal_core::id::{IdKind, MessageId};
use serde_json::json;

use super::attempts::report;
use super::{START, World};

async fn states(world: &World, message: &str) -> Vec<DeliveryState> {
    let (_, key) = world.store().ids().decode(IdKind::Message, message).unwrap();
    let question = move |reader: &semnal_store::read::Reader| {
        let message = reader.message(MessageId(key))?.expect("the test made it");
        reader.deliveries(&message, |_| false)
    };
    world.store().read(question).await.unwrap().iter().map(|d| d.state).collect()
}

#[tokio::test]
async fn an_expunged_message_shows_that_its_payload_is_gone() {
    let world = World::new().await;
    let app = world.acme().await;
    world.endpoint(app, json!({"uid": "crm"})).await;
    let message = world.message(app, json!({"eventId": "order-1"})).await;
    for path in [format!("{app}/msg/order-1/content"), format!("{app}/msg/{message}/content")] {
        world.delete(&path).await.expect(204);
    }
    let gone = json!({"expired": true});
    assert_eq!(world.get(&format!("{app}/msg/{message}")).await.expect(200)["payload"], gone);
    assert_eq!(world.get(&format!("{app}/msg")).await.expect(200)["data"][0]["payload"], gone);
    let without = world.get(&format!("{app}/msg/{message}?with_content=false")).await.expect(200);
    assert_eq!(without["payload"], json!({}));
    assert_eq!(without["eventId"], "order-1");
    assert!(matches!(states(&world, &message).await[..], [DeliveryState::Cancelled(_)]));
    let again = world.call("POST", &format!("{app}/msg/{message}/endpoint/crm/resend"), None).await;
    again.refused(400, "missing_payload");
    let twice = json!({"eventType": "a", "payload": {}, "eventId": "order-1"});
    world.post(&format!("{app}/msg"), twice).await.refused(409, "conflict");
    world.delete(&format!("{app}/msg/nothing/content")).await.refused(404, "not_found");
}

#[tokio::test]
async fn an_expunged_attempt_has_a_fixed_text_for_its_response() {
    let world = World::new().await;
    let app = world.acme().await;
    world.endpoint(app, json!({})).await;
    let message = world.message(app, json!({})).await;
    let refused = AttemptEnd::Failed { cause: Cause::ConnectRefused, detail: "port 9".into() };
    report(&world, &message, 0, 1, refused, START).await;
    report(&world, &message, 0, 2, AttemptEnd::Answered(204), START + 1).await;
    let list = format!("{app}/attempt/msg/{message}");
    let before = world.get(&list).await.expect(200);
    for n in [0, 1] {
        let id = before["data"][n]["id"].as_str().unwrap();
        world.delete(&format!("{app}/msg/{message}/attempt/{id}/content")).await.expect(204);
        let mut expected = before["data"][n].clone();
        expected["response"] = "EXPUNGED".into();
        assert_eq!(world.get(&format!("{app}/msg/{message}/attempt/{id}")).await.expect(200), expected);
    }
    let other = world.message(app, json!({})).await;
    let id = before["data"][0]["id"].as_str().unwrap();
    for path in
        [format!("{app}/msg/{other}/attempt/{id}/content"), format!("{app}/msg/{message}/attempt/x/content")]
    {
        world.delete(&path).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn a_message_or_one_of_its_deliveries_is_cancelled() {
    let world = World::new().await;
    let app = world.acme().await;
    for uid in ["first", "second"] {
        world.endpoint(app, json!({"uid": uid})).await;
    }
    let message = world.message(app, json!({})).await;
    world.endpoint(app, json!({"uid": "later"})).await;
    for _ in 0..2 {
        world.call("POST", &format!("{app}/msg/{message}/endpoint/second/cancel"), None).await.expect(204);
        let found = states(&world, &message).await;
        assert!(matches!(found[..], [DeliveryState::Pending(_), DeliveryState::Cancelled(_)]), "{found:?}");
    }
    world.call("POST", &format!("{app}/msg/{message}/cancel"), None).await.expect(204);
    let found = states(&world, &message).await;
    assert!(matches!(found[..], [DeliveryState::Cancelled(_), DeliveryState::Cancelled(_)]), "{found:?}");
    world.call("POST", &format!("{app}/msg/{message}/endpoint/first/resend"), None).await.expect(202);
    let found = states(&world, &message).await;
    assert!(matches!(found[..], [DeliveryState::Pending(_), DeliveryState::Cancelled(_)]), "{found:?}");
    for path in ["msg/nothing/cancel".to_owned(), format!("msg/{message}/endpoint/later/cancel")] {
        world.call("POST", &format!("{app}/{path}"), None).await.refused(404, "not_found");
    }
}
