//! Over runs in which much goes wrong: what tenants are charged and what it costs us is what the
//! ledger has, what invoices state and what is exported, to the last digit; in whatever order, how
//! often and how late the records come.

use std::{collections::BTreeMap, path::Path};

use connector::{Amount, Money, PricingUnit, TenantId};
use harpoon::{
    drive::{Observer, Watch},
    experiment::{self, bill},
};
use platform::billing::{AccountId, Bill, InvoiceLine, Rating, UsageRecord, UseKind};
use proptest::{prelude::*, sample::Index};
use reports::{Billed, FocusVersion, Header, InvoiceFormat};
use scenarios::Scenario;

/// Two tenants, two regions; a price for everything, in periods of seconds.
const WORLD: &str = "\
name: billed
duration: 30s
provider:
  regions:
    - { name: eu, control_plane: { timeout: 5s } }
    - { name: us, control_plane: { timeout: 3s } }
  pools:
    - { name: a, region: eu, gpu: L4, count: 2, sharing_ratio: 4, price_per_slot_hour: 3.60 }
    - { name: b, region: us, gpu: L40S, count: 2, sharing_ratio: 4, price_per_slot_hour: 7.234567891, kind: preemptible }
models: [gemma-2b]
tenants: [{ name: acme }, { name: globex }]
platform:
  hedging: { after: 300ms }
  timeouts: { queue: 2s, allocation: 800ms, inference: 3s, release: 1s }
  price_book:
    period: 7s
    grace: 1s
    preemptible_discount: 30%
    commitments: { globex: 0.02 }
    rates:
      - meter: output_tokens
        price:
          - included: 500
            each: { graduated: [{ up_to: 5000, each: 61.30 }, { each: 40.70, fee: 0.25 }] }
      - { meter: requests, price: [{ each: { volume: [{ up_to: 20, each: 0.0055 }, { each: 0.0033 }] } }] }
      - meter: slot_time
        price: [{ each: 2.50, granularity: 1ms, until: 11s }, { each: 3.10, from: 11s }]
      - { meter: compute, price: 0.7 }
traffic:
  - name: chat
    tenant: acme
    arrivals: { poisson: { rate: 4/s } }
    prompt_tokens: 100
    output_tokens: { uniform: { min: 1, max: 90 } }
    patience: { exponential: { mean: 4s } }
  - name: batch
    tenant: globex
    arrivals: { poisson: { rate: 2/s } }
    prompt_tokens: 500
    output_tokens: 20
";

/// Keeps the records of a run.
#[derive(Debug, Default)]
struct Kept(Vec<UsageRecord>);

impl Observer for Kept {
    fn reads_books(&self) -> bool {
        true
    }

    fn usage(&mut self, record: &UsageRecord) {
        self.0.push(*record);
    }
}

struct Run {
    scenario: Scenario,
    header: Header,
    records: Vec<UsageRecord>,
    bill: Bill,
}

impl Run {
    fn of(settings: &[String]) -> Self {
        let set: Vec<_> = settings.iter().map(|one| one.parse().unwrap()).collect();
        let scenario = scenarios::parse("billed.yaml", WORLD, Path::new("."), &set);
        let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
        let (seed, watch) = (scenario.seed, Watch::default());
        let kept =
            experiment::simulate_beside(&scenario, seed, None, Kept::default(), &watch).unwrap();
        let config = scenario.billing.as_ref().unwrap();
        let (_, bill) = bill::simulated(&scenario, config, seed, &watch).unwrap();
        let bill = bill.unwrap();
        Self { header: kept.0.summary.header.clone(), records: kept.1.0, scenario, bill }
    }

    fn billed(&self, records: &[UsageRecord]) -> Bill {
        let config = self.scenario.billing.as_ref().unwrap();
        let records = records.iter().map(|record| Ok(*record));
        bill::of_records(&self.scenario, config, &self.header, records).unwrap()
    }

    /// Exactly what each tenant is charged, from scratch and without any books.
    fn charges(&self) -> BTreeMap<TenantId, Amount> {
        let mut rating = Rating::new(self.scenario.billing.clone().unwrap());
        for record in &self.records {
            rating.add(record).unwrap();
        }
        let mut charges = BTreeMap::new();
        for line in rating.lines().unwrap() {
            let sum: &mut Amount = charges.entry(line.key.tenant).or_default();
            *sum = sum.checked_add(line.amount).unwrap();
        }
        charges
    }

    /// What use of some kinds costs, record by record.
    fn cost(&self, kinds: impl Fn(UseKind) -> bool) -> Amount {
        let prices = &self.scenario.platform.cables;
        let used = self.records.iter().filter(|record| kinds(record.kind));
        sum(used.map(|record| {
            let price = prices.iter().find(|cable| cable.pool == record.pool).unwrap();
            let (price, time) = (price.price_per_slot_hour, record.meters.slot_ns);
            Amount::product(price, time, PricingUnit::Hour).unwrap()
        }))
    }
}

fn sum(amounts: impl IntoIterator<Item = Amount>) -> Amount {
    Amount::checked_sum(amounts).unwrap()
}

