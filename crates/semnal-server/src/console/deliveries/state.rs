//! A delivery's state as word, icon and colour, and the words for filters.

use semnal_core::delivery::DeliveryState;
use semnal_store::views::apply::State;

use crate::console::language::Texts;
use crate::console::parts::{Badge, Tone};

/// The states that a list can be narrowed to: the word in addresses, what the views call it, and whether only those
/// whose webhook holds them.
pub(crate) const STATES: [(&str, State, Option<bool>); 6] = [
    ("delivered", State::Delivered, None),
    ("pending", State::Pending, Some(false)),
    ("held", State::Pending, Some(true)),
    ("failed", State::Failed, None),
    ("cancelled", State::Cancelled, None),
    ("expired", State::Expired, None),
];

/// Returns the badge of a delivery.
pub(crate) fn badge(state: DeliveryState, texts: &Texts) -> Badge {
    let (tone, icon, word) = match state {
        DeliveryState::Pending(progress) if progress.attempts > 0 => {
            (Tone::Wait, "clock", texts.t("delivery-retrying"))
        }
        DeliveryState::Pending(_) => (Tone::Wait, "clock", texts.t("delivery-pending")),
        DeliveryState::Held(_) => (Tone::Off, "pause", texts.t("delivery-held")),
        DeliveryState::Delivered(_) => (Tone::Good, "check", texts.t("delivery-delivered")),
        DeliveryState::Failed(_) => (Tone::Bad, "alert", texts.t("delivery-failed")),
        DeliveryState::Cancelled(_) => (Tone::Off, "off", texts.t("delivery-cancelled")),
        DeliveryState::Expired(_) => (Tone::Off, "off", texts.t("delivery-expired")),
    };
    Badge { tone, icon, word }
}

/// Returns the word for people of a state in addresses.
pub(crate) fn word(name: &str, texts: &Texts) -> String {
    match name {
        "delivered" => texts.t("delivery-delivered"),
        "held" => texts.t("delivery-held"),
        "failed" => texts.t("delivery-failed"),
        "cancelled" => texts.t("delivery-cancelled"),
        "expired" => texts.t("delivery-expired"),
        _ => texts.t("delivery-pending"),
    }
}
