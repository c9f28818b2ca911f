//! Row keys and public ids.
//!
//! A row's key is one growing integer: 42 bits of milliseconds, 21 bits of sequence. A public id is computed from
//! it, not stored: prefix + 27 base62 characters over 20 bytes, so that it sorts by time, cannot be forged and leads
//! to its row without an index (DESIGN 4.6). Text that fails the check is tried as a uid by the caller.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;
use thiserror::Error;

use crate::time::UnixMillis;

/// Bits of a key below the milliseconds: 2,097,152 keys per millisecond.
const SEQUENCE_BITS: u32 = 21;
/// Partitions of the hash space; fixed for ever, since ids carry the partition (DESIGN 4.5).
pub const PARTITIONS: u16 = 1_024;
/// Bytes under the base62 text of an id.
const ID_BYTES: usize = 20;
/// Characters of an id after its prefix: the shape that Svix's SDKs know.
const ID_CHARACTERS: usize = 27;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A row's key: growing, never reused. The time inside is when the key was given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key(pub i64);

impl Key {
    /// Returns the first key of a millisecond; times outside 42 bits are clamped.
    pub fn first_at(time: UnixMillis) -> Key {
        Key(time.0.clamp(0, UnixMillis::MAX.0) << SEQUENCE_BITS)
    }

    /// Returns the key to give out at `now` when `self` was the last one: it never steps back, also when the clock
    /// does.
    pub fn next(self, now: UnixMillis) -> Key {
        Key::first_at(now).max(Key(self.0 + 1))
    }

    /// Returns the millisecond in which the key was given out.
    pub fn time(self) -> UnixMillis {
        UnixMillis(self.0 >> SEQUENCE_BITS)
    }
}

macro_rules! typed_keys {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub Key);

        impl From<Key> for $name {
            fn from(key: Key) -> Self { $name(key) }
        }
    )*};
}

typed_keys! {
    /// Key of an organisation.
    OrganisationId;
    /// Key of an application.
    ApplicationId;
    /// Key of an endpoint.
    EndpointId;
    /// Key of a message.
    MessageId;
    /// Key of an API key.
    ApiKeyId;
    /// Key of a background task.
    TaskId;
    /// Key of a user of the console.
    UserId;
    /// Key of a request bin.
    BinId;
}

impl ApplicationId {
    /// Returns the partition of everything that belongs to this application.
    /// The hash is SipHash-2-4 with a zero key, reduced to [`PARTITIONS`]; it never changes.
    pub fn partition(self) -> u16 {
        let mut hasher = SipHasher24::new();
        hasher.write_i64(self.0.0.to_be());
        u16::try_from(hasher.finish() % u64::from(PARTITIONS)).expect("the remainder is below 1,024")
    }
}

/// One delivery: a message and the ordinal of its endpoint in the message's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId {
    /// The message.
    pub message: MessageId,
    /// The endpoint's place among those that the message goes to, from 0.
    pub ordinal: u16,
}

/// One attempt of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The attempt's number, from 1.
    pub number: u16,
}

/// One request that a bin caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CapturedId {
    /// The bin.
    pub bin: BinId,
    /// The request's number in the bin, from 1; numbers grow and are never given out twice.
    pub number: u32,
}

/// What an id stands for; decides its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdKind {
    /// `org_`
    Organisation,
    /// `app_`
    Application,
    /// `ep_`
    Endpoint,
    /// `msg_`
    Message,
    /// `atmpt_`
    Attempt,
    /// `key_`
    ApiKey,
    /// `qtask_`
    Task,
    /// `bin_`
    Bin,
    /// `req_`
    CapturedRequest,
}

impl IdKind {
    /// Returns the text before the 27 characters, underscore included.
    pub fn prefix(self) -> &'static str {
        match self {
            IdKind::Organisation => "org_",
            IdKind::Application => "app_",
            IdKind::Endpoint => "ep_",
            IdKind::Message => "msg_",
            IdKind::Attempt => "atmpt_",
            IdKind::ApiKey => "key_",
            IdKind::Task => "qtask_",
            IdKind::Bin => "bin_",
            IdKind::CapturedRequest => "req_",
        }
    }
}

