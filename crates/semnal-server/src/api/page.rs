//! Pages of lists: `{data, iterator, prevIterator, done}`, and the iterators between them.
//!
//! An iterator is opaque to clients: base64url of the list's letter, the direction and the key of the item at the
//! page's edge. Items that come or go between two pages move nothing: a page begins beyond a key, not at a number.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use semnal_core::id::{ApplicationId, AttemptId, DeliveryId, EndpointId, Key, MessageId};
use semnal_core::time::UnixMillis;
use semnal_store::views::filter::{AttemptKey, Direction, Found, Slice};
use serde::Serialize;

/// 50 items unless told otherwise (Svix API).
pub(crate) const LIMIT_DEFAULT: usize = 50;
/// 250 items at most (Svix API).
pub(crate) const LIMIT_MAX: usize = 250;

/// A page as it is answered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    pub data: Vec<T>,
    /// Where the next page begins.
    pub iterator: Option<String>,
    /// Where the previous page ends; null when this is the first.
    pub prev_iterator: Option<String>,
    /// Whether nothing follows.
    pub done: bool,
}

impl<T> Page<T> {
    /// Returns the same page with each item turned into something else.
    pub(crate) fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        let Page { data, iterator, prev_iterator, done } = self;
        Page { data: data.into_iter().map(change).collect(), iterator, prev_iterator, done }
    }
}

/// The order of a list, as the query names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cursor<K> {
    /// At the start of the list.
    Start,
    /// Beyond this key.
    After(K),
    /// Before this key: the page that ends there, in the same order.
    Before(K),
}

