//! Describes `/api/v1/auth`: links to the portal of one application, and their end.

use semnal_core::portal::Capability;
use utoipa::openapi::schema::Type;

use super::super::portal::{
    AppPortalAccessOut, EXPIRY_SECONDS_MAX, EXPIRY_SECONDS_MIN, SESSION_CHARACTERS_MAX, SESSIONS_MAX,
};
use super::applications;
use super::document::Document;
use super::event_types::feature_flags;
use super::operation::post;
use super::shape::{self, Body};

pub(super) fn describe(document: &mut Document) {
    document
        .group("Authentication", "Short-lived tokens that open one application.")
        .add(
            post(
                "/api/v1/auth/app-portal-access/{app_id}",
                "v1.authentication.app-portal-access",
                "Make a link to the portal",
            )
            .body(access())
            .answer::<AppPortalAccessOut>(200, "The link, and the token in it."),
        )
        .add(
            post(
                "/api/v1/auth/app/{app_id}/expire-all",
                "v1.authentication.expire-all",
                "End the tokens of an application",
            )
            .details("All that were made before now, or those of some sessions.")
            .body(expire_all())
            .empty(204, "They end."),
        )
        .add(
            post("/api/v1/auth/logout", "v1.authentication.logout", "End the token that this is called with")
                .details("Keys, and tokens of a whole organisation, are not sessions: they stay valid.")
                .empty(204, "It has ended."),
        );
}

fn access() -> Body {
    let names = Capability::ALL.map(Capability::as_str);
    let capabilities = shape::any_list(shape::one_of(Type::String, &names));
    let application = applications::fields(Body::whole("application"));
    Body::optional("AppPortalAccessIn")
        .optional_field(
            "expiry",
            shape::number(EXPIRY_SECONDS_MIN..=EXPIRY_SECONDS_MAX),
            "Seconds that the token is valid; the most when it is left out.",
        )
        .optional_field("readOnly", shape::flag(), "Its bearer changes nothing.")
        .optional_field("capabilities", capabilities, "What its bearer may do; all of it when left out.")
        .optional_field(
            "featureFlags",
            feature_flags(),
            "Event types with these flags are shown to its bearer.",
        )
        .optional_field(
            "sessionId",
            shape::text(1..=SESSION_CHARACTERS_MAX),
            "A name of your own, by which the token can be ended.",
        )
        .nested("application", application, "Makes the application if its uid, that of the path, is new.")
}

fn expire_all() -> Body {
    let sessions = shape::list(shape::text(1..=SESSION_CHARACTERS_MAX), 0..=SESSIONS_MAX);
    Body::optional("ApplicationTokenExpireIn")
        .optional_field(
            "expiry",
            shape::number(0..=EXPIRY_SECONDS_MAX),
            "Seconds until they end; 0 when left out.",
        )
        .optional_field("sessionIds", sessions, "Only the tokens of these sessions.")
}
