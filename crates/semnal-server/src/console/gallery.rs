//! `/components`: every macro of `ui.html` on one page, in development mode only, for those who build pages and for the
//! browser tests.

use std::time::Duration;

use askama::Template;
use axum::response::Response;

use super::form::FieldErrors;
use super::page::{Page, Signed};
use super::parts::{Badge, Sparkline, Tone, When};
use super::problem::Problem;

/// The page.
#[derive(Template)]
#[template(path = "gallery.html")]
struct GalleryView {
    page: Page,
    badges: Vec<Badge>,
    line: Sparkline,
    then: When,
    soon: When,
    errors: FieldErrors,
}

/// `GET /components`
pub(super) async fn show(signed: Signed) -> Result<Response, Problem> {
    let page = signed.page;
    let badge = |tone, icon, word: String| Badge { tone, icon, word };
    let badges = vec![
        badge(Tone::Good, "check", page.t("state-active")),
        badge(Tone::Wait, "pause", page.t("state-paused")),
        badge(Tone::Bad, "alert", page.s("state-failing-since", "time", "14:02")),
        badge(Tone::Off, "off", page.t("state-disabled-gone")),
    ];
    let counts: Vec<(u64, u64)> = (0..24).map(|n| ((n * 7) % 13, u64::from(n % 6 == 0) * 3)).collect();
    let mut errors = FieldErrors::default();
    errors.add("password", page.n("welcome-password-short", 12u64));
    let view = GalleryView {
        badges,
        line: Sparkline::new(&counts),
        then: page.when(page.now - Duration::from_secs(3 * 3_600)),
        soon: page.when(page.now + Duration::from_secs(271)),
        errors,
        page: page.clone(),
    };
    page.html(&view)
}
