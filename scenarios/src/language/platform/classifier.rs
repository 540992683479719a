use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    document::Node,
    language::{Optional, Time, TokenCount},
};

/// How requests are put into classes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassifierSpec {
    /// How a request is judged at once; lengths are bounds in all of them, text may raise the class.
    /// Default: trained.
    pub(crate) by: Optional<ClassifyBySpec>,
    /// The model that is asked first; what goes wrong with it is judged as `by` says. Default: none.
    pub(crate) ask: Optional<AskSpec>,
}

/// How a request is judged without asking anybody.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClassifyBySpec {
    /// By lengths only.
    Lengths,
    /// By lengths and four kinds of signs in the text that count alike.
    Rules,
    /// By lengths and features of the text with trained weights.
    Trained,
}

/// A small model that is asked for the class before a request is routed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskSpec {
    /// Name of the model.
    pub(crate) model: Node<String>,
    /// Name of the pool it is asked on.
    pub(crate) pool: Node<String>,
    /// How long a request waits for the answer; above zero. Default: 300ms.
    pub(crate) timeout: Optional<Time>,
    /// Tokens of a prompt that it is shown at most. Default: 512.
    pub(crate) prompt_tokens: Optional<TokenCount>,
}
