//! What is done to a connector instead of answering it.

use connector::ErrorKind;

use crate::server::{Act, STREAM, answer, json, stream};

const LOST: ErrorKind = ErrorKind::Unavailable { reached: true };
const JSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/// Something that is no answer to any question.
#[derive(Clone, Debug)]
pub(super) struct Attack {
    pub(super) name: String,
    pub(super) act: Act,
    /// What an exchange ends in that meets it.
    pub(super) kind: ErrorKind,
    /// It is a success whose body means nothing.
    pub(super) is_nonsense: bool,
}

/// All of them. `elsewhere` is the host that redirects lead to.
pub(super) fn all(elsewhere: &str) -> Vec<Attack> {
    let parts = [slow(), huge(), cut(), no_http(), malformed(), redirects(elsewhere)];
    parts.into_iter().flatten().collect()
}

fn attack(name: impl Into<String>, act: Act, kind: ErrorKind) -> Attack {
    Attack { name: name.into(), act, kind, is_nonsense: false }
}

/// Only the time allowed ends these.
fn slow() -> Vec<Attack> {
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut attacks = Vec::new();
    for (name, first, byte) in [
        ("a head", &b"HTTP/1.1 200 OK\r\nx-slow: "[..], b'a'),
        ("a body", b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", b' '),
        ("the size of a chunk", chunked, b'0'),
        ("a stream", STREAM, b':'),
        ("a failure", b"HTTP/1.1 500 X\r\n\r\n", b'x'),
    ] {
        let name = format!("{name}, byte by byte");
        attacks.push(attack(name, Act::Trickle(first, byte), ErrorKind::Timeout));
    }
    for (name, said) in [
        ("silence", String::new()),
        ("silence in a head", "HTTP/1.1 200 OK\r\n".into()),
        ("silence in a body", format!("{JSON}content-length: 10\r\n\r\n{{")),
        ("silence in a stream", format!("{}data: {{", String::from_utf8_lossy(STREAM))),
    ] {
        attacks.push(attack(name, Act::Stall(said.into()), ErrorKind::Timeout));
    }
    let more_to_come = b"HTTP/1.1 100 Continue\r\n\r\n".to_vec();
    attacks.push(attack(
        "promises without end",
        Act::Flood(Vec::new(), more_to_come),
        ErrorKind::Timeout,
    ));
    attacks
}

fn huge() -> Vec<Attack> {
    let flood = |name: &str, head: &str, rest: &[u8], kind| {
        attack(name, Act::Flood(head.into(), rest.repeat(1 + (1 << 14) / rest.len())), kind)
    };
    let streamed = String::from_utf8_lossy(STREAM);
    let gigabyte = format!("{JSON}content-length: 1073741824\r\n\r\n");
    let chunked = format!("{JSON}transfer-encoding: chunked\r\n\r\n");
    let chunk = [&b"10000\r\n"[..], &b" ".repeat(1 << 16), b"\r\n"].concat();
    let protocol = ErrorKind::Protocol;
    vec![
        flood("a body of a gigabyte", &gigabyte, b" ", protocol),
        flood("a body without end", &format!("{JSON}\r\n"), b"[[", protocol),
        flood("chunks without end", &chunked, &chunk, protocol),
        flood("chunks of a byte without end", &chunked, b"1\r\n \r\n", protocol),
        flood("pieces of text without end", &streamed, b"data: {\"delta\":\"a\"}\n\n", protocol),
        flood(
            "pieces of chat without end",
            &streamed,
            b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
            protocol,
        ),
        flood("signs of life without end", &streamed, b": ping\n\n", protocol),
        flood("a line without end", &streamed, b"data: no end of this line", protocol),
        flood("an event without end", &streamed, b"data: one more line\n", protocol),
        flood("headers without end", "HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n", LOST),
        flood("a header without end", "HTTP/1.1 200 OK\r\nx-long: ", b"x", LOST),
        flood("a status without end", "HTTP/1.1 200 ", b"x", LOST),
        flood("a failure without end", "HTTP/1.1 500 X\r\n\r\n", b"x", LOST),
        flood("a redirect without end", "HTTP/1.1 302 X\r\n\r\n", b"x", protocol),
    ]
}

fn cut() -> Vec<Attack> {
    let chunked = "transfer-encoding: chunked\r\n\r\n";
    let mut attacks = vec![
        attack("a connection closed", Act::Close(Vec::new()), LOST),
        attack("a head cut short", Act::Close(b"HTTP/1.1 200 OK\r\ncontent-le".into()), LOST),
    ];
    for kind in ["application/json", "text/event-stream"] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n");
        let half = format!("{head}content-length: 99\r\n\r\n{{\"allocation_id\":\"a\"}}");
        attacks.push(attack(format!("{kind} cut short"), Act::Close(half.into()), LOST));
        for body in ["", "5\r\n{\"a", "zz\r\n", "fffffffffffffffff\r\ndata", "5\r\n{\"a\":1\r\nX"] {
            let name = format!("{kind} of chunks cut short: {body:?}");
            attacks.push(attack(name, Act::Close(format!("{head}{chunked}{body}").into()), LOST));
        }
    }
    attacks
}