fn exactly(money: Money) -> Amount {
    Amount::from_money(money).unwrap()
}

fn net(bill: &Bill, wanted: impl Fn(AccountId) -> bool) -> Amount {
    let found = bill.balances.iter().filter(|(account, _)| wanted(*account));
    sum(found.map(|(_, balance)| balance.net()))
}

fn is_internal(kind: UseKind) -> bool {
    !matches!(kind, UseKind::Delivered | UseKind::Disconnected)
}

/// Charges and internal cost = ledger = invoices with their corrections.
fn assert_adds_up(run: &Run, bill: &Bill) {
    let charges = run.charges();
    let charged = sum(charges.values().copied());
    let revenue = net(bill, |account| matches!(account, AccountId::Revenue { .. }));
    assert_eq!(-revenue, charged, "what is charged is what was earned");
    let internal = run.cost(is_internal);
    assert_eq!(bill.internal_cost(), Ok(internal));
    let booked = net(bill, |account| match account {
        AccountId::Cost { kind, .. } => is_internal(kind),
        AccountId::Idle(_) | AccountId::Overhead(_) => true,
        _ => false,
    });
    assert_eq!(booked, internal, "the ledger has it at the same price");
    let payable = net(bill, |account| matches!(account, AccountId::Payable(_)));
    assert_eq!(-payable, run.cost(|_| true), "all time of shares is owed to the provider");
    for (tenant, name) in (0..).map(TenantId).zip(&run.scenario.names.tenants) {
        let charged = charges.get(&tenant).copied().unwrap_or_default();
        let of_tenant = || bill.standing.iter().filter(|one| one.tenant == tenant);
        assert_eq!(sum(of_tenant().map(|one| one.exact)), charged, "{name}");
        let lines = |lines: &[InvoiceLine]| sum(lines.iter().map(|line| exactly(line.billed)));
        let stated = bill.invoices.iter().filter(|one| one.tenant == tenant);
        let drawn = sum(stated.map(|one| sum([lines(&one.lines), exactly(one.shortfall)])));
        let corrected = bill.corrections.iter().filter(|one| one.tenant == tenant);
        let corrected = sum(corrected
            .map(|one| sum([lines(&one.restated), -lines(&one.reversed), exactly(one.shortfall)])));
        let owed = sum([drawn, corrected]);
        assert_eq!(sum(of_tenant().map(|one| exactly(one.total))), owed, "{name}");
        assert_eq!(bill.balance(AccountId::Receivable(tenant)).net(), owed, "{name}");
        assert_eq!(bill.balance(AccountId::Unbilled(tenant)).net(), Amount::ZERO, "{name}");
        // Exact charges, what rounding gave, and what was committed to are what is owed.
        let residue = sum(of_tenant().map(|one| one.residue));
        let shortfall = bill.balance(AccountId::Shortfall(tenant)).net();
        assert_eq!(sum([charged, -residue, -shortfall]), owed, "{name}");
    }
    assert_eq!(net(bill, |_| true), Amount::ZERO, "the books balance");
}

/// What each export asks of each tenant is what the books say that it owes.
fn assert_exports_add_up(run: &Run, bill: &Bill) {
    let scenario = &run.scenario;
    let regions = ["eu".to_owned(), "us".to_owned()];
    let billed = Billed {
        bill,
        billing: scenario.billing.as_ref().unwrap(),
        names: &scenario.names,
        regions: &regions,
        starts_at: scenario.starts_at,
        header: &run.header,
    };
    let [mut csv, mut json, mut focus] = [const { Vec::new() }; 3];
    reports::write_invoices(&billed, InvoiceFormat::Csv, &mut csv).unwrap();
    reports::write_invoices(&billed, InvoiceFormat::Json, &mut json).unwrap();
    reports::write_focus(&billed, FocusVersion::V1_0, &mut focus).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let documents = json["documents"].as_array().unwrap();
    for (tenant, name) in (0..).map(TenantId).zip(&scenario.names.tenants) {
        let owed = bill.balance(AccountId::Receivable(tenant)).net();
        assert_eq!(column_sum(&csv, ("tenant", name), "billed"), owed, "{name}");
        let account = format!("tenant/{name}");
        assert_eq!(
            column_sum(&focus, ("BillingAccountId", &account), "BilledCost"),
            owed,
            "{name}"
        );
        let totals = documents.iter().filter(|page| page["tenant"] == **name);
        let totals = totals.map(|page| page["total"].as_str().unwrap().parse().unwrap());
        assert_eq!(sum(totals), owed, "{name}");
    }
}

/// The sum of a column where another has this value; there is such a row if the sum is not zero.
fn column_sum(csv: &[u8], (key, value): (&str, &str), column: &str) -> Amount {
    let mut rows = csv::Reader::from_reader(csv);
    let headers = rows.headers().unwrap().clone();
    let at = |name: &str| headers.iter().position(|one| one == name).unwrap();
    let (key, column) = (at(key), at(column));
    let rows = rows.records().map(Result::unwrap).filter(|row| &row[key] == value);
    sum(rows.map(|row| row[column].parse().unwrap()))
}

