//! The fields that a JSON schema names, as rows of a table. Pure.

use serde_json::Value;

/// 4 levels of fields inside fields are shown.
const DEPTH_MAX: usize = 4;
/// 200 fields are shown.
const FIELDS_MAX: usize = 200;

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldRow {
    /// `customer.email`; `items[].id` inside a list.
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) is_required: bool,
    pub(crate) description: String,
}

/// Returns the fields of a schema, in its order by name, those inside others after them.
pub(crate) fn of(schema: &str) -> Vec<FieldRow> {
    let mut rows = Vec::new();
    if let Ok(schema) = serde_json::from_str::<Value>(schema) {
        gather(&schema, "", DEPTH_MAX, &mut rows);
    }
    rows
}

fn gather(schema: &Value, before: &str, depth: usize, rows: &mut Vec<FieldRow>) {
    let Some(properties) = schema["properties"].as_object().filter(|_| depth > 0) else { return };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in properties {
        if rows.len() >= FIELDS_MAX {
            return;
        }
        let whole = format!("{before}{name}");
        rows.push(FieldRow {
            kind: kind(field),
            is_required: required.contains(&name.as_str()),
            description: field["description"].as_str().unwrap_or_default().to_owned(),
            name: whole.clone(),
        });
        gather(field, &format!("{whole}."), depth - 1, rows);
        gather(&field["items"], &format!("{whole}[]."), depth - 1, rows);
    }
}

fn kind(field: &Value) -> String {
    let mut kind = match &field["type"] {
        Value::String(one) => one.clone(),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "),
        _ if field["enum"].is_array() => "enum".to_owned(),
        _ => String::new(),
    };
    if let Some(format) = field["format"].as_str() {
        kind = format!("{kind} ({format})");
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_inside_fields_and_lists_are_named_by_their_path() {
        let schema = r#"{"type":"object","required":["a"],"properties":{
            "a":{"type":"string","format":"email","description":"Who."},
            "b":{"type":["object","null"],"properties":{"c":{"enum":[1]}}},
            "d":{"type":"array","items":{"properties":{"e":{"type":"integer"}}}}}}"#;
        let row = |name: &str, kind: &str, is_required, description: &str| FieldRow {
            name: name.into(),
            kind: kind.into(),
            is_required,
            description: description.into(),
        };
        let expected = vec![
            row("a", "string (email)", true, "Who."),
            row("b", "object | null", false, ""),
            row("b.c", "enum", false, ""),
            row("d", "array", false, ""),
            row("d[].e", "integer", false, ""),
        ];
        assert_eq!(of(schema), expected);
        assert_eq!(of("not JSON"), Vec::new());
    }
}
