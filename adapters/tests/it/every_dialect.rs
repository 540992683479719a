//! Hostile answers to an inference, the same in every dialect: a typed error within the time allowed,
//! no more read than the limits allow, and nothing left in flight.

use adapters::{Dialect, HttpOptions};
use connector::{Duration, Error, ErrorKind};

use crate::{
    gpuaas,
    server::{Act, STREAM, answer, grant, json, stream},
    talk::{Talk, infer},
};

const LOST: ErrorKind = ErrorKind::Unavailable { reached: true };
/// Bytes that may be on their way when the connector hangs up: buffers of two sockets, and then some.
const ON_THE_WAY: usize = 32 << 20;
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/// What is done, whether the time allowed is what ends it, and with which errors.
struct Attack {
    act: Act,
    by_time: bool,
    kinds: &'static [ErrorKind],
}

#[test]
fn a_head_that_comes_byte_by_byte() {
    everywhere(|_| {
        attack(
            Act::Trickle(b"HTTP/1.1 200 OK\r\nx-slow: ", b'a'),
            true,
            &[ErrorKind::Timeout, LOST],
        )
    });
}

#[test]
fn a_body_that_comes_byte_by_byte() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    everywhere(|_| attack(Act::Trickle(head, b' '), true, &[ErrorKind::Timeout]));
}

#[test]
fn a_stream_that_comes_byte_by_byte() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    everywhere(|_| attack(Act::Trickle(head, b':'), true, &[ErrorKind::Timeout]));
}

#[test]
fn a_body_of_a_gigabyte() {
    everywhere(|_| {
        let head = [HEAD, b"content-length: 1073741824\r\n\r\n"].concat();
        attack(Act::Flood(head, vec![b' '; 1 << 16]), false, &[ErrorKind::Protocol])
    });
}

#[test]
fn a_stream_without_end() {
    everywhere(|dialect| {
        let piece = format!("data: {}\n\n", piece(dialect)).repeat(999);
        attack(Act::Flood(STREAM.into(), piece.into()), false, &[ErrorKind::Protocol])
    });
}

#[test]
fn a_line_of_a_stream_without_end() {
    everywhere(|_| {
        let line = b"data: no end of this line".repeat(999);
        attack(Act::Flood(STREAM.into(), line), false, &[ErrorKind::Protocol])
    });
}

#[test]
fn signs_of_life_without_end() {
    everywhere(|_| {
        attack(Act::Flood(STREAM.into(), b": ping\n\n".repeat(999)), false, &[ErrorKind::Protocol])
    });
}

#[test]
fn json_that_is_none() {
    for body in ["", "{", "null", "[]", "{\"a\":", "\u{feff}{}", "NaN"] {
        everywhere(|_| attack(Act::Answer(json(200, body)), false, &[ErrorKind::Protocol]));
        everywhere(|_| attack(Act::Answer(stream(&[body])), false, &[ErrorKind::Protocol]));
    }
}