/// Lines that corrections take back were stated, and taken back once.
fn assert_reversals_net_to_zero(bill: &Bill) {
    for (invoice, standing) in bill.invoices.iter().zip(&bill.standing) {
        let mut lines = invoice.lines.clone();
        for correction in bill.corrections_of(invoice.tenant, invoice.period) {
            for reversed in &correction.reversed {
                let stated = lines.iter().position(|line| line == reversed);
                lines.remove(stated.expect("it was stated"));
            }
            lines.extend(correction.restated.iter().cloned());
        }
        lines.sort_by_key(|line| (line.model, line.pool, line.meter));
        assert_eq!(lines, standing.lines);
    }
}

fn nets(bill: &Bill) -> Vec<(AccountId, Amount)> {
    let nets = bill.balances.iter().map(|(account, balance)| (*account, balance.net()));
    nets.filter(|(_, net)| *net != Amount::ZERO).collect()
}

#[test]
fn the_world_has_every_kind_of_use_and_corrections() {
    let quirks = "provider.regions[eu].control_plane.quirks={ ghosts: 10%, empty_200: 10% }";
    let spot = "provider.pools[b].spot={ grace: 0s, process: { up: 4s, down: 2s } }";
    let leases = "platform.leases={ idle: 3s }";
    let run = Run::of(&[quirks, spot, leases].map(str::to_owned));
    let kinds: std::collections::BTreeSet<_> = run.records.iter().map(|one| one.kind).collect();
    for kind in [UseKind::Delivered, UseKind::Hedged, UseKind::Preempted, UseKind::Retried] {
        assert!(kinds.contains(&kind), "{kind:?} of {kinds:?}");
    }
    assert!(kinds.contains(&UseKind::Idle), "{kinds:?}");
    let backwards: Vec<_> = run.records.iter().rev().copied().collect();
    assert!(!run.billed(&backwards).corrections.is_empty());
    assert_eq!(run.billed(&run.records), run.bill, "told as they come, or from the records");
    assert_adds_up(&run, &run.bill);
    assert!(net(&run.bill, |account| matches!(account, AccountId::Receivable(_))) > Amount::ZERO);
    assert_exports_add_up(&run, &run.bill);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 30, ..ProptestConfig::default() })]

    #[test]
    fn no_run_loses_or_makes_a_grain(
        seed in any::<u32>(),
        (ghosts, empty, lag, slow, failing) in (0..20_u32, 0..20_u32, 0..10_u32, 0..20_u32, 0..15_u32),
        (spot, warm, leave) in (any::<bool>(), any::<bool>(), any::<bool>()),
        fault in prop::sample::select(&[
            "[]",
            "[{ at: 10s, lasts: 5s, gpu_loss: { count: 1 } }]",
            "[{ at: 10s, lasts: 8s, pool: a, partition: { direction: answer } }]",
            "[{ at: 5s, lasts: 8s, partition: { direction: request } }]",
            "[{ at: 5s, lasts: 9s, errors: { rate: 40%, operation: infer } }]",
        ][..]),
        mixed in prop::collection::vec(any::<(Index, Index)>(), 0..60),
        again in prop::collection::vec(any::<Index>(), 0..60),
    ) {
        let quirks = |region| format!(
            "provider.regions[{region}].control_plane.quirks={{ ghosts: {ghosts}%, empty_200: {empty}%, \
             eventual_lists: {lag}s, slow_release: {}s }}",
            slow + 1,
        );
        let mut settings = vec![
            quirks("eu"),
            quirks("us"),
            format!("provider.regions[us].control_plane.failures={{ unavailable: {failing}%, timed_out: {failing}% }}"),
            format!("seed={seed}"),
            format!("faults={fault}"),
            format!("platform.leases={}", if warm { "{ idle: 4s }" } else { "{}" }),
        ];
        if spot {
            settings.push("provider.pools[b].spot={ grace: 1s, process: { up: 6s, down: 2s } }".to_owned());
        }
        if leave {
            settings.push("platform.timeouts.abandon=leave".to_owned());
        }
        let run = Run::of(&settings);
        assert_adds_up(&run, &run.bill);
        assert_exports_add_up(&run, &run.bill);
        assert_reversals_net_to_zero(&run.bill);
        prop_assert_eq!(&run.billed(&run.records), &run.bill);
        let mut records = run.records.clone();
        if !records.is_empty() {
            records.extend(again.iter().map(|index| run.records[index.index(run.records.len())]));
            for (one, other) in &mixed {
                records.swap(one.index(run.records.len()), other.index(run.records.len()));
            }
        }
        let other = run.billed(&records);
        assert_adds_up(&run, &other);
        assert_exports_add_up(&run, &other);
        assert_reversals_net_to_zero(&other);
        prop_assert_eq!(&other.standing, &run.bill.standing);
        prop_assert_eq!(&other.uses, &run.bill.uses);
        prop_assert_eq!(nets(&other), nets(&run.bill));
    }
}
