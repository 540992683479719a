use connector::BasisPoints;

/// How much work may be sent again, over all cables (see [`budget`](crate::budget)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetConfig {
    /// Retries and hedges per first try. Default: 10 %.
    pub share: BasisPoints,
    /// ... and so many a second besides, so that little traffic can be retried too. Default: 1.
    pub per_second: u32,
    /// What may be saved up, in retries; the budget begins with that. 0 forbids all of them.
    /// Default: 100.
    pub burst: u32,
}

impl Default for BudgetConfig {
    /// 10 % of the first tries and 1 a second, of which 100 can be saved up.
    fn default() -> Self {
        Self { share: BasisPoints::from_percent(10), per_second: 1, burst: 100 }
    }
}
