//! What a reader of JSON must not change, and what must not break it.

use proptest::prelude::*;

use super::*;

fn shown(text: &str) -> String {
    pretty(text.as_bytes(), &lines(&tokenize(text.as_bytes()).tokens))
}

#[test]
fn numbers_key_order_and_duplicate_keys_survive() {
    let text =
        r#"{"b":12345678901234567890,"a":1.10e+3,"a":-0,"x":[],"y":{ },"z":[1,"ș\u0041",null,{"k":true}]}"#;
    let expected = r#"{
  "b": 12345678901234567890,
  "a": 1.10e+3,
  "a": -0,
  "x": [],
  "y": {},
  "z": [
    1,
    "ș\u0041",
    null,
    {
      "k": true
    }
  ]
}
"#;
    assert_eq!(shown(text), expected);
}

#[test]
fn ten_thousand_levels_are_read_without_a_deep_stack() {
    let text = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let read = tokenize(text.as_bytes());
    assert_eq!(read.end, End::Whole);
    let lines = lines(&read.tokens);
    assert_eq!((lines.len(), lines[10_000].depth), (20_001, 10_000));
    assert!(pretty(text.as_bytes(), &lines).len() < 20_001 * 140);
    let objects = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    assert_eq!(tokenize(objects.as_bytes()).end, End::Whole);
}

#[test]
fn a_fold_knows_its_end_and_its_entries() {
    let text = r#"[1,{"a":[2,3]},4]"#;
    let lines = lines(&tokenize(text.as_bytes()).tokens);
    let folds: Vec<(usize, usize, usize)> = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| match line.content {
            Content::Open { closes_at, entries, .. } => Some((at, closes_at, entries)),
            _ => None,
        })
        .collect();
    assert_eq!(folds, [(0, 9, 3), (2, 7, 1), (3, 6, 2)]);
}

#[test]
fn what_is_broken_shows_as_far_as_it_goes() {
    let check = |text: &str, offset: usize, tokens: usize| {
        let read = tokenize(text.as_bytes());
        let End::Broken { offset: found, .. } = read.end else { panic!("{text} is whole") };
        assert_eq!((found, read.tokens.len()), (offset, tokens), "{text}");
    };
    check("", 0, 0);
    check("{\"a\":1,", 7, 3);
    check("[1,2", 4, 3);
    check("[1 2]", 3, 2);
    check("[1,]", 3, 2);
    check("{\"a\" 1}", 5, 2);
    check("[01]", 1, 1);
    check("[1.]", 1, 1);
    check("[\"\\x\"]", 1, 1);
    check("[\"a", 1, 1);
    check("[}", 1, 1);
    check("1 2", 2, 1);
    check("nul", 0, 0);
    check("{a:1}", 1, 1);
    assert!(matches!(tokenize(b"\"\xff\"").end, End::Broken { .. }));
    // Folds that nothing closes end with the lines.
    let cut = lines(&tokenize(b"{\"a\":[1").tokens);
    assert!(matches!(cut[1].content, Content::Open { closes_at: 3, .. }));
}

#[test]
fn a_text_with_too_many_tokens_is_cut() {
    let text = format!("[{}1]", "1,".repeat(TOKENS_MAX));
    let read = tokenize(text.as_bytes());
    assert_eq!((read.end, read.tokens.len()), (End::TooLong, TOKENS_MAX));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let read = tokenize(&bytes);
        let _shown = pretty(&bytes, &lines(&read.tokens));
        // Another reader agrees on what is JSON.
        let text = std::str::from_utf8(&bytes).unwrap_or("no text");
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        prop_assert_eq!(read.end == End::Whole, theirs);
    }

    #[test]
    fn texts_like_json_are_judged_as_another_reader_does(text in r#"[\[\]{}:,"0-9.eEtrufalsn \\-]{0,40}"#) {
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(tokenize(text.as_bytes()).end == End::Whole, theirs, "{}", text);
    }

    #[test]
    fn the_pretty_text_means_the_same(value in json_value()) {
        let text = value.to_string();
        let read: serde_json::Value = serde_json::from_str(&shown(&text)).unwrap();
        prop_assert_eq!(read, value);
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            proptest::collection::btree_map(".{0,4}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}
