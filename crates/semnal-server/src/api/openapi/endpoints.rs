//! Describes `/api/v1/app/{app_id}/endpoint`, with headers and secrets.

use semnal_core::endpoint::{CHANNELS_PER_ENDPOINT_MAX, HEADER_VALUE_BYTES_MAX, HEADERS_MAX};
use semnal_core::endpoint_url::URL_BYTES_MAX;
use semnal_core::retry::SCHEDULE_STEPS_MAX;
use utoipa::openapi::schema::Schema;

use super::super::endpoint_headers::HeadersOut;
use super::super::endpoint_secrets::{GRACE_SECONDS_DEFAULT, GRACE_SECONDS_MAX, SecretOut};
use super::super::endpoint_stats::EndpointStatsOut;
use super::super::endpoints::EndpointOut;
use super::super::endpoints::fields::{DESCRIPTION_CHARACTERS_MAX, EVENT_TYPES_PER_ENDPOINT_MAX};
use super::super::messages::MessageOut;
use super::super::page::Order;
use super::applications::{with_metadata, with_rate_limit};
use super::document::Document;
use super::operation::{delete, get, patch, post, put};
use super::shape::{self, Body};

/// A key pair for ed25519 with its prefix, the longest secret.
pub(super) const SECRET_CHARACTERS_MAX: usize = 106;
/// What `check_header` takes as a name, but for those that Semnal sets itself.
const HEADER_NAME_PATTERN: &str = "^[!#$%&'*+\\-.^_`|~0-9a-zA-Z]+$";
/// 256 bytes for the name of a header.
const HEADER_NAME_BYTES_MAX: usize = 256;

const CONFLICT: &str = "Another endpoint of the application has this uid, or the application is full.";

