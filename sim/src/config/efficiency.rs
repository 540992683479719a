use connector::Duration;

/// How far a serving stack stays from the datasheet of its cards: what the roofline of
/// [`step_time`](crate::step_time) is corrected by.
///
/// The shares are of the card's peak or bandwidth, above 0 and at most 1; the times come on top. The
/// default is a stack that reaches everything and takes no time itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Efficiency {
    /// Share of the peak that linear layers reach.
    pub compute: f64,
    /// Share of the memory's bandwidth at which weights are read.
    pub memory: f64,
    /// Share of the 16-bit peak that attention reaches.
    pub attention: f64,
    /// Share of the memory's bandwidth at which the KV cache is read.
    pub kv_cache: f64,
    /// Share of the link's bandwidth that collectives reach, as rings; above 1 where the network adds
    /// up itself.
    pub link: f64,
    /// Where collectives of many tokens are slower per token than those of few.
    pub long_steps: Option<LongSteps>,
    /// Scheduling and launching, every step.
    pub per_step: Duration,
    /// Sampling and bookkeeping, per sequence that gets a token in a step.
    pub per_sequence: Duration,
    /// The least that a step with a prompt in it takes: such steps are launched kernel by kernel,
    /// those that only decode at once, as a graph.
    pub prompt_step: Duration,
    /// Latency of one all-reduce, of which a group of cards does two per layer.
    pub exchange: Duration,
    /// From the request's arrival at the server to the engine: HTTP, the tokenizer, queues between
    /// processes.
    pub front_end: Duration,
}

impl Default for Efficiency {
    fn default() -> Self {
        Self {
            compute: 1.0,
            memory: 1.0,
            attention: 1.0,
            kv_cache: 1.0,
            link: 1.0,
            long_steps: None,
            per_step: Duration::ZERO,
            per_sequence: Duration::ZERO,
            prompt_step: Duration::ZERO,
            exchange: Duration::ZERO,
            front_end: Duration::ZERO,
        }
    }
}

/// Steps whose collectives are slower with the tokens beyond a number: their messages are too large
/// for the fast way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LongSteps {
    /// The number.
    pub tokens: u32,
    /// Share of the link's bandwidth that collectives reach with the tokens beyond it, at most
    /// [`Efficiency::link`].
    pub link: f64,
}

/// Which [`Efficiency`] the engines of a pool have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum StackEfficiency {
    /// The datasheet alone: a lower bound on every time.
    #[default]
    Datasheet,
    /// Stated outright, for every model.
    Stated(Efficiency),
    /// Of a stack of this name, as fitted to measurements of the card; see
    /// [`catalogue::fitted`](crate::catalogue::fitted).
    Fitted(&'static str),
}
