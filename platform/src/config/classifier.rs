//! How requests are put into classes.

use connector::{Duration, ModelId, PoolId, Tokens};

/// How requests are put into classes.
#[derive(Clone, Debug, Default)]
pub struct ClassifierConfig {
    /// Classes from the simplest to the most complex, at least one, in the order of
    /// [`ClassId`](connector::ClassId).
    pub classes: Vec<ClassConfig>,
    /// How a request is judged here, at once. Default: trained.
    pub method: ClassifyMethod,
    /// The model that is asked first, if any. Default: none.
    pub model: Option<ModelClassifierConfig>,
}

/// One class of requests.
#[derive(Clone, Debug)]
pub struct ClassConfig {
    /// Display name, unique.
    pub name: String,
    /// The class takes requests whose prompt is no longer than this. The last class takes all.
    pub max_prompt_tokens: Tokens,
    /// ... and whose expected answer is no longer than this.
    pub max_output_tokens: Tokens,
    /// Models that serve the class, best first, at least one.
    pub models: Vec<ModelId>,
}

/// How a request is judged without asking anybody. Lengths are bounds in all of them: text may
/// raise the class that lengths give, never lower it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClassifyMethod {
    /// By lengths only.
    Lengths,
    /// By lengths, and by four kinds of signs in the text that count alike.
    Rules,
    /// By lengths, and by features of the text with trained weights.
    #[default]
    Trained,
}

/// A small model that is asked for the class before a request is routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelClassifierConfig {
    /// Which model.
    pub model: ModelId,
    /// On which pool; there must be a cable to it.
    pub pool: PoolId,
    /// How long a request waits for the answer, from asking for a share on; above zero.
    /// Default: 300 ms.
    pub timeout: Duration,
    /// So many tokens of the request's prompt are shown to the model at most. Default: 512.
    pub prompt_tokens: Tokens,
}

impl ModelClassifierConfig {
    /// With the defaults.
    pub const fn new(model: ModelId, pool: PoolId) -> Self {
        Self { model, pool, timeout: Duration::from_millis(300), prompt_tokens: Tokens::new(512) }
    }
}
