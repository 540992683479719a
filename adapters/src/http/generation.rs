//! One streamed inference, folded from its frames.

use connector::{Duration, Error, ErrorKind};

use super::call::{Answer, News, Stream};
use crate::harpoon_v1::{StreamFrame, UsageBody};

/// What a stream has said so far.
#[derive(Debug, Default)]
pub(super) struct Generation {
    text: String,
    usage: Option<UsageBody>,
    noticed: bool,
}

impl Stream for Generation {
    fn take(&mut self, data: &str, news: &mut Vec<News>) -> Result<(), Error> {
        let frame: StreamFrame<'_> = serde_json::from_str(data)
            .map_err(|error| Error::new(ErrorKind::Protocol, format!("stream frame: {error}")))?;
        if let Some(delta) = frame.delta.filter(|delta| !delta.is_empty()) {
            if self.text.is_empty() {
                news.push(News::FirstToken);
            }
            self.text.push_str(&delta);
        }
        if let Some(notice) = frame.preempted.filter(|_| !self.noticed) {
            self.noticed = true;
            news.push(News::Preempted { grace: Duration::from_millis(notice.grace_ms) });
        }
        if let Some(error) = frame.error {
            let unknown =
                || Error::new(ErrorKind::Protocol, "the stream failed for no known reason");
            return Err(error.to_error().unwrap_or_else(unknown));
        }
        self.usage = frame.usage.or(self.usage);
        Ok(())
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
    fn the_first_content_is_news_once_and_empty_content_is_none() {
        let (news, answer) = fold(&[
            r#"{"delta":""}"#,
            r#"{"delta":"a"}"#,
            r#"{"ping":true}"#,
            r#"{"delta":"b"}"#,
            r#"{"usage":{"prompt_tokens":3,"output_tokens":2}}"#,
        ]);
        assert_eq!(news, [News::FirstToken]);
        let usage = UsageBody { prompt_tokens: 3, output_tokens: 2 };
        assert_eq!(answer, Ok(Answer::Generated { usage: usage.into(), text: "ab".into() }));
    }

    #[test]
    fn a_preemption_is_noticed_once_before_the_failure() {
        let (news, answer) = fold(&[
            r#"{"preempted":{"grace_ms":50}}"#,
            r#"{"preempted":{"grace_ms":40}}"#,
            r#"{"error":{"kind":"preempted"}}"#,
        ]);
        assert_eq!(news, [News::Preempted { grace: Duration::from_millis(50) }]);
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

    fn fold(frames: &[&str]) -> (Vec<News>, Result<Answer, Error>) {
        let (mut generation, mut news) = (Generation::default(), Vec::new());
        for frame in frames {
            if let Err(error) = generation.take(frame, &mut news) {
                return (news, Err(error));
            }
        }
        (news, generation.finish())
    }
}
