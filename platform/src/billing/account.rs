use connector::{ModelId, PoolId, TenantId};

use super::UseKind;

/// The accounts that amounts are moved between, all of one currency.
///
/// Assets and expenses grow by debit, liabilities and income by credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountId {
    /// Asset: rated use of a tenant that no invoice states yet.
    Unbilled(TenantId),
    /// Asset: what a tenant owes by invoice, in whole coins.
    Receivable(TenantId),
    /// Asset: money that came in.
    Cash,
    /// Liability: what is owed to the provider of a pool.
    Payable(PoolId),
    /// Income: what a tenant was charged for a model in a pool.
    Revenue {
        /// Who was charged.
        tenant: TenantId,
        /// For what.
        model: ModelId,
        /// Where.
        pool: PoolId,
    },
    /// Income: what a tenant was charged because it used less than it committed to.
    Shortfall(TenantId),
    /// Expense: what the provider charges for work of a tenant, by what came of it.
    Cost {
        /// On whose behalf.
        tenant: TenantId,
        /// For what.
        model: ModelId,
        /// Where.
        pool: PoolId,
        /// What came of it.
        kind: UseKind,
    },
    /// Asset: what the provider charges for requests that are answered, until it is told apart by
    /// model and pool. Ceilings of requests under way are set aside here.
    InWork(TenantId),
    /// Expense: shares that were held and served nobody.
    Idle(PoolId),
    /// Expense: what the provider charges beyond all leases that are known.
    Overhead(PoolId),
    /// Income or expense: what rounding lines of invoices gave or took.
    Rounding,
    /// The far side of open reservations. Nothing is ever posted to it: its pending credits are all
    /// that is set aside.
    Reservations,
}
