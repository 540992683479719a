//! A stream in the frames of the dialect.

use adapters::harpoon_v1::{DONE, ErrorDetail, PreemptedNotice, StreamFrame};
use axum::body::Body;
use connector::{Duration, Error, Usage};

use super::super::{
    desk::Answers,
    filler,
    pen::{Pen, Script},
    shortcut::Way,
    speech::{self, event},
    voice::Said,
};

/// A stream that begins with what was said first.
pub(in crate::mock) fn body(first: Said, answers: Answers, Way(shortcut): Way) -> Body {
    speech::body(first, answers, Pen::new(Frames, shortcut))
}

#[derive(Debug)]
struct Frames;

impl Script for Frames {
    fn tokens(&mut self, from: u32, until: u32, into: &mut Vec<u8>) {
        for word in (from..until).map(filler::word) {
            frame(&StreamFrame { delta: Some(word.into()), ..StreamFrame::default() }, into);
        }
    }

    fn notice(&mut self, grace: Duration, into: &mut Vec<u8>) {
        let grace_ms = grace.as_nanos().div_ceil(1_000_000);
        let preempted = Some(PreemptedNotice { grace_ms });
        frame(&StreamFrame { preempted, ..StreamFrame::default() }, into);
    }

    fn end(&mut self, result: &Result<Usage, Error>, into: &mut Vec<u8>) {
        let last = match result {
            Ok(usage) => StreamFrame { usage: Some((*usage).into()), ..StreamFrame::default() },
            Err(error) => {
                StreamFrame { error: Some(ErrorDetail::from(error)), ..StreamFrame::default() }
            }
        };
        frame(&last, into);
        event(DONE.as_bytes(), into);
    }
}

fn frame(frame: &StreamFrame<'_>, into: &mut Vec<u8>) {
    event(&serde_json::to_vec(frame).expect("a frame is made of text and numbers"), into);
}
