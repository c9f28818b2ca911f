//! The shapes of what a client gives, with the limits that the handlers hold it to: values, and bodies made of them.
//!
//! The limits are the constants that the handlers use. The tests of [`super`] send what is just inside and just
//! outside of each, and compare the names in here with the fields that a handler asks for.

use std::ops::RangeInclusive;

use semnal_core::name::{CHANNEL_CHARACTERS_MAX, NAME_CHARACTERS_MAX};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOf, Array, KnownFormat, Object, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{RefOr, Required};

/// What `semnal_core::name` accepts.
const NAME_PATTERN: &str = "^[a-zA-Z0-9\\-_.]+$";

/// Text of so many characters.
pub(super) fn text(characters: RangeInclusive<usize>) -> Schema {
    let mut object = Object::with_type(Type::String);
    object.min_length = Some(*characters.start()).filter(|min| *min > 0);
    object.max_length = Some(*characters.end());
    object.into()
}

/// Text without a limit of its own.
pub(super) fn any_text() -> Schema {
    Object::with_type(Type::String).into()
}

/// Text of one character or more.
pub(super) fn some_text() -> Schema {
    edit(any_text(), |object| object.min_length = Some(1))
}

/// An id of ours: its prefix, and 27 letters and digits.
pub(super) fn id(prefix: &str) -> Schema {
    with_pattern(any_text(), &format!("^{prefix}_[0-9A-Za-z]{{27}}$"))
}

/// Bytes as base64.
pub(super) fn base64() -> Schema {
    with_pattern(any_text(), "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")
}

/// A name of an event type, a uid or an event id.
pub(super) fn name() -> Schema {
    with_pattern(text(1..=NAME_CHARACTERS_MAX), NAME_PATTERN)
}

/// A name of a channel.
pub(super) fn channel() -> Schema {
    with_pattern(text(1..=CHANNEL_CHARACTERS_MAX), NAME_PATTERN)
}

/// Text that a regular expression describes further.
pub(super) fn with_pattern(schema: Schema, pattern: &str) -> Schema {
    edit(schema, |object| object.pattern = Some(pattern.to_owned()))
}

/// Text of so many characters at most, described further already.
pub(super) fn with_characters_max(schema: Schema, max: usize) -> Schema {
    edit(schema, |object| object.max_length = Some(max))
}

/// Text of a well-known format.
pub(super) fn with_format(schema: Schema, format: &str) -> Schema {
    edit(schema, |object| object.format = Some(SchemaFormat::Custom(format.to_owned())))
}

/// A point in time.
pub(super) fn instant() -> Schema {
    let mut object = Object::with_type(Type::String);
    object.format = Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
    object.into()
}

/// True or false.
pub(super) fn flag() -> Schema {
    Object::with_type(Type::Boolean).into()
}

/// A whole number.
pub(super) fn number(range: RangeInclusive<u64>) -> Schema {
    let mut object = Object::with_type(Type::Integer);
    let limit = |n: u64| utoipa::Number::UInt(usize::try_from(n).unwrap_or(usize::MAX));
    (object.minimum, object.maximum) = (Some(limit(*range.start())), Some(limit(*range.end())));
    object.into()
}

/// A whole number without an upper limit of its own.
pub(super) fn number_from(min: usize) -> Schema {
    let mut object = Object::with_type(Type::Integer);
    object.minimum = Some(utoipa::Number::UInt(min));
    object.into()
}

/// One of these.
pub(super) fn one_of<V: Into<Value> + Clone>(kind: Type, values: &[V]) -> Schema {
    let mut object = Object::with_type(kind);
    object.enum_values = Some(values.iter().cloned().map(Into::into).collect());
    object.into()
}

/// A list of so many entries.
pub(super) fn list(entry: Schema, entries: RangeInclusive<usize>) -> Schema {
    let mut array = Array::new(entry);
    array.min_items = Some(*entries.start()).filter(|min| *min > 0);
    array.max_items = Some(*entries.end());
    Schema::Array(array)
}

/// A list without a limit of its own.
pub(super) fn any_list(entry: Schema) -> Schema {
    Schema::Array(Array::new(entry))
}

/// What has one of these shapes.
pub(super) fn either<const N: usize>(shapes: [Schema; N]) -> Schema {
    let mut any = AnyOf::new();
    any.items = shapes.into_iter().map(Into::into).collect();
    Schema::AnyOf(any)
}

