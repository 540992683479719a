//! An endpoint that answers as it should.

use connector::{
    AllocationInfo, Duration, Error, ErrorKind, EventKind, Mebibytes, ModelId, Money, Operation,
    PoolId, PoolInfo, PoolKind, Reply, Requirements, Tflops, Tokens, Usage,
};

use crate::{
    server::{Act, grant, json, stream},
    talk::{Talk, allocate, infer},
};

const GENERATED: &str = r#"{"text":"hi there","usage":{"prompt_tokens":4,"output_tokens":2}}"#;

#[test]
fn a_strike_goes_over_the_wire_as_documented() {
    let script = [
        grant("alloc_123"),
        Act::Answer(json(200, GENERATED)),
        Act::Answer(b"HTTP/1.1 204 No Content\r\n\r\n".into()),
    ];
    let (mut talk, server) = Talk::configured(script, |options| {
        options.api_key = Some("s3cret".into());
    });
    let share = talk.grant();
    assert_eq!(talk.ask(infer(share, false)), Ok(generated("hi there")));
    assert_eq!(talk.ask(Operation::Release { allocation: share }), Ok(Reply::Released));

    let requests = server.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/allocate HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer s3cret"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(
        body,
        r#"{"pool_id":"standard","requirements":{"tflops":5.0,"vram_mb":2048,"model":"gemma-270m"},"overcommit":true,"preemptible":true,"priority":3,"tenant_id":"acme"}"#
    );
    let (head, body) = requests[1].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/inference HTTP/1.1\r\n"), "{head}");
    assert_eq!(
        body,
        r#"{"allocation_id":"alloc_123","prompt":"the the the the ","temperature":0.7,"max_tokens":2,"prompt_tokens":4}"#
    );
    assert!(requests[2].starts_with("DELETE /v1/allocate/alloc_123 HTTP/1.1\r\n"));
    assert_eq!(server.connections(), 1, "the connection is kept");
}

#[test]
fn a_stream_tells_its_first_content_and_keeps_the_connection() {
    let events = [
        r#"{"delta":"hi "}"#,
        r#"{"delta":"there"}"#,
        r#"{"preempted":{"grace_ms":250}}"#,
        r#"{"usage":{"prompt_tokens":4,"output_tokens":2}}"#,
        "[DONE]",
    ];
    let again = Act::Answer(stream(&events));
    let (mut talk, server) = Talk::with([grant("a"), again.clone(), again]);
    let share = talk.grant();
    let first = talk.submit(infer(share, true));
    assert_eq!(talk.answer(first), Ok(generated("hi there")));
    let notice = EventKind::Preempted { allocation: share, grace: Duration::from_millis(250) };
    assert_eq!(talk.heard, [EventKind::FirstToken { ticket: first }, notice]);

    talk.heard.clear();
    let second = talk.submit(infer(share, true));
    talk.answer(second).unwrap();
    assert_eq!(talk.heard, [EventKind::FirstToken { ticket: second }], "a notice is news once");
    assert_eq!(server.connections(), 1);
}

#[test]
fn an_endpoint_that_answers_streams_whole_is_understood() {
    let (mut talk, _server) = Talk::with([grant("a"), Act::Answer(json(200, GENERATED))]);
    let share = talk.grant();
    let ticket = talk.submit(infer(share, true));
    assert_eq!(talk.answer(ticket), Ok(generated("hi there")));
    assert_eq!(talk.heard, [EventKind::FirstToken { ticket }]);
}

