//! Describes messages and their attempts.

use semnal_core::endpoint::CHANNELS_PER_MESSAGE_MAX;

use super::super::attempt_headers::AttemptHeadersOut;
use super::super::attempts::AttemptOut;
use super::super::attempts::filter::{STATUS_CODE_CLASSES, STATUSES};
use super::super::destinations::DestinationOut;
use super::super::endpoint_messages::EndpointMessageOut;
use super::super::message_in::RETENTION_DAYS;
use super::super::messages::MessageOut;
use super::applications;
use super::document::Document;
use super::operation::{Described, delete, get, post};
use super::shape::{self, Body};

const PAYLOAD_TOO: &str = "With the payload; `{}` stands for it otherwise.";
const STATUS: &str = "0 succeeded, 1 pending, 2 failed, 3 being sent.";
const RESPONSE_TOO: &str = "With the body of the response; empty otherwise.";

pub(super) fn describe(document: &mut Document) {
    const LIST: &str = "/api/v1/app/{app_id}/msg";
    document
        .group("Message", "Events that happened.")
        .add(
            get(LIST, "v1.message.list", "List messages")
                .page(None)
                .between()
                .channel()
                .event_types()
                .flag("with_content", true, PAYLOAD_TOO)
                .answer_page::<MessageOut<'_>>("The messages, newest first."),
        )
        .add(
            post(LIST, "v1.message.create", "Send an event")
                .details("It is stored when 202 is answered, and goes to every endpoint that asked for it.")
                .flag("with_content", true, PAYLOAD_TOO)
                .idempotent()
                .body(message())
                .answer::<MessageOut<'_>>(202, "The message.")
                .conflict("The application has a message with this eventId already."),
        )
        .add(
            get("/api/v1/app/{app_id}/msg/{msg_id}", "v1.message.get", "Get a message")
                .flag("with_content", true, PAYLOAD_TOO)
                .answer::<MessageOut<'_>>(200, "The message."),
        );
    describe_taking_back(document);
    describe_attempts(document);
    describe_destinations(document);
}

fn describe_taking_back(document: &mut Document) {
    const CANCELLED: &str = "Nothing of it is sent any more.";
    const DELIVERY: &str = "/api/v1/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/cancel";
    const RESPONSE: &str = "/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/content";
    document
        .group("Message", "")
        .add(
            delete(
                "/api/v1/app/{app_id}/msg/{msg_id}/content",
                "v1.message.expunge-content",
                "Expunge a payload",
            )
            .details(
                "It is overwritten. What was not delivered yet is cancelled, and nothing can be sent again.",
            )
            .empty(204, "It is gone."),
        )
        .add(
            post("/api/v1/app/{app_id}/msg/{msg_id}/cancel", "v1.message.cancel", "Cancel a message")
                .details(
                    "An attempt that is under way ends, and none follows. Resending opens a delivery again.",
                )
                .empty(204, CANCELLED),
        )
        .add(
            post(DELIVERY, "v1.message.cancel-delivery", "Cancel a message for one endpoint")
                .empty(204, CANCELLED),
        );
    document.group("Message Attempt", "").add(
        delete(RESPONSE, "v1.message-attempt.expunge-content", "Expunge a response")
            .details("Headers, body and the words of a failure are overwritten.")
            .empty(204, "It is gone."),
    );
}

fn message() -> Body {
    let channels = shape::list(shape::channel(), 1..=CHANNELS_PER_MESSAGE_MAX);
    let days = u64::from(*RETENTION_DAYS.start())..=u64::from(*RETENTION_DAYS.end());
    let application = applications::fields(Body::whole("application"));
    Body::whole("MessageIn")
        .required("eventType", shape::name(), "What happened.", "invoice.paid")
        .required(
            "payload",
            shape::any_object(),
            "What is sent, byte for byte; at most 128 levels deep.",
            serde_json::json!({"invoice": 17}),
        )
        .optional_field("eventId", shape::name(), "An id of your own, unique in the application.")
        .optional_field("channels", channels, "Only endpoints that listen to one of these receive it.")
        .optional_field("payloadRetentionPeriod", shape::number(days), "Days that the payload is kept.")
        .optional_field(
            "transformationsParams",
            shape::any_value(),
            "For SDKs of Svix: ignored, but for `rawPayload`, which is refused.",
        )
        .nested("application", application, "Makes the application if its uid, that of the path, is new.")
}

fn describe_attempts(document: &mut Document) {
    const BY_MESSAGE: &str = "/api/v1/app/{app_id}/attempt/msg/{msg_id}";
    const BY_ENDPOINT: &str = "/api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}";
    document
        .group("Message Attempt", "The requests that were made to deliver messages.")
        .add(
            filters(get(BY_ENDPOINT, "v1.message-attempt.list-by-endpoint", "List attempts of an endpoint"))
                .answer_page::<AttemptOut>("The attempts, newest message first."),
        )
        .add(
            filters(get(BY_MESSAGE, "v1.message-attempt.list-by-msg", "List attempts of a message"))
                .id_of("endpoint_id", "Only attempts of this endpoint, by id or uid.")
                .answer_page::<AttemptOut>("The attempts, newest first."),
        )
        .add(
            get(
                "/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}",
                "v1.message-attempt.get",
                "Get an attempt",
            )
            .answer::<AttemptOut>(200, "The attempt."),
        )
        .add(
            get(
                "/api/v1/app/{app_id}/msg/{msg_id}/attempt/{attempt_id}/headers",
                "v1.message-attempt.get-headers",
                "Get the headers of an attempt",
            )
            .details("Credentials and signatures are not shown; their names are under `sensitive`.")
            .answer::<AttemptHeadersOut<'_>>(200, "What was sent, and what was answered."),
        )
        .add(
            post(
                "/api/v1/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/resend",
                "v1.message-attempt.resend",
                "Send a message again",
            )
            .idempotent()
            .accepted("It will be sent.")
            .bad_request("The payload of the message was expunged or has expired."),
        );
}

fn describe_destinations(document: &mut Document) {
    const BY_ENDPOINT: &str = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/msg";
    const BY_MESSAGE: &str = "/api/v1/app/{app_id}/msg/{msg_id}/endpoint";
    const EXPANDED: &str = "4 `canceled` for deliveries that were cancelled, which are 2 `fail` otherwise.";
    document
        .group("Message Attempt", "")
        .add(
            get(BY_ENDPOINT, "v1.message-attempt.list-attempted-messages", "List messages of an endpoint")
                .page(None)
                .number_of("status", &STATUSES, STATUS)
                .between()
                .channel()
                .event_types()
                .flag("with_content", true, PAYLOAD_TOO)
                .answer_page::<EndpointMessageOut<'_>>("The messages with their state there, newest first."),
        )
        .add(
            get(BY_MESSAGE, "v1.message-attempt.list-attempted-destinations", "List endpoints of a message")
                .page(None)
                .flag("expanded_statuses", false, EXPANDED)
                .answer_page::<DestinationOut<'_>>(
                    "The endpoints with its state there, oldest endpoint first.",
                ),
        );
}

fn filters(described: Described) -> Described {
    let class = "Of the answer: 200 is 200 to 299; 0 is no answer.";
    described
        .page(None)
        .number_of("status", &STATUSES, STATUS)
        .number_of("status_code_class", &STATUS_CODE_CLASSES, class)
        .channel()
        .event_types()
        .between()
        .flag("with_content", true, RESPONSE_TOO)
}
