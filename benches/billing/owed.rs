//! What the records must come to, reckoned from their sums and not by rating.

use std::collections::BTreeMap;

use connector::{Amount, Money, PricingUnit, TenantId, Timestamp};
use platform::billing::{AccountId, Currency, Meters, UsageRecord, ledger::Ledger};

use super::records::{FIRST_TIER, HOUR, INCLUDED, money};

/// Fails unless the books say of each tenant what its records cost.
pub(super) fn check(ledger: &Ledger, owed: &BTreeMap<TenantId, Amount>) {
    for (&tenant, &amount) in owed {
        let booked = ledger.balance(AccountId::Unbilled(tenant), Currency::USD);
        assert_eq!(booked.net(), amount, "{tenant}");
    }
}

/// What each tenant owes.
pub(super) fn owed(records: &[UsageRecord]) -> BTreeMap<TenantId, Amount> {
    let mut used: BTreeMap<TenantId, (Meters, u128)> = BTreeMap::new();
    for record in records {
        let (sum, late_ns) = used.entry(record.tenant).or_default();
        let Meters { input_tokens, cached_tokens, output_tokens, requests, .. } = record.meters;
        sum.input_tokens += input_tokens;
        sum.cached_tokens += cached_tokens;
        sum.output_tokens += output_tokens;
        sum.requests += requests;
        sum.slot_ns += record.meters.slot_ns;
        sum.flop += record.meters.flop;
        sum.mebibyte_ns += record.meters.mebibyte_ns;
        let change = Timestamp::ZERO + HOUR;
        let late = record.until.max(change).since(record.from.max(change));
        *late_ns += u128::from(late.as_nanos());
    }
    used.into_iter().map(|(tenant, (sum, late_ns))| (tenant, cost(&sum, late_ns))).collect()
}

/// What so much costs, `late_ns` of the share's time being after its price changed.
fn cost(sum: &Meters, late_ns: u128) -> Amount {
    let million = PricingUnit::Million;
    let charged = u128::from(sum.output_tokens).saturating_sub(INCLUDED);
    let beyond = charged.saturating_sub(FIRST_TIER);
    let fee = if beyond > 0 { money(5_000) } else { Money::ZERO };
    let terms = [
        Amount::product(money(150), sum.input_tokens.into(), million),
        Amount::product(money(15), sum.cached_tokens.into(), million),
        Amount::product(money(600), charged - beyond, million),
        Amount::product(money(400), beyond, million),
        Amount::from_money(fee),
        Amount::product(money(1), sum.requests.into(), PricingUnit::Piece),
        Amount::product(money(2_500), sum.slot_ns - late_ns, PricingUnit::Hour),
        Amount::product(money(3_000), late_ns, PricingUnit::Hour),
        Amount::product(money(10), sum.flop, PricingUnit::TflopsHour),
        Amount::product(money(20), sum.mebibyte_ns, PricingUnit::GibHour),
    ];
    Amount::checked_sum(terms.map(|term| term.expect("in range"))).expect("in range")
}
