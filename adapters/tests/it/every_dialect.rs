//! Every attack at every exchange of every operation of every dialect: a typed error within the time
//! allowed, no more read than the limits allow, and nothing left in flight, allocated, or at another host.

mod attacks;
mod places;

use std::thread;

use adapters::Dialect::{CovenantV1, Gpuaas, HarpoonV1, OpenAi};
use connector::{AllocationId, ErrorKind, Operation, PoolId, Reply};

use crate::{
    server::{Act, json, stream},
    talk::Talk,
};
use attacks::Attack;
use places::{Kind, Outcome, Place};

/// Bytes that may be on their way when the connector hangs up: buffers of two sockets, and then some.
const ON_THE_WAY: usize = 32 << 20;
const AT_ONCE: usize = 4;

/// A test for each place.
macro_rules! places {
    ($($name:ident: $place:expr;)*) => {
        $(#[test] fn $name() { attacked($place); })*
    };
}

places! {
    harpoon_v1_allocate: Place::at(HarpoonV1, Kind::Allocate);
    harpoon_v1_infer: Place::at(HarpoonV1, Kind::Infer { stream: false });
    harpoon_v1_infer_streamed: Place::at(HarpoonV1, Kind::Infer { stream: true });
    harpoon_v1_release: Place::at(HarpoonV1, Kind::Release);
    harpoon_v1_inspect: Place::at(HarpoonV1, Kind::Inspect);
    harpoon_v1_list: Place::at(HarpoonV1, Kind::List);
    harpoon_v1_pools: Place::at(HarpoonV1, Kind::Pools);
    covenant_v1_allocate: Place::at(CovenantV1, Kind::Allocate);
    covenant_v1_infer: Place::at(CovenantV1, Kind::Infer { stream: false });
    covenant_v1_infer_streamed: Place::at(CovenantV1, Kind::Infer { stream: true });
    covenant_v1_release: Place::at(CovenantV1, Kind::Release);
    covenant_v1_inspect: Place::at(CovenantV1, Kind::Inspect);
    covenant_v1_list: Place::at(CovenantV1, Kind::List);
    covenant_v1_pools: Place::at(CovenantV1, Kind::Pools);
    openai_infer: Place::at(OpenAi, Kind::Infer { stream: false });
    openai_infer_streamed: Place::at(OpenAi, Kind::Infer { stream: true });
    openai_pools: Place::at(OpenAi, Kind::Pools);
    gpuaas_allocate_finding_the_pool:
        Place::at(Gpuaas, Kind::AllocateByName).after(0, Outcome::Untouched);
    gpuaas_allocate_looking_before:
        Place::at(Gpuaas, Kind::Allocate).after(0, Outcome::Untouched);
    gpuaas_allocate_subscribing: Place::at(Gpuaas, Kind::Allocate).after(1, Outcome::Same);
    gpuaas_allocate_looking_after: Place::at(Gpuaas, Kind::Allocate).after(2, Outcome::Patient);
    gpuaas_allocate_exposing: Place::at(Gpuaas, Kind::Allocate).after(3, Outcome::Service);
    gpuaas_allocate_awaiting_the_service:
        Place::at(Gpuaas, Kind::Allocate).after(4, Outcome::Service);
    gpuaas_infer: Place::at(Gpuaas, Kind::Infer { stream: false });
    gpuaas_infer_streamed: Place::at(Gpuaas, Kind::Infer { stream: true });
    gpuaas_release: Place::at(Gpuaas, Kind::Release).after(0, Outcome::Patient);
    gpuaas_inspect: Place::at(Gpuaas, Kind::Inspect);
    gpuaas_list: Place::at(Gpuaas, Kind::List);
    gpuaas_pools_finding_regions: Place::at(Gpuaas, Kind::Pools);
    gpuaas_pools_of_a_region: Place::at(Gpuaas, Kind::Pools).after(1, Outcome::Same);
}

/// Text is as long as it is, but a number is not, and what is told of it is bounded.
#[test]
fn text_without_end_where_a_number_belongs() {
    let long = "x".repeat(1 << 12);
    let text = format!(r#"{{"text":"a","delta":"a","usage":"{long}","choices":"{long}"}}"#);
    for dialect in adapters::Dialect::ALL {
        for stream_asked in [false, true] {
            for act in [json(200, &text), stream(&[&text])] {
                let place = Place::at(dialect, Kind::Infer { stream: stream_asked });
                let (act, kind) = (Act::Answer(act), ErrorKind::Protocol);
                let name = "text without end".into();
                meet(place, &Attack { name, act, kind, is_nonsense: true });
            }
        }
    }
}

/// Some at once: most of the time goes into waiting for what does not come.
fn attacked(place: Place) {
    let (_elsewhere, other) = Talk::with([]);
    for some in attacks::all(&other.url).chunks(AT_ONCE) {
        thread::scope(|threads| {
            for attack in some {
                threads.spawn(move || meet(place, attack));
            }
        });
        assert_eq!(other.connections(), 0, "{place:?}: {some:?}");
    }
}

fn meet(place: Place, attack: &Attack) {
    let what = format!("{place:?}: {}", attack.name);
    let (mut scene, operation) = place.scene(attack);
    let error = scene.talk.ask(operation.clone()).expect_err(&what);
    assert_eq!(error.kind, place.outcome.of(attack), "{what}: {error}");
    let words = error.to_string();
    assert!(!words.contains("s3cret") && words.len() < 1_000, "{what}: {} bytes", words.len());
    assert_eq!(scene.talk.connector.in_flight(), 0, "{what}");
    if matches!(attack.act, Act::Flood(..)) {
        scene.talk.runtime.block_on(scene.attacker.ebbs());
        let (written, times) = (scene.attacker.written(), scene.attacker.connections());
        assert!(written < ON_THE_WAY * times, "{what}: {written} bytes in {times} answers");
    }
    let may_be_held = matches!(operation, Operation::Allocate(_)) && scene.asked_for() > 0;
    assert!(!may_be_held || error.kind.ambiguous(), "{what}: nobody would look for it");
    if place.dialect != OpenAi {
        scene.mend(place.dialect);
    }
    match operation {
        Operation::Allocate(_) | Operation::Infer(_) | Operation::Release { .. } => {
            leave_nothing(&mut scene.talk, &what);
        }
        Operation::Inspect { allocation } => give_back(&mut scene.talk, allocation, &what),
        Operation::List { .. } | Operation::Pools | Operation::Cancel { .. } => {}
    }
}

/// What may be held is listed, and what is listed can be given back.
fn leave_nothing(talk: &mut Talk, what: &str) {
    for share in listed(talk, what) {
        give_back(talk, share, what);
    }
    assert_eq!(listed(talk, what), [], "{what}");
}

fn give_back(talk: &mut Talk, allocation: AllocationId, what: &str) {
    assert_eq!(talk.ask(Operation::Release { allocation }), Ok(Reply::Released), "{what}");
}

fn listed(talk: &mut Talk, what: &str) -> Vec<AllocationId> {
    match talk.ask(Operation::List { pool: PoolId(0) }) {
        Ok(Reply::Listed(shares)) => shares.iter().map(|share| share.allocation).collect(),
        other => panic!("{what}: {other:?}"),
    }
}
