//! Names that people and programs choose: event types, uids, channels. Parsed at the edge; nothing further in takes
//! a plain string.
//!
//! The shapes are those of the Svix API: letters, digits, `-`, `_` and `.`.

use std::sync::Arc;

use thiserror::Error;

/// 256 characters for an event type's name, a uid and an event id (Svix API).
pub const NAME_CHARACTERS_MAX: usize = 256;
/// 128 characters for a channel (Svix API).
pub const CHANNEL_CHARACTERS_MAX: usize = 128;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("must not be empty")]
    Empty,
    /// Too long.
    #[error("has {characters} characters; at most {max} are allowed")]
    TooLong {
        /// How many it has.
        characters: usize,
        /// How many are allowed.
        max: usize,
    },
    /// A character that is not allowed.
    #[error("has {character:?}; only letters a-z A-Z, digits, '-', '_' and '.' are allowed")]
    Character {
        /// The first one that is not allowed.
        character: char,
    },
}

fn check(text: &str, max: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if let Some(character) = text.chars().find(|c| !allowed(*c)) {
        return Err(NameError::Character { character });
    }
    if text.len() > max {
        return Err(NameError::TooLong { characters: text.len(), max });
    }
    Ok(())
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $max:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and keeps the text.
            ///
            /// # Errors
            /// [`NameError`] when it is empty, too long or has other characters.
            pub fn parse(text: &str) -> Result<$name, NameError> {
                check(text, $max)?;
                Ok($name(text.into()))
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

names! {
    /// The name of an event type: `payment_received`, `invoice.paid`.
    EventTypeName, NAME_CHARACTERS_MAX;
    /// A name that a client gave to an application, an endpoint or a message, usable in place of its id.
    Uid, NAME_CHARACTERS_MAX;
    /// A second filter beside the event type.
    Channel, CHANNEL_CHARACTERS_MAX;
}

/// The channel of events that somebody sent to try a webhook. Only the server puts a message on it (docs/adr/0004).
pub const TEST_CHANNEL: &str = "webhook-test";

impl Channel {
    /// Returns the channel of tests.
    pub fn of_tests() -> Channel {
        Channel(TEST_CHANNEL.into())
    }

    /// Tells whether it is the channel of tests.
    pub fn is_of_tests(&self) -> bool {
        self.as_str() == TEST_CHANNEL
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_follow_the_svix_pattern() {
        for good in ["a", "user.signup", "payment_received", "A-9", &"x".repeat(256)] {
            assert_eq!(EventTypeName::parse(good).map(|n| n.as_str().to_owned()), Ok(good.to_owned()));
        }
        assert_eq!(EventTypeName::parse(""), Err(NameError::Empty));
        assert_eq!(EventTypeName::parse("a b"), Err(NameError::Character { character: ' ' }));
        assert_eq!(EventTypeName::parse("știre"), Err(NameError::Character { character: 'ș' }));
        assert_eq!(
            EventTypeName::parse(&"x".repeat(257)),
            Err(NameError::TooLong { characters: 257, max: 256 })
        );
        assert_eq!(Channel::parse(TEST_CHANNEL), Ok(Channel::of_tests()));
        assert_eq!(Channel::parse(&"x".repeat(129)), Err(NameError::TooLong { characters: 129, max: 128 }));
    }

    proptest! {
        #[test]
        fn whatever_parses_is_kept_as_it_is(text in "[a-zA-Z0-9_.-]{1,256}") {
            let name = EventTypeName::parse(&text).unwrap();
            prop_assert_eq!(name.as_str(), &text);
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in ".{0,300}") {
            let allowed = !text.is_empty() && text.len() <= 256
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
            prop_assert_eq!(Uid::parse(&text).is_ok(), allowed);
        }
    }
}
