//! Every reader of foreign bytes against mutations of a committed corpus.
//!
//! # Problem
//!
//! `cargo fuzz` needs a nightly toolchain, which this workspace does not ask for. So inputs are bred
//! here, without feedback of coverage: a corpus in `adapters/fuzz/corpus/<target>/` shows what a reader
//! understands, and mutations of it reach past the first bracket.
//!
//! # Mechanism
//!
//! Each [`Target`] reads a mutated input and checks what must hold of any: no panic, bounded words that
//! cannot drive a terminal, the same result however the bytes are cut. Runs are a function of the seed.
//! By default a test breeds a few thousand inputs; with `HARPOON_FUZZ_SECONDS` it breeds until the time
//! is over, from a seed that it tells (`.ci/run fuzz`). An input that fails is printed, escaped, to be
//! added to the corpus.
//!
//! # Another reader
//!
//! One line of [`TARGETS`] and a folder of its name with at least one file.

mod mutate;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use connector::{Error, Names, PoolId, Tokens};
use rand::SeedableRng as _;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::de::DeserializeOwned;

use super::{
    call::Heard,
    credentials::token,
    harpoon_v1::Generation,
    line::Stream,
    openai::chat::{self, ChatStream},
    sse::Events,
};
use crate::{
    billing_summary::BillingSummary, covenant_v1, gpuaas, harpoon_v1, harpoon_v1::WireNames, openai,
};

/// Inputs of each target where no time is given.
const INPUTS: u64 = 2_000;
/// Longest line and event of a stream.
const LINE: usize = 256;

struct Target {
    name: &'static str,
    check: fn(&[u8]),
}

const TARGETS: &[Target] = &[
    Target { name: "sse", check: sse },
    Target { name: "harpoon_v1_stream", check: |bytes| stream(bytes, Generation::default) },
    Target { name: "harpoon_v1_answers", check: harpoon_v1_answers },
    Target {
        name: "openai_stream",
        check: |bytes| stream(bytes, || ChatStream::new(Tokens::new(7))),
    },
    Target { name: "openai_answers", check: openai_answers },
    Target { name: "covenant_v1_answers", check: covenant_v1_answers },
    Target { name: "gpuaas_answers", check: gpuaas_answers },
    Target { name: "failures", check: failures },
    Target { name: "billing_summary", check: billing_summary },
    Target { name: "token", check: token_answer },
];

#[test]
fn no_reader_is_upset_by_what_is_bred_from_its_corpus() {
    let seconds = std::env::var("HARPOON_FUZZ_SECONDS").ok();
    let seconds = seconds.map(|text| text.parse::<u64>().expect("a whole number of seconds"));
    let seed = match seconds {
        // Another one each time: the longer it is run, the more is tried.
        Some(_) => SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
        None => 1,
    };
    for target in TARGETS {
        let corpus = corpus(target.name);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let share = seconds.map(|all| Duration::from_secs(all) / TARGETS.len() as u32);
        let until = share.map(|share| Instant::now() + share);
        let mut tried = 0_u64;
        while until.map_or(tried < INPUTS, |until| Instant::now() < until) {
            let input = mutate::breed(&mut random, &corpus);
            hold(target, &input, seed);
            tried += 1;
        }
        assert!(tried > 0, "{} was not tried", target.name);
        for input in &corpus {
            hold(target, input, seed);
        }
    }
}

#[test]
fn every_corpus_has_a_target() {
    for folder in fs::read_dir(folder()).expect("the corpus is there") {
        let name = folder.expect("it can be listed").file_name();
        let known = TARGETS.iter().any(|target| name == target.name);
        assert!(known, "{} has no target", name.display());
    }
}

/// A check that finds nothing may look for nothing.
#[test]
fn a_reader_that_panics_is_found() {
    let upset = Target { name: "sse", check: |bytes| assert!(!bytes.contains(&b'\0')) };
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let corpus = corpus("sse");
    let found = (0..INPUTS).any(|_| {
        let input = mutate::breed(&mut random, &corpus);
        catch_unwind(AssertUnwindSafe(|| (upset.check)(&input))).is_err()
    });
    assert!(found, "no input with a zero byte among {INPUTS}");
}

fn hold(target: &Target, input: &[u8], seed: u64) {
    let held = catch_unwind(AssertUnwindSafe(|| (target.check)(input)));
    assert!(
        held.is_ok(),
        "{} fails, with seed {seed}, on b\"{}\"",
        target.name,
        input.escape_ascii()
    );
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// In the order of names, so that runs of one seed are alike.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder().join(target)).expect("every target has a corpus");
    let mut paths: Vec<_> = files.map(|file| file.expect("it can be listed").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "the corpus of {target} is empty");
    paths.iter().map(|path| fs::read(path).expect("it can be read")).collect()
}

/// However the bytes are cut, the same events come out, and none is longer than allowed.
fn sse(bytes: &[u8]) {
    let read = |piece: usize| {
        let (mut events, mut seen) = (Events::new(LINE), Vec::new());
        let result = bytes.chunks(piece).try_for_each(|bytes| {
            events.push(bytes, &mut |data| {
                assert!(data.len() <= LINE, "an event of {} bytes", data.len());
                seen.push(data.to_owned());
                Ok(())
            })
        });
        (seen, result.map_err(|error| error.kind))
    };
    let whole = read(bytes.len().max(1));
    for piece in [1, 2, 3, 7] {
        assert_eq!(read(piece), whole, "cut at {piece}");
    }
}

