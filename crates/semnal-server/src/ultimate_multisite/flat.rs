//! Flat payloads: JSON objects whose keys keep their order and whose values stay as they were written.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The key under which every payload says which version of the plugin made it.
pub(super) const VERSION_KEY: &str = "wu_version";
/// The version of the plugin whose payloads the catalogue has.
const VERSION: &str = "2.4.13-beta.1";

/// The keys and values of an object, in their order.
pub(super) struct Entries<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries<'de>, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries<'de>, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl<'a> Entries<'a> {
    /// Takes an object apart; `None` when it is none.
    pub(super) fn parse(json: &'a str) -> Option<Entries<'a>> {
        serde_json::from_str(json).ok()
    }

    /// Returns a value.
    pub(super) fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }
}

/// Returns a sample as it is shown: without the version, which is added when an event happens. Nothing to show is an
/// empty list, as PHP has it.
pub(super) fn sample(example: Option<&str>) -> Box<RawValue> {
    let entries = example.and_then(Entries::parse).map(|it| it.0).unwrap_or_default();
    let shown = entries.iter().filter(|(name, _)| name != VERSION_KEY);
    let shown: Vec<String> = shown.map(|(name, value)| entry(name, value.get())).collect();
    let json = if shown.is_empty() { "[]".to_owned() } else { format!("{{{}}}", shown.join(",")) };
    RawValue::from_string(json).expect("what was JSON is JSON without one of its entries")
}

fn entry(name: &str, value: &str) -> String {
    format!("{}:{value}", serde_json::Value::from(name))
}

/// Returns a payload with the version of the plugin in it: its own, else that of the event's example, else the
/// catalogue's. What is there stays as it was written.
pub(super) fn with_version(payload: &RawValue, example: Option<&str>) -> String {
    let json = payload.get();
    let Some(entries) = Entries::parse(json).filter(|it| it.get(VERSION_KEY).is_none()) else {
        return json.to_owned();
    };
    let of_example = example.and_then(Entries::parse).and_then(|it| it.get(VERSION_KEY));
    let version =
        of_example.map_or_else(|| serde_json::Value::from(VERSION).to_string(), |it| it.get().to_owned());
    let body = json.trim_end().strip_suffix('}').unwrap_or(json);
    let comma = if entries.0.is_empty() { "" } else { "," };
    format!("{body}{comma}{}}}", entry(VERSION_KEY, &version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versioned(json: &str, example: Option<&str>) -> String {
        with_version(&RawValue::from_string(json.to_owned()).unwrap(), example)
    }

    #[test]
    fn a_sample_has_its_keys_in_their_order_and_no_version() {
        let check = |example: Option<&str>, expected: &str| assert_eq!(sample(example).get(), expected);
        check(
            Some(r#"{"z":"true","a":1.0,"wu_version":"2","m":{"wu_version":3}}"#),
            r#"{"z":"true","a":1.0,"m":{"wu_version":3}}"#,
        );
        check(Some(r#"{"ț\"":null}"#), r#"{"ț\"":null}"#);
        for nothing in [None, Some("{}"), Some("[1]"), Some(r#"{"wu_version":"2"}"#)] {
            check(nothing, "[]");
        }
    }

    #[test]
    fn the_version_is_added_once_and_the_rest_stays_as_it_was_written() {
        let catalogue = format!(r#""wu_version":"{VERSION}"}}"#);
        assert_eq!(
            versioned(r#"{ "b" : 1E+2,"a":"\u0219" }"#, None),
            format!(r#"{{ "b" : 1E+2,"a":"\u0219" ,{catalogue}"#)
        );
        assert_eq!(versioned("{}", None), format!("{{{catalogue}"));
        assert_eq!(versioned(r#"{"a":1}"#, Some(r#"{"wu_version":"9"}"#)), r#"{"a":1,"wu_version":"9"}"#);
        let own = r#"{"wu_version":"3","a":1}"#;
        assert_eq!(versioned(own, Some(r#"{"wu_version":"9"}"#)), own);
    }

    #[test]
    fn the_version_is_that_of_the_catalogue() {
        let examples = crate::seed::catalogue_examples();
        assert!(examples.len() > 20);
        for example in examples {
            let entries = Entries::parse(example.get()).unwrap();
            assert_eq!(entries.get(VERSION_KEY).unwrap().get(), format!("{VERSION:?}"));
        }
    }
}
