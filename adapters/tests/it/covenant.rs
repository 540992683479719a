//! An endpoint that speaks `covenant-v1`: what is documented goes over the wire so, and what is an
//! extension may be missing.

use adapters::Dialect;
use connector::{Duration, Error, ErrorKind, EventKind, Operation, PoolId, Reply, Tokens, Usage};

use crate::{
    server::{Act, Server, grant, json, stream},
    talk::{Talk, allocate, infer},
};

const METRICS: &str = r#"{"gpu_utilization":0.5,"memory_used_mb":2048,"inference_count":3,"average_latency_ms":12.5}"#;

#[test]
fn a_strike_goes_over_the_wire_as_documented() {
    let events =
        [r#"{"delta":"hi"}"#, r#"{"usage":{"prompt_tokens":4,"output_tokens":1}}"#, "[DONE]"];
    let (mut talk, server) = covenant([
        Act::Answer(json(201, r#"{"id":42}"#)),
        Act::Answer(stream(&events)),
        Act::Answer(json(200, METRICS)),
        Act::Answer(b"HTTP/1.1 204 No Content\r\n\r\n".into()),
    ]);
    let share = talk.grant();
    let ticket = talk.submit(infer(share, true));
    let usage = Usage::computed(Tokens::new(4), Tokens::new(1));
    assert_eq!(talk.answer(ticket), Ok(Reply::Generated { usage, text: Some("hi".into()) }));
    assert_eq!(talk.heard, [EventKind::FirstToken { ticket }]);
    let Ok(Reply::Inspected(info)) = talk.ask(Operation::Inspect { allocation: share }) else {
        panic!("it is looked at")
    };
    assert_eq!((info.allocation, info.pool, info.running), (share, PoolId(0), None));
    assert_eq!(talk.ask(Operation::Release { allocation: share }), Ok(Reply::Released));

    let requests = server.requests();
    for (request, line, body) in [
        (
            &requests[0],
            "POST /api/v1/allocations HTTP",
            r#"{"pool_id":"standard","requirements":{"min_tflops":5.0,"min_vram_mb":2048,"max_vram_mb":2048},"duration_seconds":91,"preemptible":true,"metadata":{"tenant_id":"acme","workload_id":"gemma-270m","priority":3}}"#,
        ),
        (
            &requests[1],
            "POST /api/v1/inference/42 HTTP",
            r#"{"model":"gemma-270m","prompt":"the the the the ","max_tokens":2,"temperature":0.7,"stream":true,"prompt_tokens":4}"#,
        ),
        (&requests[2], "GET /api/v1/allocations/42/metrics HTTP", ""),
        (&requests[3], "DELETE /api/v1/allocations/42 HTTP", ""),
    ] {
        let (head, said) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(line), "{head}");
        assert_eq!(said, body);
    }
}

#[test]
fn an_endpoint_without_listings_is_answered_for_by_what_is_known_here() {
    for nothing in [json(404, ""), json(405, ""), json(501, r#"{"message":"not here"}"#)] {
        let (mut talk, _server) = covenant([
            grant("a"),
            grant("b"),
            Act::Answer(nothing.clone()),
            Act::Answer(json(404, METRICS)),
            Act::Answer(nothing.clone()),
            Act::Answer(nothing),
        ]);
        let shares = [talk.grant(), talk.grant()];
        assert_eq!(listed(&mut talk), shares);
        let lost = talk.ask(Operation::Inspect { allocation: shares[0] }).unwrap_err();
        assert_eq!(lost.kind, ErrorKind::NotFound);
        assert_eq!(listed(&mut talk), shares[1..]);
        assert_eq!(talk.ask(Operation::Pools), Ok(Reply::Pools(Vec::new())));
    }
}

#[test]
fn a_pool_that_a_listing_does_not_know_is_not_taken_for_no_listing() {
    let body = r#"{"error":{"kind":"not_found","message":"no pool is called `standard`"}}"#;
    let (mut talk, _server) = covenant([Act::Answer(json(404, body))]);
    let error = talk.ask(Operation::List { pool: PoolId(0) }).unwrap_err();
    assert_eq!(error, Error::new(ErrorKind::NotFound, "no pool is called `standard`"));
}

#[test]
fn a_share_of_which_nothing_is_known_is_given_back_but_not_inferred_on() {
    let body =
        r#"{"allocations":[{"id":"ghost","pool_id":"standard"},{"id":"x","pool_id":"premium"}]}"#;
    let (mut talk, server) = covenant([Act::Answer(json(200, body)), Act::Answer(json(200, "{}"))]);
    let ghosts = listed(&mut talk);
    let [ghost] = ghosts[..] else { panic!("{ghosts:?}") };
    assert_eq!(talk.ask(infer(ghost, true)).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(talk.ask(Operation::Release { allocation: ghost }), Ok(Reply::Released));
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /api/v1/allocations?pool_id=standard HTTP"));
    assert!(requests[1].starts_with("DELETE /api/v1/allocations/ghost HTTP"), "{requests:?}");
    assert!(talk.ask(allocate()).is_err(), "the script is over");
}

fn listed(talk: &mut Talk) -> Vec<connector::AllocationId> {
    match talk.ask(Operation::List { pool: PoolId(0) }) {
        Ok(Reply::Listed(shares)) => shares.iter().map(|share| share.allocation).collect(),
        other => panic!("{other:?}"),
    }
}

/// Shares are asked for a little more than 90 seconds.
fn covenant(script: impl IntoIterator<Item = Act>) -> (Talk, Server) {
    Talk::configured(script, |options| {
        options.dialect = Dialect::CovenantV1;
        options.lease = Duration::from_millis(90_001);
    })
}
