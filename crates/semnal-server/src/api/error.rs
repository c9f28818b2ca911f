//! The one error of the API: status, stable code, a sentence for a person. Details stay in the log.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use semnal_core::configuration::ChangeError;
use semnal_store::error::StoreError;
use serde_json::json;

/// See the module.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// `{code, detail}`.
    Plain { status: StatusCode, code: &'static str, detail: String },
    /// `{detail: [{loc, msg, type}]}`.
    Invalid(Vec<Problem>),
}

/// One thing that is wrong with a request.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) place: Vec<String>,
    pub(crate) message: String,
    pub(crate) kind: &'static str,
}

impl Problem {
    /// A field of the body.
    pub(crate) fn body(field: &str, message: impl std::fmt::Display) -> Problem {
        Problem {
            place: vec!["body".into(), field.into()],
            message: message.to_string(),
            kind: "value_error",
        }
    }

    /// A query parameter.
    pub(crate) fn query(field: &str, message: impl std::fmt::Display) -> Problem {
        Problem {
            place: vec!["query".into(), field.into()],
            message: message.to_string(),
            kind: "value_error",
        }
    }
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> ApiError {
        ApiError::Plain { status, code, detail: detail.into() }
    }

    pub(crate) fn not_found(what: &str) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "not_found", format!("{what} does not exist"))
    }

    pub(crate) fn method_not_allowed() -> ApiError {
        let detail = "this path does not take that method";
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, "conflict", detail)
    }

    pub(crate) fn unauthenticated(detail: &str) -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, "authentication_failed", detail)
    }

    pub(crate) fn forbidden(detail: &str) -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub(crate) fn invalid(problem: Problem) -> ApiError {
        ApiError::Invalid(vec![problem])
    }
}

impl ApiError {
    /// Returns what went wrong, for a terminal.
    pub(crate) fn sentence(&self) -> String {
        match self {
            ApiError::Plain { detail, .. } => detail.clone(),
            ApiError::Invalid(problems) => {
                problems.iter().map(|p| p.message.clone()).collect::<Vec<_>>().join("; ")
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        let unavailable = |code, detail: &str| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        match error {
            StoreError::Full => unavailable("storage_full", "the server's disk is full; nothing was stored"),
            StoreError::Stopped => unavailable("unavailable", "the server is stopping; nothing was stored"),
            StoreError::Change(ChangeError::Missing) => ApiError::not_found("what the change refers to"),
            StoreError::Change(error) => ApiError::conflict(error.to_string()),
            error => {
                tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
                let detail = "the server could not do this; its log says why";
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            ApiError::Plain { status, code, detail } => {
                let mut response =
                    (status, axum::Json(json!({ "code": code, "detail": detail }))).into_response();
                let headers = response.headers_mut();
                match status {
                    StatusCode::SERVICE_UNAVAILABLE => {
                        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
                    }
                    StatusCode::UNAUTHORIZED => {
                        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                    }
                    _ => {}
                }
                response
            }
            ApiError::Invalid(problems) => {
                let detail: Vec<_> = problems
                    .into_iter()
                    .map(|p| json!({ "loc": p.place, "msg": p.message, "type": p.kind }))
                    .collect();
                (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!({ "detail": detail }))).into_response()
            }
        }
    }
}
