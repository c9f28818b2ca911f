//! Holds our document against facts about Svix's API (`dev/svix_facts.py`). Every difference stands in [`REASONS`];
//! one that is gone must be taken out.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::operations;

const OUR_ID: &str = "Svix's document has a generated name here; ours follows the pattern of the others";
const TWO_NAMES: &str = "the same under Svix's older name, which some of its SDKs still send";
const NULL_TOO: &str = "newer SDKs send the names to remove as a list";
const MORE_OF_AN_ENDPOINT: &str = "what an endpoint can do here beyond Svix's open server";
const FOR_PEOPLE: &str = "the catalogue of the console shows it";
const ANSWERS_KEY: &str = "newest SDKs read the new secret from a 200; the older ones take any 2xx";
const HOSTED: &str = "of Svix's hosted service, whose newer SDKs know it";
const SCHEMAS_ENFORCED: &str = "payloads can be held against the schema of their event type here";
const SCHEDULES: &str = "an event type can have a retry schedule of its own here";
const EXAMPLES: &str =
    "which example is sent, or another payload in its place: the console lets people edit it";
const REFUSED_RAW: &str = "looked at to refuse raw payloads of SDKs instead of delivering an empty object";
const BINS: &str = "request bins, which Svix's API does not have";
const OURS: &str = "not part of Svix's API";
const NO_SUCCESS: &str = "its document names no success; its SDKs expect nothing in the answer";

