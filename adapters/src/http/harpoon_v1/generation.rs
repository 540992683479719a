//! One streamed inference, folded from its frames.

use connector::{Duration, Error, ErrorKind};

use super::super::{
    call::{Answer, Heard},
    line::{Stream, unreadable},
};
use crate::harpoon_v1::{StreamFrame, UsageBody};

/// What a stream has said so far.
#[derive(Debug, Default)]
pub(in crate::http) struct Generation {
    text: String,
    usage: Option<UsageBody>,
    noticed: bool,
}

impl Stream for Generation {
    fn take(&mut self, data: &str, heard: &mut Vec<Heard>) -> Result<(), Error> {
        let frame: StreamFrame<'_> = serde_json::from_str(data)
            .map_err(|error| unreadable(&format!("stream frame: {error}")))?;
        if let Some(delta) = frame.delta.filter(|delta| !delta.is_empty()) {
            let begin = self.text.len();
            self.text.push_str(&delta);
            heard.push(Heard::Piece(begin..self.text.len()));
        }
        if let Some(notice) = frame.preempted.filter(|_| !self.noticed) {
            self.noticed = true;
            heard.push(Heard::Preempted { grace: Duration::from_millis(notice.grace_ms) });
        }
        if let Some(error) = frame.error {
            let unknown =
                || Error::new(ErrorKind::Protocol, "the stream failed for no known reason");
            return Err(error.to_error().unwrap_or_else(unknown));
        }
        self.usage = frame.usage.or(self.usage);
        Ok(())
    }

    fn text(&self) -> &str {
        &self.text
    }

    /// Without usage it is an error: a stream cut short looks like one, and a bill needs the count.
    fn finish(self) -> Result<Answer, Error> {
        let Some(usage) = self.usage else {
            return Err(Error::new(ErrorKind::Protocol, "the stream ended without usage"));
        };
        Ok(Answer::Generated { usage: usage.into(), text: self.text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_content_is_heard_and_empty_content_is_none() {
        let (heard, answer) = fold(&[
            r#"{"delta":""}"#,
            r#"{"delta":"a"}"#,
            r#"{"ping":true}"#,
            r#"{"delta":"b"}"#,
            r#"{"usage":{"prompt_tokens":3,"output_tokens":2}}"#,
        ]);
        assert_eq!(heard, [Heard::Piece(0..1), Heard::Piece(1..2)]);
        let usage = UsageBody { prompt_tokens: 3, output_tokens: 2, cached_tokens: 0 };
        assert_eq!(answer, Ok(Answer::Generated { usage: usage.into(), text: "ab".into() }));
    }

    #[test]
    fn a_preemption_is_noticed_once_before_the_failure() {
        let (heard, answer) = fold(&[
            r#"{"preempted":{"grace_ms":50}}"#,
            r#"{"preempted":{"grace_ms":40}}"#,
            r#"{"error":{"kind":"preempted"}}"#,
        ]);
        assert_eq!(heard, [Heard::Preempted { grace: Duration::from_millis(50) }]);
        assert_eq!(answer.unwrap_err().kind, ErrorKind::Preempted);
    }

    #[test]
    fn what_cannot_be_understood_is_a_protocol_error() {
        for frames in [
            &["{"][..],
            &["[1]"],
            &[r#"{"delta":7}"#],
            &[r#"{"error":{"kind":"moody"}}"#],
            &[r#"{"delta":"a"}"#],
            &[],
        ] {
            assert_eq!(fold(frames).1.unwrap_err().kind, ErrorKind::Protocol, "{frames:?}");
        }
    }

    fn fold(frames: &[&str]) -> (Vec<Heard>, Result<Answer, Error>) {
        let (mut generation, mut heard) = (Generation::default(), Vec::new());
        for frame in frames {
            if let Err(error) = generation.take(frame, &mut heard) {
                return (heard, Err(error));
            }
        }
        (heard, generation.finish())
    }
}
