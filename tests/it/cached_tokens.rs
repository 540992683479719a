//! Prompt tokens that a prefix cache held: metered apart, and charged at a price of their own.

use connector::{Duration, PoolGauge, RequestRecord, Timestamp, TokenGaps};
use harpoon::drive::{Lines, Observer, Sampling, Session, Watch, virtual_time};
use platform::{
    Platform, PlatformConfig,
    billing::{Meter, Rating, UsageRecord},
};
use scenarios::{Override, Scenario};
use sim::Simulator;

use crate::binary::Desk;

/// An id stands for 512 tokens, a block for 16. The second prompt is the first once more: its last id
/// stands for 488 tokens, of which 30 blocks are whole. The third begins like them, and the fourth
/// like nothing.
const TRACE: &str = r#"{"timestamp": 0, "input_length": 1000, "output_length": 5, "hash_ids": [1, 2]}
{"timestamp": 20000, "input_length": 1000, "output_length": 5, "hash_ids": [1, 2]}
{"timestamp": 40000, "input_length": 1500, "output_length": 5, "hash_ids": [1, 3, 4]}
{"timestamp": 60000, "input_length": 700, "output_length": 5, "hash_ids": [5, 6]}
"#;

/// Prompt tokens computed and held, by request.
const EXPECTED: [(u64, u64); 4] = [(1_000, 0), (8, 992), (988, 512), (700, 0)];

const WORLD: &str = "\
name: cached-tokens
duration: 80s
provider:
  regions: [{ name: eu }]
  pools: [{ name: a, region: eu, gpu: H100, count: 1, price_per_slot_hour: 3.60 }]
models: [llama-3-8b]
platform:
  leases: { idle: 60s }
  price_book:
    rates:
      - { meter: input_tokens, price: 1.00 }
      - { meter: cached_tokens, price: 0.10 }
tenants: [{ name: acme }]
traffic: [{ name: chat, tenant: acme, trace: { file: trace.jsonl, format: mooncake } }]
";

#[test]
fn what_a_prefix_cache_held_is_metered_and_charged_apart() {
    let Run { records, scenario } = run(&[]);
    assert_eq!(prompts(&records), EXPECTED);
    let mut rating = Rating::new(scenario.billing.expect("the scenario has prices"));
    for record in &records {
        rating.add(record).expect("it can be rated");
    }
    let lines = rating.lines().expect("in range");
    let lines = lines.iter().map(|line| (line.key.meter, line.quantity.0, line.amount.to_string()));
    let expected = [
        (Meter::InputTokens, 2_696, "0.002696".to_owned()),
        (Meter::CachedTokens, 1_504, "0.0001504".to_owned()),
    ];
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}

#[test]
fn without_a_prefix_cache_every_prompt_is_computed() {
    let records = run(&["provider.pools.0.serving={ prefix_caching: false }"]).records;
    assert_eq!(prompts(&records), [(1_000, 0), (1_000, 0), (1_500, 0), (700, 0)]);
}

/// Prompt tokens computed and held, of the answers in their order.
fn prompts(records: &[UsageRecord]) -> Vec<(u64, u64)> {
    let answers = records.iter().map(|record| record.meters).filter(|meters| meters.requests > 0);
    answers.map(|meters| (meters.input_tokens, meters.cached_tokens)).collect()
}

struct Run {
    records: Vec<UsageRecord>,
    scenario: Scenario,
}

fn run(settings: &[&str]) -> Run {
    let desk = Desk::empty();
    desk.put("trace.jsonl", TRACE);
    let settings: Vec<Override> = settings.iter().map(|one| one.parse().unwrap()).collect();
    let scenario = scenarios::parse("cached.yaml", WORLD, &desk.path(""), &settings);
    let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
    let mut lines = Lines::single(Simulator::new(scenario.provider.clone(), 1).unwrap());
    let config = PlatformConfig { seed: 1, ..scenario.platform.clone() };
    let platform = Platform::new(config).unwrap().telling_books(0);
    let (arrivals, books) = (scenario.arrivals(1).unwrap(), Books::default());
    let sampling = Sampling::new(Duration::from_secs(1), Timestamp::ZERO);
    let mut session = Session::new(arrivals, platform, books, sampling).unwrap();
    virtual_time::run(&mut session, &mut lines, &Watch::default(), Timestamp::ZERO).unwrap();
    let (_, _, Books(records)) = session.into_parts();
    Run { records, scenario }
}

#[derive(Debug, Default)]
struct Books(Vec<UsageRecord>);

impl Observer for Books {
    fn record(&mut self, _: &RequestRecord) {}

    fn usage(&mut self, record: &UsageRecord) {
        self.0.push(*record);
    }

    fn gauge(&mut self, _: Timestamp, _: &PoolGauge) {}

    fn token_gaps(&mut self, _: Timestamp, _: &TokenGaps) {}

    fn in_flight(&mut self, _: Timestamp, _: usize) {}
}
