//! Every reader of foreign bytes, with what must hold of whatever it reads.
//!
//! # Problem
//!
//! Fuzzers look for inputs that upset a reader. Two of them use this one list: tests, which breed inputs from
//! a committed corpus and need nothing but the workspace, and `adapters/fuzz`, where libFuzzer is led by what
//! an input reaches (`cargo fuzz`).
//!
//! # Mechanism
//!
//! Each [`Target`] reads an input and checks what must hold of any: no panic, bounded words that cannot drive
//! a terminal, the same result however the bytes are cut. Its corpus is `adapters/fuzz/corpus/<target>/`.
//!
//! # Another reader
//!
//! One line of [`TARGETS`], a folder of its name with at least one file, and a file and a `[[bin]]` of its
//! name in `adapters/fuzz`.

#[cfg(test)]
mod mutate;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant, SystemTime};

use connector::{Error, Names, PoolId, Tokens};
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

/// Longest line and event of a stream.
const LINE: usize = 256;

/// A reader.
struct Target {
    /// Of its corpus, and of its program in `adapters/fuzz`.
    name: &'static str,
    /// Reads an input.
    ///
    /// # Panics
    /// If something does not hold that must.
    check: fn(&[u8]),
}

/// All of them.
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

/// Has the reader of this name read an input.
///
/// # Panics
/// If there is no such reader, or something does not hold that must.
#[cfg(fuzzing)]
pub fn fuzz(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("every program has a reader").check)(input);
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
