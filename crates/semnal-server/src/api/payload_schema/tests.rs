//! What a schema may be, and what is said about a payload.

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

fn compile(schema: &Value) -> Result<PayloadSchema, String> {
    PayloadSchema::compile(&json!({ "1": schema }).to_string())
}

/// The places and codes of the problems that are found.
fn problems(schema: &Value, payload: &str) -> Vec<String> {
    let payload: Box<RawValue> = serde_json::from_str(payload).unwrap();
    let found = compile(schema).unwrap().check(&payload, &["body", "payload"]).err().unwrap_or_default();
    let name = |it: &Problem| {
        let it = serde_json::to_value(it).unwrap();
        let place: Vec<&str> = it["loc"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
        format!("{} {}", place.join("."), it["type"].as_str().unwrap())
    };
    found.iter().map(name).collect()
}

fn refused(schema: &Value, part: &str) {
    match compile(schema) {
        Err(why) => assert!(why.contains(part), "{why}"),
        Ok(_) => panic!("{schema} is accepted"),
    }
}

#[test]
fn a_problem_names_its_place_in_the_payload() {
    let schema = json!({
        "type": "object",
        "required": ["customer"],
        "properties": {
            "customer": {"type": "object", "required": ["email"], "additionalProperties": false,
                "properties": {"email": {"type": "string"}, "a/b~c": {"type": "integer"}}},
            "lines": {"type": "array", "items": {"type": "object", "required": ["sku"]}},
        },
    });
    let check =
        |payload: &str, expected: &[&str]| assert_eq!(problems(&schema, payload), expected, "{payload}");
    check(r#"{"customer":{"email":"a@b"}}"#, &[]);
    check("{}", &["body.payload.customer missing"]);
    check(r#"{"customer":{}}"#, &["body.payload.customer.email missing"]);
    check(r#"{"customer":{"email":7}}"#, &["body.payload.customer.email schema_violation"]);
    check(
        r#"{"customer":{"email":"","a/b~c":"x"},"lines":[{"sku":1},{}]}"#,
        &["body.payload.customer.a/b~c schema_violation", "body.payload.lines.1.sku missing"],
    );
    check(r#"{"customer":{"email":"","phone":1}}"#, &["body.payload.customer.phone schema_violation"]);
}

#[test]
fn ten_problems_are_named_at_most() {
    let schema = json!({"properties": {"a": {"items": {"type": "string"}}}});
    assert_eq!(problems(&schema, &json!({"a": vec![1; 50]}).to_string()).len(), 10);
    let large = json!({"a": vec![1; ALL_PROBLEMS_BYTES_MAX]});
    assert_eq!(problems(&schema, &large.to_string()), ["body.payload.a.0 schema_violation"]);
}

#[test]
fn a_problem_does_not_repeat_what_the_payload_says() {
    let payload: Box<RawValue> = serde_json::from_str(r#"{"pin":"hunter2"}"#).unwrap();
    let schema = compile(&json!({"properties": {"pin": {"type": "integer"}}})).unwrap();
    let found = schema.check(&payload, &["body"]).unwrap_err();
    let text = serde_json::to_string(&found).unwrap();
    assert!(text.contains("integer") && !text.contains("hunter2"), "{text}");
}

#[test]
fn the_newest_version_is_the_one_that_counts() {
    let check = |versions: &[&str], expected: &str| {
        let schemas: Map<String, Value> = versions.iter().map(|it| ((*it).to_owned(), json!({}))).collect();
        assert_eq!(newest(&Value::Object(schemas).to_string()).unwrap().0, expected);
    };
    check(&["1", "2", "10"], "10");
    check(&["1.9", "1.10"], "1.10");
    check(&["v2", "v10", "1"], "v10");
    check(&["a", "b"], "b");
    check(&["2024-01-01", "2025-01-01"], "2025-01-01");
    assert!(newest("{}").is_none());
}

#[test]
fn every_draft_is_told_by_its_name() {
    for draft in [
        "http://json-schema.org/draft-04/schema#",
        "http://json-schema.org/draft-06/schema#",
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2019-09/schema",
        "https://json-schema.org/draft/2020-12/schema",
    ] {
        let schema = json!({"$schema": draft, "properties": {"n": {"type": "integer"}}});
        assert_eq!(problems(&schema, r#"{"n":"x"}"#), ["body.payload.n schema_violation"], "{draft}");
        refused(
            &json!({"$schema": draft, "properties": {"n": {"type": "no type"}}}),
            "not a schema that can be enforced",
        );
    }
    refused(&json!({"$schema": "http://example.com/own"}), "not a schema that can be enforced");
}

#[test]
fn another_document_is_never_fetched() {
    for reference in ["http://127.0.0.1:9/a.json", "https://example.com/a.json", "file:///etc/passwd"] {
        refused(&json!({"properties": {"a": {"$ref": reference}}}), "only a pointer inside the schema");
        refused(&json!({"$schema": reference}), "not a schema that can be enforced");
    }
}

#[test]
fn what_is_no_schema_is_refused_with_the_reason() {
    refused(&json!({"type": "objekt"}), "at #/type");
    refused(&json!({"properties": {"a": {"minLength": -1}}}), "#/properties/a/minLength");
    refused(&json!({"pattern": "("}), "pattern");
    refused(&json!({"pattern": "(a)\\1"}), "pattern");
    refused(&json!({(STEP): true}), "keeps for itself");
    refused(&json!([]), "must be a JSON object");
    refused(&json!({"description": "x".repeat(shape::SCHEMA_BYTES_MAX)}), "65536 bytes");
    assert!(PayloadSchema::compile("{}").is_err_and(|why| why.contains("no schema")));
}

/// Fails when `work` takes longer than a person would wait, by a wide margin over what it takes.
fn soon<T>(work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    assert!(started.elapsed() < Duration::from_secs(20), "it took {:?}", started.elapsed());
    done
}

#[test]
fn a_pattern_that_would_backtrack_for_ever_does_not() {
    let schema = json!({"properties": {"a": {"pattern": "^(a+)+(b|a*)*$"}}});
    let payload = json!({"a": "a".repeat(100_000) + "!"}).to_string();
    assert_eq!(soon(|| problems(&schema, &payload)), ["body.payload.a schema_violation"]);
}

#[test]
fn a_pattern_that_grows_when_it_is_compiled_is_refused() {
    soon(|| refused(&json!({"pattern": "((((a{100}){100}){100}){100})"}), "pattern"));
}

#[test]
fn a_recursive_schema_is_followed_as_deep_as_the_payload_goes() {
    let schema = json!({
        "$defs": {"node": {"properties": {"n": {"type": "integer"}, "child": {"$ref": "#/$defs/node"}}}},
        "$ref": "#/$defs/node",
    });
    let deep = |n: Value| (0..100).fold(json!({ "n": n }), |inner, _| json!({"child": inner}));
    assert_eq!(problems(&schema, &deep(json!(1)).to_string()), Vec::<String>::new());
    let found = problems(&schema, &deep(json!("x")).to_string());
    assert!(found.len() == 1 && found[0].contains("child.child"), "{found:?}");
    let wide = json!({"child": {"child": {"n": 1}}, "other": vec![0; 20_000]});
    assert_eq!(problems(&schema, &wide.to_string()), Vec::<String>::new());
}

#[test]
fn a_recursive_schema_that_doubles_at_each_level_ends() {
    let again = json!({"$ref": "#"});
    let nested = |end: &str| (0..100).fold(end.to_owned(), |inner, _| format!("{{\"a\":{inner}}}"));
    for both in ["allOf", "anyOf", "oneOf"] {
        let schema = json!({"properties": {"a": {both: [again, again]}, "end": false}});
        // Valid or not, the answer comes soon; that there are 2^100 ways to say what is wrong does not matter.
        soon(|| problems(&schema, &nested("1")));
        let found = soon(|| problems(&schema, &nested("{\"end\":1}")));
        assert!(found.len() == 1 && found[0].ends_with(" schema_violation"), "{both}: {found:?}");
        assert_eq!(problems(&schema, r#"{"end":1}"#), ["body.payload.end schema_violation"]);
    }
}

#[test]
fn a_payload_that_leads_through_too_many_references_is_refused() {
    let schema = json!({
        "$defs": {"n": {"type": "integer"}},
        "properties": {"a": {"items": {"allOf": vec![json!({"$ref": "#/$defs/n"}); 100]}}},
    });
    assert_eq!(problems(&schema, &json!({"a": vec![1; 1_000]}).to_string()), Vec::<String>::new());
    let many = json!({"a": vec![1; 30_000]}).to_string();
    assert_eq!(soon(|| problems(&schema, &many)), ["body.payload schema_too_complex"]);
}

#[test]
fn an_odd_schema_is_refused_or_does_what_it_says() {
    let odd = [
        json!({"multipleOf": 0}),
        json!({"multipleOf": 1e-300}),
        json!({"minLength": 1.5}),
        json!({"maxItems": 1e300}),
        json!({"minimum": "1"}),
        json!({"required": "a"}),
        json!({"required": ["a", "a"]}),
        json!({"properties": []}),
        json!({"enum": []}),
        json!({"type": []}),
        json!({"$ref": 7}),
        json!({"$ref": "#/"}),
        json!({"$ref": "#"}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
        json!({"$id": "not a uri", "type": "object"}),
        json!({"$id": "http://example.com/a", "properties": {"a": {"$ref": "#"}}}),
        json!({"$schema": 7}),
        json!({"format": "regex"}),
        json!({"format": "no such format"}),
        json!({"contentMediaType": "application/json", "contentEncoding": "base64"}),
        json!({"dependentSchemas": {"a": false}, "unevaluatedProperties": false}),
        json!({"if": {"properties": {"a": {"const": 1}}}, "then": false}),
        json!({"patternProperties": {"^\\p{Letter}+$": {"type": "null"}}}),
        json!({"propertyNames": {"maxLength": 0}}),
        json!({(STEP): 7}),
    ];
    let payloads = ["{}", r#"{"a":1,"ș":[1,1.0,1e300,-0,"x",null,{"a":{}}]}"#, r#"{"a":{"a":{"a":1}}}"#];
    for schema in odd {
        let Ok(compiled) = soon(|| compile(&schema)) else { continue };
        for payload in payloads {
            let payload: Box<RawValue> = serde_json::from_str(payload).unwrap();
            let found = soon(|| compiled.check(&payload, &["body"]));
            assert!(found.err().is_none_or(|it| !it.is_empty()), "{schema}");
        }
    }
}

#[test]
fn a_payload_that_cannot_be_read_as_numbers_is_refused_with_the_reason() {
    assert_eq!(problems(&json!({}), r#"{"n":1E+400}"#), ["body.payload schema_violation"]);
}
