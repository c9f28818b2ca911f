//! From the columns of an original's webhook to a row of the import. REST gives numbers as numbers or as text, a dump
//! gives text; both are read.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::ultimate_multisite::import::{Fate, Imported, Row};

/// What was read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parsed {
    pub(super) rows: Vec<Row>,
    /// Rows without a number that can be kept.
    pub(super) broken: Vec<Imported>,
    /// The numbers of the rows.
    numbers: HashSet<u32>,
}

impl Parsed {
    /// Takes a row by its columns. One whose number came before is the same one.
    pub(super) fn take(&mut self, columns: &Map<String, Value>) {
        let number =
            integer(columns, "id").and_then(|number| u32::try_from(number).ok()).filter(|id| *id > 0);
        let active = columns.get("active").is_none_or(is_true);
        let Some(id) = number else {
            self.broken.push(Imported {
                id: 0,
                name: text(columns, "name"),
                event: text(columns, "event"),
                result: Fate::Refused,
                was_inactive: !active,
                active: false,
                unknown_event: false,
                why: Some("it has no number that can be kept".into()),
            });
            return;
        };
        if !self.numbers.insert(id) {
            return;
        }
        self.rows.push(Row {
            id,
            name: text(columns, "name"),
            url: text(columns, "webhook_url"),
            event: text(columns, "event"),
            integration: text(columns, "integration"),
            active,
            hidden: columns.get("hidden").is_some_and(is_true),
            event_count: integer(columns, "event_count").unwrap_or(0),
            migrated_from: integer(columns, "migrated_from_id").unwrap_or(0),
            date_created: text(columns, "date_created"),
        });
    }
}

fn text(columns: &Map<String, Value>, name: &str) -> String {
    match columns.get(name) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn integer(columns: &Map<String, Value>, name: &str) -> Option<i64> {
    match columns.get(name)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(it) => *it,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !matches!(text.trim(), "" | "0" | "false" | "\0"),
        _ => false,
    }
}