/// Why a text is not an id of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an id of this server")]
pub struct NotAnId;

/// The secret under which ids are made and checked. It lives in the store, is backed up with it and never changes.
#[derive(Clone)]
pub struct IdCipher {
    key: [u8; 16],
}

impl std::fmt::Debug for IdCipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdCipher(…)")
    }
}

impl IdCipher {
    /// Makes ids under this key.
    pub fn new(key: [u8; 16]) -> IdCipher {
        IdCipher { key }
    }

    /// Returns the public id of a row: milliseconds, partition, sequence and an 8-byte keyed hash of all of it.
    pub fn encode(&self, kind: IdKind, partition: u16, key: Key) -> String {
        let mut bytes = [0; ID_BYTES];
        let sequence = u32::try_from(key.0 & ((1 << SEQUENCE_BITS) - 1)).expect("21 bits fit");
        bytes[0..6].copy_from_slice(&key.time().0.to_be_bytes()[2..8]);
        bytes[6..8].copy_from_slice(&partition.to_be_bytes());
        bytes[8..12].copy_from_slice(&sequence.to_be_bytes());
        self.seal(kind, bytes)
    }

    /// Returns the row that an id of this kind stands for, and its partition.
    ///
    /// # Errors
    /// [`NotAnId`] when the text has another shape or was not made under this key for this kind.
    pub fn decode(&self, kind: IdKind, text: &str) -> Result<(u16, Key), NotAnId> {
        let bytes = self.open(kind, text)?;
        let time = i64::from_be_bytes([0, 0, bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]]);
        let partition = u16::from_be_bytes([bytes[6], bytes[7]]);
        let sequence = i64::from(u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]));
        Ok((partition, Key(time << SEQUENCE_BITS | sequence)))
    }

    /// Returns the public id of an attempt: message key, ordinal, number and the keyed hash.
    pub fn encode_attempt(&self, attempt: AttemptId) -> String {
        let mut bytes = [0; ID_BYTES];
        bytes[0..8].copy_from_slice(&attempt.delivery.message.0.0.to_be_bytes());
        bytes[8..10].copy_from_slice(&attempt.delivery.ordinal.to_be_bytes());
        bytes[10..12].copy_from_slice(&attempt.number.to_be_bytes());
        self.seal(IdKind::Attempt, bytes)
    }

    /// Returns the attempt that an id stands for.
    ///
    /// # Errors
    /// [`NotAnId`] when the text has another shape or was not made under this key.
    pub fn decode_attempt(&self, text: &str) -> Result<AttemptId, NotAnId> {
        let bytes = self.open(IdKind::Attempt, text)?;
        let mut key = [0; 8];
        key.copy_from_slice(&bytes[0..8]);
        Ok(AttemptId {
            delivery: DeliveryId {
                message: MessageId(Key(i64::from_be_bytes(key))),
                ordinal: u16::from_be_bytes([bytes[8], bytes[9]]),
            },
            number: u16::from_be_bytes([bytes[10], bytes[11]]),
        })
    }

    /// Returns the public id of a captured request: bin key, number and the keyed hash.
    pub fn encode_captured(&self, id: CapturedId) -> String {
        let mut bytes = [0; ID_BYTES];
        bytes[0..8].copy_from_slice(&id.bin.0.0.to_be_bytes());
        bytes[8..12].copy_from_slice(&id.number.to_be_bytes());
        self.seal(IdKind::CapturedRequest, bytes)
    }

    /// Returns the captured request that an id stands for.
    ///
    /// # Errors
    /// [`NotAnId`] when the text has another shape or was not made under this key.
    pub fn decode_captured(&self, text: &str) -> Result<CapturedId, NotAnId> {
        let bytes = self.open(IdKind::CapturedRequest, text)?;
        let (mut key, mut number) = ([0; 8], [0; 4]);
        key.copy_from_slice(&bytes[0..8]);
        number.copy_from_slice(&bytes[8..12]);
        Ok(CapturedId { bin: BinId(Key(i64::from_be_bytes(key))), number: u32::from_be_bytes(number) })
    }

    /// Returns a 128-bit keyed hash of text, for looking up duplicates; `scope` keeps different uses apart.
    pub fn fingerprint(&self, scope: &str, parts: &[&[u8]]) -> [u8; 16] {
        let mut hasher = siphasher::sip128::SipHasher24::new_with_key(&self.key);
        hasher.write(scope.as_bytes());
        for part in parts {
            hasher.write_u64(part.len() as u64);
            hasher.write(part);
        }
        siphasher::sip128::Hasher128::finish128(&hasher).as_bytes()
    }

    fn seal(&self, kind: IdKind, mut bytes: [u8; ID_BYTES]) -> String {
        let tag = self.tag(kind, &bytes);
        bytes[12..20].copy_from_slice(&tag);
        let mut text = String::with_capacity(kind.prefix().len() + ID_CHARACTERS);
        text.push_str(kind.prefix());
        base62_encode(bytes, &mut text);
        text
    }

    fn open(&self, kind: IdKind, text: &str) -> Result<[u8; ID_BYTES], NotAnId> {
        let body = text.strip_prefix(kind.prefix()).ok_or(NotAnId)?;
        let bytes = base62_decode(body).ok_or(NotAnId)?;
        if bytes[12..20] == self.tag(kind, &bytes) { Ok(bytes) } else { Err(NotAnId) }
    }

    fn tag(&self, kind: IdKind, bytes: &[u8; ID_BYTES]) -> [u8; 8] {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(kind.prefix().as_bytes());
        hasher.write(&bytes[0..12]);
        hasher.finish().to_be_bytes()
    }
}

