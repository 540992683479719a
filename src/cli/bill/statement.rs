//! A provider's bill that was given as a file.

use std::{collections::BTreeMap, fs, path::Path};

use adapters::billing_summary::{BillingSummary, PoolCharge};
use connector::{Money, Names, PoolId};
use reports::{Header, ReadError, StatementReader};
use scenarios::Scenario;

use super::super::{Failure, note};
use crate::experiment::reconcile::Charges;

/// What stands in a provider's bill.
pub(super) struct Statement {
    pub(super) charges: Charges,
    /// Of which run it is, where it says so.
    pub(super) header: Option<Header>,
    /// What it has beside pools; our books have nothing of the kind.
    pub(super) beside_pools: Money,
}

impl Statement {
    /// Reads a `statement.csv`, or HostedAI's billing summary in JSON.
    pub(super) fn read(path: &Path, scenario: &Scenario) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::bad_input(format!("cannot read `{}`: {error}", path.display()))
        };
        let bytes = fs::read(path).map_err(|error| failed(&error))?;
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Self::lines(path, &scenario.names).map_err(|error| {
                Failure::bad_input(error.to_string())
                    .with_help("give a statement.csv of a run, or a billing summary in JSON")
            });
        }
        let text = String::from_utf8(bytes).map_err(|error| failed(&error))?;
        let summary = BillingSummary::parse(&text)
            .map_err(|error| Failure::bad_input(format!("`{}`: {error}", path.display())))?;
        check_currency(&summary, scenario)?;
        let beside_pools = beside_pools(&summary)?;
        let charges = Charges::Sums(sums(&summary.pools, &scenario.names)?);
        Ok(Self { charges, header: None, beside_pools })
    }

    /// Both as one: the summaries of two teams.
    pub(super) fn and(self, other: Self) -> Result<Self, Failure> {
        let (Charges::Sums(mut sums), Charges::Sums(more)) = (self.charges, other.charges) else {
            return Err(Failure::bad_input("several bills, and one is a statement.csv")
                .with_help("give one statement.csv, which has every share, or billing summaries"));
        };
        for (pool, sum) in more {
            *sums.entry(pool).or_default() += sum;
        }
        let beside_pools = self.beside_pools + other.beside_pools;
        Ok(Self { charges: Charges::Sums(sums), header: None, beside_pools })
    }

    /// The `statement.csv` of a run.
    pub(super) fn lines(path: &Path, names: &Names) -> Result<Self, ReadError> {
        let reader = StatementReader::open_file(path.to_owned(), names)?;
        let header = Some(reader.header().clone());
        let charges = Charges::Lines(reader.collect::<Result<_, _>>()?);
        Ok(Self { charges, header, beside_pools: Money::ZERO })
    }
}

/// Amounts of two currencies are never laid side by side.
fn check_currency(summary: &BillingSummary, scenario: &Scenario) -> Result<(), Failure> {
    let ours = scenario.billing.as_ref().map(|billing| billing.book.currency());
    match (&summary.currency, ours) {
        (Some(theirs), Some(ours)) if !theirs.eq_ignore_ascii_case(ours.code()) => {
            let message = format!("the bill is in {theirs}, the scenario's prices are in {ours}");
            Err(Failure::bad_input(message).with_help("amounts are not converted"))
        }
        (Some(_), Some(_)) => Ok(()),
        (theirs, _) => {
            let theirs = theirs.as_deref().unwrap_or("a currency that it does not state");
            note(&format!(
                "warning: the bill is in {theirs}, and nothing says that our prices are"
            ));
            Ok(())
        }
    }
}

/// Everything that is charged and belongs to no pool.
fn beside_pools(summary: &BillingSummary) -> Result<Money, Failure> {
    let mut parts = summary.base.unwrap_or_default();
    for other in &summary.others {
        let name = other.name.as_deref().unwrap_or("without a name");
        parts += other.charge.ok_or_else(|| unstated(&format!("`{name}`")))?;
    }
    // What the total has and no part: the same charge may stand in one answer and not in the next.
    Ok(parts + summary.beside_parts().unwrap_or_default())
}

fn sums(pools: &[PoolCharge], names: &Names) -> Result<BTreeMap<PoolId, Money>, Failure> {
    let mut sums = BTreeMap::new();
    for pool in pools {
        let name = pool.name.as_deref().ok_or_else(|| {
            Failure::bad_input("the bill has a pool without a name")
                .with_help("complete the file: `pool_name` has to be a pool of the scenario")
        })?;
        let found = names.pools.iter().position(|known| known == name);
        let id = found.map(|index| PoolId(index as u32)).ok_or_else(|| {
            let known = names.pools.join("`, `");
            Failure::bad_input(format!("the bill has a pool `{name}` that the scenario has not"))
                .with_help(format!("the scenario's pools are `{known}`"))
        })?;
        let charge = pool.charge.ok_or_else(|| unstated(&format!("pool `{name}`")))?;
        *sums.entry(id).or_default() += charge;
    }
    Ok(sums)
}

fn unstated(what: &str) -> Failure {
    Failure::bad_input(format!("the bill does not state the charge of {what}"))
        .with_help("nothing that is missing is read as zero: ask the provider for it")
}
