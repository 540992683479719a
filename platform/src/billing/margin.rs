//! What is left of what tenants are charged once the provider is paid.
//!
//! Revenue is what was rated, before it is rounded and without what a commitment adds; cost comes from
//! the records of use at the price that the provider is believed to ask. Idle shares are a cost of
//! their model and pool, and of no tenant; what the provider charges beyond our books is overhead of
//! the pool, and no part of a margin here (see [`reconcile`](super::reconcile)). So the sum over
//! tenants, less idle shares, is the sum over models and the sum over pools, exactly.

use std::collections::BTreeMap;

use connector::{Amount, ModelId, PoolId, TenantId};

use super::{Use, UseKey, UseKind, reconcile::OutOfRange};

/// What came in and what it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Margin {
    /// What tenants are charged.
    pub revenue: Amount,
    /// What the provider asks for the same work.
    pub cost: Amount,
}

impl Margin {
    /// What is left; negative: a loss.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn left(&self) -> Result<Amount, OutOfRange> {
        self.revenue.checked_sub(self.cost).ok_or(OutOfRange)
    }

    fn add(&mut self, revenue: Amount, cost: Amount) -> Result<(), OutOfRange> {
        self.revenue = self.revenue.checked_add(revenue).ok_or(OutOfRange)?;
        self.cost = self.cost.checked_add(cost).ok_or(OutOfRange)?;
        Ok(())
    }
}

/// Margins by whom, by what and by where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Margins {
    /// Of each tenant.
    pub tenants: BTreeMap<TenantId, Margin>,
    /// Of each model.
    pub models: BTreeMap<ModelId, Margin>,
    /// Of each pool.
    pub pools: BTreeMap<PoolId, Margin>,
    /// What shares cost that were at work for nobody.
    pub idle: Amount,
}

impl Margins {
    /// From what tenants are charged, whoever for whatever wherever, and from what was used.
    ///
    /// # Errors
    /// If a sum is out of range.
    pub fn new(
        revenue: impl IntoIterator<Item = ((TenantId, ModelId, PoolId), Amount)>,
        uses: &BTreeMap<UseKey, Use>,
    ) -> Result<Self, OutOfRange> {
        let mut margins = Self::default();
        for ((tenant, model, pool), amount) in revenue {
            margins.add((Some(tenant), model, pool), amount, Amount::ZERO)?;
        }
        for (key, one) in uses {
            let tenant = match key.kind {
                UseKind::Ghost => continue,
                UseKind::Idle => {
                    margins.idle = margins.idle.checked_add(one.cost).ok_or(OutOfRange)?;
                    None
                }
                UseKind::Delivered
                | UseKind::Disconnected
                | UseKind::Preempted
                | UseKind::Hedged
                | UseKind::Retried => Some(key.tenant),
            };
            margins.add((tenant, key.model, key.pool), Amount::ZERO, one.cost)?;
        }
        Ok(margins)
    }

    /// All together: the sum over pools.
    ///
    /// # Errors
    /// If a sum is out of range.
    ///
    /// # Panics
    /// If tenants less idle shares, models and pools do not come to the same: whoever sees a report may
    /// rely on it.
    pub fn whole(&self) -> Result<Margin, OutOfRange> {
        let whole = sum(self.pools.values())?;
        let tenants = sum(self.tenants.values())?.left()?;
        let less_idle = tenants.checked_sub(self.idle).ok_or(OutOfRange)?;
        assert_eq!(less_idle, whole.left()?, "tenants less idle shares = pools");
        assert_eq!(sum(self.models.values())?, whole, "models = pools");
        Ok(whole)
    }

    fn add(
        &mut self,
        (tenant, model, pool): (Option<TenantId>, ModelId, PoolId),
        revenue: Amount,
        cost: Amount,
    ) -> Result<(), OutOfRange> {
        if let Some(tenant) = tenant {
            self.tenants.entry(tenant).or_default().add(revenue, cost)?;
        }
        self.models.entry(model).or_default().add(revenue, cost)?;
        self.pools.entry(pool).or_default().add(revenue, cost)
    }
}

fn sum<'a>(margins: impl Iterator<Item = &'a Margin>) -> Result<Margin, OutOfRange> {
    let mut whole = Margin::default();
    for Margin { revenue, cost } in margins {
        whole.add(*revenue, *cost)?;
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().expect("an amount")
    }

    fn used(tenant: u32, model: u32, pool: u32, kind: UseKind, cost: &str) -> (UseKey, Use) {
        let (tenant, model, pool) = (TenantId(tenant), ModelId(model), PoolId(pool));
        (UseKey { tenant, model, pool, kind }, Use { cost: amount(cost), ..Use::default() })
    }

    fn line(
        tenant: u32,
        model: u32,
        pool: u32,
        charged: &str,
    ) -> ((TenantId, ModelId, PoolId), Amount) {
        ((TenantId(tenant), ModelId(model), PoolId(pool)), amount(charged))
    }

    #[test]
    fn margins_of_tenants_less_idle_shares_are_those_of_models_and_of_pools() {
        let uses = [
            used(0, 0, 0, UseKind::Delivered, "3.00"),
            used(0, 1, 1, UseKind::Hedged, "0.50"),
            used(1, 0, 1, UseKind::Delivered, "1.25"),
            used(1, 0, 1, UseKind::Idle, "0.75"),
            used(1, 0, 1, UseKind::Ghost, "9.00"),
        ];
        let lines = [line(0, 0, 0, "5.00"), line(0, 1, 1, "0.25"), line(1, 0, 1, "4.00")];
        let margins = Margins::new(lines, &uses.into_iter().collect()).expect("in range");
        let left = |of: &Margin| of.left().expect("in range").to_string();
        let of_tenants: Vec<String> = margins.tenants.values().map(left).collect();
        assert_eq!(of_tenants, ["1.75", "2.75"]);
        assert_eq!(margins.models.values().map(left).collect::<Vec<_>>(), ["4.00", "-0.25"]);
        assert_eq!(margins.pools.values().map(left).collect::<Vec<_>>(), ["2.00", "1.75"]);
        assert_eq!(margins.idle, amount("0.75"), "4.50 less 0.75 is 3.75 by either");
        let whole = Margin { revenue: amount("9.25"), cost: amount("5.50") };
        assert_eq!(margins.whole(), Ok(whole));
    }
}
