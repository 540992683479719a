//! A provider that repeats the key wherever it can.

use std::fs;

use adapters::recording::{self, Recorded, TapeOptions, TapeWriter};
use connector::{Connector, EventKind, Operation, Ticket, Timestamp};

use super::{Place, header};
use crate::{
    server::{Act, grant, json},
    talk::{Talk, allocate, infer},
};

const KEY: &str = "sk-live-0123456789abcdefghijklmnop";

#[test]
fn a_key_that_a_provider_repeats_is_in_no_recording() {
    // Words are cut to 300 bytes: here in the middle of the key.
    let cut_short = format!("{}{KEY}", "x".repeat(280));
    let script = [
        grant("a"),
        Act::Answer(json(
            200,
            &format!(
                r#"{{"text":"your key is {KEY}","usage":{{"prompt_tokens":4,"output_tokens":2}}}}"#
            ),
        )),
        Act::Answer(json(
            401,
            &format!(r#"{{"error":{{"kind":"unauthorized","message":"{KEY}"}}}}"#),
        )),
        Act::Answer(json(
            401,
            &format!(r#"{{"error":{{"kind":"unauthorized","message":"{cut_short}"}}}}"#),
        )),
        Act::Answer(json(500, &format!("no JSON, but {KEY}"))),
        Act::Answer(json(500, &cut_short)),
    ];
    let (mut talk, _server) = Talk::configured(script, |options| {
        options.api_key = Some(KEY.into());
    });
    let share = talk.grant();
    let place = Place::new();
    let options = TapeOptions { secrets: vec![KEY.into()], ..TapeOptions::new(true) };
    let writer = TapeWriter::create(&place.file(), &header(true), &options).unwrap();
    let Talk { connector, runtime, .. } = talk;
    let mut connector = Recorded::new(connector, writer.tape(), 0);
    let mut now = Timestamp::from_nanos(u64::MAX >> 1);
    let operations = [infer(share, false), allocate(), allocate(), allocate(), Operation::Pools];
    for (ticket, operation) in (100..).zip(operations) {
        connector.submit(now, Ticket(ticket), operation);
        let answered = loop {
            runtime.block_on(connector.inner().woken());
            now = Timestamp::from_nanos(now.as_nanos() + 1);
            if let Some(event) = connector.poll(now) {
                break event;
            }
        };
        assert!(matches!(answered.kind, EventKind::Completed { .. }), "{answered:?}");
    }
    writer.finish(None).unwrap();
    let text = zstd::decode_all(fs::File::open(place.file()).unwrap()).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("your key is [redacted]"), "texts were asked for: {text}");
    assert!(text.contains("no JSON, but [redacted]"), "{text}");
    assert!(!text.contains(&KEY[..8]), "{text}");
    assert_eq!(recording::read_file(&place.file()).unwrap().entries.len(), 10);
}
