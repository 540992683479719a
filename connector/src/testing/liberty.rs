use crate::Duration;

/// What a far side may do although the cases say otherwise, and what is held against it instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liberty {
    /// A grant may be answered with an ambiguous error. The share must then show in the next list of
    /// its pool, and is the caller's from there on like any other.
    LosesGrants,
    /// A tenant holds at most one share of a pool. Every share is then asked for on behalf of a
    /// tenant of its own.
    OneShareEach,
    /// Lists may have rows that were never granted. They must still have every share that is held,
    /// and none that was given back.
    ListsOthers,
    /// Lists may be behind by this much. They are then looked at so much later.
    ListsLate(Duration),
    /// A share may be held for so long after its release was confirmed. Whether it is gone is then
    /// looked at so much later; it must not be of any use meanwhile.
    ReleasesLate(Duration),
    /// A full pool, or a rule, may read as a failure inside. It must still be a refusal.
    HidesRefusals,
    /// Tokens may be counted as zero, but not otherwise wrongly.
    CountsNothing,
}

impl Liberty {
    /// How much later a list must be looked at.
    pub(super) const fn delay(self) -> Duration {
        match self {
            Self::ListsLate(lag) | Self::ReleasesLate(lag) => lag,
            Self::LosesGrants
            | Self::OneShareEach
            | Self::ListsOthers
            | Self::HidesRefusals
            | Self::CountsNothing => Duration::ZERO,
        }
    }
}
