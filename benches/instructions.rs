//! The serving engine, a fleet of shared cards, the platform, and rating and posting, by instructions, which no other process on the
//! machine changes. Limits are what it took when they were set, and 10 %.
//!
//! Needs valgrind and `gungraun-runner` of the version of `gungraun` in `Cargo.lock`:
//!
//! ```text
//! cargo install gungraun-runner --version 0.20.0
//! cargo bench --features instructions --bench instructions
//! ```

#[path = "request/desk.rs"]
mod desk;
#[path = "fleet/provider.rs"]
mod provider;
#[path = "billing/records.rs"]
mod records;
#[path = "serving/workloads.rs"]
mod workloads;

use std::hint::black_box;

use ::platform::billing::{UsageRecord, ledger::Ledger};
use desk::Desk;
use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use provider::Fleet;
use workloads::{
    CHAT, QUICK, Request, Setup, azure_conversation, flat, inference_lab, limits, linear, regular,
    serve,
};

fn azure() -> (Setup, Vec<Request>) {
    let setup = Setup { limits: limits(128, 2_048, 7_000), time: linear(), instances: 4 };
    (setup, azure_conversation(5_000, 12.0))
}

fn answers(output: u32) -> (Setup, Vec<Request>) {
    let setup = Setup { limits: limits(256, 2_048, 1 << 20), time: flat(), instances: 1 };
    (setup, regular(5_000, 100, output, 64))
}

fn batch(size: u64) -> (Setup, Vec<Request>) {
    let setup = Setup { limits: limits(8_192, 16_384, 1 << 20), time: flat(), instances: 1 };
    (setup, regular(5_000, 100, 1_000, size))
}

/// At most so many instructions for all requests.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    let mut tool = Callgrind::default();
    tool.hard_limits([(EventKind::Ir, instructions)]);
    config.tool(tool);
    config
}

#[library_benchmark]
#[bench::azure_conversation(args = (azure()), config = at_most(23_400_000))]
#[bench::moderate(args = (inference_lab(QUICK, 0.8)), config = at_most(24_200_000))]
#[bench::kv_starved(args = (inference_lab(QUICK, 8.0)), config = at_most(22_900_000))]
#[bench::kv_starved_chat(args = (inference_lab(CHAT, 8.0)), config = at_most(22_700_000))]
#[bench::answers_of_10(args = (answers(10)), config = at_most(11_600_000))]
#[bench::answers_of_10_000(args = (answers(10_000)), config = at_most(17_800_000))]
#[bench::batch_of_8(args = (batch(8)), config = at_most(17_800_000))]
#[bench::batch_of_4_096(args = (batch(4_096)), config = at_most(13_400_000))]
fn serving((setup, requests): (Setup, Vec<Request>)) -> u64 {
    black_box(serve(&setup, &requests))
}

/// Elements measured: an inference, a share given back, another one taken, and the turns meanwhile.
const TURNOVERS: u32 = 10_000;

/// A fleet that every card of which has worked a few times.
fn at_work(cards: u32) -> Fleet {
    let mut fleet = Fleet::new(cards);
    for _ in 0..(5 * cards).max(TURNOVERS) {
        fleet.turn_over();
    }
    fleet
}

#[library_benchmark]
#[bench::cards_10(args = (at_work(10)), config = at_most(136_000_000))]
#[bench::cards_100(args = (at_work(100)), config = at_most(137_000_000))]
#[bench::cards_1_000(args = (at_work(1_000)), config = at_most(145_000_000))]
#[bench::cards_10_000(args = (at_work(10_000)), config = at_most(194_000_000))]
fn fleet(mut fleet: Fleet) -> usize {
    (0..TURNOVERS).map(|_| black_box(fleet.turn_over())).sum()
}

/// Requests measured, from arrival to record.
const REQUESTS: u32 = 10_000;
/// The covenant's rule, with something to keep.
const COVENANT: &[&str] =
    &["platform.router=covenant", "tenants.0.covenant={ ttft: 1s, tpot: 50ms, end_to_end: 60s }"];

#[library_benchmark]
#[bench::cheapest(args = (Desk::new(&[])), config = at_most(73_600_000))]
#[bench::fastest(args = (Desk::new(&["platform.router=fastest"])), config = at_most(75_900_000))]
#[bench::of_64_cheapest(args = (Desk::with_candidates(64, &[])), config = at_most(90_000_000))]
#[bench::of_64_covenant(args = (Desk::with_candidates(64, COVENANT)), config = at_most(158_000_000))]
fn platform(mut desk: Desk) -> u64 {
    (0..REQUESTS).for_each(|_| desk.serve_one());
    black_box(desk.finished())
}

/// Records rated and posted.
const RECORDS: u64 = 10_000;

// Valgrind's processor has no instructions for SHA-256: the chain takes several times what it does
// elsewhere.
#[library_benchmark]
#[bench::each_record(args = (records::records(RECORDS), 1), config = at_most(234_000_000))]
#[bench::each_thousand(args = (records::records(RECORDS), 1_000), config = at_most(114_000_000))]
fn billing(records: Vec<UsageRecord>, batch: usize) -> Ledger {
    black_box(records::bill(&records, batch))
}

library_benchmark_group!(name = engine, benchmarks = [serving]);
library_benchmark_group!(name = sharing, benchmarks = [fleet]);
library_benchmark_group!(name = requests, benchmarks = [platform]);
library_benchmark_group!(name = money, benchmarks = [billing]);
main!(library_benchmark_groups = engine, sharing, requests, money);