/// 62^9, the largest power of 62 whose remainder times 2^32 stays below 2^96: nine digits are taken off at once, so that
/// the long divisions are few.
const NINE_DIGITS: u64 = 62u64.pow(9);

/// Appends 20 bytes as 27 digits, most significant first, with leading zeros, so that text sorts as the bytes do.
fn base62_encode(bytes: [u8; ID_BYTES], text: &mut String) {
    let mut limbs = [0u32; ID_BYTES / 4];
    for (limb, bytes) in limbs.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *limb = u32::from_be_bytes(*bytes);
    }
    let mut digits = [b'0'; ID_CHARACTERS];
    for chunk in digits.rchunks_mut(9) {
        let mut rest = divide(&mut limbs, NINE_DIGITS);
        for digit in chunk.iter_mut().rev() {
            *digit = ALPHABET[usize::try_from(rest % 62).expect("below 62")];
            rest /= 62;
        }
    }
    text.push_str(std::str::from_utf8(&digits).expect("the alphabet is ASCII"));
}

/// Divides a big-endian number in place and returns the remainder.
fn divide(limbs: &mut [u32; ID_BYTES / 4], divisor: u64) -> u64 {
    let mut rest = 0u64;
    for limb in limbs {
        let value = u128::from(rest) << 32 | u128::from(*limb);
        *limb =
            u32::try_from(value / u128::from(divisor)).expect("the remainder before is below the divisor");
        rest = u64::try_from(value % u128::from(divisor)).expect("a remainder is below the divisor");
    }
    rest
}