pub(super) fn describe(document: &mut Document) {
    const LIST: &str = "/api/v1/app/{app_id}/endpoint";
    const ONE: &str = "/api/v1/app/{app_id}/endpoint/{endpoint_id}";
    document
        .group("Endpoint", "URLs that receive some or all events of an application.")
        .add(
            get(LIST, "v1.endpoint.list", "List endpoints")
                .page(Some(Order::Descending))
                .answer_page::<EndpointOut<'_>>("The endpoints, newest first."),
        )
        .add(
            post(LIST, "v1.endpoint.create", "Create an endpoint")
                .idempotent()
                .body(new_only(fields(Body::whole("EndpointIn"))))
                .answer::<EndpointOut<'_>>(201, "The new endpoint.")
                .conflict(CONFLICT),
        )
        .add(get(ONE, "v1.endpoint.get", "Get an endpoint").answer::<EndpointOut<'_>>(200, "The endpoint."))
        .add(
            put(ONE, "v1.endpoint.update", "Replace or create an endpoint")
                .details("Secrets and custom headers have paths of their own and stay.")
                .body(fields(Body::whole("EndpointUpdateIn")))
                .answer::<EndpointOut<'_>>(200, "The endpoint as it is now.")
                .answer::<EndpointOut<'_>>(201, "The new endpoint.")
                .conflict(CONFLICT),
        )
        .add(
            patch(ONE, "v1.endpoint.patch", "Change an endpoint")
                .details("What is left out stays; null clears.")
                .body(fields(Body::patch("EndpointPatch")))
                .answer::<EndpointOut<'_>>(200, "The endpoint as it is now.")
                .conflict(CONFLICT),
        )
        .add(
            delete(ONE, "v1.endpoint.delete", "Delete an endpoint")
                .details("What it has not been sent is cancelled.")
                .empty(204, "It is deleted."),
        );
    describe_headers(document);
    describe_secret(document);
    describe_work(document);
}

fn describe_work(document: &mut Document) {
    document
        .group("Endpoint", "")
        .add(
            get("/api/v1/app/{app_id}/endpoint/{endpoint_id}/stats", "v1.endpoint.get-stats", "Count deliveries")
                .details("Deliveries of messages that were accepted between the two times, both included.")
                .since_until("28 days before `until` when it is left out.", "Now when it is left out.")
                .answer::<EndpointStatsOut>(200, "How many there are in each state."),
        )
        .add(
            post(
                "/api/v1/app/{app_id}/endpoint/{endpoint_id}/send-example",
                "v1.endpoint.send-example",
                "Send the example of an event type",
            )
            .details(
                "To this endpoint alone, whatever its event types and channels, on the path of real events. An endpoint \
                 that is paused or disabled holds it.",
            )
            .idempotent()
            .body(
                Body::whole("EventExampleIn")
                    .required("eventType", shape::name(), "One of the catalogue that has an example.", "invoice.paid")
                    .optional_field(
                        "exampleIndex",
                        shape::number_from(0),
                        "Which of the `examples` of its newest schema; `example` of the event type when left out.",
                    )
                    .optional_field("payload", shape::any_object(), "Sent instead of the example."),
            )
            .answer::<MessageOut<'_>>(200, "The message that was made of it."),
        );
}

fn describe_headers(document: &mut Document) {
    const HEADERS: &str = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers";
    let removed = shape::any_list(shape::any_text());
    let patched = shape::or_null(header_value());
    document
        .group("Endpoint", "")
        .add(
            get(HEADERS, "v1.endpoint.get-headers", "Get custom headers")
                .details(
                    "Values that look like credentials are not shown; their names are under `sensitive`.",
                )
                .answer::<HeadersOut<'_>>(200, "The headers."),
        )
        .add(
            put(HEADERS, "v1.endpoint.update-headers", "Replace custom headers")
                .body(Body::whole("EndpointHeadersIn").required(
                    "headers",
                    shape::map(header_name(), header_value(), HEADERS_MAX),
                    "All of them. Those that Semnal sets itself cannot be among them.",
                    serde_json::json!({"x-team": "billing"}),
                ))
                .empty(204, "They are replaced."),
        )
        .add(
            patch(HEADERS, "v1.endpoint.patch-headers", "Change custom headers")
                .body(
                    Body::whole("EndpointHeadersPatchIn")
                        .required(
                            "headers",
                            shape::map(header_name(), patched, HEADERS_MAX),
                            "Sets those with a value, removes those that are null.",
                            serde_json::json!({"x-team": "billing"}),
                        )
                        .optional_field("deleteHeaders", removed, "Names of headers to remove."),
                )
                .empty(204, "They are changed."),
        );
}

fn describe_secret(document: &mut Document) {
    const SECRET: &str = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret";
    const ROTATE: &str = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret/rotate";
    let grace =
        format!("How long the old secret signs beside the new one; {GRACE_SECONDS_DEFAULT} when left out.");
    document
        .group("Endpoint", "")
        .add(
            get(SECRET, "v1.endpoint.get-secret", "Get the signing secret")
                .details("For ed25519 that is the public key; the private one is not shown.")
                .answer::<SecretOut>(200, "What a receiver verifies with."),
        )
        .add(
            post(ROTATE, "v1.endpoint.rotate-secret", "Rotate the signing secret")
                .idempotent()
                .body(
                    Body::optional("EndpointSecretRotateIn")
                        .optional_field("key", secret(), "The new secret; one is made when it is left out.")
                        .optional_field(
                            "gracePeriodSeconds",
                            shape::number(0..=GRACE_SECONDS_MAX.into()),
                            &grace,
                        ),
                )
                .answer::<SecretOut>(200, "What a receiver verifies with from now on."),
        );
}

fn fields(body: Body) -> Body {
    let types = || shape::list(shape::name(), 1..=EVENT_TYPES_PER_ENDPOINT_MAX);
    let channels = shape::list(shape::channel(), 1..=CHANNELS_PER_ENDPOINT_MAX);
    let url = shape::with_format(shape::text(1..=URL_BYTES_MAX), "uri");
    let body = body
        .required("url", url, "Where requests go: http or https.", "https://example.com/hook")
        .optional_field("uid", shape::name(), "A name of your own, usable in place of the id.")
        .with_default("description", shape::text(0..=DESCRIPTION_CHARACTERS_MAX), "What it is for.")
        .optional_field("eventTypes", types(), "The event types that it receives; null means all.")
        .optional_field("filterTypes", types(), "Another name for `eventTypes`; give one of them.")
        .optional_field("channels", channels, "The channels that it listens to; null means all.")
        .with_default("disabled", shape::flag(), "No requests are made until it is enabled again.")
        .with_default("paused", shape::flag(), "Deliveries wait until it is no longer paused.")
        .optional_field("concurrencyLimit", shape::number(1..=u16::MAX.into()), "Requests at once at most.")
        .optional_field(
            "retrySchedule",
            schedule(),
            "Waits between attempts, as a list `[\"5s\", \"5m\"]` or as text `5s,5m`; null means those of the event \
             type, then of the server.",
        );
    with_metadata(with_rate_limit(body))
}

fn new_only(body: Body) -> Body {
    let headers = shape::map(header_name(), header_value(), HEADERS_MAX);
    body.optional_field("headers", headers, "Custom headers of every request.").optional_field(
        "secret",
        secret(),
        "The signing secret; one is made when it is left out.",
    )
}

/// Waits such as `5s`: a list, or text with commas.
pub(super) fn schedule() -> Schema {
    const WAIT: &str = "[0-9]{1,9}(ms|s|min|m|h|d)";
    let wait = shape::with_pattern(shape::any_text(), &format!("^{WAIT}$"));
    let text = format!("^({WAIT}(,{WAIT}){{0,{}}})?$", SCHEDULE_STEPS_MAX - 1);
    shape::either([shape::list(wait, 0..=SCHEDULE_STEPS_MAX), shape::with_pattern(shape::any_text(), &text)])
}

fn header_name() -> Schema {
    shape::with_pattern(shape::text(1..=HEADER_NAME_BYTES_MAX), HEADER_NAME_PATTERN)
}

fn header_value() -> Schema {
    // Visible ASCII, with blanks inside only.
    shape::with_pattern(shape::text(0..=HEADER_VALUE_BYTES_MAX), "^([!-~]([ -~]*[!-~])?)?$")
}

fn secret() -> Schema {
    let base64 = "^(whsec_|whsk_)?[A-Za-z0-9+/]+={0,2}$";
    shape::with_pattern(shape::text(32..=SECRET_CHARACTERS_MAX), base64)
}
