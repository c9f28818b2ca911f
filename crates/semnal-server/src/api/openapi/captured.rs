//! Describes what request bins caught: lists, waiting, streams, files, verdicts.

use utoipa::ToSchema;
use utoipa::openapi::Ref;
use utoipa::openapi::schema::{Array, Object, Schema, Type};

use super::super::bins::curl::{CommandOut, SHELLS};
use super::super::bins::export::Format;
use super::super::bins::requests::{
    CapturedBytesOut, CapturedOfMessageOut, CapturedRequestOut, CapturedWholeOut,
};
use super::super::bins::updates::STREAM_SECONDS_MAX;
use super::super::bins::verify::VerdictOut;
use super::super::bins::wait::{WAIT_SECONDS_DEFAULT, WAIT_SECONDS_MAX};
use super::bins::{replay, secret_to_verify};
use super::document::Document;
use super::operation::{Described, delete, get, post};
use super::shape;

pub(super) fn describe(document: &mut Document) {
    const LIST: &str = "/api/v1/bin/{bin_id}/request";
    const ONE: &str = "/api/v1/bin/{bin_id}/request/{request_id}";
    const OF_MESSAGE: &str = "/api/v1/app/{app_id}/msg/{msg_id}/captured-request";
    document
        .group("Captured Request", "What request bins caught.")
        .add(
            wanted(get(LIST, "v1.bin.list-requests", "List captured requests").page(None))
                .answer_page::<CapturedRequestOut>("The requests, newest first."),
        )
        .add(
            delete(LIST, "v1.bin.delete-requests", "Delete all captured requests of a bin")
                .details("No number is given out twice: the next request has the next one.")
                .empty(204, "They are deleted."),
        )
        .add(
            get(ONE, "v1.bin.get-request", "Get a captured request")
                .answer::<CapturedWholeOut>(200, "The request with its bytes."),
        )
        .add(delete(ONE, "v1.bin.delete-request", "Delete a captured request").empty(204, "It is deleted."))
        .add(
            get(OF_MESSAGE, "v1.message.list-captured-requests", "List what bins caught of a message")
                .answer::<CapturedOfMessageOut>(200, "The requests, newest first."),
        );
    describe_uses(document);
    describe_arrivals(document);
}

fn describe_uses(document: &mut Document) {
    const RAW: &str = "/api/v1/bin/{bin_id}/request/{request_id}/raw";
    const CURL: &str = "/api/v1/bin/{bin_id}/request/{request_id}/curl";
    const REPLAY: &str = "/api/v1/bin/{bin_id}/request/{request_id}/replay";
    const VERIFY: &str = "/api/v1/bin/{bin_id}/request/{request_id}/verify";
    let bytes = shape::with_format(shape::any_text(), "binary");
    document
        .group("Captured Request", "")
        .add(get(RAW, "v1.bin.get-raw-request", "Get the bytes of a captured request").other(
            "application/octet-stream",
            bytes,
            "Head and body as they came.",
        ))
        .add(
            get(CURL, "v1.bin.get-request-command", "Get a command that sends a captured request")
                .word_of("shell", &SHELLS, "Which one runs it; `bash` when left out.")
                .answer::<CommandOut>(200, "The command."),
        )
        .add(replay(REPLAY))
        .add(
            post(VERIFY, "v1.bin.verify-request", "Check the signature of a captured request")
                .details("As it was at the moment of its arrival.")
                .body(secret_to_verify())
                .answer::<VerdictOut>(200, "Whether it holds, and if not, why."),
        );
}

fn describe_arrivals(document: &mut Document) {
    const WAIT: &str = "/api/v1/bin/{bin_id}/wait";
    const STREAM: &str = "/api/v1/bin/{bin_id}/stream";
    const EXPORT: &str = "/api/v1/bin/{bin_id}/export";
    let seconds = |max: u16, default: u16| shape::with_default(shape::number(0..=max.into()), default);
    document
        .group("Captured Request", "")
        .add(
            wanted(after(get(WAIT, "v1.bin.wait", "Wait for a request")))
                .query(
                    "timeout",
                    seconds(WAIT_SECONDS_MAX, WAIT_SECONDS_DEFAULT),
                    "Seconds to wait at most; 0 looks at what is there.",
                )
                .answer::<CapturedWholeOut>(200, "The first request that matches.")
                .refused(408, "None came in time: `nothing_came`."),
        )
        .add(
            after(get(STREAM, "v1.bin.stream", "Listen to a bin"))
                .details(
                    "Server-sent events, four updates a second at most: `request` for each request, with its number as id, \
                     and `bin` with `{requests, bytes, lastNumber}`.",
                )
                .header(
                    "last-event-id",
                    shape::number(0..=u32::MAX.into()),
                    "The number of the last request that was seen: the stream goes on after it.",
                )
                .query(
                    "timeout",
                    seconds(STREAM_SECONDS_MAX, STREAM_SECONDS_MAX),
                    "Seconds to listen at most; 0 ends after the first update.",
                )
                .other("text/event-stream", event(), "The events; a comment comes when nothing else does."),
        )
        .add(
            wanted(get(EXPORT, "v1.bin.export", "Export captured requests"))
                .word_of("format", &Format::WORDS, "The form of the file; `json` when left out.")
                .knowing::<CapturedBytesOut>()
                .one_of_forms(
                    [("application/json", exported()), ("application/x-ndjson", shape::any_text())],
                    "The requests, oldest first: a list, an HTTP archive 1.2, or an object a line.",
                ),
        );
}

/// What a JSON file has: an HTTP archive is an object, the other form a list.
fn exported() -> Schema {
    let requests = Schema::Array(Array::new(Ref::from_schema_name(CapturedBytesOut::name())));
    shape::either([requests, shape::any_object()])
}

/// An event of a stream, each of which the schema of such an answer is about.
fn event() -> Schema {
    let mut event = Object::with_type(Type::Object);
    for (name, shape, text) in [
        ("event", shape::one_of(Type::String, &["request", "bin"]), "What the data are about."),
        ("data", shape::any_text(), "A captured request, or the counts of the bin, as JSON."),
        ("id", shape::any_text(), "The number of the captured request."),
    ] {
        event.properties.insert(name.to_owned(), shape::described(shape, text).into());
    }
    event.required = vec!["event".to_owned(), "data".to_owned()];
    event.into()
}

/// Filters of captured requests.
fn wanted(described: Described) -> Described {
    described
        .query("q", shape::any_text(), "Only requests with this text in head or body, in any case.")
        .query("method", shape::any_text(), "Only requests with this method, in any case.")
        .query("path", shape::any_text(), "Only requests with this part in path or query, exactly.")
        .query("body", shape::any_text(), "Only requests with this part in the body, exactly.")
        .query("message_id", shape::id("msg"), "Only deliveries of this message.")
}

fn after(described: Described) -> Described {
    let place = shape::with_pattern(shape::any_text(), "^(req_[0-9A-Za-z]{27}|[0-9]{1,9})$");
    described.query(
        "after",
        place,
        "Only what came after this captured request, by id or number; after now when left out.",
    )
}