#[test]
fn what_is_looked_at_and_listed_is_given_numbers_again() {
    let share = |id: &str, pool: &str| {
        let asked = r#"{"tflops":5.0,"vram_mb":2048,"model":"gemma-270m"}"#;
        format!(
            r#"{{"allocation_id":"{id}","pool_id":"{pool}","requirements":{asked},"running":1}}"#
        )
    };
    let listing =
        [share("ours", "standard"), share("other", "premium"), share("ghost", "standard")];
    let (mut talk, server) = Talk::with([
        grant("ours"),
        Act::Answer(json(200, &share("ours", "standard"))),
        Act::Answer(json(200, &format!(r#"{{"allocations":[{}]}}"#, listing.join(",")))),
        Act::Answer(json(200, "")),
    ]);
    let ours = talk.grant();
    let info = AllocationInfo {
        allocation: ours,
        pool: PoolId(0),
        model: Some(ModelId(0)),
        requirements: Some(Requirements { tflops: Tflops::new(5), vram: Mebibytes::new(2048) }),
        running: Some(1),
        usage: None,
    };
    let inspected = talk.ask(Operation::Inspect { allocation: ours });
    assert_eq!(inspected, Ok(Reply::Inspected(info.clone())));

    let Ok(Reply::Listed(listed)) = talk.ask(Operation::List { pool: PoolId(0) }) else {
        panic!("listed")
    };
    assert_eq!(listed.len(), 2, "another pool's share is left out");
    assert_eq!(listed[0], info);
    let ghost = listed[1].allocation;
    assert_eq!(talk.ask(Operation::Release { allocation: ghost }), Ok(Reply::Released));
    let requests = server.requests();
    assert!(requests[1].starts_with("GET /v1/allocate/ours HTTP"), "{}", requests[1]);
    assert!(requests[2].starts_with("GET /v1/allocate?pool_id=standard HTTP"), "{}", requests[2]);
    assert!(requests[3].starts_with("DELETE /v1/allocate/ghost HTTP"), "{}", requests[3]);
}

#[test]
fn the_pools_on_offer_are_those_we_know() {
    let pool = |id: &str| {
        format!(
            r#"{{"pool_id":"{id}","name":"{id}","kind":"premium","free_slots":7,"card_vram_mb":81920,"price_per_slot_hour":"1.25"}}"#
        )
    };
    let body = format!(r#"{{"pools":[{},{}]}}"#, pool("elsewhere"), pool("premium"));
    let (mut talk, _server) = Talk::with([Act::Answer(json(200, &body))]);
    let premium = PoolInfo {
        pool: PoolId(1),
        name: "premium".into(),
        kind: PoolKind::Premium,
        free_slots: 7,
        card_vram: Mebibytes::from_gib(80),
        price_per_slot_hour: Money::from_nanos(1_250_000_000),
        security_level: None,
    };
    assert_eq!(talk.ask(Operation::Pools), Ok(Reply::Pools(vec![premium])));
}

#[test]
fn refusals_keep_their_kind() {
    let cases = [
        (
            json(507, r#"{"error":{"kind":"capacity_exhausted","message":"full"}}"#),
            ErrorKind::CapacityExhausted,
        ),
        (json(409, r#"{"error":{"kind":"capacity_exhausted"}}"#), ErrorKind::CapacityExhausted),
        (json(200, r#"{"error":{"kind":"policy_refused"}}"#), ErrorKind::PolicyRefused),
        (json(401, ""), ErrorKind::Unauthorized),
        (json(404, "{}"), ErrorKind::NotFound),
        (
            b"HTTP/1.1 429 X\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n".into(),
            ErrorKind::RateLimited { retry_after: Some(Duration::from_secs(2)) },
        ),
    ];
    for (bytes, kind) in cases {
        let (mut talk, _server) = Talk::with([Act::Answer(bytes)]);
        assert_eq!(talk.ask(allocate()).map_err(|error| error.kind), Err(kind));
    }
}

#[test]
fn a_share_that_the_provider_does_not_know_is_forgotten() {
    let (mut talk, server) = Talk::with([grant("a"), Act::Answer(json(404, ""))]);
    let share = talk.grant();
    let inspected = talk.ask(Operation::Inspect { allocation: share });
    assert_eq!(inspected.unwrap_err().kind, ErrorKind::NotFound);
    let released = talk.ask(Operation::Release { allocation: share });
    assert_eq!(released.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(server.requests().len(), 2, "nobody is asked about what has no name");
}

#[test]
fn a_provider_that_repeats_the_key_does_not_make_us_print_it() {
    let body = r#"{"error":{"kind":"unauthorized","message":"key s3cret is not known"}}"#;
    let (mut talk, _server) = Talk::configured([Act::Answer(json(401, body))], |options| {
        options.api_key = Some("s3cret".into());
    });
    let words = "key [redacted] is not known";
    assert_eq!(talk.ask(Operation::Pools), Err(Error::new(ErrorKind::Unauthorized, words)));
    assert!(!format!("{:?}", talk.connector).contains("s3cret"));
}

fn generated(text: &str) -> Reply {
    let usage = Usage::computed(Tokens::new(4), Tokens::new(2));
    Reply::Generated { usage, text: Some(text.into()) }
}
