//! A bill for people: invoices line by line, what was corrected, and what is in the accounts.

use std::fmt::{self, Display};

use connector::{Amount, ModelId, Money, Names, PoolId, TenantId, Timestamp};
use platform::billing::{
    AccountId, Bill, BilledPeriod, Correction, Economics, Invoice, InvoiceLine, PeriodId, Use,
    UseKey, reconcile::OutOfRange,
};
use reports::{EconomicsReport, MarginsReport};

/// A bill with names instead of numbers.
#[derive(Debug)]
pub struct Told<'a> {
    bill: &'a Bill,
    names: &'a Names,
    books: bool,
}

impl<'a> Told<'a> {
    /// A bill of a run with these names, and the books that it rests on.
    pub const fn new(bill: &'a Bill, names: &'a Names) -> Self {
        Self { bill, names, books: true }
    }

    /// A bill without the books, which are about everybody.
    pub const fn without_books(bill: &'a Bill, names: &'a Names) -> Self {
        Self { bill, names, books: false }
    }

    fn invoice(&self, f: &mut fmt::Formatter<'_>, invoice: &Invoice) -> fmt::Result {
        let &Invoice { tenant, period, ref lines, shortfall, exact, residue, total, .. } = invoice;
        let (name, when) = (self.tenant(tenant), self.period(period));
        writeln!(f, "invoice of {name}, {when}, in {}", invoice.currency)?;
        row(f, ["model@pool", "meter", "quantity", "exact", "billed", "residue"])?;
        lines.iter().try_for_each(|line| self.line(f, line))?;
        let billed = total - shortfall;
        row(f, ["all lines", "", "", &text(exact), &coins(billed), &text(residue)])?;
        if shortfall != Money::ZERO {
            row(f, ["committed, not used", "", "", "", &coins(shortfall), ""])?;
        }
        row(f, ["total", "", "", "", &coins(total), ""])?;
        let mut corrected = false;
        for correction in self.bill.corrections_of(tenant, period) {
            self.correction(f, correction)?;
            corrected = true;
        }
        let mut standing = self.bill.standing.iter();
        match standing.find(|one| (one.tenant, one.period) == (tenant, period)) {
            Some(now) if corrected => {
                row(f, ["total, all corrected", "", "", "", &coins(now.total), ""])
            }
            _ => Ok(()),
        }
    }

    fn correction(&self, f: &mut fmt::Formatter<'_>, correction: &Correction) -> fmt::Result {
        let Correction { reversed, restated, shortfall, total, .. } = correction;
        writeln!(f, "correction, taken back:")?;
        reversed.iter().try_for_each(|line| self.line(f, line))?;
        writeln!(f, "correction, instead:")?;
        restated.iter().try_for_each(|line| self.line(f, line))?;
        if *shortfall != Money::ZERO {
            row(f, ["committed, not used", "", "", "", &coins(*shortfall), ""])?;
        }
        row(f, ["correction", "", "", "", &coins(*total), ""])
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, line: &InvoiceLine) -> fmt::Result {
        let quantity: u128 = line.parts.iter().map(|part| part.quantity.0).sum();
        row(
            f,
            [
                &self.place(line.model, line.pool),
                line.meter.name(),
                &quantity.to_string(),
                &text(line.exact),
                &coins(line.billed),
                &text(line.residue),
            ],
        )
    }

    fn internal(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "internal cost: what no tenant is charged for")?;
        let shown = self.bill.internal();
        for (&UseKey { tenant, model, pool, kind }, &Use { cost, .. }) in shown {
            let place = self.place(model, pool);
            balance(f, &format!("{} {}, {place}", kind.name(), self.tenant(tenant)), cost)?;
        }
        let sum = self.bill.internal_cost().map_err(|_| fmt::Error)?;
        balance(f, "all", sum)
    }

    fn margins(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = || -> Result<EconomicsReport, OutOfRange> {
            let margins = MarginsReport::new(self.bill.currency, self.bill.margins()?, 0)?;
            Ok(EconomicsReport::new(Economics::new(&self.bill.uses)?, Some(margins), self.names))
        };
        let told = told().map_err(|OutOfRange| fmt::Error)?;
        f.write_str(&told.margins_table().unwrap_or_default())
    }

    fn balances(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "accounts: debits less credits")?;
        let mut sum = Amount::ZERO;
        for &(account, held) in &self.bill.balances {
            sum = sum.checked_add(held.net()).ok_or(fmt::Error)?;
            balance(f, &self.account(account), held.net())?;
        }
        balance(f, "all", sum)
    }

    fn account(&self, account: AccountId) -> String {
        let place = |model, pool| self.place(model, pool);
        match account {
            AccountId::Unbilled(tenant) => format!("unbilled {}", self.tenant(tenant)),
            AccountId::Receivable(tenant) => format!("receivable {}", self.tenant(tenant)),
            AccountId::Cash => "cash".to_owned(),
            AccountId::Payable(pool) => format!("payable {}", self.pool(pool)),
            AccountId::Revenue { tenant, model, pool } => {
                format!("revenue {}, {}", self.tenant(tenant), place(model, pool))
            }
            AccountId::Shortfall(tenant) => format!("shortfall {}", self.tenant(tenant)),
            AccountId::Cost { tenant, model, pool, kind } => {
                format!("cost {}, {}, {}", self.tenant(tenant), place(model, pool), kind.name())
            }
            AccountId::InWork(tenant) => format!("in work {}", self.tenant(tenant)),
            AccountId::Idle(pool) => format!("idle {}", self.pool(pool)),
            AccountId::Overhead(pool) => format!("overhead {}", self.pool(pool)),
            AccountId::Rounding => "rounding".to_owned(),
            AccountId::Reservations => "reservations".to_owned(),
        }
    }

    fn tenant(&self, tenant: TenantId) -> &str {
        &self.names.tenants[tenant.index()]
    }

    fn pool(&self, pool: PoolId) -> &str {
        &self.names.pools[pool.index()]
    }

    fn place(&self, model: ModelId, pool: PoolId) -> String {
        format!("{}@{}", self.names.models[model.index()], self.pool(pool))
    }

    fn period(&self, period: PeriodId) -> String {
        let seconds = |at: Timestamp| at.as_nanos() as f64 / 1e9;
        let found = self.bill.periods.iter().find(|one| one.id == period);
        found.map_or_else(String::new, |&BilledPeriod { from, until, .. }| {
            format!("period {} ({} s to {} s)", period.0, seconds(from), seconds(until))
        })
    }
}

/// Invoices, then the books if they are wanted.
impl Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for invoice in &self.bill.invoices {
            self.invoice(f, invoice)?;
            writeln!(f)?;
        }
        if !self.books {
            return Ok(());
        }
        self.internal(f)?;
        writeln!(f)?;
        self.margins(f)?;
        writeln!(f)?;
        self.balances(f)
    }
}

fn row(f: &mut fmt::Formatter<'_>, cells: [&str; 6]) -> fmt::Result {
    let [place, meter, quantity, exact, billed, residue] = cells;
    let line = format!("{place:<28}{meter:<16}{quantity:>20}{exact:>30}{billed:>14}{residue:>30}");
    writeln!(f, "{}", line.trim_end())
}

fn balance(f: &mut fmt::Formatter<'_>, name: &str, amount: Amount) -> fmt::Result {
    writeln!(f, "{name:<60}{:>40}", text(amount))
}

/// To the last digit.
fn text(amount: Amount) -> String {
    amount.to_string()
}

fn coins(money: Money) -> String {
    money.to_string()
}
