//! `semnal config`: the effective settings.

use std::collections::BTreeMap;

use super::{Context, End, print, print_json};

pub(super) fn config(context: &Context) -> End {
    let values = match context.values(&BTreeMap::new()) {
        Ok(values) => values,
        Err(end) => return end,
    };
    if let Err(error) = values.settings() {
        return End::Usage(error.to_string());
    }
    if context.json {
        let all = values.shown().into_iter().map(|(key, value, origin)| {
            let entry =
                serde_json::json!({ "value": value, "origin": origin.as_str(), "meaning": key.meaning });
            (key.name.to_owned(), entry)
        });
        return print_json(&serde_json::Value::Object(all.collect()));
    }
    let lines = values.shown().into_iter().map(|(key, value, origin)| {
        format!("# {}\n{} = {value:?}  # from: {}\n", key.meaning, key.name, origin.as_str())
    });
    print(&lines.collect::<Vec<_>>().join("\n"))
}
