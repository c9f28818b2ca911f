//! Describes what is answered without a key: health, and this document.

use super::document::Document;
use super::operation::{get, head};
use super::shape;

const ALIVE: &str = "The server is there.";

pub(super) fn describe(document: &mut Document) {
    let text = shape::any_text;
    let mut group = document.group("Health", "Whether the server is there, without a key.");
    for (path, id) in [("/api/v1/health", "v1.health.get"), ("/api/v1/health/ping", "v1.health.ping")] {
        group.add(get(path, id, "Ask whether the server is there").open().empty(204, ALIVE));
        let id = format!("{id}-head");
        group.add(head(path, &id, "Ask whether the server is there").open().empty(204, ALIVE));
    }
    group
        .add(get("/healthz", "healthz", "Ask whether the process runs").open().other(
            "text/plain",
            text(),
            ALIVE,
        ))
        .add(get("/readyz", "readyz", "Ask whether requests are taken").open().other(
            "text/plain",
            text(),
            ALIVE,
        ));
    document.group("This document", "The description of the API for programs.").add(
        get("/openapi.json", "openapi", "Get this document").open().other(
            "application/json",
            shape::any_object(),
            "OpenAPI 3.1.",
        ),
    );
}
