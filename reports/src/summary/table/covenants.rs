use super::TENANTS_SHOWN;
use crate::{
    TenantGroup, humanise,
    layout::{Layout, share, short},
    summary::covenants::{ByName, CovenantReport},
};

const COLUMNS: [&str; 7] =
    ["tenant", "promised", "kept", "renegotiated", "broken", "broken by", "given up"];

/// Tenants that something was promised to: those with most broken covenants first, and one row
/// for all others. `None` if there are none.
pub(super) fn covenants(tenants: &[TenantGroup]) -> Option<Layout> {
    let named = |tenant: &TenantGroup| Some((tenant.group.name.clone(), tenant.covenants.clone()?));
    let mut ranked: Vec<(String, CovenantReport)> = tenants.iter().filter_map(named).collect();
    if ranked.is_empty() {
        return None;
    }
    // The sort is stable: among equals, the scenario's order stands.
    ranked.sort_by_key(|(_, report)| std::cmp::Reverse(report.broken));
    let mut table = Layout::of_words(&COLUMNS, 1..5);
    let (shown, rest) = ranked.split_at(ranked.len().min(TENANTS_SHOWN));
    for (name, report) in shown {
        table.row(row(short(name), report));
    }
    if !rest.is_empty() {
        let parts: Vec<&CovenantReport> = rest.iter().map(|(_, report)| report).collect();
        table.row(row(format!("({} others)", rest.len()), &CovenantReport::together(&parts)));
    }
    Some(table)
}

fn row(name: String, report: &CovenantReport) -> Vec<String> {
    vec![
        name,
        humanise::whole(report.promised),
        share(report.kept_share),
        humanise::whole(report.renegotiated),
        humanise::whole(report.broken),
        words(&report.broken_by),
        words(&report.given_up),
    ]
}

pub(super) fn words(counts: &ByName) -> String {
    let words = counts.0.iter().map(|(name, count)| format!("{name} {}", humanise::whole(*count)));
    words.collect::<Vec<_>>().join(", ")
}
