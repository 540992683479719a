//! A small world for tests: two pools, two models, two tenants, two classes.

use connector::{
    ClassId, CovenantOutcome, Duration, Mebibytes, ModelId, Money, Names, Outcome, PoolGauge,
    PoolId, PoolKind, RequestId, RequestRecord, SetAside, TenantId, Tflops, Timestamp, TokenGaps,
    Tokens,
};

use crate::{Header, Recorder, RecorderConfig, RunFiles};

pub(crate) fn at_ms(ms: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_millis(ms)
}

pub(crate) fn names() -> Names {
    let list = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    Names {
        pools: list(["east", "west"]),
        models: list(["mistral-7b", "qwen-32b"]),
        tenants: list(["acme", "globex"]),
        classes: list(["simple", "complex"]),
    }
}

pub(crate) fn header() -> Header {
    Header::new("0.1.0", "sample", 0xabc, 42)
}

pub(crate) fn recorder(warm_up: Duration, files: Option<RunFiles>) -> Recorder {
    Recorder::new(names(), RecorderConfig { warm_up, ..config(files) })
}

pub(crate) fn config(files: Option<RunFiles>) -> RecorderConfig {
    RecorderConfig {
        header: header(),
        interval: Duration::from_secs(1),
        warm_up: Duration::ZERO,
        pool_kinds: vec![PoolKind::Standard, PoolKind::Preemptible],
        card_prices: vec![Some(Money::from_nanos(3_600_000_000_000))],
        slot_prices: Vec::new(),
        billing: None,
        cables: Vec::new(),
        faults: Vec::new(),
        kept_tenants: Vec::new(),
        files,
    }
}

/// A request of the first of everything that arrived at `arrived_ms`, had its first token 200 ms
/// later and its eleventh and last after `end_to_end_ms`.
pub(crate) fn completed(arrived_ms: u64, end_to_end_ms: u64) -> RequestRecord {
    RequestRecord {
        request: RequestId(arrived_ms),
        tenant: TenantId(0),
        class: ClassId(0),
        model: ModelId(0),
        pool: Some(PoolId(0)),
        arrived: at_ms(arrived_ms),
        queued: Duration::from_millis(5),
        allocating: Some(Duration::from_millis(50)),
        first_token: Some(at_ms(arrived_ms + 200)),
        finished: at_ms(arrived_ms + end_to_end_ms),
        prompt_tokens: Tokens::new(100),
        output_tokens: Tokens::new(11),
        attempts: 1,
        fallbacks: 0,
        hedges: 0,
        outcome: Outcome::Completed,
        rejection: None,
        cost: Money::from_nanos(2_000_000),
        covenant: CovenantOutcome::Free,
        fan_out: None,
    }
}

/// The same request, but it failed for good, in three attempts and with one fallback.
pub(crate) fn failed(arrived_ms: u64, outcome: Outcome) -> RequestRecord {
    RequestRecord {
        first_token: None,
        output_tokens: Tokens::ZERO,
        attempts: 3,
        fallbacks: 1,
        hedges: 0,
        outcome,
        ..completed(arrived_ms, 1_000)
    }
}

/// The first pool: four cards with two slots each, `busy_ms` of computing by all cards together and
/// two slots held all the time.
pub(crate) fn gauge(at: Timestamp, busy_ms: u64) -> PoolGauge {
    let ns = u128::from(at.as_nanos());
    PoolGauge {
        pool: PoolId(0),
        cards: 4,
        slots: 8,
        slots_held: 2,
        running: 1,
        waiting: 3,
        vram: Mebibytes::new(1_000),
        vram_promised: Mebibytes::new(500),
        tflops: Tflops::new(100),
        tflops_promised: Tflops::new(50),
        busy_card_ns: u128::from(busy_ms) * 1_000_000,
        card_ns: 4 * ns,
        held_slot_ns: 2 * ns,
        preemptions: 1,
        set_aside: SetAside::default(),
        changing_card_ns: ns / 10,
        paged_bytes: 3 << 30,
        recomputations: 2,
        prefix_asked: 40,
        prefix_found: 10,
        kv_blocks: 400,
        kv_blocks_in_use: 100,
        scaling: None,
    }
}

/// Gaps of this length, of the first of everything.
pub(crate) fn gaps(ms: u64, count: u64) -> TokenGaps {
    TokenGaps { pool: PoolId(0), model: ModelId(0), gap: Duration::from_millis(ms), count }
}
