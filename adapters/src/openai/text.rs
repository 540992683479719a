//! Bodies of a completion of plain text, the older sibling of the chat completion.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Completion, StreamOptions};

/// Body of `POST /v1/completions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextRequest<'a> {
    /// The model's name.
    #[serde(borrow)]
    pub model: Cow<'a, str>,
    /// What is to be gone on with.
    pub prompt: TextPrompt,
    /// How many tokens to generate at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Sampling temperature, 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// How many answers; one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// Whether to answer with server-sent events; `false` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// What a stream is to tell besides its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
}

/// A prompt, or several, as text or as the numbers of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TextPrompt {
    /// One, as text.
    Text(String),
    /// Several, as text.
    Texts(Vec<String>),
    /// One, as tokens.
    Tokens(Vec<u32>),
    /// Several, as tokens.
    Several(Vec<Vec<u32>>),
}

/// Answer to a completion of text: all of it, or the payload of one server-sent event.
pub type TextResponse<'a> = Completion<'a, TextChoice<'a>>;

/// One answer, or what is new in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextChoice<'a> {
    /// Its number, from 0.
    #[serde(default, skip_deserializing)]
    pub index: u32,
    /// The text.
    #[serde(default, borrow)]
    pub text: Cow<'a, str>,
    /// Why the answer ends here; absent while there is more to come.
    #[serde(default, borrow, deserialize_with = "crate::borrowed::text")]
    pub finish_reason: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_comes_in_four_shapes() {
        for (written, prompt) in [
            (r#""hi""#, TextPrompt::Text("hi".into())),
            (r#"["hi"]"#, TextPrompt::Texts(vec!["hi".into()])),
            ("[1,2]", TextPrompt::Tokens(vec![1, 2])),
            ("[[1,2]]", TextPrompt::Several(vec![vec![1, 2]])),
        ] {
            assert_eq!(serde_json::from_str::<TextPrompt>(written).unwrap(), prompt);
        }
        serde_json::from_str::<TextPrompt>("[[-1]]").unwrap_err();
    }
}
