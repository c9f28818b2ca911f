//! Describes background tasks: what starts them, and how they are watched and cancelled.

use semnal_store::task::{RUNNING_MAX, TaskKind, TaskStatus};
use utoipa::openapi::schema::Type;

use super::super::attempts::filter::STATUS_CODE_CLASSES;
use super::super::background_tasks::endpoint::{EVENT_TYPES_MAX, STATUS_MAX};
use super::super::background_tasks::usage::APPLICATIONS_MAX;
use super::super::background_tasks::{TaskOut, TaskStartedOut, UsageStartedOut};
use super::super::page::Order;
use super::document::Document;
use super::operation::{Described, get, post, put};
use super::shape::{self, Body};

const STARTED: &str = "The task. `GET /api/v1/background-task/{task_id}` tells how far it is.";

pub(super) fn describe(document: &mut Document) {
    const LIST: &str = "/api/v1/background-task";
    const ONE: &str = "/api/v1/background-task/{task_id}";
    const CANCEL: &str = "/api/v1/background-task/{task_id}/cancel";
    document
        .group(
            "Background Task",
            "Bulk work that goes on after its request was answered, also after a crash.",
        )
        .add(
            get(LIST, "v1.background-task.list", "List background tasks")
                .page(Some(Order::Descending))
                .word_of(
                    "status",
                    &TaskStatus::ALL.map(TaskStatus::as_str),
                    "`failed` has cancelled ones too.",
                )
                .word_of("task", &TaskKind::ALL.map(TaskKind::as_str), "Only tasks of this kind.")
                .answer_page::<TaskOut>("The tasks, newest first."),
        )
        .add(
            get(ONE, "v1.background-task.get", "Get a background task")
                .answer::<TaskOut>(200, "The task as it is now."),
        )
        .add(
            post(CANCEL, "v1.background-task.cancel", "Cancel a background task")
                .details("What it has made due already is sent.")
                .empty(204, "It does no more.")
                .conflict("It has ended already."),
        );
    describe_work(document);
    describe_usage(document);
}

fn describe_work(document: &mut Document) {
    const RECOVER: &str = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/recover";
    const MISSING: &str = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/replay-missing";
    const BULK: &str = "/api/v1/app/{app_id}/endpoint/{endpoint_id}/bulk-replay";
    document
        .group("Endpoint", "")
        .add(work(
            post(RECOVER, "v1.endpoint.recover", "Send again what failed"),
            times(Body::whole("RecoverIn")),
        ))
        .add(work(
            post(MISSING, "v1.endpoint.replay-missing", "Send what the endpoint never had")
                .details("Messages that it matches now, and that it was not among the destinations of."),
            times(Body::whole("ReplayIn")),
        ))
        .add(work(
            post(BULK, "v1.endpoint.bulk-replay", "Send again what is decided, whatever became of it"),
            narrowed(times(Body::whole("BulkReplayIn"))),
        ));
}

fn describe_usage(document: &mut Document) {
    const APPLICATIONS: &str = "/api/v1/stats/usage/app";
    const EVENT_TYPES: &str = "/api/v1/stats/usage/event-types";
    let named = shape::list(shape::any_text(), 0..=APPLICATIONS_MAX);
    document
        .group("Statistics", "Counts over a whole organisation, made by background tasks.")
        .add(
            post(APPLICATIONS, "v1.statistics.aggregate-app-stats", "Count deliveries by application")
                .idempotent()
                .body(times(Body::whole("AppUsageStatsIn")).optional_field(
                    "appIds",
                    named,
                    "Ids or uids of the applications; all when left out.",
                ))
                .answer::<UsageStartedOut>(202, STARTED)
                .conflict(&full()),
        )
        .add(
            put(EVENT_TYPES, "v1.statistics.aggregate-event-types", "Gather the event types of endpoints")
                .idempotent()
                .answer::<TaskStartedOut>(202, STARTED)
                .conflict(&full()),
        );
}

fn work(described: Described, body: Body) -> Described {
    described.idempotent().body(body).answer::<TaskStartedOut>(202, STARTED).conflict(&full())
}

fn full() -> String {
    format!("{RUNNING_MAX} tasks of the organisation are running already.")
}

/// `since` and `until`.
fn times(body: Body) -> Body {
    body.required(
        "since",
        shape::instant(),
        "Only messages that were accepted then or later; not later than `until`, or than now.",
        "2023-01-31T12:00:00Z",
    )
    .optional_field(
        "until",
        shape::instant(),
        "Only messages that were accepted then or before; now when left out.",
    )
}

fn narrowed(body: Body) -> Body {
    let names = shape::list(shape::name(), 1..=EVENT_TYPES_MAX);
    let status = "0 succeeded, 1 pending, 2 failed, 3 being sent, 4 cancelled.";
    let class = "Of the last answer: 200 is 200 to 299; 0 is no answer.";
    let classes = shape::one_of(Type::Integer, &STATUS_CODE_CLASSES);
    body.optional_field("eventTypes", names, "Only messages of these event types.")
        .optional_field("channel", shape::channel(), "Only messages sent to this channel.")
        .optional_field("status", shape::number(0..=STATUS_MAX.into()), status)
        .optional_field("statusCodeClass", classes, class)
        .optional_field("tag", shape::nothing(), "Messages have no tags here.")
}
