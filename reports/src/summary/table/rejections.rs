use super::{TENANTS_SHOWN, covenants::words};
use crate::{
    ByName, TenantGroup, Traffic, humanise,
    layout::{Layout, share, short},
    pools::ratio,
};

const COLUMNS: [&str; 4] = ["tenant", "rejected", "of all", "by"];

/// Tenants whose requests met a bound of the platform: those with most rejections first, and one row
/// for all others. `None` if there are none.
pub(super) fn rejections(tenants: &[TenantGroup]) -> Option<Layout> {
    let met = |tenant: &&TenantGroup| !tenant.group.requests.rejected_by.is_empty();
    let mut ranked: Vec<&TenantGroup> = tenants.iter().filter(met).collect();
    if ranked.is_empty() {
        return None;
    }
    // The sort is stable: among equals, the scenario's order stands.
    ranked.sort_by_key(|tenant| std::cmp::Reverse(tenant.group.requests.rejected));
    let mut table = Layout::of_words(&COLUMNS, 1..3);
    let (shown, rest) = ranked.split_at(ranked.len().min(TENANTS_SHOWN));
    for tenant in shown {
        table.row(row(short(&tenant.group.name), &[&tenant.group.requests]));
    }
    if !rest.is_empty() {
        let parts: Vec<&Traffic> = rest.iter().map(|tenant| &tenant.group.requests).collect();
        table.row(row(format!("({} others)", rest.len()), &parts));
    }
    Some(table)
}

fn row(name: String, parts: &[&Traffic]) -> Vec<String> {
    let sum = |of: fn(&Traffic) -> u64| parts.iter().map(|part| of(part)).sum::<u64>();
    let (rejected, offered) = (sum(|part| part.rejected), sum(|part| part.offered));
    vec![
        name,
        humanise::whole(rejected),
        share(ratio(u128::from(rejected), u128::from(offered))),
        words(&ByName::together(parts.iter().map(|part| &part.rejected_by))),
    ]
}
