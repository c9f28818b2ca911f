//! Parameters as WordPress reads them: lenient about types, since forms and PHP make text of everything.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use semnal_core::time::UnixMillis;
use serde_json::{Map, Value, json};

use super::answer::Refusal;

/// What stands for "never" in a column of dates.
pub(super) const NEVER: &str = "0000-00-00 00:00:00";
/// 10 items on a page unless the client says otherwise.
const PER_PAGE_DEFAULT: u64 = 10;
/// 100 items on a page at most.
const PER_PAGE_MAX: u64 = 100;

/// The parameters of a query; one that cannot be read has none.
#[derive(Debug, Default)]
pub(super) struct QueryParameters(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for QueryParameters {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<QueryParameters, Self::Rejection> {
        let read = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        Ok(QueryParameters(read.map(|Query(pairs)| pairs).unwrap_or_default()))
    }
}

impl QueryParameters {
    /// Returns the last value of a parameter, as PHP does.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Returns the page, from 1, and how many items it has. Numbers out of range become the nearest that is allowed, and
    /// what is no number the default.
    pub(super) fn paging(&self) -> (u64, u64) {
        let number = |name: &str| self.text(name).and_then(|text| text.trim().parse::<u64>().ok());
        let per_page = number("per_page").filter(|n| *n > 0).unwrap_or(PER_PAGE_DEFAULT);
        (number("page").unwrap_or(1).max(1), per_page.min(PER_PAGE_MAX))
    }
}

/// The fields of a JSON body. What is of the wrong type is noted.
pub(super) struct Body {
    fields: Map<String, Value>,
    problems: Map<String, Value>,
}

impl Body {
    /// Takes a body apart; null counts as absent.
    ///
    /// # Errors
    /// 400 when it is no JSON object.
    pub(super) fn parse(bytes: &[u8]) -> Result<Body, Refusal> {
        let mut fields: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|_| Refusal::not_json())?;
        fields.retain(|_, value| !value.is_null());
        Ok(Body { fields, problems: Map::new() })
    }

    /// Returns the names of all fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// Asks for fields that have to be there.
    ///
    /// # Errors
    /// 400 that names those that are not.
    pub(super) fn require(&self, names: &[&'static str]) -> Result<(), Refusal> {
        let missing: Vec<&str> =
            names.iter().copied().filter(|name| !self.fields.contains_key(*name)).collect();
        if missing.is_empty() { Ok(()) } else { Err(Refusal::missing(&missing)) }
    }

    fn read<T>(&mut self, name: &str, kind: &str, parse: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let value = self.fields.get(name)?;
        let read = parse(value);
        if read.is_none() {
            self.problems.insert(name.to_owned(), json!(format!("{name} is not of type {kind}.")));
        }
        read
    }

    /// Reads text.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.read(name, "string", |value| value.as_str().map(str::to_owned))
    }

    /// Reads a whole number, which may be written as text.
    pub(super) fn integer(&mut self, name: &str) -> Option<i64> {
        self.read(name, "integer", integer)
    }

    /// Reads true or false, which may be written as a number or as text.
    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        self.read(name, "boolean", boolean)
    }

    /// Reads a time in UTC; `Some(None)` is one that says "never".
    pub(super) fn time(&mut self, name: &str) -> Option<Option<UnixMillis>> {
        self.read(name, "date-time", |value| time(value.as_str()?))
    }

    /// Ends reading.
    ///
    /// # Errors
    /// 400 with every field that is not of its type.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        if self.problems.is_empty() { Ok(()) } else { Err(Refusal::wrong_types(self.problems)) }
    }
}

/// Reads a whole number, which may be written as text.
pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Reads true or false, which may be written as a number or as text.
pub(super) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(it) => Some(*it),
        Value::Number(number) => match number.as_i64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) => flag(text),
        _ => None,
    }
}

/// Reads the words for true and false.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" | "" => Some(false),
        _ => None,
    }
}

/// Reads a time in UTC as databases and JSON write it; `Some(None)` is one that says "never".
pub(super) fn time(text: &str) -> Option<Option<UnixMillis>> {
    let text = text.trim();
    if text.is_empty() || text.starts_with("0000-00-00") {
        return Some(None);
    }
    let date: jiff::civil::DateTime = text.trim_end_matches('Z').parse().ok()?;
    let at = format!("{date}Z").parse::<jiff::Timestamp>().ok()?.as_millisecond();
    (0..=UnixMillis::MAX.0).contains(&at).then_some(Some(UnixMillis(at)))
}

/// Writes a time as the column of a database does: `2026-05-30 21:36:50`, in UTC.
pub(super) fn date(at: UnixMillis) -> String {
    let text = at.to_rfc3339();
    format!("{} {}", &text[..10], &text[11..19])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_never_out_of_range() {
        let check = |pairs: &[(&str, &str)], expected| {
            let pairs = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            assert_eq!(QueryParameters(pairs).paging(), expected);
        };
        check(&[], (1, 10));
        check(&[("page", "0"), ("per_page", "0")], (1, 10));
        check(&[("page", "-1"), ("per_page", "-5")], (1, 10));
        check(&[("page", "7"), ("per_page", "100")], (7, 100));
        check(&[("page", "x"), ("per_page", "101")], (1, 100));
        check(&[("page", "2"), ("page", "3")], (3, 10));
    }

    #[test]
    fn numbers_and_flags_may_be_text() {
        for (value, expected) in
            [(json!(7), Some(7)), (json!("7"), Some(7)), (json!(7.5), None), (json!([]), None)]
        {
            assert_eq!(integer(&value), expected, "{value}");
        }
        for value in [json!(true), json!(1), json!("1"), json!("true"), json!("YES")] {
            assert_eq!(boolean(&value), Some(true), "{value}");
        }
        for value in [json!(false), json!(0), json!("0"), json!("no"), json!("")] {
            assert_eq!(boolean(&value), Some(false), "{value}");
        }
        assert_eq!((boolean(&json!(2)), boolean(&json!("maybe"))), (None, None));
    }

    #[test]
    fn a_time_is_read_and_written_as_a_column_has_it() {
        let at = time("2026-05-30 21:36:50").unwrap().unwrap();
        assert_eq!(date(at), "2026-05-30 21:36:50");
        assert_eq!(time("2026-05-30T21:36:50Z"), Some(Some(at)));
        assert_eq!((time(NEVER), time("")), (Some(None), Some(None)));
        for wrong in ["yesterday", "2026-13-01 00:00:00", "1960-01-01 00:00:00", "9999-01-01 00:00:00"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }
}