/// What a list is sorted by.
pub(crate) trait CursorKey: Ord + Clone {
    /// Keeps iterators of different lists apart.
    const LIST: u8;
    fn to_bytes(&self) -> Vec<u8>;
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

const AFTER: u8 = b'>';
const BEFORE: u8 = b'<';

impl<K: CursorKey> Cursor<K> {
    /// Returns the text that a client gives back.
    pub(crate) fn encode(&self) -> Option<String> {
        let (direction, key) = match self {
            Cursor::Start => return None,
            Cursor::After(key) => (AFTER, key),
            Cursor::Before(key) => (BEFORE, key),
        };
        let mut bytes = vec![K::LIST, direction];
        bytes.extend(key.to_bytes());
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads what [`Cursor::encode`] wrote for the same list.
    pub(crate) fn decode(text: &str) -> Option<Cursor<K>> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (list, rest) = bytes.split_first()?;
        let (direction, key) = rest.split_first()?;
        let key = K::from_bytes(key)?;
        match (*list, *direction) {
            (list, AFTER) if list == K::LIST => Some(Cursor::After(key)),
            (list, BEFORE) if list == K::LIST => Some(Cursor::Before(key)),
            _ => None,
        }
    }
}

/// What a list of the views is sorted by: a page that was found empty needs a place just before an item.
pub(crate) trait ListedKey: CursorKey + Copy {
    /// Returns a key that stands right below this one.
    fn just_below(self) -> Self;
}

/// Returns the part of a list, newest first, that a page shows.
pub(crate) fn slice<K: ListedKey>(cursor: &Cursor<K>, limit: usize) -> Slice<K> {
    match cursor {
        Cursor::Start => Slice { from: None, direction: Direction::Older, limit },
        Cursor::After(edge) => Slice { from: Some(*edge), direction: Direction::Older, limit },
        Cursor::Before(edge) => Slice { from: Some(*edge), direction: Direction::Newer, limit },
    }
}

/// Makes a page, newest first, of what was found for its [`slice()`].
pub(crate) fn listed<T, K: ListedKey>(
    found: Found<T, K>,
    key: impl Fn(&T) -> K,
    cursor: &Cursor<K>,
) -> Page<T> {
    let Found { mut items, more_after } = found;
    if let Cursor::Before(_) = cursor {
        items.reverse();
        // What a previous page ends at follows it.
        let done = items.is_empty() && more_after.is_none();
        let mut page = edges(items, key, false, done, cursor);
        page.prev_iterator = more_after.and_then(|reached| Cursor::Before(reached).encode());
        return page;
    }
    let mut page = edges(items, key, *cursor != Cursor::Start, more_after.is_none(), cursor);
    if let Some(reached) = more_after {
        // A search that ended at its limit goes on where it ended, not at the last item that it found.
        page.iterator = Cursor::After(reached).encode();
    }
    if let (true, Cursor::After(edge)) = (page.data.is_empty(), cursor) {
        page.prev_iterator = Cursor::Before(edge.just_below()).encode();
    }
    page
}

/// Cuts one page out of a list that is in memory. `items` are ascending by `key`, without duplicates.
pub(crate) fn cut<T, K: CursorKey>(
    mut items: Vec<T>,
    key: impl Fn(&T) -> K,
    order: Order,
    cursor: &Cursor<K>,
    limit: usize,
) -> Page<T> {
    if order == Order::Descending {
        items.reverse();
    }
    // Whether an item stands before a key in this order.
    let before = |item: &T, edge: &K| match order {
        Order::Ascending => key(item) < *edge,
        Order::Descending => key(item) > *edge,
    };
    let start = match cursor {
        Cursor::Start => 0,
        Cursor::After(edge) => items.partition_point(|item| before(item, edge) || key(item) == *edge),
        Cursor::Before(edge) => items.partition_point(|item| before(item, edge)).saturating_sub(limit),
    };
    let end = match cursor {
        Cursor::Before(edge) => items.partition_point(|item| before(item, edge)),
        _ => items.len().min(start + limit),
    };
    let done = end == items.len();
    items.truncate(end);
    let data: Vec<T> = items.drain(start..).collect();
    edges(data, key, start > 0, done, cursor)
}

/// Adds the iterators to a page. An empty page keeps the iterator that led to it, so that a client that asks again
/// later gets what has come since.
pub(crate) fn edges<T, K: CursorKey>(
    data: Vec<T>,
    key: impl Fn(&T) -> K,
    has_previous: bool,
    done: bool,
    cursor: &Cursor<K>,
) -> Page<T> {
    let iterator = match (data.last(), cursor) {
        (Some(last), _) => Cursor::After(key(last)).encode(),
        (None, Cursor::After(_)) => cursor.encode(),
        (None, _) => None,
    };
    let prev_iterator = data.first().filter(|_| has_previous).and_then(|it| Cursor::Before(key(it)).encode());
    Page { data, iterator, prev_iterator, done }
}

impl CursorKey for ApplicationId {
    const LIST: u8 = b'a';
    fn to_bytes(&self) -> Vec<u8> {
        self.0.0.to_be_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(ApplicationId(Key(i64::from_be_bytes(bytes.try_into().ok()?))))
    }
}

impl CursorKey for EndpointId {
    const LIST: u8 = b'e';
    fn to_bytes(&self) -> Vec<u8> {
        self.0.0.to_be_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(EndpointId(Key(i64::from_be_bytes(bytes.try_into().ok()?))))
    }
}

impl CursorKey for MessageId {
    const LIST: u8 = b'm';
    fn to_bytes(&self) -> Vec<u8> {
        self.0.0.to_be_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        // Beyond these a step to either side would not fit.
        let key = i64::from_be_bytes(bytes.try_into().ok()?);
        (0..i64::MAX).contains(&key).then_some(MessageId(Key(key)))
    }
}

impl ListedKey for MessageId {
    fn just_below(self) -> Self {
        MessageId(Key((self.0.0 - 1).max(0)))
    }
}

impl CursorKey for DeliveryId {
    const LIST: u8 = b'd';
    fn to_bytes(&self) -> Vec<u8> {
        [self.message.to_bytes(), self.ordinal.to_be_bytes().to_vec()].concat()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (message, ordinal) = bytes.split_at_checked(8)?;
        let ordinal = u16::from_be_bytes(ordinal.try_into().ok()?);
        Some(DeliveryId { message: MessageId::from_bytes(message)?, ordinal })
    }
}

impl ListedKey for DeliveryId {
    fn just_below(self) -> Self {
        match self.ordinal.checked_sub(1) {
            Some(ordinal) => DeliveryId { ordinal, ..self },
            None => DeliveryId { message: self.message.just_below(), ordinal: u16::MAX },
        }
    }
}

/// An endpoint's attempts.
impl CursorKey for AttemptKey {
    const LIST: u8 = b'x';
    fn to_bytes(&self) -> Vec<u8> {
        let number = self.id.number.to_be_bytes();
        [&self.started_at.0.to_be_bytes()[..], &self.id.delivery.to_bytes(), &number].concat()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (time, rest) = bytes.split_at_checked(8)?;
        let (delivery, number) = rest.split_at_checked(10)?;
        let delivery = DeliveryId::from_bytes(delivery)?;
        let started_at = i64::from_be_bytes(time.try_into().ok()?);
        let in_range = (0..=UnixMillis::MAX.0).contains(&started_at);
        let id = AttemptId { delivery, number: u16::from_be_bytes(number.try_into().ok()?) };
        in_range.then_some(AttemptKey { started_at: UnixMillis(started_at), id })
    }
}

impl ListedKey for AttemptKey {
    fn just_below(self) -> Self {
        // Numbers start at 1.
        AttemptKey { id: AttemptId { number: self.id.number.saturating_sub(1), ..self.id }, ..self }
    }
}

/// Event types are sorted by name.
impl CursorKey for String {
    const LIST: u8 = b't';
    fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        String::from_utf8(bytes.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: i64) -> EndpointId {
        EndpointId(Key(n))
    }

