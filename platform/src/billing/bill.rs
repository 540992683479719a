use std::collections::BTreeMap;

use connector::{Amount, TenantId, Timestamp};

use super::{
    AccountId, Correction, Currency, Invoice, InvoiceOutOfRange, Margins, PeriodId, RatingError,
    Use, UseKey, UseKind,
    ledger::{Balance, Head, LedgerError},
    reconcile::OutOfRange,
};

/// All that was billed: what exports, reports and tables are made of.
///
/// Two bills are equal only if their ledgers are, entry by entry: [`head`](Self::head) says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Of all of it.
    pub currency: Currency,
    /// The periods that were drawn, in order.
    pub periods: Vec<BilledPeriod>,
    /// Invoices as they were drawn, in the order of tenants and periods.
    pub invoices: Vec<Invoice>,
    /// What was found out afterwards, in the order of tenants and periods; of one invoice in the
    /// order in which it was found out.
    pub corrections: Vec<Correction>,
    /// Invoices and their corrections taken together, in the order of [`invoices`](Self::invoices):
    /// what each invoice would be if it were drawn now.
    pub standing: Vec<Invoice>,
    /// What was used, by whom and for what, charged or not, at the price that the provider is
    /// believed to ask.
    pub uses: BTreeMap<UseKey, Use>,
    /// The kinds of use that tenants are charged for.
    pub charged: Vec<UseKind>,
    /// What is in the accounts of the ledger, in their order.
    pub balances: Vec<(AccountId, Balance)>,
    /// The end of the ledger's journal.
    pub head: Head,
}

/// A period of a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BilledPeriod {
    /// Which.
    pub id: PeriodId,
    /// When it begins.
    pub from: Timestamp,
    /// When the next one does.
    pub until: Timestamp,
}

/// Why there is no bill.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BillingError {
    /// A record, or what it comes to.
    #[error(transparent)]
    Rating(#[from] RatingError),
    /// An invoice.
    #[error(transparent)]
    Invoice(#[from] InvoiceOutOfRange),
    /// What the provider asks.
    #[error(transparent)]
    Cost(#[from] OutOfRange),
    /// A transaction.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// More periods than [`Biller::MOST_PERIODS`](super::Biller::MOST_PERIODS).
    #[error("more than {limit} billing periods")]
    Periods {
        /// The limit.
        limit: u32,
    },
}

impl Bill {
    /// What was used and no tenant pays for: waste, and shares that served nobody.
    pub fn internal(&self) -> impl Iterator<Item = (&UseKey, &Use)> {
        self.uses.iter().filter(|(key, _)| !self.charged.contains(&key.kind))
    }

    /// What [`internal`](Self::internal) use costs.
    ///
    /// # Errors
    /// If the sum is out of range.
    pub fn internal_cost(&self) -> Result<Amount, OutOfRange> {
        Amount::checked_sum(self.internal().map(|(_, one)| one.cost)).ok_or(OutOfRange)
    }

    /// What is left of what tenants are charged: the revenue of the ledger's accounts, before rounding
    /// and without shortfalls, less what the same use costs.
    ///
    /// # Errors
    /// If a sum is out of range.
    pub fn margins(&self) -> Result<Margins, OutOfRange> {
        let revenue = self.balances.iter().filter_map(|&(account, balance)| match account {
            AccountId::Revenue { tenant, model, pool } => {
                Some(((tenant, model, pool), -balance.net()))
            }
            AccountId::Unbilled(_)
            | AccountId::Receivable(_)
            | AccountId::Cash
            | AccountId::Payable(_)
            | AccountId::Shortfall(_)
            | AccountId::Cost { .. }
            | AccountId::InWork(_)
            | AccountId::Idle(_)
            | AccountId::Overhead(_)
            | AccountId::Rounding
            | AccountId::Reservations => None,
        });
        Margins::new(revenue, &self.uses)
    }

    /// Corrections of one invoice, in the order in which they were drawn.
    pub fn corrections_of(
        &self,
        tenant: TenantId,
        period: PeriodId,
    ) -> impl Iterator<Item = &Correction> {
        self.corrections.iter().filter(move |one| (one.tenant, one.period) == (tenant, period))
    }

    /// Leaves the invoices and corrections of one tenant or period; also of use only that of the
    /// tenant. The balances stay those of all books.
    pub fn keep_only(&mut self, tenant: Option<TenantId>, period: Option<PeriodId>) {
        let wanted = |whose: TenantId, when: PeriodId| {
            tenant.is_none_or(|tenant| tenant == whose)
                && period.is_none_or(|period| period == when)
        };
        self.invoices.retain(|one| wanted(one.tenant, one.period));
        self.standing.retain(|one| wanted(one.tenant, one.period));
        self.corrections.retain(|one| wanted(one.tenant, one.period));
        self.periods.retain(|one| period.is_none_or(|period| period == one.id));
        self.uses.retain(|key, _| tenant.is_none_or(|tenant| tenant == key.tenant));
    }

    /// What is in one account.
    pub fn balance(&self, account: AccountId) -> Balance {
        let found = self.balances.binary_search_by_key(&account, |&(known, _)| known);
        found.map_or_else(|_| Balance::default(), |index| self.balances[index].1)
    }
}
