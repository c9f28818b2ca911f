//! What somebody has seen of each bin: the number of the newest request that a page showed. It is kept in a cookie of the
//! browser, which loses nothing but marks when it goes.

use std::collections::BTreeMap;
use std::time::Duration;

use semnal_core::request_bin::Tally;

use crate::console::page::Page;

/// The cookie.
pub(in crate::console) const COOKIE: &str = "semnal_bins";
/// 30 days after the last look at a bin.
pub(super) const LIFE: Duration = Duration::from_secs(30 * 24 * 3_600);
/// 8 characters of an id tell bins of an organisation apart; 100 of them fit into a cookie (4 KiB).
const ID_CHARACTERS: usize = 8;
/// 120 bins are remembered.
const BINS_MAX: usize = 120;

/// The newest request that was seen of each bin.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Seen(BTreeMap<String, u32>);

impl Seen {
    /// Reads what the browser of a page has seen.
    pub(super) fn of(page: &Page) -> Seen {
        page.bins_seen.as_deref().map(Seen::read).unwrap_or_default()
    }

    fn read(cookie: &str) -> Seen {
        let pair = |part: &str| {
            let (id, number) = part.split_once('-')?;
            let id = Some(id.to_owned())
                .filter(|id| id.len() == ID_CHARACTERS && id.bytes().all(|b| b.is_ascii_alphanumeric()))?;
            Some((id, number.parse().ok()?))
        };
        Seen(cookie.split('.').take(BINS_MAX).filter_map(pair).collect())
    }

    /// Writes it for the cookie.
    pub(super) fn write(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(id, number)| format!("{id}-{number}")).collect();
        pairs.join(".")
    }

    /// Notes a request of a bin, and forgets bins that are not known any more.
    pub(super) fn and(mut self, id: &str, last: u32, known: &[String]) -> Seen {
        let (key, known): (_, Vec<String>) = (key(id), known.iter().map(|it| key(it)).collect());
        self.0.retain(|id, _| known.contains(id));
        let before = self.0.entry(key).or_default();
        *before = last.max(*before);
        self
    }

    /// Returns the number of the newest request that was seen of a bin.
    pub(super) fn last(&self, id: &str) -> u32 {
        self.0.get(&key(id)).copied().unwrap_or(0)
    }

    /// Returns how many requests of a bin were not seen and are still there.
    pub(super) fn unread(&self, id: &str, tally: &Tally) -> u64 {
        u64::from(tally.last_number.saturating_sub(self.last(id))).min(tally.requests)
    }
}

fn key(id: &str) -> String {
    id.rsplit('_').next().unwrap_or(id).chars().rev().take(ID_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_survives_its_cookie_and_bins_that_are_gone_are_forgotten() {
        let (first, second) =
            ("bin_aaaaaaaaaaaaaaaaaaa11111111".to_owned(), "bin_aaaaaaaaaaaaaaaaaaa22222222".to_owned());
        let seen = Seen::default().and(&first, 7, std::slice::from_ref(&first)).and(
            &second,
            9,
            &[first.clone(), second.clone()],
        );
        let seen = Seen::read(&seen.write());
        assert_eq!((seen.last(&first), seen.last(&second)), (7, 9));
        let tally = Tally { last_number: 12, requests: 2, ..Tally::default() };
        assert_eq!(
            (seen.unread(&first, &tally), seen.unread(&second, &tally)),
            (2, 2),
            "the oldest have gone"
        );
        let seen = seen.and(&second, 3, std::slice::from_ref(&second));
        assert_eq!((seen.last(&first), seen.last(&second)), (0, 9));
        assert_eq!(Seen::read("x-1.longer-than-8-2..aaaaaaaa-x.../;"), Seen::default());
    }
}
