//! Which fields and parameters were asked for on this thread: what the tests compare with the description of the API.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

thread_local!(static NAMES: RefCell<BTreeSet<String>> = RefCell::default());

/// Forgets what was asked for.
pub(crate) fn begin() {
    NAMES.take();
}

/// Returns what was asked for since [`begin`]: `body.name`, `query.limit`.
pub(crate) fn end() -> BTreeSet<String> {
    NAMES.take()
}

/// Notes a name at a place.
pub(crate) fn note(place: &[&str], name: &str) {
    NAMES.with_borrow_mut(|names| names.insert(format!("{}.{name}", place.join("."))));
}

/// Notes the fields that a deserialiser takes out of a body.
pub(crate) fn note_fields_of<'de, T: Deserialize<'de>>() {
    assert!(T::deserialize(Listing).is_err(), "the listing gives no values");
}

/// Gives no value, and notes which fields a struct wants.
struct Listing;

impl<'de> Deserializer<'de> for Listing {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        fields.iter().for_each(|name| note(&["body"], name));
        Err(Error::custom("listed"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("not a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