#[test]
fn text_without_end_where_a_number_belongs() {
    let long = "x".repeat(1 << 20);
    for body in [
        format!(r#"{{"text":"a","usage":"{long}","choices":"{long}"}}"#),
        format!(r#"{{"delta":"a","usage":"{}","choices":"{0}"}}"#, &long[..1 << 18]),
    ] {
        everywhere(|_| attack(Act::Answer(json(200, &body)), false, &[ErrorKind::Protocol]));
        everywhere(|_| attack(Act::Answer(stream(&[&body])), false, &[ErrorKind::Protocol]));
    }
}

#[test]
fn another_type_of_content() {
    for kind in ["text/html", "application/octet-stream", "text/event-streams", "\u{7f}", ""] {
        everywhere(|_| {
            let page = answer(200, kind, "<html>welcome</html>");
            attack(Act::Answer(page), false, &[ErrorKind::Protocol, LOST])
        });
    }
}

#[test]
fn bytes_that_are_no_text() {
    everywhere(|_| {
        attack(
            Act::Answer(answer(200, "application/json", b"{\"text\":\"\xff\"}")),
            false,
            &[ErrorKind::Protocol],
        )
    });
    everywhere(|_| {
        attack(Act::Close([STREAM, b"data: \xff\xfe\n\n"].concat()), false, &[ErrorKind::Protocol])
    });
}

#[test]
fn a_chunked_body_cut_short() {
    let chunked = "transfer-encoding: chunked\r\n\r\n";
    for body in ["", "5\r\n{\"a", "zz\r\n", "fffffffffffffffff\r\ndata", "5\r\n{\"a\":1\r\nX"] {
        for kind in ["application/json", "text/event-stream"] {
            everywhere(|_| {
                let bytes = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{chunked}{body}");
                attack(Act::Close(bytes.into()), false, &[LOST])
            });
        }
    }
}

#[test]
fn headers_without_end() {
    everywhere(|_| {
        let head = b"HTTP/1.1 200 OK\r\n".to_vec();
        attack(Act::Flood(head, b"x-more: and more\r\n".repeat(100)), false, &[LOST])
    });
    everywhere(|_| {
        let head = b"HTTP/1.1 200 OK\r\nx-long: ".to_vec();
        attack(Act::Flood(head, vec![b'x'; 1 << 12]), false, &[LOST])
    });
}

#[test]
fn headers_that_smuggle() {
    for header in [
        "x: a\rset-cookie: b",
        "x: a\0b",
        "content-length: 2\r\ncontent-length: 3",
        "content-length: +2",
        "bad name: x",
        ": nothing",
    ] {
        everywhere(|_| {
            let bytes = format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n{{}}");
            attack(Act::Close(bytes.into()), false, &[LOST, ErrorKind::Protocol])
        });
    }
}

#[test]
fn json_that_is_deep() {
    for body in ["[".repeat(1 << 20), "{\"a\":".repeat(1 << 18)] {
        everywhere(|_| attack(Act::Answer(json(200, &body)), false, &[ErrorKind::Protocol]));
        everywhere(|_| {
            let events = format!("data: {body}\n\n");
            attack(Act::Close([STREAM, events.as_bytes()].concat()), false, &[ErrorKind::Protocol])
        });
        everywhere(|_| attack(Act::Answer(json(500, &body)), false, &[LOST]));
    }
}

#[test]
fn a_redirect_takes_nothing_to_another_host() {
    for dialect in Dialect::ALL {
        for status in [301, 302, 303, 307, 308] {
            let (_elsewhere, other) = Talk::with([]);
            let location = format!(
                "HTTP/1.1 {status} X\r\nlocation: {}/v1\r\ncontent-length: 0\r\n\r\n",
                other.url
            );
            let (talk, error, _) =
                meet(dialect, attack(Act::Answer(location.into()), false, &[ErrorKind::Protocol]));
            assert_eq!(other.connections(), 0, "{dialect:?} {status}: {error}");
            drop(talk);
        }
    }
}

#[test]
fn no_tls_where_some_should_be() {
    for dialect in Dialect::ALL {
        let garbage = Act::Close(b"\x16\x03\x03\xff\xffgarbage".repeat(100));
        for script in [vec![], vec![garbage]] {
            let (mut talk, server) = Talk::configured(script, |options| {
                *options = gpuaas::speaking(options.clone());
                options.dialect = dialect;
                options.base_url = options.base_url.replace("http://", "https://");
                options.api_key = Some("s3cret".into());
                options.timeouts.inspect = Duration::from_millis(500);
            });
            let error = talk.ask(connector::Operation::Pools).unwrap_err();
            assert!(error.kind.counts_against_breaker(), "{error}");
            assert_eq!(talk.connector.in_flight(), 0);
            let seen = server.requests();
            assert!(seen.iter().all(|request| !request.contains("s3cret")), "{seen:?}");
        }
    }
}

/// A piece of an answer, as the dialect streams it.
fn piece(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::HarpoonV1 | Dialect::CovenantV1 => r#"{"delta":"a"}"#,
        Dialect::OpenAi | Dialect::Gpuaas => r#"{"choices":[{"delta":{"content":"a"}}]}"#,
    }
}

const fn attack(act: Act, by_time: bool, kinds: &'static [ErrorKind]) -> Attack {
    Attack { act, by_time, kinds }
}

/// Holds the attack against every dialect.
fn everywhere(make: impl Fn(Dialect) -> Attack) {
    for dialect in Dialect::ALL {
        meet(dialect, make(dialect));
    }
}

/// The error that an inference meets.
fn meet(dialect: Dialect, Attack { act, by_time, kinds }: Attack) -> (Talk, Error, usize) {
    let floods = matches!(act, Act::Flood(..));
    let configure = |options: &mut HttpOptions| {
        options.dialect = dialect;
        options.api_key = Some("s3cret".into());
        options.limits.answer_bytes = 1 << 21;
        options.limits.line_bytes = 1 << 20;
        let allowed = if by_time { 100 } else { 15_000 };
        options.timeouts.infer = Duration::from_millis(allowed);
    };
    let (mut talk, server) = match dialect {
        Dialect::HarpoonV1 | Dialect::CovenantV1 => Talk::configured([grant("a"), act], configure),
        Dialect::OpenAi => Talk::configured([act], configure),
        Dialect::Gpuaas => {
            let (talk, _provider, service) = gpuaas::with_service([act], configure);
            (talk, service)
        }
    };
    let share = talk.grant();
    let error = talk.ask(infer(share, true)).expect_err("an attack is no answer");
    assert!(kinds.contains(&error.kind), "{dialect:?}: {error}");
    let words = error.to_string();
    assert!(!words.contains("s3cret") && words.len() < 1_000, "{} bytes", words.len());
    assert_eq!(talk.connector.in_flight(), 0);
    if floods {
        talk.runtime.block_on(server.hung_up());
        assert!(server.written() < ON_THE_WAY, "{dialect:?}: {} bytes", server.written());
    }
    let written = server.written();
    (talk, error, written)
}
