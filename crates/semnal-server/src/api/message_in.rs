//! The body of `POST …/msg`: an envelope around a payload that is passed on byte for byte.
//!
//! Every accepted event goes through here: nothing is copied but the names, and the payload stays where it was read.

use std::borrow::Cow;
use std::fmt::Display;

use semnal_core::endpoint::CHANNELS_PER_MESSAGE_MAX;
use semnal_core::name::{Channel, EventTypeName, Uid};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{ApiError, Problem};
use super::input::{Fields, not_an_object};

/// 128 levels of lists and objects in a payload: what the JSON libraries of receivers read without a setting.
const PAYLOAD_DEPTH_MAX: usize = 128;
/// 5 to 90 days (Svix API).
pub(super) const RETENTION_DAYS: std::ops::RangeInclusive<u16> = 5..=90;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow)]
    event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    event_id: Option<&'a RawValue>,
    #[serde(borrow)]
    channels: Option<&'a RawValue>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    payload_retention_period: Option<&'a RawValue>,
    #[serde(borrow)]
    application: Option<&'a RawValue>,
    #[serde(borrow)]
    transformations_params: Option<&'a RawValue>,
}

/// What the raw form of Svix's SDKs sends beside an empty payload.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawForm<'a> {
    #[serde(borrow)]
    raw_payload: Option<&'a RawValue>,
}

/// A message as a client gives it.
#[derive(Debug)]
pub(crate) struct MessageIn<'a> {
    pub event_type: EventTypeName,
    pub event_id: Option<Uid>,
    pub channels: Vec<Channel>,
    /// An object, as it was written.
    pub payload: &'a RawValue,
    pub payload_retention_days: Option<u16>,
    /// The application to make when there is none yet, not looked at until then.
    pub application: Option<&'a RawValue>,
}

impl<'a> MessageIn<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 when it is not JSON, 422 with everything that is wrong with its fields.
    pub(crate) fn read(body: &'a [u8]) -> Result<MessageIn<'a>, ApiError> {
        if body.trim_ascii_start().first() != Some(&b'{') {
            // A list would do as an envelope for the deserialiser.
            return Err(Fields::parse(body).err().unwrap_or(ApiError::Internal));
        }
        #[cfg(test)]
        super::input::asked::note_fields_of::<Envelope<'_>>();
        let envelope: Envelope<'a> = serde_json::from_slice(body).map_err(|error| not_an_object(&error))?;
        let mut problems = Problems::default();
        let event_type = problems.required("eventType", envelope.event_type);
        let event_type = event_type.and_then(|raw| problems.name("eventType", raw, EventTypeName::parse));
        let event_id = envelope.event_id.and_then(|raw| problems.name("eventId", raw, Uid::parse));
        let channels = envelope.channels.map_or_else(Vec::new, |raw| problems.channels(raw));
        let payload = problems.required("payload", envelope.payload);
        let payload = payload.and_then(|raw| problems.payload(raw));
        let payload_retention_days =
            envelope.payload_retention_period.and_then(|raw| problems.retention(raw));
        if envelope.transformations_params.is_some_and(is_raw_form) {
            let msg = "is not delivered by this server; send the event as a JSON object in payload";
            problems.add(&["transformationsParams", "rawPayload"], "invalid_raw_payload", msg);
        }
        match (event_type, payload) {
            (Some(event_type), Some(payload)) if problems.0.is_empty() => {
                let application = envelope.application;
                Ok(MessageIn { event_type, event_id, channels, payload, payload_retention_days, application })
            }
            _ => Err(ApiError::Invalid(problems.0)),
        }
    }
}

/// Tells whether the payload stands beside the field that is delivered: what would go out is an empty object.
fn is_raw_form(raw: &RawValue) -> bool {
    serde_json::from_str::<RawForm<'_>>(raw.get()).is_ok_and(|form| form.raw_payload.is_some())
}

/// Tells whether JSON can be the payload of a message: an object, and not too deep.
pub(crate) fn is_payload(raw: &RawValue) -> bool {
    raw.get().starts_with('{') && !is_deeper(raw.get().as_bytes(), PAYLOAD_DEPTH_MAX)
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, place: &[&str], kind: &'static str, msg: impl Into<String>) {
        let place: Vec<&str> = ["body"].iter().chain(place).copied().collect();
        self.0.push(Problem::new(&place, kind, msg));
    }

    fn required<'a>(&mut self, name: &str, raw: Option<&'a RawValue>) -> Option<&'a RawValue> {
        if raw.is_none() {
            self.add(&[name], "missing", "is required");
        }
        raw
    }

    fn name<T, E: Display>(
        &mut self,
        name: &str,
        raw: &RawValue,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Some(text) = text(raw) else {
            self.add(&[name], "wrong_type", "must be text");
            return None;
        };
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(&[name], "invalid_name", error.to_string());
                None
            }
        }
    }

    fn channels(&mut self, raw: &RawValue) -> Vec<Channel> {
        const NAME: &str = "channels";
        let Ok(texts) = serde_json::from_str::<Vec<String>>(raw.get()) else {
            self.add(&[NAME], "wrong_type", "must be a list of texts");
            return Vec::new();
        };
        if texts.is_empty() || texts.len() > CHANNELS_PER_MESSAGE_MAX {
            self.add(&[NAME], "wrong_length", format!("must have 1 to {CHANNELS_PER_MESSAGE_MAX} entries"));
        }
        let mut channels = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().take(CHANNELS_PER_MESSAGE_MAX).enumerate() {
            match Channel::parse(text) {
                Ok(channel) if channel.is_of_tests() => {
                    let msg = "is the channel of tests; send one with …/endpoint/{endpoint_id}/send-example";
                    self.add(&[NAME, &index.to_string()], "invalid_name", msg);
                }
                Ok(channel) if channels.contains(&channel) => {}
                Ok(channel) => channels.push(channel),
                Err(error) => self.add(&[NAME, &index.to_string()], "invalid_name", error.to_string()),
            }
        }
        channels
    }

    fn payload<'a>(&mut self, raw: &'a RawValue) -> Option<&'a RawValue> {
        const NAME: &str = "payload";
        if !raw.get().starts_with('{') {
            self.add(&[NAME], "wrong_type", "must be a JSON object");
            return None;
        }
        if is_deeper(raw.get().as_bytes(), PAYLOAD_DEPTH_MAX) {
            let msg = format!("must have at most {PAYLOAD_DEPTH_MAX} levels of lists and objects");
            self.add(&[NAME], "too_deep", msg);
            return None;
        }
        Some(raw)
    }

    fn retention(&mut self, raw: &RawValue) -> Option<u16> {
        let days = serde_json::from_str::<u16>(raw.get()).ok().filter(|days| RETENTION_DAYS.contains(days));
        if days.is_none() {
            let (min, max) = (RETENTION_DAYS.start(), RETENTION_DAYS.end());
            let msg = format!("must be a whole number of days from {min} to {max}");
            self.add(&["payloadRetentionPeriod"], "out_of_range", msg);
        }
        days
    }
}

fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let borrowed = serde_json::from_str::<&str>(raw.get()).ok().map(Cow::Borrowed);
    borrowed.or_else(|| serde_json::from_str::<String>(raw.get()).ok().map(Cow::Owned))
}

/// Tells whether valid JSON has more levels than `max`.
fn is_deeper(json: &[u8], max: usize) -> bool {
    // Nearly every payload has fewer brackets than levels are allowed, and counting them is quick.
    if json.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() <= max {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    for byte in json {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > max {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(body: &str) -> Vec<String> {
        let Err(ApiError::Invalid(problems)) = MessageIn::read(body.as_bytes()) else {
            panic!("{body} is not refused with 422");
        };
        let place = |p| serde_json::to_value::<Problem>(p).unwrap()["loc"].clone();
        problems.into_iter().map(|p| place(p)[1].as_str().unwrap_or("").to_owned()).collect()
    }

    #[test]
    fn the_payload_is_what_was_written() {
        let body =
            br#" { "payload" : { "z":1.0, "a" : "\u0219","z":1E+400 } , "eventType":"a.b","unknown":[] }"#;
        let read = MessageIn::read(body).unwrap();
        assert_eq!(read.payload.get(), r#"{ "z":1.0, "a" : "\u0219","z":1E+400 }"#);
        assert_eq!(read.event_type.as_str(), "a.b");
    }

    #[test]
    fn every_problem_of_a_message_is_named() {
        let body = r#"{"eventType":"a b","eventId":"","channels":["x","y z"],"payload":[],"payloadRetentionPeriod":91}"#;
        assert_eq!(places(body), ["eventType", "eventId", "channels", "payload", "payloadRetentionPeriod"]);
        assert_eq!(places("{}"), ["eventType", "payload"]);
        let raw = r#"{"eventType":"a","payload":{},"transformationsParams":{"rawPayload":"<a/>"}}"#;
        assert_eq!(places(raw), ["transformationsParams"]);
        assert_eq!(places(r#"{"eventType":null,"payload":null}"#), ["eventType", "payload"]);
        assert_eq!(
            places(r#"{"eventType":7,"payload":"x","channels":[]}"#),
            ["eventType", "channels", "payload"]
        );
        assert_eq!(places("[]"), [""]);
        assert_eq!(places(r#"["a",null,null,{},null,null]"#), [""]);
        assert_eq!(places(r#"{"payload":{},"payload":{},"eventType":"a"}"#), [""]);
    }

    #[test]
    fn an_escaped_name_is_the_name() {
        let read = MessageIn::read(br#"{"event\u0054ype":"\u0061","payload":{}}"#).unwrap();
        assert_eq!(read.event_type.as_str(), "a");
    }

    #[test]
    fn depth_counts_lists_and_objects_outside_of_texts() {
        let check =
            |json: &str, max, expected| assert_eq!(is_deeper(json.as_bytes(), max), expected, "{json}");
        check("{}", 1, false);
        check(r#"{"a":[]}"#, 1, true);
        check(r#"{"a":"[[[\"[[[\\"}"#, 1, false);
        check(r#"{"a":"[[[\\","b":[]}"#, 1, true);
        check(r#"{"a":[],"b":[],"c":{}}"#, 2, false);
    }

    #[test]
    fn a_payload_that_is_too_deep_is_refused() {
        let nested = |levels: usize| {
            format!(r#"{{"eventType":"a","payload":{{"a":{}{}}}}}"#, "[".repeat(levels), "]".repeat(levels))
        };
        assert!(MessageIn::read(nested(127).as_bytes()).is_ok());
        assert_eq!(places(&nested(128)), ["payload"]);
        assert_eq!(places(&nested(100_000)), ["payload"]);
    }

    #[test]
    fn a_stranger_s_bytes_are_judged_without_a_panic() {
        for body in
            [&b"\xff"[..], b"{\"payload\":{\"a\":\"\xff\"},\"eventType\":\"a\"}", b"{", b"", b" ", b"{}{}"]
        {
            assert!(matches!(MessageIn::read(body), Err(ApiError::InvalidJson { .. })), "{body:?}");
        }
    }
}
