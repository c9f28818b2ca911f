//! Looks at a schema before it is compiled: how large it is, what it refers to, and whether it would grow beyond all
//! bounds. Puts a mark on every place that a reference leads to, so that following them can be counted.
//!
//! A reference names its target by JSON pointer inside the same schema and in no other way. Pure; called by
//! [`super::PayloadSchema::compile`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// 64 KiB for a schema that is enforced.
pub(super) const SCHEMA_BYTES_MAX: usize = 64 * 1_024;
/// 64 levels of lists and objects in a schema.
const DEPTH_MAX: usize = 64;
/// 64 patterns in a schema.
const PATTERNS_MAX: usize = 64;
/// 1,024 bytes for a pattern.
const PATTERN_BYTES_MAX: usize = 1_024;
/// 20,000 parts of a schema once its references are written out.
const PARTS_MAX: u64 = 20_000;

/// Keywords whose value is a map from names to schemas.
const MAPS: &[&str] =
    &["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];
/// Keywords whose value is data, whatever it looks like.
const DATA: &[&str] = &["const", "enum", "default", "examples", "example", "required", "dependentRequired"];
/// Keywords that refer to a schema by what is not a pointer, or give such a name to one.
const OTHER_REFERENCES: &[&str] =
    &["$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor", "$recursiveAnchor"];

/// What was found in a schema.
#[derive(Default)]
struct Found<'a> {
    /// The keyword that marks; no schema may bring it along.
    mark: &'a str,
    patterns: usize,
    /// The pointers that references lead to, without `#`.
    targets: BTreeSet<String>,
    /// The pointers of all schemas inside the schema, itself included.
    places: BTreeSet<String>,
}

/// Checks a schema, and marks the targets of its references with `mark`. Tells whether there are any.
///
/// # Errors
/// A sentence about what is not accepted.
pub(super) fn prepare(schema: &mut Value, mark: &str) -> Result<bool, String> {
    let mut found = Found { mark, ..Found::default() };
    found.schema(schema, &mut String::new(), 1)?;
    let mut sizes = Sizes { root: schema, known: BTreeMap::new(), open: BTreeSet::new() };
    if sizes.of(schema) > PARTS_MAX {
        return Err(format!("has more than {PARTS_MAX} parts once its references are written out"));
    }
    for pointer in &found.targets {
        // What stands where data stands was not looked at, so it is not followed either.
        if !found.places.contains(pointer) {
            return Err(format!("refers to #{pointer}, where there is no schema"));
        }
        if let Some(Value::Object(target)) = schema.pointer_mut(pointer) {
            target.insert(mark.to_owned(), Value::Bool(true));
        }
    }
    Ok(!found.targets.is_empty())
}

impl Found<'_> {
    /// Looks at a schema. `at` is its pointer.
    fn schema(&mut self, value: &Value, at: &mut String, depth: usize) -> Result<(), String> {
        if value.is_boolean() {
            self.places.insert(at.clone());
        }
        let Value::Object(keywords) = value else { return Ok(()) };
        self.places.insert(at.clone());
        if depth > DEPTH_MAX {
            return Err(format!("has more than {DEPTH_MAX} levels of lists and objects"));
        }
        self.references(keywords, at)?;
        if let Some(Value::String(pattern)) = keywords.get("pattern") {
            self.pattern(pattern)?;
        }
        for (keyword, value) in keywords {
            match value {
                _ if DATA.contains(&keyword.as_str()) => {}
                Value::Object(named) if MAPS.contains(&keyword.as_str()) => {
                    for (name, value) in named {
                        if keyword == "patternProperties" {
                            self.pattern(name)?;
                        }
                        self.inside(value, at, &[keyword, name], depth + 2)?;
                    }
                }
                Value::Array(list) => {
                    for (index, value) in list.iter().enumerate() {
                        self.inside(value, at, &[keyword, &index.to_string()], depth + 2)?;
                    }
                }
                _ => self.inside(value, at, &[keyword], depth + 1)?,
            }
        }
        Ok(())
    }

    /// Looks at a schema some steps further inside.
    fn inside(&mut self, value: &Value, at: &mut String, steps: &[&str], depth: usize) -> Result<(), String> {
        let length = at.len();
        for step in steps {
            at.push('/');
            at.push_str(&step.replace('~', "~0").replace('/', "~1"));
        }
        let looked = self.schema(value, at, depth);
        at.truncate(length);
        looked
    }

    fn references(&mut self, keywords: &Map<String, Value>, at: &str) -> Result<(), String> {
        if keywords.contains_key(self.mark) {
            return Err(format!("has {} at #{at}, a name that this server keeps for itself", self.mark));
        }
        for keyword in OTHER_REFERENCES {
            if keywords.get(*keyword).is_some_and(|it| !it.is_object()) {
                return Err(format!(
                    "has {keyword} at #{at}; refer with $ref and a pointer like #/$defs/name"
                ));
            }
        }
        if !at.is_empty() && keywords.get("$id").is_some_and(Value::is_string) {
            return Err(format!("has $id at #{at}; only the whole schema may have one"));
        }
        let Some(Value::String(reference)) = keywords.get("$ref") else { return Ok(()) };
        match reference.strip_prefix('#') {
            Some(pointer) if (pointer.is_empty() || pointer.starts_with('/')) && !pointer.contains('%') => {
                self.targets.insert(pointer.to_owned());
                Ok(())
            }
            _ => Err(format!(
                "refers to {:?} at #{at}; only a pointer inside the schema is followed, like #/$defs/name",
                super::excerpt(reference)
            )),
        }
    }

    fn pattern(&mut self, pattern: &str) -> Result<(), String> {
        self.patterns += 1;
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(format!("has a pattern of more than {PATTERN_BYTES_MAX} bytes"));
        }
        if self.patterns > PATTERNS_MAX {
            return Err(format!("has more than {PATTERNS_MAX} patterns"));
        }
        Ok(())
    }
}

