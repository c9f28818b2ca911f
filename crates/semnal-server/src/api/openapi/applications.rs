//! Describes `/api/v1/app`.

use utoipa::openapi::schema::Schema;

use super::super::applications::{ApplicationOut, NAME_CHARACTERS_MAX};
use super::super::input::{METADATA_ENTRIES_MAX, METADATA_NAME_CHARACTERS_MAX, METADATA_VALUE_BYTES_MAX};
use super::super::page::Order;
use super::document::Document;
use super::operation::{delete, get, patch, post, put};
use super::shape::{self, Body};

pub(super) fn describe(document: &mut Document) {
    const LIST: &str = "/api/v1/app";
    const ONE: &str = "/api/v1/app/{app_id}";
    document
        .group("Application", "Who sends events and owns endpoints: the tenants of an organisation.")
        .add(
            get(LIST, "v1.application.list", "List applications")
                .page(Some(Order::Ascending))
                .answer_page::<ApplicationOut<'_>>("The applications, oldest first."),
        )
        .add(
            post(LIST, "v1.application.create", "Create an application")
                .flag(
                    "get_if_exists",
                    false,
                    "Answer an existing application with the same uid instead of 409.",
                )
                .idempotent()
                .body(fields(Body::whole("ApplicationIn")))
                .answer::<ApplicationOut<'_>>(201, "The new application.")
                .answer::<ApplicationOut<'_>>(200, "The one that existed, when `get_if_exists` is true.")
                .conflict("Another application has this uid."),
        )
        .add(
            get(ONE, "v1.application.get", "Get an application")
                .answer::<ApplicationOut<'_>>(200, "The application."),
        )
        .add(
            put(ONE, "v1.application.update", "Replace or create an application")
                .details("An unknown uid in the path makes a new application of that uid.")
                .body(fields(Body::whole("ApplicationIn")))
                .answer::<ApplicationOut<'_>>(200, "The application as it is now.")
                .answer::<ApplicationOut<'_>>(201, "The new application.")
                .conflict("Another application has this uid."),
        )
        .add(
            patch(ONE, "v1.application.patch", "Change an application")
                .details("What is left out stays; null clears.")
                .body(fields(Body::patch("ApplicationPatch")))
                .answer::<ApplicationOut<'_>>(200, "The application as it is now.")
                .conflict("Another application has this uid."),
        )
        .add(
            delete(ONE, "v1.application.delete", "Delete an application")
                .details("Its endpoints go with it; what they have not been sent is cancelled.")
                .empty(204, "It is deleted."),
        );
}

/// The fields of an application.
pub(super) fn fields(body: Body) -> Body {
    let body = body
        .required("name", shape::text(1..=NAME_CHARACTERS_MAX), "What people call it.", "Acme")
        .optional_field("uid", shape::name(), "A name of your own, usable in place of the id.");
    with_metadata(with_rate_limit(body))
}

/// `rateLimit` and its other name.
pub(super) fn with_rate_limit(body: Body) -> Body {
    let rate = || shape::number(1..=u16::MAX.into());
    body.optional_field("rateLimit", rate(), "Requests a second at most.").optional_field(
        "throttleRate",
        rate(),
        "Another name for `rateLimit`; give one of them.",
    )
}

/// `metadata`.
pub(super) fn with_metadata(body: Body) -> Body {
    body.with_default("metadata", metadata(), "Texts of your own by name. A value has at most 4 KiB.")
}

fn metadata() -> Schema {
    let value = shape::text(0..=METADATA_VALUE_BYTES_MAX);
    shape::map(shape::text(0..=METADATA_NAME_CHARACTERS_MAX), value, METADATA_ENTRIES_MAX)
}
