//! How many logins may fail, per user and per address, before the next one has to wait.
//!
//! In memory only: a restart forgets it, and a restart is not in an attacker's hands. The time is an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use semnal_core::time::UnixMillis;

/// 10 logins of one user may fail within the window.
const PER_USER_MAX: u32 = 10;
/// 30 logins from one address may fail within the window.
const PER_ADDRESS_MAX: u32 = 30;
/// 15 minutes from the first failure until its count begins anew.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// 10,000 counts are kept; beyond that the oldest go.
const COUNTS_MAX: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    User(String),
    Address(Option<IpAddr>),
}

#[derive(Debug, Clone, Copy)]
struct Count {
    since: UnixMillis,
    failures: u32,
}

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<Who, Count>>);

impl Attempts {
    /// Counts an attempt beforehand, so that many at once cannot slip through, and tells how long to wait when there
    /// were too many.
    pub(crate) fn begin(&self, name: &str, address: Option<IpAddr>, now: UnixMillis) -> Result<(), Duration> {
        let mut counts = self.0.lock();
        let who = [(user(name), PER_USER_MAX), (Who::Address(address), PER_ADDRESS_MAX)];
        for (who, max) in &who {
            if let Some(count) = counts.get(who)
                && now.since(count.since) < WINDOW
                && count.failures >= *max
            {
                return Err(WINDOW - now.since(count.since));
            }
        }
        if counts.len() + 2 > COUNTS_MAX {
            counts.retain(|_, it| now.since(it.since) < WINDOW);
        }
        if counts.len() + 2 > COUNTS_MAX {
            let mut times: Vec<UnixMillis> = counts.values().map(|it| it.since).collect();
            times.sort_unstable();
            let middle = times[times.len() / 2];
            counts.retain(|_, it| it.since > middle);
        }
        for (who, _) in who {
            let count = counts.entry(who).or_insert(Count { since: now, failures: 0 });
            if now.since(count.since) >= WINDOW {
                *count = Count { since: now, failures: 0 };
            }
            count.failures += 1;
        }
        Ok(())
    }

    /// Takes back what [`Attempts::begin`] counted, when the login was right.
    pub(crate) fn succeeded(&self, name: &str, address: Option<IpAddr>) {
        let mut counts = self.0.lock();
        counts.remove(&user(name));
        if let Some(count) = counts.get_mut(&Who::Address(address)) {
            count.failures = count.failures.saturating_sub(1);
        }
    }
}

fn user(name: &str) -> Who {
    Who::User(name.chars().take(256).collect::<String>().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn a_user_waits_after_ten_failures_until_the_window_ends() {
        let attempts = Attempts::default();
        for n in 0..10 {
            attempts.begin("Ana", address(n), NOW).unwrap();
        }
        assert_eq!(attempts.begin("ana", address(99), NOW), Err(WINDOW));
        attempts.begin("bo", address(0), NOW).unwrap();
        attempts.begin("ana", address(0), NOW + WINDOW).unwrap();
    }

    #[test]
    fn an_address_waits_after_thirty_failures_whoever_they_were_for() {
        let attempts = Attempts::default();
        for n in 0..30 {
            attempts.begin(&format!("user {n}"), address(1), NOW).unwrap();
        }
        assert!(attempts.begin("somebody else", address(1), NOW).is_err());
        attempts.begin("somebody else", address(2), NOW).unwrap();
    }

    #[test]
    fn a_right_login_is_not_a_failure() {
        let attempts = Attempts::default();
        for _ in 0..100 {
            attempts.begin("ana", address(1), NOW).unwrap();
            attempts.succeeded("Ana", address(1));
        }
    }

    #[test]
    fn the_counts_are_bounded() {
        let attempts = Attempts::default();
        for n in 0..20_000u32 {
            let from = Some(IpAddr::from(n.to_be_bytes()));
            attempts.begin(&n.to_string(), from, NOW + Duration::from_millis(u64::from(n))).unwrap();
        }
        assert!(attempts.0.lock().len() <= COUNTS_MAX);
    }
}
