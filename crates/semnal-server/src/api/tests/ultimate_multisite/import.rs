//! `POST /control/import/ultimate-multisite`.

use serde_json::{Value, json};

use super::Face;

fn row(id: u32, more: Value) -> Value {
    let mut row = json!({
        "id": id, "name": format!("Webhook {id}"), "url": format!("https://example.com/{id}"),
        "event": "payment_received", "integration": "manual", "active": true, "hidden": false, "event_count": 0,
        "migrated_from": 0, "date_created": "",
    });
    let (Value::Object(fields), Value::Object(more)) = (&mut row, more) else {
        unreachable!("both are objects")
    };
    fields.extend(more);
    row
}

async fn import(it: &Face, more: Value, rows: Vec<Value>) -> Vec<Value> {
    let mut body = json!({"app": "acme", "keep_inactive": false, "dry_run": false, "webhooks": rows});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let done = it.world.control("POST", "/control/import/ultimate-multisite", Some(body)).await.expect(200);
    done["data"].as_array().unwrap().clone()
}

fn results(found: &[Value]) -> Vec<&str> {
    found.iter().map(|it| it["result"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn webhooks_come_with_their_numbers_and_what_is_inactive_becomes_active_and_is_named() {
    let it = Face::new().await;
    let rows = vec![
        row(41, json!({"integration": "zapier", "event_count": 12, "migrated_from": 3, "hidden": true})),
        row(7, json!({"active": false, "date_created": "2026-05-30 21:36:50", "integration": ""})),
    ];
    let found = import(&it, json!({}), rows.clone()).await;
    assert_eq!(results(&found), ["imported", "imported"]);
    assert_eq!((&found[1]["was_inactive"], &found[1]["active"]), (&json!(true), &json!(true)));
    assert_eq!(it.ids("order=asc").await, [7, 41]);
    let first = it.get("/webhook/41").await.expect(200);
    assert_eq!((&first["integration"], &first["event_count"]), (&json!("zapier"), &json!(12)));
    assert_eq!((&first["migrated_from_id"], &first["hidden"]), (&json!(3), &json!(true)));
    let second = it.get("/webhook/7").await.expect(200);
    assert_eq!((&second["date_created"], &second["active"]), (&json!("2026-05-30 21:36:50"), &json!(true)));
    assert_eq!(second["integration"], "manual");
    assert_eq!(it.webhook(json!({})).await["id"], 42);
}

#[tokio::test]
async fn a_second_import_changes_nothing_and_undoes_nothing() {
    let it = Face::new().await;
    let rows = vec![row(1, json!({})), row(2, json!({}))];
    import(&it, json!({}), rows.clone()).await;
    it.send("PATCH", "/webhook/1", Some(json!({"name": "Mine now", "active": false}))).await.expect(200);
    let before = it.world.store().configuration().version;
    let found = import(&it, json!({}), rows).await;
    assert_eq!(results(&found), ["unchanged", "unchanged"]);
    assert_eq!(found[0]["active"], false);
    assert_eq!(it.world.store().configuration().version, before);
    assert_eq!(it.get("/webhook/1").await.expect(200)["name"], "Mine now");
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_says_what_would_happen() {
    let it = Face::new().await;
    let before = it.world.store().configuration().version;
    let found = import(&it, json!({"dry_run": true}), vec![row(1, json!({"active": false}))]).await;
    assert_eq!((results(&found), &found[0]["active"]), (vec!["imported"], &json!(true)));
    assert_eq!(it.world.store().configuration().version, before);
}

#[tokio::test]
async fn what_is_inactive_stays_so_when_asked() {
    let it = Face::new().await;
    let found = import(&it, json!({"keep_inactive": true}), vec![row(1, json!({"active": false}))]).await;
    assert_eq!(found[0]["active"], false);
    assert_eq!(it.get("/webhook/1").await.expect(200)["active"], false);
}

#[tokio::test]
async fn what_cannot_be_a_webhook_is_refused_with_its_reason_and_the_others_come() {
    let it = Face::new().await;
    it.webhook(json!({"name": "Of this server"})).await;
    let rows = vec![
        row(1, json!({})),
        row(2, json!({"url": "http://10.0.0.1/"})),
        row(3, json!({"event": "not a name"})),
        row(4, json!({"event": "plan_change"})),
        row(4, json!({"name": "twice"})),
        row(0, json!({})),
    ];
    let found = import(&it, json!({}), rows).await;
    assert_eq!(results(&found), ["refused", "refused", "refused", "imported", "refused", "refused"]);
    assert_eq!(found[3]["unknown_event"], true);
    for it in found.iter().filter(|it| it["result"] == "refused") {
        assert!(it["why"].as_str().unwrap().len() > 10, "{it}");
    }
    assert_eq!(it.ids("").await, [4, 1]);
}

#[tokio::test]
async fn a_webhook_that_was_made_here_with_the_same_number_is_the_same_one() {
    let it = Face::new().await;
    let url = "https://example.com/1";
    it.webhook(json!({"webhook_url": url})).await;
    assert_eq!(results(&import(&it, json!({}), vec![row(1, json!({}))]).await), ["unchanged"]);
}

#[tokio::test]
async fn an_application_that_is_not_there_and_too_many_rows_are_refused() {
    let it = Face::new().await;
    let send =
        async |body: Value| it.world.control("POST", "/control/import/ultimate-multisite", Some(body)).await;
    for app in ["nothing", "operational"] {
        let body = json!({"app": app, "keep_inactive": false, "dry_run": false, "webhooks": []});
        send(body).await.refused(404, "not_found");
    }
    let rows: Vec<Value> = (1..=501).map(|id| row(id, json!({}))).collect();
    let body = json!({"app": "acme", "keep_inactive": false, "dry_run": true, "webhooks": rows});
    assert_eq!(send(body).await.invalid(), ["body.webhooks"]);
    send(json!({})).await.refused(400, "invalid_json");
}

#[tokio::test]
async fn a_webhook_that_was_imported_and_is_gone_stays_gone() {
    use semnal_core::configuration::Change;
    use semnal_core::integration::Integration;
    let it = Face::new().await;
    let rows = vec![row(5, json!({"integration": "zapier"})), row(6, json!({}))];
    import(&it, json!({}), rows.clone()).await;
    let configuration = it.world.store().configuration();
    let mut entries = configuration.endpoints().filter_map(|e| configuration.integration_of(e.id));
    let entry = entries.find(|entry| entry.number == 5).unwrap();
    let gone = Integration { gone_at: Some(it.world.api.now()), ..Integration::clone(entry) };
    let endpoint = gone.endpoint.unwrap();
    it.world.apply(vec![Change::PutIntegration(Box::new(gone)), Change::DeleteEndpoint(endpoint)]).await;
    let found = import(&it, json!({}), rows).await;
    assert_eq!((results(&found), &found[0]["active"]), (vec!["unchanged", "unchanged"], &json!(false)));
    assert_eq!(it.ids("").await, [6]);
}

#[tokio::test]
async fn a_webhook_that_was_imported_and_deleted_here_is_not_brought_back() {
    let it = Face::new().await;
    let rows = vec![row(5, json!({})), row(6, json!({}))];
    import(&it, json!({}), rows.clone()).await;
    it.send("DELETE", "/webhook/5", None).await.expect(200);
    let found = import(&it, json!({}), rows.clone()).await;
    assert_eq!((results(&found), &found[0]["active"]), (vec!["unchanged", "unchanged"], &json!(false)));
    assert_eq!(it.ids("").await, [6]);
    let it = Face { world: it.world.restarted().await, ..it };
    assert_eq!(results(&import(&it, json!({}), rows).await), ["unchanged", "unchanged"]);
    assert_eq!(it.ids("").await, [6]);
}

#[tokio::test]
async fn a_number_that_a_gone_webhook_of_ours_had_is_not_taken() {
    use semnal_core::configuration::Change;
    use semnal_core::integration::Integration;
    let it = Face::new().await;
    import(&it, json!({}), vec![row(5, json!({"integration": "zapier"}))]).await;
    let configuration = it.world.store().configuration();
    let entry = configuration.endpoints().find_map(|e| configuration.integration_of(e.id)).unwrap();
    let (gone_at, imported_from) = (Some(it.world.api.now()), None);
    let gone = Integration { gone_at, imported_from, ..Integration::clone(entry) };
    let endpoint = gone.endpoint.unwrap();
    it.world.apply(vec![Change::PutIntegration(Box::new(gone)), Change::DeleteEndpoint(endpoint)]).await;
    let found = import(&it, json!({}), vec![row(5, json!({}))]).await;
    assert_eq!(results(&found), ["refused"]);
}