    fn page(order: Order, iterator: Option<&str>, limit: usize) -> Page<i64> {
        let cursor = iterator.map_or(Cursor::Start, |text| Cursor::decode(text).unwrap());
        cut((1..=5).collect(), |n| id(*n), order, &cursor, limit)
    }

    fn check(order: Order, expected: &[&[i64]]) {
        let mut pages = vec![page(order, None, 2)];
        while !pages.last().unwrap().done {
            let iterator = pages.last().unwrap().iterator.clone();
            pages.push(page(order, iterator.as_deref(), 2));
        }
        let data: Vec<_> = pages.iter().map(|p| p.data.clone()).collect();
        assert_eq!(data, expected);
        assert_eq!(pages[0].prev_iterator, None);
        let mut current = pages.pop().unwrap();
        for wanted in expected.iter().rev().skip(1) {
            current = page(order, current.prev_iterator.as_deref(), 2);
            assert_eq!(current.data, *wanted);
            assert!(!current.done);
        }
        assert_eq!(current.prev_iterator, None);
    }

    #[test]
    fn a_list_is_walked_to_its_end_and_back_in_either_order() {
        check(Order::Ascending, &[&[1, 2], &[3, 4], &[5]]);
        check(Order::Descending, &[&[5, 4], &[3, 2], &[1]]);
    }

    #[test]
    fn an_empty_page_after_the_end_keeps_its_iterator() {
        let end = Cursor::After(id(5)).encode().unwrap();
        let page = page(Order::Ascending, Some(&end), 2);
        assert_eq!((page.data.len(), page.done, page.iterator), (0, true, Some(end)));
    }

    #[test]
    fn what_is_not_an_iterator_of_this_list_is_refused() {
        let of_applications = Cursor::After(ApplicationId(Key(5))).encode().unwrap();
        for text in ["", "x", "%00", "ZT4", &of_applications, "ep_0123", "ș"] {
            assert_eq!(Cursor::<EndpointId>::decode(text), None, "{text}");
        }
    }
}
