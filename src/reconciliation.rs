//! A reconciliation for people: the difference by cause, the pools, and what things cost.

use std::fmt;

use connector::{Amount, Names};
use platform::billing::{
    Economics,
    reconcile::{Cause, OutOfRange, Reconciliation, Side},
};
use reports::EconomicsReport;

/// Decimals of sums; sums themselves are exact.
const SUM: usize = 6;
const HOUR_NS: f64 = 3.6e12;

/// A reconciliation with names instead of numbers.
#[derive(Debug)]
pub struct Told<'a> {
    books: &'a Reconciliation,
    names: &'a Names,
    whole: Side,
    overhead: Amount,
    economics: EconomicsReport,
}

impl<'a> Told<'a> {
    /// A reconciliation of a run with these names.
    ///
    /// # Errors
    /// If a sum is out of range.
    pub fn new(books: &'a Reconciliation, names: &'a Names) -> Result<Self, OutOfRange> {
        let whole = books.whole()?;
        let unit_costs = Economics::new(&books.uses)?;
        let economics = EconomicsReport::new(unit_costs, None, names);
        let overhead = whole.overhead()?;
        Ok(Self { books, names, whole, overhead, economics })
    }

    /// All pools together.
    pub const fn whole(&self) -> &Side {
        &self.whole
    }

    fn causes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<18}{:>9}{:>14}{:>18}{:>12}",
            "cause", "pieces", "slot hours", "amount", "of overhead"
        )?;
        for (&cause, sum) in &self.whole.causes {
            let part = sum.amount.as_f64() / self.overhead.as_f64();
            let share = match cause {
                Cause::Matched => "-".to_owned(),
                _ if self.overhead == Amount::ZERO => "-".to_owned(),
                _ => format!("{:.2}%", 100.0 * part),
            };
            writeln!(
                f,
                "{:<18}{:>9}{:>14.3}{:>18}{share:>12}",
                cause.title(),
                sum.pieces,
                sum.slot_ns as f64 / HOUR_NS,
                money(sum.amount),
            )?;
        }
        Ok(())
    }

    fn pools(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<18}{:>16}{:>16}{:>16}{:>16}",
            "pool", "tenants", "idle", "overhead", "charged"
        )?;
        for (pool, side) in &self.books.pools {
            row(f, &self.names.pools[pool.index()], side)?;
        }
        row(f, "all", &self.whole)
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, side: &Side) -> fmt::Result {
    let overhead = side.overhead().map_err(|OutOfRange| fmt::Error)?;
    let [tenants, idle, overhead, charged] =
        [side.tenants, side.idle, overhead, side.charged].map(money);
    writeln!(f, "{name:<18}{tenants:>16}{idle:>16}{overhead:>16}{charged:>16}")
}

fn money(amount: Amount) -> String {
    let (rounded, _) = amount.round(SUM as u32);
    format!("{rounded:.SUM$}")
}

/// Causes, pools, and what requests and tokens cost.
impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.causes(f)?;
        writeln!(f)?;
        self.pools(f)?;
        writeln!(f, "tenants + idle + overhead = charged, exactly: {}\n", self.whole.charged)?;
        f.write_str(&self.economics.unit_costs_table())?;
        writeln!(f)?;
        f.write_str(&self.economics.models_in_pools_table())
    }
}
