//! How much is held at once, and letting go of it.

use connector::{
    Connector, Duration, ErrorKind, EventKind, Operation, PoolId, Prompt, Reply, Ticket, Tokens,
};

use crate::{
    server::{Act, STREAM, grant, json},
    talk::{Talk, allocate, infer},
};

#[test]
fn beyond_the_limit_an_operation_is_refused_at_once() {
    let stalled = Act::Stall(Vec::new());
    let (mut talk, server) = Talk::configured([stalled], |options| options.limits.in_flight = 1);
    talk.submit(allocate());
    let refused = talk.submit(allocate());
    assert_eq!(talk.connector.in_flight(), 1);
    let now = talk.now();
    let event = talk.connector.poll(now).expect("answered without waiting");
    let EventKind::Completed { ticket, result: Err(error) } = event.kind else { panic!("refused") };
    assert_eq!((ticket, error.kind.name()), (refused, "rate_limited"));
    assert!(error.kind.retryable() && !error.kind.ambiguous());
    assert!(server.requests().len() <= 1);
}

#[test]
fn what_has_no_name_is_not_asked_about() {
    let (mut talk, server) = Talk::with([]);
    let nowhere = Operation::List { pool: PoolId(7) };
    assert_eq!(talk.ask(nowhere).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_prompt_beyond_the_limit_is_refused_before_it_is_made_up() {
    let (mut talk, _server) = Talk::with([grant("a")]);
    let share = talk.grant();
    let Operation::Infer(mut ask) = infer(share, false) else { unreachable!() };
    ask.prompt = Prompt::of_length(Tokens::new(u32::MAX));
    assert_eq!(talk.ask(Operation::Infer(ask)).unwrap_err().kind, ErrorKind::Invalid);
}

#[test]
fn cancelling_an_inference_closes_its_connection() {
    let stalled = Act::Stall([STREAM, b"data: {\"delta\":\"a\"}\n\n"].concat());
    let (mut talk, server) = Talk::with([grant("a"), stalled]);
    let share = talk.grant();
    let inference = talk.submit(infer(share, true));
    assert_eq!(talk.wait().kind, EventKind::FirstToken { ticket: inference });
    let cancel = talk.submit(Operation::Cancel { inference });
    assert_eq!(talk.answer(cancel), Ok(Reply::Cancelled));
    let [EventKind::Completed { ticket, result: Err(error) }] = &talk.heard[..] else {
        panic!("{:?}", talk.heard)
    };
    assert_eq!((*ticket, error.kind), (inference, ErrorKind::Conflict));
    talk.runtime.block_on(server.hung_up());
    assert_eq!(talk.connector.in_flight(), 0);
}

#[test]
fn only_an_inference_in_flight_can_be_cancelled() {
    let (mut talk, _server) = Talk::with([Act::Stall(Vec::new())]);
    let allocation = talk.submit(allocate());
    for inference in [allocation, Ticket(99)] {
        let cancelled = talk.ask(Operation::Cancel { inference });
        assert_eq!(cancelled.unwrap_err().kind, ErrorKind::NotFound);
    }
    assert_eq!(talk.connector.in_flight(), 1);
}

#[test]
fn draining_waits_for_what_comes_in_time() {
    let (mut talk, _server) = Talk::with([grant("a")]);
    let ticket = talk.submit(allocate());
    let left = talk.runtime.block_on(talk.connector.drain(Duration::from_secs(20)));
    assert_eq!(left, 0);
    assert!(matches!(talk.answer(ticket), Ok(Reply::Granted { .. })), "a late grant is heard");
}

#[test]
fn draining_answers_what_does_not_come_in_time() {
    let (mut talk, server) = Talk::with([Act::Stall(Vec::new())]);
    let ticket = talk.submit(allocate());
    let left = talk.runtime.block_on(talk.connector.drain(Duration::from_millis(100)));
    assert_eq!(left, 1);
    let error = talk.answer(ticket).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert_eq!(talk.connector.in_flight(), 0);
    drop(server);
}

#[test]
fn a_dropped_connector_hangs_up() {
    let (mut talk, server) = Talk::with([grant("a"), Act::Stall(json(200, "")[..10].to_vec())]);
    let share = talk.grant();
    talk.submit(infer(share, false));
    while server.requests().len() < 2 {
        talk.runtime.block_on(tokio::task::yield_now());
    }
    let Talk { connector, runtime, .. } = talk;
    drop(connector);
    runtime.block_on(server.hung_up());
}

#[test]
#[should_panic(expected = "ticket 1 is in flight already")]
fn a_ticket_in_flight_cannot_be_used_again() {
    let (mut talk, _server) = Talk::with([Act::Stall(Vec::new())]);
    talk.submit(allocate());
    let now = talk.now();
    talk.connector.submit(now, Ticket(1), Operation::Pools);
}
