//! Describes `/api/v1/event-type`.

use utoipa::openapi::schema::Schema;

use super::super::event_types::{
    DESCRIPTION_CHARACTERS_MAX, EventTypeOut, FEATURE_FLAGS_MAX, GROUP_CHARACTERS_MAX, TITLE_CHARACTERS_MAX,
};
use super::super::page::Order;
use super::document::Document;
use super::endpoints::schedule;
use super::operation::{delete, get, patch, post, put};
use super::shape::{self, Body};

pub(super) fn describe(document: &mut Document) {
    const LIST: &str = "/api/v1/event-type";
    const ONE: &str = "/api/v1/event-type/{event_type_name}";
    let new = Body::whole("EventTypeIn").required("name", shape::name(), "Its name.", "invoice.paid");
    document
        .group("Event Type", "The catalogue of an organisation: which events there are, and what they carry.")
        .add(
            get(LIST, "v1.event-type.list", "List event types")
                .page(Some(Order::Ascending))
                .flag("include_archived", false, "Archived ones too.")
                .flag("with_content", false, "With `schemas` and `example`, which are null otherwise.")
                .answer_page::<EventTypeOut<'_>>("The event types, by name."),
        )
        .add(
            post(LIST, "v1.event-type.create", "Create an event type")
                .details("An archived one of the same name is taken out of the archive.")
                .idempotent()
                .body(fields(new))
                .answer::<EventTypeOut<'_>>(201, "The new event type.")
                .conflict("There is one of this name."),
        )
        .add(
            get(ONE, "v1.event-type.get", "Get an event type")
                .answer::<EventTypeOut<'_>>(200, "The event type."),
        )
        .add(
            put(ONE, "v1.event-type.update", "Replace or create an event type")
                .body(fields(Body::whole("EventTypeUpdateIn")))
                .answer::<EventTypeOut<'_>>(200, "The event type as it is now.")
                .answer::<EventTypeOut<'_>>(201, "The new event type."),
        )
        .add(
            patch(ONE, "v1.event-type.patch", "Change an event type")
                .details("What is left out stays; null clears.")
                .body(fields(Body::patch("EventTypePatch")))
                .answer::<EventTypeOut<'_>>(200, "The event type as it is now."),
        )
        .add(
            delete(ONE, "v1.event-type.delete", "Archive or remove an event type")
                .flag("expunge", false, "Remove it instead of putting it into the archive.")
                .empty(204, "It is archived, or gone."),
        );
}

fn fields(body: Body) -> Body {
    body.required(
        "description",
        shape::text(0..=DESCRIPTION_CHARACTERS_MAX),
        "What happened when it is sent.",
        "An invoice was paid.",
    )
    .optional_field("title", shape::text(0..=TITLE_CHARACTERS_MAX), "What people call it.")
    .optional_field("groupName", shape::text(1..=GROUP_CHARACTERS_MAX), "What it stands under in lists.")
    .with_default("archived", shape::flag(), "It is not offered any more.")
    .with_default("deprecated", shape::flag(), "It should not be used any more.")
    .optional_field("featureFlags", feature_flags(), "Only shown to those who have one of these flags.")
    .optional_field(
        "featureFlag",
        shape::name(),
        "One flag, the older form of `featureFlags`; give one of them.",
    )
    .optional_field("schemas", shape::any_object(), "JSON schemas of its payload, by version.")
    .with_default(
        "schemaEnforced",
        shape::flag(),
        "Messages whose payload does not satisfy the newest of `schemas` are refused.",
    )
    .optional_field("example", shape::any_object(), "A payload as it may look.")
    .optional_field("retrySchedule", schedule(), "Waits between attempts, where the endpoint has none.")
}

/// Names of feature flags.
pub(super) fn feature_flags() -> Schema {
    shape::list(shape::name(), 0..=FEATURE_FLAGS_MAX)
}
