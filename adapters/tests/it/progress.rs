//! Streams that tell how far they are, in each way of streaming, and what is known of those that fail.

use adapters::{Dialect, HttpOptions};
use connector::{AllocationId, Duration, ErrorKind, EventKind, Operation, Reply, Ticket, Tokens};

use crate::{
    server::{Act, STREAM, Server, grant, json, stream},
    talk::{Talk, infer},
};

const AT_FAILURE: Duration = Duration::MAX;
const OFTEN: Duration = Duration::from_millis(1);

/// What each dialect calls the same.
#[derive(Clone, Copy)]
struct Words {
    dialect: Dialect,
    pieces: [&'static str; 2],
    last: [&'static str; 2],
    failure: &'static str,
}

const BOTH: [Words; 2] = [
    Words {
        dialect: Dialect::HarpoonV1,
        pieces: [r#"{"delta":"hi "}"#, r#"{"delta":"there"}"#],
        last: [r#"{"usage":{"prompt_tokens":4,"output_tokens":2}}"#, "[DONE]"],
        failure: r#"{"error":{"kind":"unavailable","reached":true}}"#,
    },
    Words {
        dialect: Dialect::OpenAi,
        pieces: [
            r#"{"choices":[{"delta":{"content":"hi "}}]}"#,
            r#"{"choices":[{"delta":{"content":"there"}}]}"#,
        ],
        last: [r#"{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#, "[DONE]"],
        failure: r#"{"error":{"message":"out of memory","code":500}}"#,
    },
];

#[test]
fn a_stream_that_fails_tells_first_what_it_has_made() {
    for words in BOTH {
        let begun = unended(&words.pieces);
        let failing = unended(&[words.pieces[0], words.pieces[1], words.failure]);
        for (act, kind) in [
            (Act::Stall(begun.clone()), ErrorKind::Timeout),
            (Act::Close(begun), ErrorKind::Protocol),
            (Act::Close(failing), ErrorKind::Unavailable { reached: true }),
        ] {
            let (mut talk, _server) = words.talk(act, |options| {
                options.timeouts.infer = Duration::from_millis(200);
            });
            let ticket = talk.ask_telling(AT_FAILURE);
            assert_eq!(talk.answer(ticket).unwrap_err().kind, kind);
            let made = progress(ticket, 2, Some("hi there"));
            assert_eq!(talk.heard, [EventKind::FirstToken { ticket }, made]);
        }
    }
}

#[test]
fn a_stream_that_is_stopped_tells_first_what_it_has_made() {
    for words in BOTH {
        for stop in [false, true] {
            let (mut talk, _server) = words.talk(Act::Stall(unended(&words.pieces)), |_| ());
            let ticket = talk.ask_telling(OFTEN);
            talk.until_told(ticket, 2);
            assert_eq!(talk.text(), "hi there", "told in pieces or at once");
            let last = talk.heard.len();
            if stop {
                talk.ask(Operation::Cancel { inference: ticket }).expect("stopped");
            } else {
                talk.runtime.block_on(talk.connector.drain(Duration::from_millis(1)));
                talk.answer(ticket).expect_err("given up");
            }
            let again =
                talk.heard[last..].iter().any(|it| matches!(it, EventKind::Progress { .. }));
            assert!(!again, "what was told is not told again: {:?}", talk.heard);
        }
    }
}

#[test]
fn what_was_not_told_yet_is_told_when_it_is_stopped() {
    for words in BOTH {
        let (mut talk, _server) = words.talk(Act::Stall(unended(&words.pieces)), |_| ());
        let ticket = talk.ask_telling(AT_FAILURE);
        assert_eq!(talk.wait().kind, EventKind::FirstToken { ticket });
        assert_eq!(talk.ask(Operation::Cancel { inference: ticket }), Ok(Reply::Cancelled));
        let told = |it: &EventKind| matches!(it, EventKind::Progress { tokens, .. } if *tokens > Tokens::ZERO);
        let ended = |it: &EventKind| matches!(it, EventKind::Completed { .. });
        let (told, ended) = (talk.heard.iter().position(told), talk.heard.iter().position(ended));
        assert!(told.is_some() && told < ended, "{:?}", talk.heard);
    }
}

#[test]
fn a_stream_that_stands_has_told_what_came_before() {
    for words in BOTH {
        let (mut talk, _server) = words.talk(Act::Stall(unended(&words.pieces[..1])), |_| ());
        let ticket = talk.ask_telling(Duration::from_millis(50));
        assert_eq!(talk.wait().kind, EventKind::FirstToken { ticket });
        assert_eq!(talk.wait().kind, progress(ticket, 1, Some("hi ")));
    }
}

#[test]
fn a_flood_tells_no_more_often_than_it_has_news_and_never_of_more_than_was_asked_for() {
    for words in BOTH {
        let flood = format!("data: {}\n\n", words.pieces[0]).repeat(999);
        let (mut talk, _server) =
            words.talk(Act::Flood(STREAM.into(), flood.into_bytes()), |options| {
                options.limits.answer_bytes = 1 << 20;
            });
        let ticket = talk.ask_telling(OFTEN);
        assert_eq!(talk.answer(ticket).unwrap_err().kind, ErrorKind::Protocol);
        let told = talk.heard.iter().filter_map(|it| match it {
            EventKind::Progress { tokens, .. } => Some(tokens.get()),
            _ => None,
        });
        let told: Vec<_> = told.collect();
        assert!(matches!(told[..], [1, 2] | [2]), "two were asked for: {told:?}");
    }
}

#[test]
fn what_is_complete_or_comes_whole_or_was_not_asked_about_tells_nothing() {
    let whole = [
        r#"{"text":"hi there","usage":{"prompt_tokens":4,"output_tokens":2}}"#,
        r#"{"choices":[{"message":{"content":"hi there"}}],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#,
    ];
    for (words, whole) in BOTH.into_iter().zip(whole) {
        let complete = stream(&[&words.pieces[..], &words.last].concat());
        for (answer, period) in [
            (complete.clone(), Some(AT_FAILURE)),
            (complete, None),
            (json(200, whole), Some(OFTEN)),
        ] {
            let (mut talk, _server) = words.talk(Act::Answer(answer), |_| ());
            let ticket = talk.ask_telling(period);
            assert!(matches!(talk.answer(ticket), Ok(Reply::Generated { .. })));
            assert_eq!(talk.heard, [EventKind::FirstToken { ticket }]);
        }
    }
}

impl Words {
    fn talk(&self, act: Act, configure: impl FnOnce(&mut HttpOptions)) -> (Talk, Server) {
        let script = match self.dialect {
            Dialect::HarpoonV1 | Dialect::CovenantV1 => vec![grant("a"), act],
            Dialect::OpenAi => vec![act],
            Dialect::Gpuaas => unreachable!("its streams are those of OpenAI's dialect"),
        };
        Talk::configured(script, |options| {
            options.dialect = self.dialect;
            configure(options);
        })
    }
}

impl Talk {
    /// Asks for an answer of two tokens on a share of its own.
    fn ask_telling(&mut self, period: impl Into<Option<Duration>>) -> Ticket {
        let share: AllocationId = self.grant();
        let Operation::Infer(mut ask) = infer(share, true) else { unreachable!() };
        ask.progress = period.into();
        self.submit(Operation::Infer(ask))
    }

    /// Listens until so many tokens were told of.
    fn until_told(&mut self, ticket: Ticket, tokens: u32) {
        loop {
            let kind = self.wait().kind;
            let enough = matches!(&kind, EventKind::Progress { ticket: of, tokens: told, .. }
                if *of == ticket && told.get() >= tokens);
            self.heard.push(kind);
            if enough {
                return;
            }
        }
    }

    /// All text that was told.
    fn text(&self) -> String {
        let told = self.heard.iter().filter_map(|it| match it {
            EventKind::Progress { text, .. } => text.as_deref(),
            _ => None,
        });
        told.collect()
    }
}

/// A stream of these events that has no end yet.
fn unended(events: &[&str]) -> Vec<u8> {
    let body = format!("data: {}\n\n", events.join("\n\ndata: "));
    [STREAM, body.as_bytes()].concat()
}

fn progress(ticket: Ticket, tokens: u32, text: Option<&str>) -> EventKind {
    EventKind::Progress { ticket, tokens: Tokens::new(tokens), text: text.map(Into::into) }
}
