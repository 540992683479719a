//! Configurations and requests to start from.

use connector::{
    Content, Duration, Mebibytes, ModelId, Money, PoolId, PoolKind, Priority, RequestId,
    Requirements, TenantId, Tflops, Timestamp, Tokens,
};
use platform::{
    PlatformConfig, Request,
    config::{
        AdmissionConfig, BreakerConfig, CableConfig, Candidate, ClassConfig, ClassifierConfig,
        Discipline, FallbackConfig, Jitter, LeaseConfig, ModelTerms, Pace, RetryConfig,
        RouterConfig, TenantConfig, Timeouts,
    },
};

pub(crate) const SMALL: ModelId = ModelId(0);
pub(crate) const LARGE: ModelId = ModelId(1);

/// Two models, two classes (up to 1,000 tokens: the small model; above: the large one), two
/// tenants, pauses without jitter, and as many standard pools at 1.00 an hour as asked for. Every
/// pool is a candidate of every class, in order.
pub(crate) fn pools(number: u32) -> PlatformConfig {
    PlatformConfig {
        models: vec![model("gemma-2b", 2, 5), model("qwen-14b", 14, 20)],
        cables: (0..number).map(|pool| cable(pool, PoolKind::Standard, "1.00")).collect(),
        tenants: vec![tenant("acme", 0), tenant("globex", 5)],
        tiers: Vec::new(),
        classifier: ClassifierConfig {
            classes: vec![class("simple", 1_000, SMALL), class("complex", u32::MAX, LARGE)],
            ..ClassifierConfig::default()
        },
        admission: AdmissionConfig::default(),
        router: RouterConfig::Static(vec![every_pool(SMALL, number), every_pool(LARGE, number)]),
        retry: RetryConfig { jitter: Jitter::None, ..RetryConfig::default() },
        timeouts: Timeouts::default(),
        cooldown: platform::config::CooldownConfig::default(),
        fallback: FallbackConfig::default(),
        hedging: None,
        ejection: None,
        overcommit: true,
        leases: LeaseConfig::default(),
        seed: 7,
    }
}

/// A single pool with this many places and this much room in line.
pub(crate) fn one_pool(places: u32, queue: u32) -> PlatformConfig {
    let mut config = pools(1);
    config.cables[0].max_in_flight = Some(places);
    config.cables[0].queue = queue;
    config
}

pub(crate) fn model(name: &str, gib: u64, tflops: u64) -> ModelTerms {
    ModelTerms {
        name: name.into(),
        requirements: Requirements { tflops: Tflops::new(tflops), vram: Mebibytes::from_gib(gib) },
        max_tokens: None,
        pool_kind: PoolKind::Standard,
        preemptible: gib < 8,
    }
}

pub(crate) fn cable(pool: u32, kind: PoolKind, price: &str) -> CableConfig {
    let pace = Pace {
        per_prompt_token: Duration::from_micros(100),
        per_output_token: Duration::from_millis(10),
    };
    CableConfig {
        pool: PoolId(pool),
        name: format!("pool-{pool}"),
        kind,
        price_per_slot_hour: money(price),
        card_vram: Mebibytes::from_gib(24),
        card_tflops: Tflops::new(125),
        paces: vec![pace; 2],
        max_in_flight: None,
        queue: 0,
        discipline: Discipline::Fifo,
        codel: None,
        breaker: BreakerConfig::default(),
        limit: None,
    }
}

pub(crate) fn tenant(name: &str, rank: u8) -> TenantConfig {
    let priority = Priority::new(rank).expect("a rank");
    TenantConfig { name: name.into(), priority, ..TenantConfig::default() }
}

pub(crate) fn class(name: &str, longest: u32, model: ModelId) -> ClassConfig {
    ClassConfig {
        name: name.into(),
        max_prompt_tokens: Tokens::new(longest),
        max_output_tokens: Tokens::new(longest),
        models: vec![model],
    }
}

pub(crate) fn every_pool(model: ModelId, number: u32) -> Vec<Candidate> {
    (0..number).map(|pool| Candidate { model, pool: PoolId(pool) }).collect()
}

/// A short request of the first tenant.
pub(crate) fn request(id: u64, arrived: Timestamp) -> Request {
    Request {
        id: RequestId(id),
        tenant: TenantId(0),
        arrived,
        prompt_tokens: Tokens::new(100),
        output_tokens: Tokens::new(50),
        content: Content::Unknown,
        class: None,
        model: None,
        patience: None,
        terms: None,
        fan_out: None,
    }
}

pub(crate) fn money(text: &str) -> Money {
    text.parse().expect("a price")
}

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn at(after: Duration) -> Timestamp {
    Timestamp::ZERO + after
}