/// Each line is the data of an event.
fn stream<S: Stream>(bytes: &[u8], begin: fn() -> S) {
    let text = String::from_utf8_lossy(bytes);
    let (mut folded, mut heard) = (begin(), Vec::new());
    let taken = text.lines().try_for_each(|line| folded.take(line, &mut heard));
    let notices = heard.iter().filter(|heard| matches!(heard, Heard::Preempted { .. })).count();
    assert!(notices <= 1, "{notices} notices");
    match taken.and_then(|()| folded.finish()) {
        Ok(super::call::Answer::Generated { usage, .. }) => assert!(usage.cached <= usage.prompt),
        Ok(other) => panic!("a stream ended in {other:?}"),
        Err(error) => safe(&error),
    }
}

fn names() -> WireNames {
    WireNames::new(Names {
        pools: vec!["standard".into()],
        models: vec!["gemma-270m".into()],
        ..Names::default()
    })
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

fn harpoon_v1_answers(bytes: &[u8]) {
    let names = names();
    read::<harpoon_v1::AllocateResponse>(bytes);
    if let Some(body) = read::<harpoon_v1::InferenceResponse>(bytes) {
        let usage = connector::Usage::from(body.usage);
        assert!(usage.cached <= usage.prompt);
    }
    let listed = read::<harpoon_v1::AllocationList>(bytes).unwrap_or_default();
    for row in listed.allocations.iter().chain(&read(bytes)) {
        let info = names.allocation_from_wire(connector::AllocationId(0), row);
        info.map_or_else(|error| safe(&error), |info| assert_eq!(info.pool, PoolId(0)));
    }
    for pool in read::<harpoon_v1::PoolList>(bytes).unwrap_or_default().pools {
        names.pool_from_wire(&pool).map_or_else(|error| safe(&error), drop);
    }
}

fn openai_answers(bytes: &[u8]) {
    read::<openai::ModelList>(bytes);
    if let Some(body) = read::<openai::ChatResponse>(bytes) {
        chat::whole(body).map_or_else(|error| safe(&error), drop);
    }
}

fn covenant_v1_answers(bytes: &[u8]) {
    let names = names();
    read::<covenant_v1::AllocationResponse>(bytes);
    read::<covenant_v1::MetricsBody>(bytes);
    for row in read::<covenant_v1::AllocationList>(bytes).unwrap_or_default().allocations {
        row.to_info(connector::AllocationId(0), PoolId(0), &names);
    }
}

fn gpuaas_answers(bytes: &[u8]) {
    gpuaas_list::<gpuaas::PoolRow>(bytes);
    gpuaas_list::<gpuaas::RegionRow>(bytes);
    for row in gpuaas_list::<gpuaas::SubscriptionRow>(bytes) {
        let _ = (row.state(), row.running_pod());
    }
    for row in gpuaas_list::<gpuaas::OfferRow>(bytes) {
        let _ = (row.free(), row.price());
    }
    read::<gpuaas::SubscribeResponse>(bytes);
    read::<gpuaas::ExposedService>(bytes);
    read::<gpuaas::ServiceState>(bytes);
    gpuaas::read_metrics(200, bytes).map_or_else(|error| safe(&error), drop);
    gpuaas::refusal_in(bytes).iter().for_each(safe);
}

fn gpuaas_list<T: DeserializeOwned>(bytes: &[u8]) -> Vec<T> {
    match gpuaas::read_list(bytes, gpuaas::WhenEmpty::Failed) {
        Ok(listed) => listed.rows,
        Err(error) => {
            safe(&error);
            Vec::new()
        }
    }
}

fn failures(bytes: &[u8]) {
    for status in [0, 200, 302, 400, 401, 404, 409, 429, 500, 503, 507, 999] {
        for read in [
            harpoon_v1::read_failure,
            openai::read_failure,
            covenant_v1::read_failure,
            gpuaas::read_failure,
        ] {
            safe(&read(status, Some(&String::from_utf8_lossy(bytes)), bytes));
        }
    }
    if let Some(error) = harpoon_v1::hidden_failure(bytes) {
        safe(&error);
    }
}

fn billing_summary(bytes: &[u8]) {
    if let Ok(summary) = BillingSummary::parse(&String::from_utf8_lossy(bytes)) {
        let states = summary.total.is_some()
            || summary.base.is_some()
            || !summary.pools.is_empty()
            || !summary.others.is_empty();
        assert!(states, "a bill of nothing");
        let _ = summary.beside_parts();
    }
}

fn token_answer(bytes: &[u8]) {
    let now = Instant::now();
    match token::read(bytes, now, SystemTime::UNIX_EPOCH + Duration::from_secs(1_000)) {
        Ok(token) => {
            let _ = token.shown();
            assert!(token.urgency(now + Duration::from_hours(24)).is_none(), "it never ends");
        }
        Err(error) => safe(&error),
    }
}

/// What is printed of it is bounded, and no terminal obeys it.
fn safe(error: &Error) {
    let words = error.detail.as_deref().unwrap_or_default();
    assert!(words.len() < 600, "{} bytes of words", words.len());
    assert!(!words.chars().any(char::is_control), "{words:?}");
}