/// Every difference and its reason.
const REASONS: &[(&str, &str)] = &[
    ("DELETE /api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/content has status 204 more", NO_SUCCESS),
    ("DELETE /api/v1/app/{app_id}/msg/{msg_id}/content has status 204 more", NO_SUCCESS),
    ("DELETE /api/v1/bin/{bin_id} is more", BINS),
    ("DELETE /api/v1/bin/{bin_id}/request is more", BINS),
    ("DELETE /api/v1/bin/{bin_id}/request/{request_id} is more", BINS),
    ("GET /api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/headers is more", HOSTED),
    ("GET /api/v1/app/{app_id}/msg/{msg_id}/captured-request is more", BINS),
    ("GET /api/v1/app/{app_id}/msg/{msg_id}/endpoint has parameter expanded_statuses more", HOSTED),
    ("GET /api/v1/background-task is more", HOSTED),
    ("GET /api/v1/background-task/{task_id} is more", HOSTED),
    ("GET /api/v1/bin is more", BINS),
    ("GET /api/v1/bin/{bin_id} is more", BINS),
    ("GET /api/v1/bin/{bin_id}/export is more", BINS),
    ("GET /api/v1/bin/{bin_id}/request is more", BINS),
    ("GET /api/v1/bin/{bin_id}/request/{request_id} is more", BINS),
    ("GET /api/v1/bin/{bin_id}/request/{request_id}/curl is more", BINS),
    ("GET /api/v1/bin/{bin_id}/request/{request_id}/raw is more", BINS),
    ("GET /api/v1/bin/{bin_id}/response is more", BINS),
    ("GET /api/v1/bin/{bin_id}/stream is more", BINS),
    ("GET /api/v1/bin/{bin_id}/wait is more", BINS),
    ("GET /healthz is more", OURS),
    ("GET /openapi.json is more", OURS),
    ("GET /readyz is more", OURS),
    ("HEAD /api/v1/health has status 204 more", "Svix's document leaves out how HEAD succeeds"),
    ("HEAD /api/v1/health is not called v1.health.get", "one id names one operation; the GET has this one"),
    ("PATCH /api/v1/app/{app_id} has field rateLimit more", TWO_NAMES),
    ("PATCH /api/v1/app/{app_id} is not called patch_application", OUR_ID),
    (
        "PATCH /api/v1/app/{app_id}/endpoint/{endpoint_id} has field concurrencyLimit more",
        MORE_OF_AN_ENDPOINT,
    ),
    ("PATCH /api/v1/app/{app_id}/endpoint/{endpoint_id} has field filterTypes more", TWO_NAMES),
    ("PATCH /api/v1/app/{app_id}/endpoint/{endpoint_id} has field paused more", MORE_OF_AN_ENDPOINT),
    ("PATCH /api/v1/app/{app_id}/endpoint/{endpoint_id} has field rateLimit more", TWO_NAMES),
    ("PATCH /api/v1/app/{app_id}/endpoint/{endpoint_id} has field retrySchedule more", MORE_OF_AN_ENDPOINT),
    ("PATCH /api/v1/app/{app_id}/endpoint/{endpoint_id} is not called patch_endpoint", OUR_ID),
    ("PATCH /api/v1/app/{app_id}/endpoint/{endpoint_id}/headers has field deleteHeaders more", NULL_TOO),
    ("PATCH /api/v1/bin/{bin_id} is more", BINS),
    ("PATCH /api/v1/event-type/{event_type_name} has field example more", FOR_PEOPLE),
    ("PATCH /api/v1/event-type/{event_type_name} has field featureFlags more", HOSTED),
    ("PATCH /api/v1/event-type/{event_type_name} has field groupName more", FOR_PEOPLE),
    ("PATCH /api/v1/event-type/{event_type_name} has field retrySchedule more", SCHEDULES),
    ("PATCH /api/v1/event-type/{event_type_name} has field schemaEnforced more", SCHEMAS_ENFORCED),
    ("PATCH /api/v1/event-type/{event_type_name} has field title more", FOR_PEOPLE),
    ("PATCH /api/v1/event-type/{event_type_name} is not called patch_event_type", OUR_ID),
    ("POST /api/v1/app has field rateLimit more", TWO_NAMES),
    ("POST /api/v1/app/{app_id}/endpoint has field concurrencyLimit more", MORE_OF_AN_ENDPOINT),
    ("POST /api/v1/app/{app_id}/endpoint has field filterTypes more", TWO_NAMES),
    ("POST /api/v1/app/{app_id}/endpoint has field headers more", MORE_OF_AN_ENDPOINT),
    ("POST /api/v1/app/{app_id}/endpoint has field paused more", MORE_OF_AN_ENDPOINT),
    ("POST /api/v1/app/{app_id}/endpoint has field rateLimit more", TWO_NAMES),
    ("POST /api/v1/app/{app_id}/endpoint has field retrySchedule more", MORE_OF_AN_ENDPOINT),
    ("POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/bulk-replay is more", HOSTED),
    ("POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/replay-missing is more", HOSTED),
    ("POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/secret/rotate has status 200 more", ANSWERS_KEY),
    ("POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/secret/rotate lacks status 204", ANSWERS_KEY),
    ("POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/send-example has field exampleIndex more", EXAMPLES),
    ("POST /api/v1/app/{app_id}/endpoint/{endpoint_id}/send-example has field payload more", EXAMPLES),
    ("POST /api/v1/app/{app_id}/msg has field transformationsParams more", REFUSED_RAW),
    ("POST /api/v1/app/{app_id}/msg/{msg_id}/cancel is more", OURS),
    ("POST /api/v1/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/cancel is more", OURS),
    ("POST /api/v1/auth/app-portal-access/{app_id} has field capabilities more", HOSTED),
    ("POST /api/v1/auth/app-portal-access/{app_id} has field expiry more", HOSTED),
    ("POST /api/v1/auth/app-portal-access/{app_id} has field readOnly more", HOSTED),
    ("POST /api/v1/auth/app-portal-access/{app_id} has field sessionId more", HOSTED),
    ("POST /api/v1/auth/app/{app_id}/expire-all is more", HOSTED),
    ("POST /api/v1/auth/logout is not called logout_api_v1_auth_logout__post", OUR_ID),
    ("POST /api/v1/background-task/{task_id}/cancel is more", HOSTED),
    ("POST /api/v1/bin is more", BINS),
    ("POST /api/v1/bin/{bin_id}/request/{request_id}/replay is more", BINS),
    ("POST /api/v1/bin/{bin_id}/request/{request_id}/verify is more", BINS),
    ("POST /api/v1/event-type has field example more", FOR_PEOPLE),
    ("POST /api/v1/event-type has field featureFlags more", HOSTED),
    ("POST /api/v1/event-type has field groupName more", FOR_PEOPLE),
    ("POST /api/v1/event-type has field retrySchedule more", SCHEDULES),
    ("POST /api/v1/event-type has field schemaEnforced more", SCHEMAS_ENFORCED),
    ("POST /api/v1/event-type has field title more", FOR_PEOPLE),
    ("POST /api/v1/stats/usage/app is more", HOSTED),
    ("PUT /api/v1/app/{app_id} has field rateLimit more", TWO_NAMES),
    ("PUT /api/v1/app/{app_id}/endpoint/{endpoint_id} has field concurrencyLimit more", MORE_OF_AN_ENDPOINT),
    ("PUT /api/v1/app/{app_id}/endpoint/{endpoint_id} has field filterTypes more", TWO_NAMES),
    ("PUT /api/v1/app/{app_id}/endpoint/{endpoint_id} has field paused more", MORE_OF_AN_ENDPOINT),
    ("PUT /api/v1/app/{app_id}/endpoint/{endpoint_id} has field rateLimit more", TWO_NAMES),
    ("PUT /api/v1/app/{app_id}/endpoint/{endpoint_id} has field retrySchedule more", MORE_OF_AN_ENDPOINT),
    ("PUT /api/v1/bin/{bin_id}/response is more", BINS),
    ("PUT /api/v1/event-type/{event_type_name} has field example more", FOR_PEOPLE),
    ("PUT /api/v1/event-type/{event_type_name} has field featureFlags more", HOSTED),
    ("PUT /api/v1/event-type/{event_type_name} has field groupName more", FOR_PEOPLE),
    ("PUT /api/v1/event-type/{event_type_name} has field retrySchedule more", SCHEDULES),
    ("PUT /api/v1/event-type/{event_type_name} has field schemaEnforced more", SCHEMAS_ENFORCED),
    ("PUT /api/v1/event-type/{event_type_name} has field title more", FOR_PEOPLE),
    ("PUT /api/v1/stats/usage/event-types is more", HOSTED),
];

