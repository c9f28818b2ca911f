//! Lists: `{data, iterator, prevIterator, done}`. An iterator is opaque to clients: direction and a position.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::error::{ApiError, Problem};

/// 250 entries a page at most (Svix API).
pub(crate) const LIMIT_MAX: usize = 250;
const LIMIT_DEFAULT: usize = 50;

/// One page.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    pub(crate) iterator: Option<String>,
    pub(crate) prev_iterator: Option<String>,
    pub(crate) done: bool,
}

/// Where a page starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    Start,
    After(String),
    Before(String),
}

/// Reads `limit`.
pub(crate) fn limit(given: Option<&str>) -> Result<usize, ApiError> {
    let Some(text) = given else { return Ok(LIMIT_DEFAULT) };
    match text.parse() {
        Ok(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        _ => {
            Err(ApiError::invalid(Problem::query("limit", format!("must be a number from 1 to {LIMIT_MAX}"))))
        }
    }
}

/// Reads `iterator`.
pub(crate) fn from(given: Option<&str>) -> Result<From, ApiError> {
    let Some(text) = given.filter(|t| !t.is_empty()) else { return Ok(From::Start) };
    let wrong = || ApiError::invalid(Problem::query("iterator", "is not one that this server gave out"));
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    match text.split_at_checked(1) {
        Some(("a", position)) => Ok(From::After(position.to_owned())),
        Some(("b", position)) => Ok(From::Before(position.to_owned())),
        _ => Err(wrong()),
    }
}

/// Writes the iterator of what follows `position`.
pub(crate) fn after(position: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("a{position}"))
}

/// Writes the iterator of what comes before `position`.
pub(crate) fn before(position: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("b{position}"))
}

/// Cuts a page out of everything that is listed, which is in the order of the list; `position` names an entry.
pub(crate) fn cut<I, T>(
    all: &[I],
    from: &From,
    limit: usize,
    position: impl Fn(&I) -> String,
    show: impl Fn(&I) -> T,
) -> Page<T> {
    let find = |wanted: &str| all.iter().position(|entry| position(entry) == wanted);
    let (start, end) = match from {
        From::Start => (0, limit.min(all.len())),
        From::After(wanted) => {
            let start = find(wanted).map_or(all.len(), |at| at + 1);
            (start, (start + limit).min(all.len()))
        }
        From::Before(wanted) => {
            let end = find(wanted).unwrap_or(0);
            (end.saturating_sub(limit), end)
        }
    };
    let entries = &all[start..end];
    let done = match from {
        From::Before(_) => start == 0,
        _ => end == all.len(),
    };
    Page {
        data: entries.iter().map(&show).collect(),
        iterator: entries.last().map(|entry| after(&position(entry))),
        prev_iterator: entries.first().map(|entry| before(&position(entry))),
        done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_walked_both_ways() {
        let all: Vec<u32> = (0..10).collect();
        let page = |from: &From| cut(&all, from, 4, u32::to_string, |n| *n);
        let first = page(&From::Start);
        assert_eq!((first.data, first.done), (vec![0, 1, 2, 3], false));
        let second = page(&from(first.iterator.as_deref()).unwrap());
        let third = page(&from(second.iterator.as_deref()).unwrap());
        assert_eq!((third.data, third.done), (vec![8, 9], true));
        let back = page(&from(third.prev_iterator.as_deref()).unwrap());
        assert_eq!((back.data, back.done), (second.data, false));
    }

    #[test]
    fn a_foreign_iterator_is_refused() {
        assert!(from(Some("???")).is_err());
        assert!(from(Some("eHl6")).is_err());
        assert!(limit(Some("251")).is_err());
    }
}
