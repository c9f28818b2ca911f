//! What a request is answered with when it cannot be done: a status, a stable code and a sentence for a person, in
//! the forms of the Svix API (`{code, detail}`, and `{detail: [{loc, msg, type}]}` for 422).
//!
//! Every handler returns [`ApiError`]. Invariant: no detail has a secret, a token, or anything that belongs in a
//! log; what a client sent is repeated as an excerpt at most.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use semnal_core::configuration::ChangeError;
use semnal_store::error::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Answer;

/// After 5 s a client may try again what a full disk or a stopping server refused.
const RETRY_AFTER_SECONDS: &str = "5";
/// 80 characters of what a client sent are repeated in a detail.
const EXCERPT_CHARACTERS_MAX: usize = 80;

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// 401: nobody that this server knows.
    Authentication(&'static str),
    /// 403: known, but not allowed to do this.
    Forbidden(&'static str),
    /// 404.
    NotFound(String),
    /// 405.
    MethodNotAllowed,
    /// 408: the body did not arrive in time.
    BodyTimeout,
    /// 400: the connection ended inside the body.
    BodyCutOff,
    /// 400: the payload was expunged or has expired, there is nothing to send again.
    PayloadGone,
    /// 409.
    Conflict(String),
    /// 413.
    BodyTooLarge {
        /// How many bytes are accepted.
        bytes_max: usize,
    },
    /// 400: the body is not JSON.
    InvalidJson {
        /// Where reading it failed, from 1.
        line: usize,
        /// Where in the line, from 1.
        column: usize,
    },
    /// 422: what is wrong with the fields of the request, all of it.
    Invalid(Vec<Problem>),
    /// 503: the disk is full.
    StorageFull,
    /// 503: the lists are being built from the journal.
    ViewsBuilding {
        /// How much is done.
        percent: u8,
    },
    /// 408: no request came into a bin in the time that somebody waited.
    NothingCame,
    /// 503: there are no request bins; the sentence says why.
    BinsUnavailable(&'static str),
    /// 503: the server stops, or the configuration changes faster than a message can be matched.
    Unavailable,
    /// 500: our fault; the cause is in the log.
    Internal,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Where: `["body", "url"]`.
    loc: Vec<String>,
    /// What, and what is allowed.
    msg: String,
    /// A stable code.
    #[serde(rename = "type")]
    kind: &'static str,
}

impl Problem {
    /// Names what is wrong at a place.
    pub(crate) fn new(loc: &[&str], kind: &'static str, msg: impl Into<String>) -> Problem {
        Problem { loc: loc.iter().map(|&part| part.to_owned()).collect(), msg: msg.into(), kind }
    }

    /// Returns the field of the body that it is about.
    pub(crate) fn field(&self) -> &str {
        self.loc.get(1).map_or("", String::as_str)
    }

    /// Returns where it is, as a path: `payload.customer.email`.
    pub(crate) fn place(&self) -> String {
        self.loc[1..].join(".")
    }

    /// Returns the stable code of what is wrong.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Returns what is wrong, in English.
    pub(crate) fn message(&self) -> &str {
        &self.msg
    }

    /// Returns the place below the first `skipped` parts, as a JSON pointer: `/customer/email`.
    pub(crate) fn pointer(&self, skipped: usize) -> String {
        self.loc.iter().skip(skipped).map(|part| format!("/{part}")).collect()
    }

    /// Tells whether it is about this place, or one inside it.
    pub(crate) fn is_at(&self, place: &[&str]) -> bool {
        self.loc.len() >= place.len() && self.loc.iter().zip(place).all(|(a, b)| a == b)
    }
}

/// Why a request was not done.
#[derive(Serialize, ToSchema)]
pub(super) struct ErrorOut<'a> {
    /// A stable word for programs.
    code: &'a str,
    /// A sentence for people.
    detail: &'a str,
}

/// Everything that is wrong with the fields of a request.
#[derive(Serialize, ToSchema)]
pub(super) struct ValidationOut<'a> {
    detail: &'a [Problem],
}

