//! Endpoints that answer as they should not: the right error, in bounded time and memory.

use adapters::HttpOptions;
use connector::{Duration, Error, ErrorKind, Operation, Reply};

use crate::{
    server::{Act, STREAM, answer, grant, json, stream},
    talk::{Talk, allocate, infer, options, runtime},
};

const LOST: ErrorKind = ErrorKind::Unavailable { reached: true };

#[test]
fn answers_that_cannot_be_understood_are_protocol_errors() {
    let html = "<html>welcome</html>";
    for bytes in [
        json(200, "{"),
        json(200, ""),
        json(200, "null"),
        json(200, r#"{"allocation":"a"}"#),
        json(200, r#"{"allocation_id":""}"#),
        json(200, r#"{"allocation_id":"../pools"}"#),
        json(200, r#"{"allocation_id":".."}"#),
        json(200, &format!(r#"{{"allocation_id":"{}"}}"#, "x".repeat(10_000))),
        answer(200, "application/json", b"{\"allocation_id\":\"\xff\"}"),
        answer(200, "text/html", html),
        answer(204, "application/json", ""),
        answer(304, "application/json", ""),
    ] {
        let error = refusal([Act::Answer(bytes.clone())], |_| ());
        assert_eq!(error.kind, ErrorKind::Protocol, "{}", String::from_utf8_lossy(&bytes));
        assert!(error.kind.ambiguous());
    }
}

#[test]
fn a_failure_of_somebody_in_between_is_unavailability() {
    let html = "<html><h1>500 Internal Server Error</h1></html>";
    let error = refusal([Act::Answer(answer(500, "text/html", html))], |_| ());
    assert_eq!(error.kind, LOST);
    let words = "HTTP 500: <html><h1>500 Internal Server Error</h1></html>";
    assert_eq!(error.detail.as_deref(), Some(words));
}

#[test]
fn an_answer_cut_short_is_a_connection_lost_while_waiting() {
    let whole = json(200, r#"{"allocation_id":"alloc_1"}"#);
    let half_chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{\"a".to_vec();
    for bytes in [
        Vec::new(),
        b"HTTP/1.1 200 OK\r\ncontent-le".to_vec(),
        whole[..whole.len() - 3].to_vec(),
        half_chunked,
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
    ] {
        let error = refusal([Act::Close(bytes.clone())], |_| ());
        let said = String::from_utf8_lossy(&bytes);
        assert!(error.kind.ambiguous() && error.kind.counts_against_breaker(), "{said}: {error}");
    }
}

#[test]
fn a_refused_connection_never_reached_anybody() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let mut talk = Talk::to(runtime(), options(&format!("http://127.0.0.1:{port}")));
    let error = talk.ask(allocate()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable { reached: false });
    assert!(!error.kind.ambiguous());
    assert!(error.detail.unwrap().contains("refused"));
}

#[test]
fn a_server_without_tls_is_never_told_anything_under_https() {
    let (mut talk, server) = Talk::configured([], |options| {
        options.base_url = options.base_url.replace("http://", "https://");
        options.api_key = Some("s3cret".into());
        short(options);
    });
    let error = talk.ask(allocate()).unwrap_err();
    assert!(error.kind.counts_against_breaker(), "{error}");
    assert!(server.requests().iter().all(|request| !request.contains("s3cret")));
}

#[test]
fn silence_at_any_point_is_a_timeout() {
    for bytes in [
        Vec::new(),
        b"HTTP/1.1 200 OK\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{".to_vec(),
        b"HTTP/1.1 500 X\r\ncontent-length: 10\r\n\r\nx".to_vec(),
    ] {
        let error = refusal([Act::Stall(bytes)], short);
        assert_eq!(error.kind, ErrorKind::Timeout);
        let words = "POST /v1/allocate was not answered within 100ms";
        assert_eq!(error.detail.as_deref(), Some(words));
    }
}

#[test]
fn a_byte_now_and_again_does_not_outlast_the_timeout() {
    for (first, byte) in [
        (&b"HTTP/1.1 200 OK\r\nx-slow: "[..], b'a'),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", b' '),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b'0'),
    ] {
        let error = refusal([Act::Trickle(first, byte)], short);
        assert!(matches!(error.kind, ErrorKind::Timeout | LOST), "{error}");
        assert!(error.kind.ambiguous());
    }
}

#[test]
fn a_huge_answer_is_given_up_at_the_limit() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".to_vec();
    let script = [Act::Flood(head, vec![b' '; 1 << 16])];
    let (mut talk, server) = Talk::configured(script, |options| {
        options.limits.answer_bytes = 1 << 20;
    });
    let error = talk.ask(allocate()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert_eq!(error.detail.as_deref(), Some("the answer is longer than 1048576 bytes"));
    talk.runtime.block_on(server.hung_up());
    assert!(server.written() < 64 << 20, "{} bytes were taken", server.written());
}

#[test]
fn a_huge_failure_is_read_in_part_only() {
    let head = b"HTTP/1.1 500 X\r\n\r\n".to_vec();
    let (mut talk, server) = Talk::with([Act::Flood(head, vec![b'x'; 1 << 16])]);
    assert_eq!(talk.ask(allocate()).unwrap_err().kind, LOST);
    talk.runtime.block_on(server.hung_up());
    assert!(server.written() < 64 << 20, "{} bytes were taken", server.written());
}

#[test]
fn endless_headers_are_given_up() {
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    let error = refusal([Act::Flood(head, b"x-more: and more\r\n".repeat(100))], |_| ());
    assert!(error.kind.counts_against_breaker(), "{error}");
}

#[test]
fn a_redirect_is_not_followed() {
    let (elsewhere, other) = Talk::with([]);
    let location = format!(
        "HTTP/1.1 307 X\r\nlocation: {}/v1/allocate\r\ncontent-length: 0\r\n\r\n",
        other.url
    );
    let (mut talk, server) = Talk::configured([Act::Answer(location.into())], |options| {
        options.api_key = Some("s3cret".into());
    });
    assert_eq!(talk.ask(allocate()).unwrap_err().kind, ErrorKind::Protocol);
    assert_eq!((server.connections(), other.connections()), (1, 0));
    drop(elsewhere);
}

#[test]
fn streams_that_break_the_rules_end_with_the_right_error() {
    let error_frame = r#"{"error":{"kind":"preempted","message":"somebody paid more"}}"#;
    let nested = format!("data: {}\n\n", "[".repeat(10_000));
    let cases: [(Act, ErrorKind); 15] = [
        (Act::Answer(stream(&[r#"{"delta":"a"}"#, error_frame])), ErrorKind::Preempted),
        (Act::Answer(stream(&[r#"{"delta":"a"}"#, "[DONE]"])), ErrorKind::Protocol),
        (Act::Answer(stream(&[r#"{"delta":"#])), ErrorKind::Protocol),
        (Act::Close([STREAM, b"data: {\"delta\":\"a\"}\n\n"].concat()), ErrorKind::Protocol),
        (Act::Close([STREAM, b"data: \xff\xfe\n\n"].concat()), ErrorKind::Protocol),
        (
            Act::Flood(STREAM.into(), b"data: {\"delta\":\"a\"}\n\n".repeat(999)),
            ErrorKind::Protocol,
        ),
        (Act::Flood(STREAM.into(), b"data: no end of this line".repeat(999)), ErrorKind::Protocol),
        (Act::Stall([STREAM, b"data: {\"delta\":\"a\"}\n\n"].concat()), ErrorKind::Timeout),
        // Signs of life are no answer, however many come.
        (Act::Flood(STREAM.into(), b": ping\n\n".repeat(999)), ErrorKind::Protocol),
        (Act::Flood(STREAM.into(), b"data: {}\n\n".repeat(999)), ErrorKind::Protocol),
        (Act::Trickle(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", b':'), ErrorKind::Timeout),
        (
            Act::Close([STREAM, b"data: {\"delta\":\"a\"}\n\ndata: {\"delta\":\"\xc3\"}\n\n"].concat()),
            ErrorKind::Protocol,
        ),
        (Act::Answer(stream(&[r#"{"delta":"\ud800"}"#])), ErrorKind::Protocol),
        (Act::Close([STREAM, nested.as_bytes()].concat()), ErrorKind::Protocol),
        (
            Act::Close(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\ndata".into()),
            LOST,
        ),
    ];
    for (act, kind) in cases {
        let (mut talk, _server) = Talk::configured([grant("a"), act.clone()], |options| {
            short(options);
            options.limits.answer_bytes = 1 << 20;
            options.limits.line_bytes = 1 << 16;
            let floods = matches!(act, Act::Flood(..));
            if floods {
                options.timeouts.infer = Duration::from_secs(15);
            }
        });
        let share = talk.grant();
        let said = talk.ask(infer(share, true)).unwrap_err();
        assert_eq!(said.kind, kind, "{said}");
    }
}

#[test]
fn counts_that_cannot_be_are_refused() {
    for usage in [
        r#"{"prompt_tokens":4,"output_tokens":3}"#,
        r#"{"prompt_tokens":4,"output_tokens":4294967295}"#,
        r#"{"prompt_tokens":4,"output_tokens":4294967296}"#,
        r#"{"prompt_tokens":4,"output_tokens":-1}"#,
        r#"{"prompt_tokens":4,"output_tokens":1.5}"#,
        r#"{"prompt_tokens":4}"#,
    ] {
        let last = format!(r#"{{"usage":{usage}}}"#);
        let whole = format!(r#"{{"text":"hi there","usage":{usage}}}"#);
        for act in [stream(&[r#"{"delta":"hi there"}"#, &last, "[DONE]"]), json(200, &whole)] {
            let (mut talk, _server) = Talk::with([grant("a"), Act::Answer(act)]);
            let share = talk.grant();
            let said = talk.ask(infer(share, true)).unwrap_err();
            assert_eq!(said.kind, ErrorKind::Protocol, "{usage}: {said}");
        }
    }
}

#[test]
fn a_chunked_stream_cut_short_is_a_connection_lost_while_waiting() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked";
    let chunk = b"\r\n\r\n16\r\ndata: {\"delta\":\"hi\"}\n\n\r\n";
    let (mut talk, _server) = Talk::with([grant("a"), Act::Close([&head[..], chunk].concat())]);
    let share = talk.grant();
    assert_eq!(talk.ask(infer(share, true)).unwrap_err().kind, LOST);
    assert_eq!(talk.heard.len(), 1, "the first token had come");
}

/// A share that is held to be given back is charged for ever.
#[test]
fn a_success_that_is_no_release_releases_nothing() {
    let failure = r#"{"error":{"kind":"unavailable","message":"not now"}}"#;
    for (bytes, kind) in [
        (json(200, failure), LOST),
        (answer(200, "text/html", "<html>welcome</html>"), ErrorKind::Protocol),
    ] {
        let script = [grant("a"), Act::Answer(bytes), Act::Answer(json(200, r#"{"released":1}"#))];
        let (mut talk, _server) = Talk::with(script);
        let allocation = talk.grant();
        let release = Operation::Release { allocation };
        assert_eq!(talk.ask(release.clone()).unwrap_err().kind, kind);
        assert_eq!(talk.ask(release), Ok(Reply::Released), "it is still known");
    }
}

#[test]
fn a_listing_of_odd_ids_is_refused_whole() {
    let body = r#"{"allocations":[{"allocation_id":"../x","pool_id":"standard"}]}"#;
    let (mut talk, _server) = Talk::with([Act::Answer(json(200, body))]);
    let listed = talk.ask(Operation::List { pool: connector::PoolId(0) });
    assert_eq!(listed.unwrap_err().kind, ErrorKind::Protocol);
}

/// The error that an allocation meets.
fn refusal(
    script: impl IntoIterator<Item = Act>,
    configure: impl FnOnce(&mut HttpOptions),
) -> Error {
    let (mut talk, _server) = Talk::configured(script, configure);
    match talk.ask(allocate()) {
        Err(error) => error,
        Ok(Reply::Granted { allocation }) => panic!("share {allocation} was granted"),
        Ok(other) => panic!("answered with {other:?}"),
    }
}

fn short(options: &mut HttpOptions) {
    options.timeouts.allocate = Duration::from_millis(100);
    options.timeouts.infer = Duration::from_millis(100);
}
