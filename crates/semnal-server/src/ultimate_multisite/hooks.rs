//! `/auth`, which says whether a key works, and `/hooks`, the catalogue that Zapier chooses from.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use semnal_core::application::EventType;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::access::Bearer;
use super::answer::{self, Refusal};
use super::flat;
use crate::api::ApiState;
use crate::seed;

/// `GET /auth`
pub(super) async fn auth(State(api): State<Arc<ApiState>>, bearer: Bearer) -> Result<Response, Refusal> {
    let configuration = api.store.configuration();
    let label = &bearer.application(&configuration)?.name;
    Ok(answer::json(
        StatusCode::OK,
        &json!({ "success": true, "label": label, "message": "Welcome to our API" }),
    ))
}

#[derive(Serialize)]
struct HookOut<'a> {
    name: &'a str,
    desc: &'a str,
    payload: Box<RawValue>,
    deprecated_args: Value,
}

/// An object that keeps the order of its keys.
struct Hooks<'a>(Vec<&'a EventType>);

impl Serialize for Hooks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for it in &self.0 {
            map.serialize_entry(it.name.as_str(), &out(it))?;
        }
        map.end()
    }
}

/// `GET /hooks`: every event type by its slug, the catalogue's in the order of their registration, then others by name.
pub(super) async fn list(State(api): State<Arc<ApiState>>, bearer: Bearer) -> Result<Response, Refusal> {
    let configuration = api.store.configuration();
    bearer.application(&configuration)?;
    let order = seed::catalogue_names();
    let offered = configuration.event_types(bearer.organisation).filter(|it| !it.archived);
    let mut all: Vec<&EventType> = offered.map(|it| &**it).collect();
    all.sort_by_key(|it| order.iter().position(|name| *name == it.name.as_str()).unwrap_or(usize::MAX));
    Ok(answer::json(StatusCode::OK, &Hooks(all)))
}

fn out(it: &EventType) -> HookOut<'_> {
    HookOut {
        name: it.title.as_deref().unwrap_or(it.name.as_str()),
        desc: &it.description,
        payload: flat::sample(it.example.as_deref()),
        deprecated_args: deprecated(it.name.as_str()),
    }
}

/// Returns the names that arguments of an event had in version 1, or their samples then. PHP writes an empty object as
/// a list.
fn deprecated(slug: &str) -> Value {
    match slug {
        "payment_received" => json!({
            "user_id": "customer_user_id",
            "amount": "payment_total",
            "gateway": "payment_gateway",
            "status": "payment_status",
            "date": "payment_date_created",
        }),
        "domain_created" => json!({
            "user_id": 1,
            "user_site_id": 1,
            "mapped_domain": "mydomain.com",
            "user_site_url": "http://test.mynetwork.com/",
            "network_ip": "125.399.3.23",
        }),
        _ => json!([]),
    }
}
