//! A local engine that speaks chat completions.

use adapters::Dialect;
use connector::{ErrorKind, EventKind, Operation, PoolId, Reply, Tokens, Usage};

use crate::{
    server::{Act, json, stream},
    talk::{Talk, allocate, infer},
};

const COMPLETION: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi there"},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":2,"total_tokens":6}}"#;

#[test]
fn a_strike_is_one_completion_and_shares_stay_here() {
    let (mut talk, server) = local([Act::Answer(json(200, COMPLETION))]);
    let share = talk.grant();
    assert_eq!(talk.ask(infer(share, false)), Ok(generated("hi there")));
    assert_eq!(talk.ask(Operation::Release { allocation: share }), Ok(Reply::Released));
    let again = talk.ask(Operation::Release { allocation: share }).unwrap_err();
    assert_eq!(again.kind, ErrorKind::NotFound);

    let requests = server.requests();
    assert_eq!(requests.len(), 1, "shares are not told to anybody");
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert_eq!(
        body,
        r#"{"model":"gemma-270m","messages":[{"role":"user","content":"the the the the "}],"max_tokens":2,"temperature":0.7}"#
    );
}

#[test]
fn a_stream_tells_its_first_token_and_asks_for_the_count() {
    let events = [
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"hi "},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"there"},"finish_reason":"stop"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2,"total_tokens":6}}"#,
        "[DONE]",
    ];
    let (mut talk, server) = local([Act::Answer(stream(&events))]);
    let share = talk.grant();
    let ticket = talk.submit(infer(share, true));
    assert_eq!(talk.answer(ticket), Ok(generated("hi there")));
    assert_eq!(talk.heard, [EventKind::FirstToken { ticket }]);
    let asked = &server.requests()[0];
    assert!(asked.contains(r#""stream":true,"stream_options":{"include_usage":true}"#), "{asked}");
}

#[test]
fn a_refusal_is_read_in_the_words_of_the_engine() {
    let refusal = r#"{"error":{"message":"The model `gemma-270m` does not exist.","type":"NotFoundError","param":null,"code":404}}"#;
    let (mut talk, _server) = local([Act::Answer(json(404, refusal))]);
    let share = talk.grant();
    let error = talk.ask(infer(share, true)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert_eq!(error.detail.as_deref(), Some("HTTP 404: The model `gemma-270m` does not exist."));
}

#[test]
fn a_stream_cut_short_is_an_error_and_never_an_answer() {
    let cut = stream(&[r#"{"choices":[{"delta":{"content":"hi "}}]}"#]);
    let (mut talk, _server) = local([Act::Close(cut)]);
    let share = talk.grant();
    assert_eq!(talk.ask(infer(share, true)).unwrap_err().kind, ErrorKind::Protocol);
}

#[test]
fn shares_are_bounded_listed_and_looked_at_without_the_engine() {
    let (mut talk, server) = Talk::configured([], |options| {
        options.dialect = Dialect::OpenAi;
        options.limits.in_flight = 2;
    });
    let shares = [talk.grant(), talk.grant()];
    assert_eq!(talk.ask(allocate()).unwrap_err().kind, ErrorKind::CapacityExhausted);
    let listed = |reply| match reply {
        Ok(Reply::Listed(shares)) => shares.iter().map(|share| share.allocation).collect(),
        other => panic!("{other:?}"),
    };
    let held: Vec<_> = listed(talk.ask(Operation::List { pool: PoolId(0) }));
    assert_eq!(held, shares);
    let elsewhere: Vec<_> = listed(talk.ask(Operation::List { pool: PoolId(1) }));
    assert_eq!(elsewhere, []);
    let Ok(Reply::Inspected(info)) = talk.ask(Operation::Inspect { allocation: shares[0] }) else {
        panic!("a held share can be looked at");
    };
    assert_eq!(info.pool, PoolId(0));
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_completion_on_a_share_that_is_not_held_is_not_sent() {
    let (mut talk, server) = local([]);
    let share = talk.grant();
    talk.ask(Operation::Release { allocation: share }).unwrap();
    assert_eq!(talk.ask(infer(share, true)).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(server.connections(), 0);
}

#[test]
fn asking_for_pools_is_a_sign_of_life() {
    let models = r#"{"object":"list","data":[{"id":"gemma-270m","object":"model"}]}"#;
    let key = r#"{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}"#;
    let (mut talk, server) = local([Act::Answer(json(200, models)), Act::Answer(json(401, key))]);
    assert_eq!(talk.ask(Operation::Pools), Ok(Reply::Pools(Vec::new())));
    assert_eq!(talk.ask(Operation::Pools).unwrap_err().kind, ErrorKind::Unauthorized);
    assert!(server.requests()[0].starts_with("GET /v1/models HTTP/1.1\r\n"));
}

#[test]
fn cancelling_closes_the_connection() {
    let opening = crate::server::STREAM.to_vec();
    let (mut talk, server) = local([Act::Stall(opening)]);
    let share = talk.grant();
    let inference = talk.submit(infer(share, true));
    while server.requests().is_empty() {
        talk.runtime.block_on(tokio::task::yield_now());
    }
    assert_eq!(talk.ask(Operation::Cancel { inference }), Ok(Reply::Cancelled));
    talk.runtime.block_on(server.hung_up());
}

fn local(script: impl IntoIterator<Item = Act>) -> (Talk, crate::server::Server) {
    Talk::configured(script, |options| options.dialect = Dialect::OpenAi)
}

fn generated(text: &str) -> Reply {
    let usage = Usage::computed(Tokens::new(4), Tokens::new(2));
    Reply::Generated { usage, text: Some(text.into()) }
}