fn no_http() -> Vec<Attack> {
    let mut attacks = vec![
        attack("another protocol", Act::Close(b"SSH-2.0-OpenSSH_9.2\r\n".into()), LOST),
        attack("noise", Act::Close((0..=255).cycle().take(1 << 12).collect()), LOST),
        attack("a header that is no text", Act::Answer(answer(200, "\u{7f}", "{}")), LOST),
    ];
    for header in [
        "x: a\rset-cookie: b",
        "x: a\0b",
        "content-length: 2\r\ncontent-length: 3",
        "content-length: +2",
        "content-length: 18446744073709551616",
        "bad name: x",
        ": nothing",
    ] {
        let bytes = format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n{{}}");
        attacks.push(attack(format!("smuggling by {header:?}"), Act::Close(bytes.into()), LOST));
    }
    attacks
}

fn malformed() -> Vec<Attack> {
    let deep = "[".repeat(1 << 15);
    let deeper = "{\"a\":".repeat(1 << 13);
    let mut attacks = Vec::new();
    for (name, body) in [
        ("cut short", "{"),
        ("a value missing", "{\"a\":"),
        ("behind a mark of order", "\u{feff}{}"),
        ("no number", "NaN"),
        ("deep lists", &deep),
        ("deep objects", &deeper),
    ] {
        for (kind, act) in [("JSON", json(200, body)), ("an event", stream(&[body]))] {
            let name = format!("{kind} that is none: {name}");
            attacks.push(attack(name, Act::Answer(act), ErrorKind::Protocol));
        }
        let name = format!("a failure that is none: {name}");
        attacks.push(attack(name, Act::Answer(json(500, body)), LOST));
    }
    for kind in ["text/html", "application/octet-stream", "text/event-streams", ""] {
        let page = answer(200, kind, "<html>welcome</html>");
        attacks.push(attack(
            format!("a page of type {kind:?}"),
            Act::Answer(page),
            ErrorKind::Protocol,
        ));
    }
    for attack in &mut attacks {
        attack.is_nonsense = attack.kind == ErrorKind::Protocol;
    }
    attacks.extend(no_text());
    attacks
}

fn no_text() -> impl Iterator<Item = Attack> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-type: application/json\r\n\r\n";
    let skipped = answer(200, "application/json", b"{\"nobody_asked\":\"\xff\"}");
    [
        ("a packed body", Act::Close([head.as_bytes(), b"\x1f\x8b\x08\0"].concat())),
        ("a body that is no text", Act::Answer(skipped)),
        ("a stream that is no text", Act::Close([STREAM, b"data: \xff\xfe\n\n"].concat())),
        (
            "a text cut in a letter",
            Act::Close([STREAM, b"data: {\"delta\":\"\xc3\"}\n\n"].concat()),
        ),
    ]
    .map(|(name, act)| attack(name, act, ErrorKind::Protocol))
    .into_iter()
}

fn redirects(elsewhere: &str) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for status in [301, 302, 303, 307, 308] {
        let head =
            format!("HTTP/1.1 {status} X\r\nlocation: {elsewhere}/v1\r\ncontent-length: 0\r\n\r\n");
        attacks.push(attack(
            format!("redirect {status}"),
            Act::Answer(head.into()),
            ErrorKind::Protocol,
        ));
    }
    attacks
}
