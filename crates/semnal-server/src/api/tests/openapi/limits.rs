//! Every limit that is described is enforced where it says: what is at the limit passes, what is beyond it is 422
//! and names the place.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::Answered;
use super::{Named, Operation, operations};

#[tokio::test]
async fn a_field_takes_what_is_at_its_limit_and_refuses_what_is_beyond() {
    let named = Named::new().await;
    let mut checked = 0;
    for it in operations() {
        let Some(body) = it.body() else { continue };
        for (name, schema) in body["properties"].as_object().unwrap() {
            // What a message brings along is looked at only when the application is not there yet.
            let probes = if name == "application" { Vec::new() } else { probes(name, schema) };
            for (value, fits) in probes {
                checked += 1;
                check_field(&named, &it, name, &value, fits).await;
            }
            let required = body["required"].as_array().is_some_and(|all| all.contains(&json!(name)));
            if required {
                let mut without = it.example();
                without.as_object_mut().unwrap().remove(name);
                assert_eq!(places(&named, &it, without).await, [format!("body.{name}")]);
            }
        }
    }
    assert!(checked > 700, "{checked} values");
}

async fn check_field(named: &Named, it: &Operation, name: &str, value: &Value, fits: bool) {
    if it.path.ends_with("/headers") {
        // Those of one probe would count with those of the next.
        named.world.put(&named.path(&it.path), json!({"headers": {}})).await.expect(204);
    }
    let mut body = it.example();
    body[name] = value.clone();
    if name == "schemaEnforced" {
        body["schemas"] = json!({"1": {"type": "object"}});
    }
    let found = places(named, it, body).await;
    let place = format!("body.{name}");
    let is_refused = found.iter().any(|it| *it == place || it.starts_with(&format!("{place}.")));
    let excerpt: String = value.to_string().chars().take(80).collect();
    assert_eq!(is_refused, !fits, "{} {}: {name} = {excerpt}: {found:?}", it.method, it.path);
}

async fn places(named: &Named, it: &Operation, body: Value) -> Vec<String> {
    let answer = named.world.call(&it.method, &named.path(&it.path), Some(body)).await;
    malformed(answer)
}

/// Returns the places of values that have another shape than they must; what names nothing that exists has the right one.
fn malformed(answer: Answered) -> Vec<String> {
    if answer.status != 422 {
        return Vec::new();
    }
    let kinds: Vec<String> = answer.json()["detail"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["type"].as_str().unwrap().to_owned())
        .collect();
    let names_nothing = |kind: &str| kind.starts_with("unknown_") || kind == "no_example";
    answer
        .invalid()
        .into_iter()
        .zip(kinds)
        .filter(|(_, kind)| !names_nothing(kind))
        .map(|(it, _)| it)
        .collect()
}

#[tokio::test]
async fn a_parameter_takes_what_is_at_its_limit_and_refuses_what_is_beyond() {
    let named = Named::new().await;
    let mut checked = 0;
    for it in operations() {
        for (name, schema) in
            it.query().into_iter().filter(|(name, _)| name != "iterator" && name != "endpoint_id")
        {
            for (value, fits) in probes(&name, &schema) {
                let text = match &value {
                    Value::String(text) => text.clone(),
                    Value::Array(names) => {
                        names.first().and_then(Value::as_str).unwrap_or_default().to_owned()
                    }
                    Value::Null | Value::Object(_) => continue,
                    // In a query everything is text.
                    Value::Number(_) if schema["type"] == "string" => continue,
                    other => other.to_string(),
                };
                if text.is_empty() {
                    continue;
                }
                checked += 1;
                let path = format!("{}?{name}={}", named.path(&it.path), text.replace(' ', "%20"));
                let body = it.body().map(|_| it.example());
                let answer = named.world.call(&it.method, &path, body).await;
                let found = malformed(answer);
                let expected = if fits { Vec::new() } else { vec![format!("query.{name}")] };
                assert_eq!(found, expected, "{} {name}={text}", it.path);
            }
        }
    }
    assert!(checked > 150, "{checked} values");
}

