//! What `inference-lab` was run with: its requests, and its llama-3-70b at 8 bit on one H100.

use std::io::Read;

use sim::{
    serving::Limits,
    step_time::{BatchTime, Roofline, RooflineCosts, Roofs},
};

/// Requests with the lengths of its `workloads/quick.toml`.
pub(crate) const QUICK: &[u8] = include_bytes!("requests.csv.gz");
/// Requests with those of a chat.
pub(crate) const CHAT: &[u8] = include_bytes!("chat.csv.gz");

/// Arrival at one request per second, prompt and output tokens.
pub(crate) fn requests(packed: &[u8]) -> Vec<(f64, u32, u32)> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("gzip");
    let row = |line: &str| {
        let mut fields = line.split(',');
        let mut next = || fields.next().expect("three columns");
        let arrival = next().parse().expect("seconds");
        (arrival, next().parse().expect("tokens"), next().parse().expect("tokens"))
    };
    text.lines().skip(1).map(row).collect()
}

/// 2 GB of KV cache.
pub(crate) fn limits() -> Limits {
    Limits {
        max_sequences: 100,
        token_budget: 8_192,
        kv_blocks: 762,
        reserve_prompt: false,
        prefix_caching: false,
        ..Limits::default()
    }
}

/// 70e9 parameters of a byte, 80 layers, 64 heads and 8 key/value heads of 128 at a byte each, 1,979
/// TFLOPS, 3.35 TB/s.
pub(crate) fn time() -> BatchTime {
    let (flops, bandwidth) = (1.979e15, 3.35e12);
    let costs = RooflineCosts {
        per_token: 2.0 * 70e9 / flops * 1e9,
        weights: 70e9 / bandwidth * 1e9,
        per_pair: 4.0 * 80.0 * 64.0 * 128.0 / flops * 1e9,
        per_context_token: 2.0 * 80.0 * 8.0 * 128.0 / bandwidth * 1e9,
        ..RooflineCosts::default()
    };
    BatchTime::Roofline(Roofline::new(costs, Roofs::One))
}