impl ApiError {
    /// One problem as a whole answer.
    pub(crate) fn invalid(loc: &[&str], kind: &'static str, msg: impl Into<String>) -> ApiError {
        ApiError::Invalid(vec![Problem::new(loc, kind, msg)])
    }

    /// There is no such thing among those that the caller sees.
    pub(crate) fn not_found(what: &str, name: &str) -> ApiError {
        ApiError::NotFound(format!("there is no {what} {:?} here; check its id or uid", excerpt(name)))
    }

    /// Returns what went wrong, for a terminal.
    pub(crate) fn sentence(&self) -> String {
        match self {
            ApiError::Invalid(problems) => {
                problems.iter().map(|it| it.msg.as_str()).collect::<Vec<_>>().join("; ")
            }
            _ => self.parts().2,
        }
    }

    /// Returns the status, the code and the sentence.
    pub(crate) fn parts(&self) -> (StatusCode, &'static str, String) {
        use StatusCode as S;
        match self {
            ApiError::Authentication(why) => (S::UNAUTHORIZED, "authentication_failed", (*why).to_owned()),
            ApiError::Forbidden(why) => (S::FORBIDDEN, "forbidden", (*why).to_owned()),
            ApiError::NotFound(what) => (S::NOT_FOUND, "not_found", what.clone()),
            ApiError::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this path does not have this method; the allow header lists those that it has".to_owned(),
            ),
            ApiError::BodyTimeout => (
                S::REQUEST_TIMEOUT,
                "body_timeout",
                "the body did not arrive in time; send it faster or make it smaller".to_owned(),
            ),
            ApiError::BodyCutOff => {
                (S::BAD_REQUEST, "body_cut_off", "the body ended before its announced end".to_owned())
            }
            ApiError::PayloadGone => (
                S::BAD_REQUEST,
                "missing_payload",
                "the payload of this message was expunged or has expired; send it as a new message"
                    .to_owned(),
            ),
            ApiError::Conflict(what) => (S::CONFLICT, "conflict", what.clone()),
            ApiError::BodyTooLarge { bytes_max } => (
                S::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("the body is larger than {bytes_max} bytes; send less at once"),
            ),
            ApiError::InvalidJson { line, column } => (
                S::BAD_REQUEST,
                "invalid_json",
                format!("the body is not valid JSON: reading it failed at line {line}, column {column}"),
            ),
            ApiError::Invalid(_) => (S::UNPROCESSABLE_ENTITY, "validation", String::new()),
            ApiError::StorageFull => (
                S::SERVICE_UNAVAILABLE,
                "storage_full",
                "the server's disk is full, nothing was stored; try again later".to_owned(),
            ),
            ApiError::ViewsBuilding { percent } => (
                S::SERVICE_UNAVAILABLE,
                "views_building",
                format!("lists and statistics are being built anew, {percent} % are done; try again later"),
            ),
            ApiError::NothingCame => (
                S::REQUEST_TIMEOUT,
                "nothing_came",
                "no request that matches came in time; ask again, or from an earlier one on with \"after\""
                    .to_owned(),
            ),
            ApiError::BinsUnavailable(why) => (S::SERVICE_UNAVAILABLE, "bins_unavailable", (*why).to_owned()),
            ApiError::Unavailable => (
                S::SERVICE_UNAVAILABLE,
                "unavailable",
                "the server cannot do this at the moment; try again later".to_owned(),
            ),
            ApiError::Internal => (
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "the server failed; what happened is in its log".to_owned(),
            ),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, detail) = self.parts();
        let mut response = match &self {
            ApiError::Invalid(problems) => Answer::json(status, &ValidationOut { detail: problems }),
            _ => Answer::json(status, &ErrorOut { code, detail: &detail }),
        }
        .into_response();
        let extra: Option<(HeaderName, &'static str)> = match status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, RETRY_AFTER_SECONDS)),
            StatusCode::REQUEST_TIMEOUT if self == ApiError::BodyTimeout => {
                Some((header::CONNECTION, "close"))
            }
            _ => None,
        };
        if let Some((name, value)) = extra {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        match error {
            StoreError::Full => ApiError::StorageFull,
            StoreError::Stopped => ApiError::Unavailable,
            StoreError::ViewsBuilding { percent } => ApiError::ViewsBuilding { percent },
            StoreError::Change(change) => change.into(),
            other => {
                tracing::error!(error = &other as &dyn std::error::Error, "a request failed in the store");
                ApiError::Internal
            }
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> ApiError {
        match error {
            ChangeError::ApplicationUid(uid) => ApiError::Conflict(format!(
                "an application with the uid {:?} exists already; choose another or change that one",
                excerpt(&uid)
            )),
            ChangeError::EndpointUid(uid) => ApiError::Conflict(format!(
                "an endpoint with the uid {:?} exists already in this application; choose another or change that one",
                excerpt(&uid)
            )),
            ChangeError::Missing => ApiError::NotFound("it was deleted meanwhile".to_owned()),
            ChangeError::TooManyEndpoints(max) => {
                ApiError::Conflict(format!("an application has at most {max} endpoints; delete one first"))
            }
        }
    }
}

/// Returns at most [`EXCERPT_CHARACTERS_MAX`] characters of what a client sent.
pub(crate) fn excerpt(text: &str) -> &str {
    text.char_indices().nth(EXCERPT_CHARACTERS_MAX).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_503_says_when_to_come_back() {
        for error in [StoreError::Full, StoreError::Stopped, StoreError::ViewsBuilding { percent: 5 }] {
            let response = ApiError::from(error).into_response();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()[header::RETRY_AFTER], "5");
        }
    }

    /// One of each variant. Whoever adds one is sent here by the compiler, and to docs/api.md by the test below.
    fn every_error() -> Vec<ApiError> {
        use ApiError as E;
        let all = vec![
            E::Authentication(""),
            E::Forbidden(""),
            E::NotFound(String::new()),
            E::MethodNotAllowed,
            E::BodyTimeout,
            E::BodyCutOff,
            E::PayloadGone,
            E::Conflict(String::new()),
            E::BodyTooLarge { bytes_max: 0 },
            E::InvalidJson { line: 1, column: 1 },
            E::Invalid(Vec::new()),
            E::StorageFull,
            E::ViewsBuilding { percent: 0 },
            E::NothingCame,
            E::BinsUnavailable(""),
            E::Unavailable,
            E::Internal,
        ];
        for error in &all {
            match error {
                E::Authentication(_) | E::Forbidden(_) | E::NotFound(_) | E::MethodNotAllowed => {}
                E::BodyTimeout | E::BodyCutOff | E::PayloadGone => {}
                E::Conflict(_) | E::BodyTooLarge { .. } => {}
                E::InvalidJson { .. } | E::Invalid(_) | E::StorageFull | E::Unavailable => {}
                E::ViewsBuilding { .. } | E::NothingCame | E::BinsUnavailable(_) | E::Internal => {}
            }
        }
        all
    }

    #[test]
    fn the_api_guide_lists_every_status_and_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
        let guide = std::fs::read_to_string(path).unwrap();
        let errors = guide.split("\n## Errors\n").nth(1).unwrap().split("\n## ").next().unwrap();
        let start = |line: &str| line.splitn(4, '|').take(3).collect::<Vec<_>>().join("|");
        let has_status = |line: &&str| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit();
        let mut listed: Vec<String> = errors.lines().filter(has_status).map(start).collect();
        let row = |error: &ApiError| match (error, error.parts()) {
            (ApiError::Invalid(_), (status, ..)) => format!("| {} | – ", status.as_u16()),
            (_, (status, code, _)) => format!("| {} | `{code}` ", status.as_u16()),
        };
        let mut made: Vec<String> = every_error().iter().map(row).collect();
        listed.sort();
        made.sort();
        assert_eq!(listed, made, "the table under Errors in docs/api.md is not what this file has");
    }

    #[test]
    fn a_long_text_is_repeated_in_part() {
        let ApiError::NotFound(detail) = ApiError::not_found("application", &"ș".repeat(5_000)) else {
            panic!("another error");
        };
        assert!(detail.chars().count() < 160, "{detail}");
    }
}
