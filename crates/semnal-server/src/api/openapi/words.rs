//! Schemas in words: `text, 1 to 256 characters, or null`. Used by the page for people.

use utoipa::Number;
use utoipa::openapi::schema::{
    AdditionalProperties, Array, ArrayItems, Object, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{RefOr, Schema};

/// What a value is, with its limits.
pub(super) fn words(schema: &RefOr<Schema>) -> String {
    match schema {
        RefOr::Ref(to) => name_of(&to.ref_location).to_owned(),
        RefOr::T(Schema::Object(object)) => object_words(object),
        RefOr::T(Schema::Array(array)) => array_words(array),
        RefOr::T(Schema::OneOf(one)) => one.items.iter().map(words).collect::<Vec<_>>().join(" or "),
        RefOr::T(Schema::AnyOf(any)) => any.items.iter().map(words).collect::<Vec<_>>().join(" or "),
        RefOr::T(Schema::AllOf(all)) => all.items.iter().map(words).collect::<Vec<_>>().join(" and "),
        RefOr::T(_) => "any value".to_owned(),
    }
}

/// The sentence about a value.
pub(super) fn description(schema: &RefOr<Schema>) -> Option<&str> {
    match schema {
        RefOr::T(Schema::Object(object)) => object.description.as_deref(),
        RefOr::T(Schema::Array(array)) => array.description.as_deref(),
        RefOr::T(Schema::OneOf(one)) => one.description.as_deref(),
        RefOr::T(Schema::AnyOf(any)) => any.description.as_deref(),
        RefOr::T(Schema::AllOf(all)) => all.description.as_deref(),
        _ => None,
    }
}

/// The last part of a reference.
pub(super) fn name_of(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

fn object_words(object: &Object) -> String {
    let mut parts = vec![kind(object)];
    if let Some(range) = range(object.min_length, object.max_length) {
        parts.push(format!("{range} characters"));
    }
    if let Some(range) =
        range(object.minimum.as_ref().and_then(whole), object.maximum.as_ref().and_then(whole))
    {
        parts.push(range);
    }
    if let Some(max) = object.max_properties {
        parts.push(format!("at most {max} entries"));
    }
    if let Some(AdditionalProperties::RefOr(value)) = object.additional_properties.as_deref() {
        parts.push(format!("each of them {}", words(value)));
    }
    if let Some(default) = &object.default {
        parts.push(format!("{} unless given", default.to_string().trim_matches('"')));
    }
    or_null(parts.join(", "), &object.schema_type)
}

fn kind(object: &Object) -> String {
    if let Some(values) = &object.enum_values {
        // Null is said at the end.
        let values = values.iter().filter(|value| !value.is_null());
        let values: Vec<String> =
            values.map(|value| value.to_string().trim_matches('"').to_owned()).collect();
        return values.join(" | ");
    }
    let date_time = |format: &SchemaFormat| matches!(format, SchemaFormat::KnownFormat(it) if *it == utoipa::openapi::KnownFormat::DateTime);
    match main_type(&object.schema_type) {
        Some(Type::String) if object.format.as_ref().is_some_and(date_time) => "time (RFC 3339)",
        Some(Type::String) => "text",
        Some(Type::Integer) => "whole number",
        Some(Type::Number) => "number",
        Some(Type::Boolean) => "true | false",
        Some(Type::Array) => "list",
        Some(Type::Null) => "null",
        Some(Type::Object) => "object",
        None => "any value",
    }
    .to_owned()
}

fn array_words(array: &Array) -> String {
    let mut text = match &array.items {
        ArrayItems::RefOrSchema(items) => format!("list of: {}", words(items)),
        ArrayItems::False => "list".to_owned(),
    };
    if let Some(range) = range(array.min_items, array.max_items) {
        text = format!("{text}; {range} of them");
    }
    or_null(text, &array.schema_type)
}

fn or_null(text: String, kind: &SchemaType) -> String {
    match kind {
        SchemaType::Array(types) if types.contains(&Type::Null) => format!("{text}, or null"),
        _ => text,
    }
}

fn main_type(kind: &SchemaType) -> Option<&Type> {
    match kind {
        SchemaType::Type(one) => Some(one),
        SchemaType::Array(types) => types.iter().find(|it| **it != Type::Null).or(types.first()),
        SchemaType::AnyValue => None,
    }
}

fn whole(number: &Number) -> Option<usize> {
    match number {
        Number::Int(n) => usize::try_from(*n).ok(),
        Number::UInt(n) => Some(*n),
        Number::Float(_) => None,
    }
}

fn range(min: Option<usize>, max: Option<usize>) -> Option<String> {
    match (min, max) {
        (Some(min), Some(max)) if min == max => Some(max.to_string()),
        (Some(min), Some(max)) => Some(format!("{min} to {max}")),
        (None, Some(max)) => Some(format!("at most {max}")),
        (Some(0), None) | (None, None) => None,
        (Some(min), None) => Some(format!("at least {min}")),
    }
}
