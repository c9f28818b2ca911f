//! What can go wrong with a page, in the words of the person who sees it.

use std::time::Duration;

use http::StatusCode;
use semnal_store::error::StoreError;

use super::language::{Texts, Value};
use crate::api::ApiError;

/// Why there is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Nobody is logged in: the login page comes instead.
    LoginNeeded,
    /// There is nothing here, or it belongs to somebody else.
    NotFound,
    /// The viewer may not do this.
    Forbidden,
    /// The form is not one of ours, or of an earlier login.
    ForeignForm,
    /// The form is too long or cannot be read.
    UnreadableForm,
    /// Too many logins failed.
    TooManyLogins(Duration),
    /// The link that sets a password was used, or is too old.
    LinkUsed,
    /// Passwords do not go over this connection.
    OpenConnection,
    /// The lists are being built.
    ListsBuilding,
    /// As many pages as may listen for news do.
    TooManyStreams,
    /// The disk is full: nothing was changed.
    DiskFull,
    /// Something of ours.
    Failed,
}

impl Problem {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Problem::LoginNeeded => StatusCode::UNAUTHORIZED,
            Problem::NotFound => StatusCode::NOT_FOUND,
            Problem::Forbidden | Problem::ForeignForm | Problem::OpenConnection => StatusCode::FORBIDDEN,
            Problem::UnreadableForm => StatusCode::BAD_REQUEST,
            Problem::TooManyLogins(_) => StatusCode::TOO_MANY_REQUESTS,
            Problem::LinkUsed => StatusCode::GONE,
            Problem::ListsBuilding | Problem::TooManyStreams | Problem::DiskFull => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Problem::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns a heading, and a sentence that says what to do.
    pub(super) fn words(self, texts: &Texts) -> (String, String) {
        match self {
            Problem::LoginNeeded => (texts.t("problem-login"), texts.t("problem-login-do")),
            Problem::NotFound => (texts.t("problem-not-found"), texts.t("problem-not-found-do")),
            Problem::Forbidden => (texts.t("problem-forbidden"), texts.t("problem-forbidden-do")),
            Problem::ForeignForm => (texts.t("problem-form"), texts.t("problem-form-do")),
            Problem::UnreadableForm => (texts.t("problem-unreadable"), texts.t("problem-unreadable-do")),
            Problem::TooManyLogins(wait) => {
                let minutes = wait.as_secs().div_ceil(60).max(1);
                let values = [("count", Value::Number(minutes))];
                (texts.t("problem-logins"), texts.put_together("problem-logins-do", &values))
            }
            Problem::LinkUsed => (texts.t("problem-link"), texts.t("problem-link-do")),
            Problem::OpenConnection => (texts.t("problem-open"), texts.t("problem-open-do")),
            Problem::ListsBuilding => (texts.t("problem-building"), texts.t("problem-building-do")),
            Problem::TooManyStreams => (texts.t("problem-streams"), texts.t("problem-streams-do")),
            Problem::DiskFull => (texts.t("problem-full"), texts.t("problem-full-do")),
            Problem::Failed => (texts.t("problem-failed"), texts.t("problem-failed-do")),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        match error {
            StoreError::Full => Problem::DiskFull,
            StoreError::ViewsBuilding { .. } => Problem::ListsBuilding,
            other => {
                tracing::error!(error = &other as &dyn std::error::Error, "a page could not be made");
                Problem::Failed
            }
        }
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Problem {
        match error {
            ApiError::NotFound(_) => Problem::NotFound,
            ApiError::Forbidden(_) | ApiError::Authentication(_) => Problem::Forbidden,
            ApiError::Unavailable => Problem::DiskFull,
            _ => Problem::Failed,
        }
    }
}
