//! Lengths of time and schedules as a person says them. Pure.

use std::time::Duration;

use semnal_core::retry::{RetrySchedule, format_duration};

use crate::console::language::{Texts, Value};

/// 6 waits are named; the others are "…".
const WAITS_SHOWN: usize = 6;
const DAY: u64 = 86_400;

/// Returns a schedule in words: "16 attempts over 9 days: at once, after 5 s, 5 min, …".
pub(super) fn schedule_in_words(schedule: &RetrySchedule, texts: &Texts) -> String {
    let waits = schedule.to_texts();
    if waits.is_empty() {
        return texts.t("schedule-once");
    }
    let step = |step: usize| schedule.wait_after(u16::try_from(step).unwrap_or(u16::MAX), 0.5);
    let total: Duration = (0..waits.len()).filter_map(step).sum();
    let mut shown: Vec<String> = waits.iter().take(WAITS_SHOWN).map(|it| spaced(it)).collect();
    if waits.len() > WAITS_SHOWN {
        shown.push("…".to_owned());
    }
    let values = [
        ("count", Value::Number(u64::try_from(schedule.attempts()).unwrap_or(u64::MAX))),
        ("length", Value::Text(length(total, texts))),
        ("waits", Value::Text(shown.join(", "))),
    ];
    texts.put_together("schedule-words", &values)
}

/// Returns a length in its largest whole unit.
pub(super) fn length(it: Duration, texts: &Texts) -> String {
    match it.as_secs() {
        days @ DAY.. => texts.n("length-days", days / DAY),
        hours @ 3_600.. => texts.n("length-hours", hours / 3_600),
        minutes @ 60.. => texts.n("length-minutes", minutes / 60),
        1.. => texts.n("length-seconds", it.as_secs()),
        0 => spaced(&format_duration(it)),
    }
}

/// `5m` becomes `5 min`.
fn spaced(text: &str) -> String {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    format!("{digits} {}", if unit == "m" { "min" } else { unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_said_in_both_languages() {
        let [english, romanian] = Texts::all();
        let words = |text: &str| {
            let schedule = RetrySchedule::parse(text).unwrap();
            [&english, &romanian].map(|texts| schedule_in_words(&schedule, texts))
        };
        let [en, ro] = words(&RetrySchedule::default().to_text());
        assert_eq!(en, "16 attempts over 9 days: at once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, …");
        assert_eq!(ro, "16 încercări în 9 zile: imediat, apoi după 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, …");
        assert_eq!(words("")[0], "One attempt, none after it");
        assert_eq!(words("5ms")[0], "2 attempts over 5 ms: at once, then after 5 ms");
        assert_eq!(
            words(&vec!["1s"; 24].join(","))[1].split(':').next(),
            Some("25 de încercări în 24 de secunde")
        );
    }
}
