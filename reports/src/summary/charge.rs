use connector::{Money, ProviderUsage};
use serde::Serialize;

use super::Amount;

/// What the provider will charge for over the whole run, warm-up included, as it thinks it held:
/// its own book, beside the platform's [`MeterReport`](super::MeterReport).
///
/// The parts say what the platform did not know of or had done with; they are in the totals too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChargeReport {
    /// Time held at the pools' prices.
    pub cost: Amount,
    /// Shares x time, from the grant to the end of the release.
    pub slot_ns: u128,
    /// Promised memory x the same time.
    pub promised_mib_ns: u128,
    /// Promised compute x the same time.
    pub promised_flop: u128,
    /// Shares x time while their grants were under way.
    pub untold_slot_ns: u128,
    /// Shares x time of grants that were never told.
    pub ghost_slot_ns: u128,
    /// Shares x time after their release was asked for.
    pub releasing_slot_ns: u128,
    /// Shares held at the end of the run.
    pub slots_held: u64,
    /// Prompt tokens of finished inferences.
    pub prompt_tokens: u128,
    /// Output tokens of finished inferences.
    pub output_tokens: u128,
    /// Integral of cards that computed; `None` of tenants, who share cards.
    pub busy_card_ns: Option<u128>,
}

impl ChargeReport {
    /// The sum of what is told of the part that is meant; `None` if nobody could look.
    pub(super) fn of(
        usage: &[ProviderUsage],
        is_meant: impl Fn(&ProviderUsage) -> bool,
        busy_card_ns: Option<u128>,
    ) -> Option<Self> {
        if usage.is_empty() {
            return None;
        }
        let none = Self { busy_card_ns, ..Self::default() };
        Some(usage.iter().filter(|usage| is_meant(usage)).fold(none, Self::add))
    }

    fn add(self, usage: &ProviderUsage) -> Self {
        Self {
            cost: Amount(self.cost.0 + usage.cost),
            slot_ns: self.slot_ns + usage.slot_ns,
            promised_mib_ns: self.promised_mib_ns + usage.mebibyte_ns,
            promised_flop: self.promised_flop + usage.flop,
            untold_slot_ns: self.untold_slot_ns + usage.untold_slot_ns,
            ghost_slot_ns: self.ghost_slot_ns + usage.ghost_slot_ns,
            releasing_slot_ns: self.releasing_slot_ns + usage.releasing_slot_ns,
            slots_held: self.slots_held + u64::from(usage.slots_held),
            prompt_tokens: self.prompt_tokens + usage.prompt_tokens,
            output_tokens: self.output_tokens + usage.output_tokens,
            busy_card_ns: self.busy_card_ns,
        }
    }

    /// How much more than the platform metered; negative if it is less.
    pub(super) fn beyond(&self, metered: Amount) -> Amount {
        Amount(Money::from_nanos(self.cost.0.as_nanos() - metered.0.as_nanos()))
    }

    /// What of the time held neither the parts nor the platform's meter account for.
    pub(super) const fn otherwise(&self, metered_slot_ns: u128) -> i128 {
        let parts = self.untold_slot_ns + self.ghost_slot_ns + self.releasing_slot_ns;
        self.slot_ns.cast_signed() - (metered_slot_ns + parts).cast_signed()
    }
}