#[derive(Deserialize)]
struct Facts {
    taken_from: String,
    operations: Vec<Fact>,
}

#[derive(Deserialize)]
struct Fact {
    method: String,
    path: String,
    id: Option<String>,
    query: BTreeSet<String>,
    fields: BTreeSet<String>,
    required: BTreeSet<String>,
    success: BTreeSet<u16>,
}

#[test]
fn every_difference_from_svix_has_its_reason() {
    let facts: Facts =
        serde_json::from_str(include_str!("../../../../tests/fixtures/svix_facts.json")).unwrap();
    assert!(facts.taken_from.contains("version"));
    let theirs = facts.operations;
    let ours = our_facts();
    assert!(ours.len() > 50 && theirs.len() == 43, "{} and {}", ours.len(), theirs.len());
    let mut differences = BTreeSet::new();
    for fact in &theirs {
        match ours.iter().find(|it| it.method == fact.method && it.path == fact.path) {
            Some(ours) => compare(ours, fact, &mut differences),
            None => _ = differences.insert(format!("{} {} is missing", fact.method, fact.path)),
        }
    }
    for it in &ours {
        if !theirs.iter().any(|fact| it.method == fact.method && it.path == fact.path) {
            differences.insert(format!("{} {} is more", it.method, it.path));
        }
    }
    let allowed: BTreeSet<String> = REASONS.iter().map(|(difference, _)| (*difference).to_owned()).collect();
    assert_eq!(allowed.len(), REASONS.len(), "a difference stands in the list twice");
    assert!(REASONS.iter().all(|(_, reason)| reason.len() > 10));
    let new: Vec<_> = differences.difference(&allowed).collect();
    let gone: Vec<_> = allowed.difference(&differences).collect();
    assert!(new.is_empty(), "differences without a reason: {new:#?}");
    assert!(gone.is_empty(), "no longer differences, take them out: {gone:#?}");
}

fn compare(ours: &Fact, theirs: &Fact, differences: &mut BTreeSet<String>) {
    let place = format!("{} {}", ours.method, ours.path);
    if let Some(id) = &theirs.id
        && ours.id.as_ref() != Some(id)
    {
        differences.insert(format!("{place} is not called {id}"));
    }
    let mut sets = |what: &str, ours: &BTreeSet<String>, theirs: &BTreeSet<String>| {
        for name in theirs.difference(ours) {
            differences.insert(format!("{place} lacks {what} {name}"));
        }
        for name in ours.difference(theirs) {
            differences.insert(format!("{place} has {what} {name} more"));
        }
    };
    sets("parameter", &ours.query, &theirs.query);
    sets("field", &ours.fields, &theirs.fields);
    sets("required field", &ours.required, &theirs.required);
    let texts = |numbers: &BTreeSet<u16>| numbers.iter().map(u16::to_string).collect();
    sets("status", &texts(&ours.success), &texts(&theirs.success));
}

fn our_facts() -> Vec<Fact> {
    let names = |list: &Value| -> BTreeSet<String> {
        list.as_array().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    operations()
        .into_iter()
        .map(|it| {
            let body = it.body().unwrap_or_default();
            let fields = body["properties"].as_object().cloned().unwrap_or_default();
            Fact {
                id: Some(it.value["operationId"].as_str().unwrap().to_owned()),
                query: it.query().into_iter().map(|(name, _)| name).collect(),
                fields: fields.keys().cloned().collect(),
                required: names(&body["required"]),
                success: it.statuses().into_iter().filter(|status| (200..300).contains(status)).collect(),
                method: it.method,
                path: it.path,
            }
        })
        .collect()
}
