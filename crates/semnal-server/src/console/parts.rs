//! Small things that many pages show: a state, a point in time, a bar for each hour. Pure; the macros of `ui.html` draw
//! them.

use std::time::Duration;

use semnal_core::endpoint::{DisabledReason, EndpointState};
use semnal_core::time::UnixMillis;

use super::language::Texts;

/// Which of the four colours a state has; never without its word and icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Wait,
    Bad,
    Off,
}

impl Tone {
    /// Returns the class.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Wait => "wait",
            Tone::Bad => "bad",
            Tone::Off => "off",
        }
    }
}

/// A state as word, icon and colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Badge {
    pub(crate) tone: Tone,
    pub(crate) icon: &'static str,
    pub(crate) word: String,
}

impl Badge {
    /// Returns the state of a webhook; `failing_since` is when it began to do nothing but fail.
    pub(crate) fn of_webhook(state: EndpointState, failing_since: Option<&When>, texts: &Texts) -> Badge {
        match (state, failing_since) {
            (EndpointState::Active, None) => {
                Badge { tone: Tone::Good, icon: "check", word: texts.t("state-active") }
            }
            (EndpointState::Active, Some(since)) => {
                let word = texts.s("state-failing-since", "time", &since.clock);
                Badge { tone: Tone::Bad, icon: "alert", word }
            }
            (EndpointState::Paused, _) => {
                Badge { tone: Tone::Wait, icon: "pause", word: texts.t("state-paused") }
            }
            (EndpointState::Disabled(reason), _) => {
                let word = match reason {
                    DisabledReason::Requested => texts.t("state-disabled"),
                    DisabledReason::Gone => texts.t("state-disabled-gone"),
                    DisabledReason::Failing => texts.t("state-disabled-failing"),
                };
                Badge { tone: Tone::Off, icon: "off", word }
            }
        }
    }
}

/// A point in time for `ui::time`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct When {
    /// For `datetime`, and for the script.
    pub(crate) iso: String,
    /// `2026-01-31 12:00:05 UTC`.
    pub(crate) exact: String,
    /// `14:02` on the same day (UTC), else `31.01. 14:02`.
    pub(crate) clock: String,
    /// `3 minutes ago`.
    pub(crate) words: String,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

impl When {
    pub(crate) fn new(at: UnixMillis, now: UnixMillis, texts: &Texts) -> When {
        let iso = at.to_rfc3339();
        let exact = format!("{} {} UTC", &iso[..10], &iso[11..19]);
        let today = now.to_rfc3339()[..10] == iso[..10];
        let clock = if today {
            iso[11..16].to_owned()
        } else {
            format!("{}.{}. {}", &iso[8..10], &iso[5..7], &iso[11..16])
        };
        let words = if at > now { ahead(at.since(now), texts) } else { ago(now.since(at), texts) };
        When { iso, exact, clock, words }
    }
}

fn ago(length: Duration, texts: &Texts) -> String {
    match length.as_secs() {
        0..5 => texts.t("time-now"),
        it @ 5..MINUTE => texts.n("time-seconds-ago", it),
        it @ MINUTE..HOUR => texts.n("time-minutes-ago", it / MINUTE),
        it @ HOUR..DAY => texts.n("time-hours-ago", it / HOUR),
        it => texts.n("time-days-ago", it / DAY),
    }
}

fn ahead(length: Duration, texts: &Texts) -> String {
    match length.as_secs() {
        it @ 0..MINUTE => texts.n("time-seconds-ahead", it),
        it @ MINUTE..HOUR => texts.n("time-minutes-ahead", it / MINUTE),
        it @ HOUR..DAY => texts.n("time-hours-ahead", it / HOUR),
        it => texts.n("time-days-ahead", it / DAY),
    }
}

/// 24 bars, one an hour, oldest first, for `ui::sparkline`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sparkline {
    pub(crate) bars: Vec<Bar>,
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

/// One bar: successes below, failures on top, in the units of a picture of 96 × 24.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) x: u64,
    pub(crate) good_y: u64,
    pub(crate) good_height: u64,
    pub(crate) bad_y: u64,
    pub(crate) bad_height: u64,
}

/// 24 units is the height of the picture.
const HEIGHT: u64 = 24;
/// 4 units from bar to bar.
const STEP: u64 = 4;

