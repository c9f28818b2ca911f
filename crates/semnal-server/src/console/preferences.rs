//! `POST /preferences`: language, theme, application, keys and times, each in a cookie of its own, so that the server knows
//! them before it writes a page.

use std::time::Duration;

use axum::response::{IntoResponse, Redirect, Response};
use http::header;

use super::form::Form;
use super::language::Language;
use super::page::Page;
use super::problem::Problem;

/// `en` or `ro`; without it the browser's wish counts.
pub(super) const LANGUAGE_COOKIE: &str = "semnal_language";
/// `light` or `dark`; without it the system's wish counts.
pub(super) const THEME_COOKIE: &str = "semnal_theme";
/// The id of the application whose pages are shown.
pub(super) const APPLICATION_COOKIE: &str = "semnal_application";
/// `off` when keys on the keyboard do nothing.
pub(super) const SHORTCUTS_COOKIE: &str = "semnal_shortcuts";
/// `utc` when times are written out, in UTC; else they say how long ago, and exactly in the browser's zone.
pub(super) const TIMES_COOKIE: &str = "semnal_times";
/// 400 days: browsers keep no cookie longer.
const LIFE: Duration = Duration::from_secs(400 * 86_400);

/// The colours of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    /// As the system wishes.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(super) fn parse(text: &str) -> Theme {
        match text {
            "light" => Theme::Light,
            "dark" => Theme::Dark,
            _ => Theme::System,
        }
    }

    /// Returns the word for the cookie and for `data-theme`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

/// Keeps what was chosen and goes back to the page where it was.
pub(super) async fn submit(page: Page, form: Form) -> Result<Response, Problem> {
    let mut response = Redirect::to(back(form.get("back"))).into_response();
    let mut keep = |name: &str, value: &str| {
        response.headers_mut().append(header::SET_COOKIE, page.channel.write(name, value, Some(LIFE)));
    };
    if let Some(language) = Language::parse(form.get("language")) {
        keep(LANGUAGE_COOKIE, language.code());
    }
    if !form.get("theme").is_empty() {
        keep(THEME_COOKIE, Theme::parse(form.get("theme")).word());
    }
    if matches!(form.get("shortcuts"), "on" | "off") {
        keep(SHORTCUTS_COOKIE, form.get("shortcuts"));
    }
    if matches!(form.get("times"), "relative" | "utc") {
        keep(TIMES_COOKIE, form.get("times"));
    }
    let application = form.get("application");
    let seen = page.applications().into_iter().any(|it| it.id == application);
    if seen {
        keep(APPLICATION_COOKIE, application);
    }
    Ok(response)
}

/// Returns a path of ours to go back to, the start when the text is none.
pub(super) fn back(path: &str) -> &str {
    let ours = path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n']);
    if ours { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_never_leads_elsewhere() {
        let check = |path, expected| assert_eq!(back(path), expected, "{path:?}");
        check("/webhooks?app=x", "/webhooks?app=x");
        for path in ["", "webhooks", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb"] {
            check(path, "/");
        }
    }
}