/// An object with names of the client's choice.
pub(super) fn map(name: Schema, value: impl Into<RefOr<Schema>>, entries_max: usize) -> Schema {
    let mut object = Object::with_type(Type::Object);
    object.property_names = Some(Box::new(name));
    object.additional_properties = Some(Box::new(AdditionalProperties::RefOr(value.into())));
    object.max_properties = Some(entries_max);
    object.into()
}

/// Any JSON object.
pub(super) fn any_object() -> Schema {
    let mut object = Object::with_type(Type::Object);
    object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(true)));
    object.into()
}

/// Any JSON at all.
pub(super) fn any_value() -> Schema {
    Object::with_type(SchemaType::AnyValue).into()
}

/// Null alone.
pub(super) fn nothing() -> Schema {
    Object::with_type(Type::Null).into()
}

/// The same value, or null.
pub(super) fn or_null(schema: Schema) -> Schema {
    let widen = |kind: &mut SchemaType| {
        if let SchemaType::Type(one) = kind
            && *one != Type::Null
        {
            *kind = [one.clone(), Type::Null].into_iter().collect();
        }
    };
    match schema {
        Schema::Object(mut object) => {
            widen(&mut object.schema_type);
            object.enum_values.iter_mut().for_each(|values| values.push(Value::Null));
            Schema::Object(object)
        }
        Schema::Array(mut array) => {
            widen(&mut array.schema_type);
            Schema::Array(array)
        }
        Schema::AnyOf(mut any) => {
            any.items.push(nothing().into());
            Schema::AnyOf(any)
        }
        other => other,
    }
}

/// The same value with a sentence about it.
pub(super) fn described(schema: Schema, text: &str) -> Schema {
    match schema {
        Schema::Object(mut object) => {
            object.description = Some(text.to_owned());
            Schema::Object(object)
        }
        Schema::Array(mut array) => {
            array.description = Some(text.to_owned());
            Schema::Array(array)
        }
        Schema::AnyOf(mut any) => {
            any.description = Some(text.to_owned());
            Schema::AnyOf(any)
        }
        other => other,
    }
}

/// The same value with what stands for it when it is left out.
pub(super) fn with_default(schema: Schema, default: impl Into<Value>) -> Schema {
    edit(schema, |object| object.default = Some(default.into()))
}

fn edit(mut schema: Schema, change: impl FnOnce(&mut Object)) -> Schema {
    if let Schema::Object(object) = &mut schema {
        change(object);
    }
    schema
}

/// A body whose fields a client gives. One list of fields makes both the whole (POST, PUT) and the PATCH of it.
pub(super) struct Body {
    pub name: &'static str,
    pub required: Required,
    pub example: Map<String, Value>,
    is_patch: bool,
    object: Object,
}

impl Body {
    /// What makes or replaces a thing.
    pub(super) fn whole(name: &'static str) -> Body {
        Body::new(name, false, Required::True)
    }

    /// What changes a thing: all may be left out.
    pub(super) fn patch(name: &'static str) -> Body {
        Body::new(name, true, Required::True)
    }

    /// What may be left out as a whole.
    pub(super) fn optional(name: &'static str) -> Body {
        Body::new(name, false, Required::False)
    }

    fn new(name: &'static str, is_patch: bool, required: Required) -> Body {
        let object = Object::with_type(Type::Object);
        Body { name, required, example: Map::new(), is_patch, object }
    }

    /// A field that the whole must have, and that a PATCH cannot clear. The example is shown in requests.
    pub(super) fn required(
        mut self,
        name: &str,
        shape: Schema,
        text: &str,
        example: impl Into<Value>,
    ) -> Body {
        self.example.insert(name.to_owned(), example.into());
        if !self.is_patch {
            self.object.required.push(name.to_owned());
        }
        self.put(name, described(shape, text))
    }

    /// A field that has a default, and that a PATCH cannot clear.
    pub(super) fn with_default(self, name: &str, shape: Schema, text: &str) -> Body {
        let shape = if self.is_patch { shape } else { or_null(shape) };
        self.put(name, described(shape, text))
    }

    /// A field that may be null or left out; a PATCH clears it with null.
    pub(super) fn optional_field(self, name: &str, shape: Schema, text: &str) -> Body {
        self.put(name, described(or_null(shape), text))
    }

    /// A field that is a body of its own, or null.
    pub(super) fn nested(self, name: &str, inner: Body, text: &str) -> Body {
        self.put(name, described(or_null(inner.schema()), text))
    }

    fn put(mut self, name: &str, shape: Schema) -> Body {
        self.object.properties.insert(name.to_owned(), shape.into());
        self
    }

    /// Returns the schema.
    pub(super) fn schema(self) -> Schema {
        self.object.into()
    }
}
