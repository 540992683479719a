/// Why a piece of time is charged by one side and not, or otherwise, by the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Both sides have it: no difference.
    Matched,
    /// The share was ours, and the news of it under way.
    GrantUnderWay,
    /// The grant came after we had given it up.
    LateGrant,
    /// Nobody here knew of the share, or nobody used it after it was found.
    Ghost,
    /// We had given it back, and it was charged on.
    SlowRelease,
    /// Charged more than once.
    Overlap,
    /// Charged at another price than ours.
    PriceChange,
    /// The provider rounds.
    Rounding,
    /// In our books, and not charged: in our favour.
    Uncharged,
    /// A line of somebody else's.
    Foreign,
    /// Nothing of all that.
    Unknown,
}

impl Cause {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 11] = [
        Self::Matched,
        Self::GrantUnderWay,
        Self::LateGrant,
        Self::Ghost,
        Self::SlowRelease,
        Self::Overlap,
        Self::PriceChange,
        Self::Rounding,
        Self::Uncharged,
        Self::Foreign,
        Self::Unknown,
    ];

    /// Stable name for tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::GrantUnderWay => "grant_under_way",
            Self::LateGrant => "late_grant",
            Self::Ghost => "ghost",
            Self::SlowRelease => "slow_release",
            Self::Overlap => "overlap",
            Self::PriceChange => "price_change",
            Self::Rounding => "rounding",
            Self::Uncharged => "uncharged",
            Self::Foreign => "foreign",
            Self::Unknown => "unknown",
        }
    }

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::GrantUnderWay => "grant under way",
            Self::LateGrant => "late grant",
            Self::Ghost => "ghost",
            Self::SlowRelease => "slow release",
            Self::Overlap => "overlap",
            Self::PriceChange => "price change",
            Self::Rounding => "rounding",
            Self::Uncharged => "uncharged",
            Self::Foreign => "foreign",
            Self::Unknown => "unknown",
        }
    }
}