impl Sparkline {
    /// Draws pairs of successes and failures. What is not nothing is at least 2 units high.
    pub(crate) fn new(counts: &[(u64, u64)]) -> Sparkline {
        let most = counts.iter().map(|(good, bad)| good + bad).max().unwrap_or(0).max(1);
        let height = |count: u64| if count == 0 { 0 } else { (count * HEIGHT / most).clamp(2, HEIGHT) };
        let bar = |(x, (good, bad)): (u64, &(u64, u64))| {
            let bad_height = height(*bad);
            let good_height = height(*good).min(HEIGHT - bad_height);
            let good_y = HEIGHT - good_height;
            Bar { x: x * STEP, good_y, good_height, bad_y: good_y - bad_height, bad_height }
        };
        Sparkline {
            bars: (0..).zip(counts).map(bar).collect(),
            good: counts.iter().map(|it| it.0).sum(),
            bad: counts.iter().map(|it| it.1).sum(),
        }
    }

    /// Returns how many there were.
    pub(crate) fn total(&self) -> u64 {
        self.good + self.bad
    }

    /// Returns the whole percents that succeeded, rounded down, so that 100 means all; `None` when there were none.
    pub(crate) fn success_percent(&self) -> Option<u64> {
        (self.good * 100).checked_div(self.total())
    }
}

/// A URL that shows its host first and is cut in the middle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownUrl {
    pub(crate) whole: String,
    pub(crate) host: String,
    pub(crate) rest: String,
}

/// 36 characters of what follows the host are shown.
const REST_CHARACTERS_MAX: usize = 36;

impl ShownUrl {
    pub(crate) fn new(whole: &str) -> ShownUrl {
        let after = whole.split_once("://").map_or(whole, |(_, rest)| rest);
        let (host, rest) = after.find(['/', '?']).map_or((after, ""), |at| after.split_at(at));
        let characters: Vec<char> = rest.chars().collect();
        let rest = if characters.len() <= REST_CHARACTERS_MAX {
            rest.to_owned()
        } else {
            let half = REST_CHARACTERS_MAX / 2;
            let (start, end) = (&characters[..half], &characters[characters.len() - half + 1..]);
            start.iter().chain(&['…']).chain(end).collect()
        };
        ShownUrl { whole: whole.to_owned(), host: host.to_owned(), rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::language::Texts;

    #[test]
    fn a_bar_never_leaves_the_picture_and_a_single_failure_is_seen() {
        let line = Sparkline::new(&[(1_000_000, 1), (0, 0), (0, 3), (1, 0)]);
        for bar in &line.bars {
            assert!(bar.bad_y + bar.bad_height + bar.good_height == HEIGHT, "{bar:?}");
        }
        assert_eq!(line.bars[0].bad_height, 2);
        assert_eq!((line.bars[1].good_height, line.bars[1].bad_height), (0, 0));
        assert_eq!(line.success_percent(), Some(99), "4 of 1,000,005 failed: that is not 100 %");
        assert_eq!(Sparkline::new(&[(0, 0)]).success_percent(), None);
    }

    #[test]
    fn a_long_url_keeps_its_host_and_both_ends() {
        let url = ShownUrl::new(&format!("https://example.com/first/{}/last", "x".repeat(90)));
        assert_eq!(url.host, "example.com");
        assert!(url.rest.starts_with("/first/") && url.rest.ends_with("/last") && url.rest.contains('…'));
        assert_eq!(url.rest.chars().count(), REST_CHARACTERS_MAX);
        assert_eq!(ShownUrl::new("https://example.com?a=b").rest, "?a=b");
    }

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        let [english, romanian] = Texts::all();
        let now = UnixMillis(1_700_000_000_000);
        let check = |seconds: i64, expected: [&str; 2]| {
            let at = UnixMillis(now.0 - seconds * 1_000);
            let words = [&english, &romanian].map(|texts| When::new(at, now, texts).words);
            assert_eq!(words, expected.map(str::to_owned));
        };
        check(1, ["just now", "chiar acum"]);
        check(60, ["1 minute ago", "acum un minut"]);
        check(7_200, ["2 hours ago", "acum 2 ore"]);
        check(86_400 * 21, ["21 days ago", "acum 21 de zile"]);
        check(-300, ["in 5 minutes", "peste 5 minute"]);
        assert_eq!(When::new(now, now, &english).exact, "2023-11-14 22:13:20 UTC");
        assert_eq!(When::new(now, now, &english).clock, "22:13");
        assert_eq!(When::new(UnixMillis(now.0 - 86_400_000), now, &english).clock, "13.11. 22:13");
    }
}
