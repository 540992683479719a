use connector::Duration;

/// How long a pool is left alone that said that asking is of no use for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CooldownConfig {
    /// After a refusal because the account has no credit left. Zero: not at all. Default: 5 min.
    pub credit: Duration,
    /// Longest pause that a provider may ask all requests to keep to (`retry-after`). Zero: only the
    /// request that was told keeps to it. Default: 10 min.
    pub longest: Duration,
}

impl Default for CooldownConfig {
    /// 5 min without credit; what the provider asks for, up to 10 min.
    fn default() -> Self {
        Self { credit: Duration::from_secs(300), longest: Duration::from_secs(600) }
    }
}