/// Counts the parts of a schema with its references written out; a reference to a place that is being counted adds
/// nothing.
struct Sizes<'a> {
    root: &'a Value,
    known: BTreeMap<String, u64>,
    open: BTreeSet<String>,
}

impl<'a> Sizes<'a> {
    fn of(&mut self, value: &'a Value) -> u64 {
        let parts: u64 = match value {
            Value::Object(entries) => {
                let target = entries.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
                let written_out = target.map_or(0, |pointer| self.target(pointer));
                entries.values().fold(written_out, |sum, it| sum.saturating_add(self.of(it)))
            }
            Value::Array(list) => list.iter().fold(0, |sum, it| sum.saturating_add(self.of(it))),
            _ => 0,
        };
        parts.saturating_add(1)
    }

    fn target(&mut self, pointer: &str) -> u64 {
        if let Some(parts) = self.known.get(pointer) {
            return *parts;
        }
        let Some(value) = self.root.pointer(pointer) else { return 0 };
        if !self.open.insert(pointer.to_owned()) {
            return 0;
        }
        let parts = self.of(value);
        self.open.remove(pointer);
        self.known.insert(pointer.to_owned(), parts);
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(mut schema: Value, expected: Result<bool, &str>) {
        match (prepare(&mut schema, "mark"), expected) {
            (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{schema}"),
            (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
            (found, _) => panic!("{found:?} for {schema}"),
        }
    }

    #[test]
    fn only_a_pointer_inside_the_schema_is_followed() {
        check(json!({"$defs": {"a": {}}, "$ref": "#/$defs/a"}), Ok(true));
        check(json!({"properties": {"child": {"$ref": "#"}}}), Ok(true));
        check(json!({"properties": {"$ref": {"type": "string"}, "$id": {}}}), Ok(false));
        check(json!({"const": {"$ref": "http://example.com/"}, "enum": [{"$anchor": "x"}]}), Ok(false));
        for reference in
            ["http://example.com/a.json", "file:///etc/passwd", "a.json", "#name", "", "urn:x", "#/a%20b"]
        {
            check(json!({"items": {"$ref": reference}}), Err("only a pointer inside the schema"));
        }
        check(json!({"$ref": "#/$defs/none"}), Err("no schema"));
        check(json!({"$ref": "#/title", "title": "x"}), Err("no schema"));
        check(json!({"$ref": "#/default", "default": {"pattern": "x"}}), Err("no schema"));
        check(json!({"$ref": "#/properties", "properties": {}}), Err("no schema"));
        check(json!({"$ref": "#/allOf/1", "allOf": [{}, true]}), Ok(true));
        check(json!({"items": {"mark": 1}}), Err("keeps for itself"));
        check(json!({"properties": {"mark": {}}, "const": {"mark": 1}}), Ok(false));
        check(json!({"$dynamicRef": "#a"}), Err("$dynamicRef"));
        check(json!({"$defs": {"a": {"$id": "http://example.com/"}}}), Err("$id at #/$defs/a"));
    }

    #[test]
    fn the_target_of_a_reference_is_marked_and_nothing_else() {
        let mut schema = json!({"$defs": {"a/b": {"type": "object"}}, "items": [{"$ref": "#/$defs/a~1b"}]});
        assert_eq!(prepare(&mut schema, "mark"), Ok(true));
        let marked = json!({"type": "object", "mark": true});
        assert_eq!(schema, json!({"$defs": {"a/b": marked}, "items": [{"$ref": "#/$defs/a~1b"}]}));
    }

    #[test]
    fn a_schema_has_limits() {
        let nested = |levels: usize| (0..levels).fold(json!({}), |inner, _| json!({"not": inner}));
        check(nested(63), Ok(false));
        check(nested(64), Err("64 levels"));
        let patterns = |count: usize| json!({"allOf": vec![json!({"pattern": "a"}); count]});
        check(patterns(64), Ok(false));
        check(patterns(65), Err("64 patterns"));
        check(json!({"patternProperties": {"a".repeat(1_025): {}}}), Err("1024 bytes"));
    }

    #[test]
    fn references_that_double_at_each_step_are_refused() {
        let defs = |steps: usize| {
            let mut defs = Map::new();
            for step in 0..steps {
                let next = json!({"$ref": format!("#/$defs/s{}", step + 1)});
                defs.insert(format!("s{step}"), json!({"allOf": [next, next]}));
            }
            defs.insert(format!("s{steps}"), json!({"type": "object"}));
            json!({"$defs": defs, "$ref": "#/$defs/s0"})
        };
        check(defs(5), Ok(true));
        check(defs(64), Err("20000 parts"));
    }
}