/// Returns the 20 bytes of exactly 27 digits; `None` for other characters, lengths, or a value over 160 bits.
fn base62_decode(text: &str) -> Option<[u8; ID_BYTES]> {
    if text.len() != ID_CHARACTERS {
        return None;
    }
    let (mut high, mut low) = (0u128, 0u128);
    for character in text.bytes() {
        let digit = match character {
            b'0'..=b'9' => character - b'0',
            b'A'..=b'Z' => character - b'A' + 10,
            b'a'..=b'z' => character - b'a' + 36,
            _ => return None,
        };
        let scaled = low * 62 + u128::from(digit);
        low = scaled & ((1 << 96) - 1);
        high = high * 62 + (scaled >> 96);
        if high >> 64 != 0 {
            return None;
        }
    }
    let mut bytes = [0; ID_BYTES];
    bytes[0..8].copy_from_slice(&u64::try_from(high).ok()?.to_be_bytes());
    bytes[8..20].copy_from_slice(&low.to_be_bytes()[4..16]);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cipher() -> IdCipher {
        IdCipher::new([7; 16])
    }

    proptest! {
        #[test]
        fn an_id_leads_back_to_its_row(partition in 0u16..1024, key in 0i64..) {
            let text = cipher().encode(IdKind::Message, partition, Key(key));
            prop_assert_eq!(text.len(), 4 + 27);
            prop_assert_eq!(cipher().decode(IdKind::Message, &text), Ok((partition, Key(key))));
        }

        #[test]
        fn ids_sort_as_their_keys_do(a in 0i64.., b in 0i64..) {
            let (text_a, text_b) = (cipher().encode(IdKind::Message, 5, Key(a)), cipher().encode(IdKind::Message, 5, Key(b)));
            prop_assert_eq!(a.cmp(&b), text_a.cmp(&text_b));
        }

        #[test]
        fn an_attempt_id_leads_back_to_its_row(key in 0i64.., ordinal: u16, number: u16) {
            let id = AttemptId { delivery: DeliveryId { message: MessageId(Key(key)), ordinal }, number };
            prop_assert_eq!(cipher().decode_attempt(&cipher().encode_attempt(id)), Ok(id));
        }

        #[test]
        fn the_id_of_a_captured_request_leads_back_to_it(key in 0i64.., number: u32) {
            let id = CapturedId { bin: BinId(Key(key)), number };
            prop_assert_eq!(cipher().decode_captured(&cipher().encode_captured(id)), Ok(id));
        }

        #[test]
        fn a_changed_character_is_refused(key in 0i64.., at in 0usize..27, digit in 0usize..62) {
            let text = cipher().encode(IdKind::Message, 1, Key(key));
            let mut changed = text.clone().into_bytes();
            changed[4 + at] = ALPHABET[digit];
            let changed = String::from_utf8(changed).unwrap();
            prop_assume!(changed != text);
            prop_assert_eq!(cipher().decode(IdKind::Message, &changed), Err(NotAnId));
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text in ".{0,40}") {
            prop_assert_eq!(cipher().decode(IdKind::Endpoint, &text), Err(NotAnId));
        }

        #[test]
        fn base62_is_the_plain_big_endian_number(bytes in proptest::array::uniform20(any::<u8>())) {
            let mut text = String::new();
            base62_encode(bytes, &mut text);
            prop_assert_eq!(base62_decode(&text), Some(bytes));
        }
    }

    #[test]
    fn an_overflowing_text_is_refused() {
        assert_eq!(base62_decode(&"z".repeat(27)), None);
        assert_eq!(base62_decode(&"0".repeat(27)), Some([0; 20]));
        assert_eq!(base62_decode(&format!("{}1", "0".repeat(26))).map(|b| b[19]), Some(1));
    }

    #[test]
    fn an_id_of_another_kind_or_another_server_is_refused() {
        let text = cipher().encode(IdKind::Application, 1, Key(99));
        let as_endpoint = text.replace("app_", "ep_");
        assert_eq!(cipher().decode(IdKind::Endpoint, &as_endpoint), Err(NotAnId));
        assert_eq!(IdCipher::new([8; 16]).decode(IdKind::Application, &text), Err(NotAnId));
    }

    #[test]
    fn keys_never_step_back_when_the_clock_does() {
        let first = Key::default().next(UnixMillis(1_000));
        let second = first.next(UnixMillis(10));
        assert!(second > first);
        assert_eq!(second.time(), UnixMillis(1_000));
        assert_eq!(second.next(UnixMillis(1_001)), Key::first_at(UnixMillis(1_001)));
    }

    #[test]
    fn the_partition_of_an_application_never_changes() {
        let partitions: Vec<u16> = (0..4).map(|n| ApplicationId(Key(n << 21)).partition()).collect();
        assert_eq!(partitions, [359, 402, 555, 824]);
    }
}
