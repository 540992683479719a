use connector::{BasisPoints, Duration, Money, PoolId, TenantId, Timestamp};

use super::{BookPlace, Currency, LineKey, Meter, RecordKey};

/// Why prices are no price book.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// Periods without length, or bounds that do not rise.
    #[error("periods of no length: bounds must rise, and there must be two at least")]
    NoPeriod,
    /// A rate without prices.
    #[error("rate {rate} has no prices")]
    NoVersion {
        /// Index of the rate.
        rate: usize,
    },
    /// A price that ends before the next begins.
    #[error("rate {rate}: no price between {} and {}", told(*.from), told(*.until))]
    Gap {
        /// Index of the rate.
        rate: usize,
        /// Where the one ends.
        from: Timestamp,
        /// Where the next begins.
        until: Timestamp,
    },
    /// Two prices at once, or out of order.
    #[error("rate {rate}: two prices at {}", told(*.at))]
    Overlap {
        /// Index of the rate.
        rate: usize,
        /// Where the second begins.
        at: Timestamp,
    },
    /// A price that ends where it begins, or before.
    #[error("rate {rate}: the price from {} is never valid", told(*.from))]
    NeverValid {
        /// Index of the rate.
        rate: usize,
        /// Where it begins.
        from: Timestamp,
    },
    /// Granularity zero.
    #[error("{place}: granularity must be at least 1")]
    NoGranularity {
        /// Where.
        place: BookPlace,
    },
    /// A price without tiers.
    #[error("{place}: there are no tiers")]
    NoTier {
        /// Where.
        place: BookPlace,
    },
    /// Tiers whose ends do not rise, or whose last has one.
    #[error("{place}: ends of tiers must rise, and the last tier has none")]
    UnorderedTiers {
        /// Where.
        place: BookPlace,
    },
    /// A price below zero or beyond all reason.
    #[error("{place}: price {price} must be between 0 and 1,000,000")]
    PriceOutOfRange {
        /// Where.
        place: BookPlace,
        /// The price.
        price: Money,
    },
    /// A discount above 100 %.
    #[error("pool {pool}: discount {discount} is above 100%")]
    DiscountAboveAll {
        /// Where.
        pool: PoolId,
        /// The discount.
        discount: BasisPoints,
    },
    /// A discounted price that has more than nine decimals.
    #[error("{place}: {price} less {discount} in pool {pool} has more than nine decimals")]
    InexactDiscount {
        /// Where in the book.
        place: BookPlace,
        /// In which pool.
        pool: PoolId,
        /// The price.
        price: Money,
        /// The discount.
        discount: BasisPoints,
    },
    /// A commitment below zero or in less than coins.
    #[error(
        "tenant {tenant}: commitment {commitment} must be between 0 and 1,000,000, in coins of {currency}"
    )]
    Commitment {
        /// Whose.
        tenant: TenantId,
        /// What it was set to.
        commitment: Money,
        /// In which currency.
        currency: Currency,
    },
}

impl BookError {
    /// Index of the rate that it is about.
    pub const fn rate(&self) -> Option<usize> {
        match self {
            Self::NoVersion { rate }
            | Self::Gap { rate, .. }
            | Self::Overlap { rate, .. }
            | Self::NeverValid { rate, .. } => Some(*rate),
            Self::NoGranularity { place }
            | Self::NoTier { place }
            | Self::UnorderedTiers { place }
            | Self::PriceOutOfRange { place, .. }
            | Self::InexactDiscount { place, .. } => Some(place.rate),
            Self::NoPeriod | Self::DiscountAboveAll { .. } | Self::Commitment { .. } => None,
        }
    }
}

/// Why a record cannot be rated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RatingError {
    /// Two different records of one key: one of them is a mistake, and nobody here knows which.
    #[error("record {:#x} was told before with other contents", .key.0)]
    Conflict {
        /// The key.
        key: RecordKey,
    },
    /// A record that ends before it begins.
    #[error("record {:#x} ends at {}, before it begins at {}", .key.0, told(*.until), told(*.from))]
    Backwards {
        /// The key.
        key: RecordKey,
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
    },
    /// A rate fits, but none of its prices holds.
    #[error("record {:#x}: rate {rate} has no price for {} at {}", .key.0, .meter.name(), told(*.at))]
    NoPrice {
        /// The key.
        key: RecordKey,
        /// Index of the rate.
        rate: u32,
        /// What is not priced.
        meter: Meter,
        /// When.
        at: Timestamp,
    },
    /// An instant that is in no period.
    #[error("record {:#x}: there is no billing period at {}", .key.0, told(*.at))]
    NoPeriod {
        /// The key.
        key: RecordKey,
        /// When.
        at: Timestamp,
    },
    /// A record over more periods and prices than are looked at.
    #[error("record {:#x} is over more than {limit} periods and prices", .key.0)]
    TooLong {
        /// The key.
        key: RecordKey,
        /// How many there may be.
        limit: usize,
    },
    /// A quantity that cannot be.
    #[error("record {:#x}: {} is out of range", .key.0, .meter.name())]
    TooMuch {
        /// The key.
        key: RecordKey,
        /// Of what.
        meter: Meter,
    },
    /// An amount that does not fit.
    #[error("the amount of {0:?} is out of range")]
    AmountOutOfRange(Box<LineKey>),
}

/// An instant as time since the start.
fn told(instant: Timestamp) -> Duration {
    instant.since(Timestamp::ZERO)
}
