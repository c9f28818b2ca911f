//! The event types that a webhook may want, each with what a person needs to choose: what it is for, what it carries,
//! how to send one. Read from the catalogue; written nowhere.

use semnal_core::application::{Application, EventType};
use semnal_core::configuration::Configuration;
use semnal_core::inspect::json;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::payload_schema;
use crate::console::page::Page;
use crate::console::viewer::Viewer;

/// 500 event types are offered on a page; an organisation that has more finds the others in the catalogue.
const OFFERS_MAX: usize = 500;

/// An event type to choose.
pub(super) struct Offer {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) about: String,
    /// Its example, laid out; empty when it has none.
    pub(super) example: String,
    /// Its newest schema, laid out; empty when it has none.
    pub(super) schema: String,
    pub(super) fields: Vec<FieldRow>,
    /// A command that sends one.
    pub(super) curl: String,
    pub(super) is_chosen: bool,
    pub(super) is_deprecated: bool,
}

/// A field of a payload, by the schema.
pub(super) struct FieldRow {
    pub(super) name: String,
    /// Its JSON types.
    pub(super) kind: String,
    pub(super) about: String,
    pub(super) is_required: bool,
}

/// Event types under one heading.
pub(super) struct Group {
    /// Empty for those without one.
    pub(super) heading: String,
    pub(super) offers: Vec<Offer>,
}

/// Returns what is offered to a viewer, by group; what is archived only when it is chosen already.
pub(super) fn groups(
    page: &Page,
    viewer: &Viewer,
    configuration: &Configuration,
    application: &Application,
    chosen: &[String],
) -> Vec<Group> {
    let is_chosen = |it: &EventType| chosen.iter().any(|name| name == it.name.as_str());
    let mut groups: Vec<Group> = Vec::new();
    let all = configuration.event_types(viewer.organisation);
    for it in all.filter(|it| viewer.sees(it) && (!it.archived || is_chosen(it))).take(OFFERS_MAX) {
        let heading = it.group.clone().unwrap_or_default();
        let offer = offer(page, it, application, is_chosen(it));
        match groups.iter_mut().find(|group| group.heading == heading) {
            Some(group) => group.offers.push(offer),
            None => groups.push(Group { heading, offers: vec![offer] }),
        }
    }
    groups.sort_by(|a, b| (a.heading.is_empty(), &a.heading).cmp(&(b.heading.is_empty(), &b.heading)));
    groups
}

/// Lays out JSON as it was written: numbers, order and doubled keys stay.
pub(super) fn pretty(text: &str) -> String {
    let tokens = json::tokenize(text.as_bytes());
    match tokens.end {
        json::End::Whole => json::pretty(text.as_bytes(), &json::lines(&tokens.tokens)).trim_end().to_owned(),
        json::End::Broken { .. } | json::End::TooLong => text.to_owned(),
    }
}

fn offer(page: &Page, it: &EventType, application: &Application, is_chosen: bool) -> Offer {
    let name = it.name.to_string();
    let newest = it.schemas.as_deref().and_then(payload_schema::newest);
    let schema = newest.as_ref().map(|(_, schema)| schema.get()).unwrap_or_default();
    let example = it.example.as_deref().unwrap_or_default();
    Offer {
        title: it.title.clone().unwrap_or_else(|| name.clone()),
        about: it.description.clone(),
        example: if example.is_empty() { String::new() } else { pretty(example) },
        schema: if schema.is_empty() { String::new() } else { pretty(schema) },
        fields: fields(schema),
        curl: curl(page, application, &name, example),
        is_chosen,
        is_deprecated: it.deprecated,
        name,
    }
}

/// Returns a command that sends one; quoted so that no payload leaves its quotes.
fn curl(page: &Page, application: &Application, name: &str, example: &str) -> String {
    let payload = if example.is_empty() { "{}" } else { example };
    let body = format!("{{\"eventType\":\"{name}\",\"payload\":{payload}}}").replace('\'', "'\\''");
    let (url, id) = (&page.console.api.public_url, page.application_id(application));
    format!(
        "curl -X POST '{url}/api/v1/app/{id}/msg' \\\n  -H \"authorization: Bearer $SEMNAL_KEY\" \\\n  \
         -H 'content-type: application/json' \\\n  -d '{body}'"
    )
}

#[derive(Deserialize)]
struct Schema<'a> {
    #[serde(borrow, default)]
    properties: Properties<'a>,
    #[serde(default)]
    required: Vec<String>,
}

#[derive(Deserialize)]
struct Property {
    #[serde(rename = "type", default)]
    kind: Option<OneOrMany>,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// The properties in the order in which they are written.
#[derive(Default)]
struct Properties<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Properties<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Properties<'a>, D::Error> {
        struct InOrder;
        impl<'de> serde::de::Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(all)
            }
        }
        from.deserialize_map(InOrder).map(Properties)
    }
}

/// Returns the fields that a schema names; none when it is of another shape.
fn fields(schema: &str) -> Vec<FieldRow> {
    let Ok(schema) = serde_json::from_str::<Schema<'_>>(schema) else { return Vec::new() };
    let row = |(name, raw): (String, &RawValue)| {
        let property = serde_json::from_str::<Property>(raw.get()).ok();
        let (kind, about) = property.map_or((None, String::new()), |it| (it.kind, it.description));
        let kind = match kind {
            Some(OneOrMany::One(it)) => it,
            Some(OneOrMany::Many(all)) => all.join(", "),
            None => String::new(),
        };
        FieldRow { is_required: schema.required.contains(&name), name, kind, about }
    };
    schema.properties.0.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_schema_keep_their_order() {
        let schema = r#"{"required": ["z"], "properties": {
            "z": {"type": ["string", "null"], "description": "Last first."}, "a": true, "m": {"type": "number"}}}"#;
        let all: Vec<_> = fields(schema).into_iter().map(|it| (it.name, it.kind, it.is_required)).collect();
        let expected = [("z", "string, null", true), ("a", "", false), ("m", "number", false)];
        assert_eq!(all, expected.map(|(name, kind, required)| (name.to_owned(), kind.to_owned(), required)));
        for odd in ["", "true", "[]", r#"{"properties": 7}"#] {
            assert!(fields(odd).is_empty(), "{odd}");
        }
    }

    #[test]
    fn json_is_laid_out_and_never_changed() {
        let text = r#"{"n":12345678901234567890,"a":1.0,"a":"\u0219"}"#;
        assert_eq!(pretty(text), "{\n  \"n\": 12345678901234567890,\n  \"a\": 1.0,\n  \"a\": \"\\u0219\"\n}");
        assert_eq!(pretty("{broken"), "{broken");
    }
}
