//! A reconciliation for people: the difference by cause, the pools, and what things cost.

use std::{collections::BTreeMap, fmt};

use connector::{Amount, ModelId, Names, PoolId};
use platform::billing::{
    UseKind,
    reconcile::{Cause, OutOfRange, Reconciliation, Side, Use, UseKey},
};

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
    economics: BTreeMap<(ModelId, PoolId), Economics>,
}

/// What a model in a pool did, and for how much.
#[derive(Clone, Copy, Debug, Default)]
struct Economics {
    delivered: Use,
    wasted: Use,
}

impl Economics {
    fn cost(&self) -> f64 {
        self.delivered.cost.as_f64() + self.wasted.cost.as_f64()
    }

    /// The cost of one of so many, everything included.
    fn each(&self, number: f64) -> Option<f64> {
        (number > 0.0).then(|| self.cost() / number)
    }
}

impl<'a> Told<'a> {
    /// A reconciliation of a run with these names.
    ///
    /// # Errors
    /// If a sum is out of range.
    pub fn new(books: &'a Reconciliation, names: &'a Names) -> Result<Self, OutOfRange> {
        let whole = books.whole()?;
        let mut economics: BTreeMap<_, Economics> = BTreeMap::new();
        for (&UseKey { model, pool, kind, .. }, one) in &books.uses {
            let of = economics.entry((model, pool)).or_default();
            match kind {
                UseKind::Delivered => of.delivered = of.delivered.plus(one)?,
                UseKind::Disconnected
                | UseKind::Preempted
                | UseKind::Hedged
                | UseKind::Retried
                | UseKind::Ghost
                | UseKind::Idle => of.wasted = of.wasted.plus(one)?,
            }
        }
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

    fn economics(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<28}{:>10}{:>16}{:>16}{:>16}{:>9}",
            "model@pool", "requests", "per request", "per 1M tokens", "cost of waste", "wasted"
        )?;
        for ((model, pool), of) in &self.economics {
            let at =
                format!("{}@{}", self.names.models[model.index()], self.names.pools[pool.index()]);
            let delivered = &of.delivered;
            let tokens = (delivered.input_tokens + delivered.output_tokens) as f64 / 1e6;
            let each = |number: f64| {
                of.each(number).map_or_else(|| "-".to_owned(), |cost| format!("{cost:.6}"))
            };
            writeln!(
                f,
                "{at:<28}{:>10}{:>16}{:>16}{:>16}{:>8.2}%",
                delivered.requests,
                each(delivered.requests as f64),
                each(tokens),
                money(of.wasted.cost),
                100.0 * of.wasted.cost.as_f64() / of.cost(),
            )?;
        }
        Ok(())
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
        self.economics(f)
    }
}
