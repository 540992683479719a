use std::cmp::Reverse;

use connector::Amount;
use platform::billing::{Margin, UnitCost};

use super::{EconomicsReport, MarginsReport, left, to_read};
use crate::{
    humanise,
    layout::{ABSENT, Layout, money, share, short},
};

/// Rows of the table of tenants' margins; the rest is added up in one more.
const TENANTS_SHOWN: usize = 10;

impl EconomicsReport {
    /// What requests and tokens cost: everything, then by model and by pool.
    pub fn unit_costs_table(&self) -> String {
        self.unit_costs().finish()
    }

    /// The same of each model in each pool.
    pub fn models_in_pools_table(&self) -> String {
        let mut table = Layout::of_words(&columns("model", "pool"), 2..8);
        for ((model, pool), costs) in &self.unit_costs.models_in_pools {
            let names = &self.names;
            row(&mut table, &names.models[model.index()], &names.pools[pool.index()], costs);
        }
        table.finish()
    }

    /// What is left of what tenants pay: its title, its rows, and that they add up. `None` if nobody said
    /// what they pay.
    pub fn margins_table(&self) -> Option<String> {
        let (title, table) = self.margins()?;
        let MarginsReport { whole, .. } = self.margins.as_ref()?;
        let exactly = "tenants less idle = models = pools, exactly";
        Some(format!("{title}\n{}{exactly}: {}\n", table.finish(), left(whole)))
    }

    pub(crate) fn unit_costs(&self) -> Layout {
        let mut table = Layout::of_words(&columns("", ""), 2..8);
        row(&mut table, "all", "", &self.unit_costs.whole);
        for (model, costs) in &self.unit_costs.models {
            row(&mut table, "model", &self.names.models[model.index()], costs);
        }
        for (pool, costs) in &self.unit_costs.pools {
            row(&mut table, "pool", &self.names.pools[pool.index()], costs);
        }
        table
    }

    /// What is left of what tenants pay, and the title of that table.
    pub(crate) fn margins(&self) -> Option<(String, Layout)> {
        let MarginsReport { currency, whole, margins, unrated_records } = self.margins.as_ref()?;
        let without_price = match *unrated_records {
            0 => String::new(),
            some => format!("; {} records without a price", humanise::whole(some)),
        };
        let title = format!("margins in {}, over the whole run{without_price}", currency.code());
        let mut table =
            Layout::of_words(&["", "", "revenue", "cost", "margin", "of revenue"], 2..6);
        earned(&mut table, "all", "", whole);
        let mut ranked: Vec<_> = margins.tenants.iter().collect();
        ranked.sort_by_key(|(_, margin)| Reverse(margin.revenue));
        let (shown, rest) = ranked.split_at(ranked.len().min(TENANTS_SHOWN));
        for (tenant, margin) in shown {
            earned(&mut table, "tenant", &self.names.tenants[tenant.index()], margin);
        }
        if !rest.is_empty() {
            let sum = |of: fn(&Margin) -> Amount| {
                Amount::checked_sum(rest.iter().map(|(_, margin)| of(margin))).unwrap_or_default()
            };
            let rest_of = Margin { revenue: sum(|one| one.revenue), cost: sum(|one| one.cost) };
            earned(&mut table, "tenant", &format!("({} others)", rest.len()), &rest_of);
        }
        if margins.idle != Amount::ZERO {
            earned(&mut table, "idle", "", &Margin { cost: margins.idle, ..Margin::default() });
        }
        for (model, margin) in &margins.models {
            earned(&mut table, "model", &self.names.models[model.index()], margin);
        }
        for (pool, margin) in &margins.pools {
            earned(&mut table, "pool", &self.names.pools[pool.index()], margin);
        }
        Some((title, table))
    }
}

const fn columns<'a>(what: &'a str, name: &'a str) -> [&'a str; 8] {
    [what, name, "answered", "per request", "per 1M tokens", "cost", "waste", "of cost"]
}

fn row(table: &mut Layout, what: &str, name: &str, costs: &UnitCost) {
    let figure =
        |value: Option<f64>| value.map_or_else(|| ABSENT.to_owned(), humanise::significant);
    table.row(vec![
        short(what),
        short(name),
        humanise::whole(costs.requests),
        figure(costs.per_request()),
        figure(costs.per_million_tokens()),
        money(to_read(costs.cost)),
        money(to_read(costs.waste)),
        share(costs.waste_share()),
    ]);
}

fn earned(table: &mut Layout, what: &str, name: &str, margin: &Margin) {
    let left = left(margin);
    let of_revenue =
        (margin.revenue != Amount::ZERO).then(|| left.as_f64() / margin.revenue.as_f64());
    table.row(vec![
        what.to_owned(),
        short(name),
        money(to_read(margin.revenue)),
        money(to_read(margin.cost)),
        money(to_read(left)),
        share(of_revenue),
    ]);
}

/// `0.0050, 0.620% of 0.8009: 0.0030 preempted, 0.0020 retried`.
pub(super) fn waste(costs: &UnitCost) -> Option<String> {
    let of_cost = share(Some(costs.waste_share()?));
    let whole = money(to_read(costs.cost));
    if costs.waste == Amount::ZERO {
        return Some(format!("none of {whole}"));
    }
    let kinds: Vec<String> = costs
        .wasted()
        .map(|(kind, cost)| format!("{} {}", money(to_read(cost)), kind.name()))
        .collect();
    let waste = money(to_read(costs.waste));
    Some(format!("{waste}, {of_cost} of {whole}: {}", kinds.join(", ")))
}