/// Returns values at and beyond the limits of a schema, and whether each is allowed.
fn probes(name: &str, schema: &Value) -> Vec<(Value, bool)> {
    match name {
        "retrySchedule" => return schedule_probes(),
        _ if schema == &json!({"description": schema["description"]}) => return Vec::new(),
        _ => {}
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    let has = |kind: &str| types.contains(&json!(kind));
    let mut probes = vec![(Value::Null, has("null"))];
    if let Some(values) = schema["enum"].as_array() {
        probes.extend(values.iter().map(|value| (value.clone(), true)));
        probes.push((json!("none-of-them"), false));
        return probes;
    }
    if has("integer") {
        let min = schema["minimum"].as_i64().unwrap();
        probes.extend([(json!(min), true), (json!(min - 1), false)]);
        if let Some(max) = schema["maximum"].as_i64() {
            probes.extend([(json!(max), true), (json!(max + 1), false)]);
        }
    } else if has("boolean") {
        probes.extend([(json!(true), true), (json!(false), true), (json!("maybe"), false)]);
    } else if has("array") {
        probes.extend(array_probes(schema));
    } else if has("string") {
        probes.extend(text_probes(name, schema));
    } else if has("object") {
        probes.extend(object_probes(schema));
    }
    probes
}

fn array_probes(schema: &Value) -> Vec<(Value, bool)> {
    let items = &schema["items"];
    let mut probes = vec![(json!([7]), false), (json!([]), schema["minItems"].as_u64().unwrap_or(0) == 0)];
    let entry = |i: u64| match items["type"].as_str() {
        Some("array") => json!([format!("x-{i}"), "v"]),
        Some("integer") => items["maximum"].clone(),
        _ => json!(format!("n{i}")),
    };
    match items["type"].as_str() {
        Some("array") => probes.extend([
            (json!([["x"]]), false),
            (json!([["x", "v", "v"]]), false),
            (json!([["x", 7]]), false),
            (json!([["a b", "v"]]), false),
            (json!([["x", "v\n"]]), false),
        ]),
        Some("integer") => {
            let (min, max) = (items["minimum"].as_i64().unwrap(), items["maximum"].as_i64().unwrap());
            probes.extend([
                (json!([min, max]), true),
                (json!([min - 1]), false),
                (json!([max + 1]), false),
                (json!(["200"]), false),
            ]);
        }
        _ => {}
    }
    if let Some(words) = items["enum"].as_array() {
        probes.extend([(json!(words), true), (json!(["none-of-them"]), false)]);
    }
    if let Some(max) = schema["maxItems"].as_u64() {
        let entries = |n: u64| Value::Array((0..n).map(entry).collect());
        probes.extend([(entries(max), true), (entries(max + 1), false)]);
    }
    if let Some(max) = items["maxLength"].as_u64() {
        let long = |characters: u64| json!(["x".repeat(usize::try_from(characters).unwrap())]);
        let is_name = items["pattern"].is_string();
        probes.extend([
            (long(max), true),
            (long(max + 1), false),
            (json!([""]), false),
            (json!(["a b"]), !is_name),
        ]);
    }
    probes
}

fn schedule_probes() -> Vec<(Value, bool)> {
    let text = |n: usize| json!(vec!["5s"; n].join(","));
    let list = |n: usize| json!(vec!["5s"; n]);
    vec![
        (Value::Null, true),
        (text(64), true),
        (text(65), false),
        (json!(""), true),
        (json!("soon"), false),
        (list(64), true),
        (list(65), false),
        (json!([]), true),
        (json!(["soon"]), false),
        (json!([7]), false),
        (json!(7), false),
    ]
}

fn text_probes(name: &str, schema: &Value) -> Vec<(Value, bool)> {
    let max = usize::try_from(schema["maxLength"].as_u64().unwrap_or(0)).unwrap();
    let long = |characters: usize| json!("x".repeat(characters));
    match (name, schema["format"].as_str()) {
        ("expiresAt", _) => vec![
            (json!("2023-12-01T12:00:00Z"), true),
            (json!("2023-11-01T12:00:00Z"), false),
            (json!("2040-01-01T12:00:00Z"), false),
            (json!("soon"), false),
        ],
        (_, Some("date-time")) => vec![(json!("2023-11-01T12:00:00Z"), true), (json!("soon"), false)],
        ("url", _) => {
            let url = |bytes: usize| json!(format!("https://example.com/{}", "x".repeat(bytes - 20)));
            vec![
                (url(max), true),
                (url(max + 1), false),
                (json!("ftp://example.com/"), false),
                (json!(""), false),
            ]
        }
        ("secret" | "key", _) => {
            // 24 to 75 bytes in base64, the longest text a key pair.
            let base64 = |characters: usize| json!("A".repeat(characters));
            vec![
                (base64(32), true),
                (base64(28), false),
                (base64(100), true),
                (base64(104), false),
                (json!("whsec_%"), false),
            ]
        }
        ("bodyBase64", _) => base64_probes(schema),
        ("after", _) => vec![(json!("0"), true), (json!("999999999"), true), (json!("req_1"), false)],
        ("message_id", _) => vec![(json!("msg_1"), false), (json!("x"), false)],
        ("method", _) if schema["pattern"].is_string() => {
            vec![
                (json!("PROPFIND"), true),
                (json!(""), false),
                (json!("a b"), false),
                (json!("CONNECT"), false),
            ]
        }
        _ if schema["maxLength"].is_null() => {
            vec![(json!("a b"), true), (json!(""), true), (json!(7), false)]
        }
        _ => {
            // A pattern that has a blank allows them inside.
            let is_name = schema["pattern"].as_str().is_some_and(|pattern| !pattern.contains(' '));
            let empty = schema["minLength"].as_u64().unwrap_or(0) == 0;
            vec![
                (long(max), true),
                (long(max + 1), false),
                (json!(""), empty),
                (json!("a b"), !is_name),
                (json!(7), false),
            ]
        }
    }
}

fn base64_probes(schema: &Value) -> Vec<(Value, bool)> {
    let mut probes = vec![
        (json!(""), true),
        (json!("AA=="), true),
        (json!("AA"), false),
        (json!("%"), false),
        (json!(7), false),
    ];
    if let Some(max) = schema["maxLength"].as_u64() {
        let bytes = usize::try_from(max).unwrap() / 4 * 3 - 2;
        let encoded = |bytes: usize| json!(STANDARD.encode(vec![0; bytes]));
        probes.extend([(encoded(bytes), true), (encoded(bytes + 1), false)]);
    }
    probes
}

fn object_probes(schema: &Value) -> Vec<(Value, bool)> {
    let mut probes = vec![(json!([]), false), (json!("text"), false)];
    let Some(max) = schema["maxProperties"].as_u64() else { return probes };
    let entries = |n: u64| Value::Object((0..n).map(|i| (format!("x-{i}"), json!("v"))).collect());
    let one = |name: usize, value: usize| json!({"x".repeat(name): "v".repeat(value)});
    let length = |schema: &Value| usize::try_from(schema["maxLength"].as_u64().unwrap()).unwrap();
    let name = length(&schema["propertyNames"]);
    let value = length(&schema["additionalProperties"]);
    probes.extend([
        (entries(max), true),
        (entries(max + 1), false),
        (one(name, value), true),
        (one(name + 1, 1), false),
        (one(1, value + 1), false),
        (json!({"x": 7}), false),
    ]);
    probes
}
