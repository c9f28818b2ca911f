//! The description of the API says what the server does: the same routes, the same fields and parameters, the same
//! limits; and the page for people shows it.

mod limits;
mod page;
mod svix;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::openapi;
use super::{World, request};
use crate::api::input::asked;
use crate::api::{Trust, guarded_routes, open_routes};

/// Pages for people are not described to programs.
const PAGES: [&str; 3] = ["/docs", "/docs/style.css", "/docs/script.js"];

/// One operation of the document.
pub(super) struct Operation {
    pub method: String,
    pub path: String,
    pub value: Value,
}

/// Returns the document.
pub(super) fn document() -> Value {
    serde_json::from_str(&openapi::json()).unwrap()
}

/// Returns every operation of the document.
pub(super) fn operations() -> Vec<Operation> {
    let document = document();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, value) in item.as_object().unwrap() {
            all.push(Operation { method: method.to_uppercase(), path: path.clone(), value: value.clone() });
        }
    }
    all
}

impl Operation {
    /// Returns the query parameters and their schemas.
    pub(super) fn query(&self) -> Vec<(String, Value)> {
        let parameters = self.value["parameters"].as_array().cloned().unwrap_or_default();
        let of_query = parameters.into_iter().filter(|it| it["in"] == "query");
        of_query.map(|it| (it["name"].as_str().unwrap().to_owned(), it["schema"].clone())).collect()
    }

    /// Returns the schema of the body.
    pub(super) fn body(&self) -> Option<Value> {
        let reference =
            self.value["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()?;
        Some(document().pointer(reference.trim_start_matches('#')).unwrap().clone())
    }

    /// Returns a body that has what it must have.
    pub(super) fn example(&self) -> Value {
        let example = &self.value["requestBody"]["content"]["application/json"]["example"];
        if example.is_null() { json!({}) } else { example.clone() }
    }

    pub(super) fn statuses(&self) -> BTreeSet<u16> {
        self.value["responses"].as_object().unwrap().keys().map(|status| status.parse().unwrap()).collect()
    }

    fn is_open(&self) -> bool {
        self.value["security"].as_array().is_some_and(Vec::is_empty)
    }
}

/// What the paths of the document name, made once.
pub(super) struct Named {
    pub world: World,
    application: String,
    endpoint: String,
    message: String,
    task: String,
    bin: String,
}

impl Named {
    pub(super) async fn new() -> Named {
        let world = World::new().await;
        let app = world.acme().await;
        let application = world.get(app).await.expect(200)["id"].as_str().unwrap().to_owned();
        let endpoint = world.endpoint(app, json!({})).await;
        let message = world.message(app, json!({})).await;
        // What the examples of bodies name.
        let event_type = json!({"name": "invoice.paid", "description": "", "example": {"invoice": 17}});
        world.post("/api/v1/event-type", event_type).await.expect(201);
        let since = json!({"since": "2023-01-31T12:00:00Z"});
        let started = world.post(&format!("{app}/endpoint/{endpoint}/recover"), since).await.expect(202);
        let task = started["id"].as_str().unwrap().to_owned();
        let bin = world.post("/api/v1/bin", json!({})).await.expect(201)["id"].as_str().unwrap().to_owned();
        // Nobody who waits for a request holds a test up: the bins say that the server stops.
        world.api.bins.as_ref().unwrap().shutdown.cancel();
        Named { world, application, endpoint, message, task, bin }
    }

    /// Fills a path. A new kind of id must be given something to name.
    pub(super) fn path(&self, path: &str) -> String {
        let mut filled = path.to_owned();
        for (part, name) in [
            ("{app_id}", self.application.as_str()),
            ("{endpoint_id}", &self.endpoint),
            ("{msg_id}", &self.message),
            ("{attempt_id}", "atmpt_none"),
            ("{task_id}", &self.task),
            ("{event_type_name}", "invoice.paid"),
            ("{bin_id}", &self.bin),
            // None was caught: nothing is sent again to anybody.
            ("{request_id}", "1"),
        ] {
            filled = filled.replace(part, name);
        }
        assert!(!filled.contains('{'), "nothing is known that {path} could name");
        filled
    }
}

#[tokio::test]
async fn the_document_has_the_operations_of_the_route_table() {
    let named = Named::new().await;
    let paths = [guarded_routes(Trust::Network).paths, open_routes().paths].concat();
    let mut served = BTreeSet::new();
    for path in paths.iter().filter(|path| !PAGES.contains(&path.as_str())) {
        let answer = named.world.call("PROPFIND", &named.path(path), None).await;
        assert_eq!(answer.status, 405, "{path}");
        let allowed = answer.headers["allow"].to_str().unwrap().to_owned();
        served.extend(
            allowed.split(',').filter(|method| *method != "HEAD").map(|method| format!("{method} {path}")),
        );
    }
    let described: BTreeSet<String> = operations()
        .iter()
        .filter(|it| it.method != "HEAD")
        .map(|it| format!("{} {}", it.method, it.path))
        .collect();
    assert_eq!(described, served, "left: described, right: served");
}

#[tokio::test]
async fn an_operation_needs_a_key_unless_the_document_says_that_it_is_open() {
    let named = Named::new().await;
    for it in operations() {
        let answer = named.world.raw(request(&it.method, &named.path(&it.path), None, None)).await;
        assert_eq!(answer.status != 401, it.is_open(), "{} {}", it.method, it.path);
    }
}

#[test]
fn every_operation_has_an_id_of_its_own_and_says_what_it_does() {
    let mut ids = BTreeSet::new();
    for it in operations() {
        let id = it.value["operationId"].as_str().unwrap();
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        assert!(it.value["summary"].as_str().is_some_and(|text| text.len() > 5), "{id}");
        assert_eq!(it.value["tags"].as_array().unwrap().len(), 1, "{id}");
        for parameter in it.value["parameters"].as_array().into_iter().flatten() {
            assert!(
                parameter["description"].as_str().is_some_and(|text| text.len() > 5),
                "{id}: {parameter}"
            );
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(value: &Value, document: &Value) {
        if let Some(reference) = value["$ref"].as_str() {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        match value {
            Value::Object(fields) => fields.values().for_each(|it| check(it, document)),
            Value::Array(items) => items.iter().for_each(|it| check(it, document)),
            _ => {}
        }
    }
    check(&document(), &document());
}

#[tokio::test]
async fn a_handler_asks_for_the_fields_and_parameters_that_are_described() {
    let named = Named::new().await;
    let mut bodies = 0;
    for it in operations().iter().filter(|it| !it.is_open() && it.method != "DELETE") {
        asked::begin();
        let path = format!("{}?unknown=1", named.path(&it.path));
        let body = it.body().map(|_| it.example());
        bodies += usize::from(body.is_some());
        let answer = named.world.call(&it.method, &path, body).await;
        assert!(answer.status != 500 && answer.status != 422, "{} {}: {answer:?}", it.method, it.path);
        let described =
            it.body().and_then(|body| body["properties"].as_object().cloned()).unwrap_or_default();
        let mut expected: BTreeSet<String> = described.keys().map(|name| format!("body.{name}")).collect();
        expected.extend(it.query().into_iter().map(|(name, _)| format!("query.{name}")));
        assert_eq!(expected, asked::end(), "left: described, right: asked for, by {} {}", it.method, it.path);
    }
    assert!(bodies > 15, "{bodies} operations with a body");
    asked::begin();
    named.world.delete("/api/v1/event-type/invoice.paid").await.expect(204);
    assert_eq!(asked::end(), BTreeSet::from(["query.expunge".to_owned()]));
}
