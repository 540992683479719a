use connector::{
    Content, Event, EventKind, Infer, Names, Operation, PoolGauge, Prompt, ProviderUsage, Reply,
    StatementLine, Ticket, Timestamp, TokenGaps,
};

/// What a recording is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Version of the product that wrote it.
    pub version: String,
    /// The scenario's name.
    pub scenario: String,
    /// The hash of the scenario as it was run.
    pub scenario_hash: u64,
    /// The seed that all randomness came from.
    pub seed: u64,
    /// Whether the far side was a real one, and times those of the clock on the wall.
    pub live: bool,
    /// Whether texts of prompts and answers are in it.
    pub texts: bool,
    /// The number of the connector that each cable leads to, by [`CableId`](connector::CableId). Empty:
    /// there is one connector, and every cable leads to it.
    pub cables: Vec<u32>,
    /// The name of the region that each pool is in, by [`PoolId`](connector::PoolId): which API answers
    /// for it.
    pub regions: Vec<String>,
    /// What the numbers of pools, models, tenants and classes stand for.
    pub names: Names,
}

/// One thing that was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An operation was handed over.
    Asked {
        /// When.
        at: Timestamp,
        /// The number of the connector.
        connector: u32,
        /// Its ticket.
        ticket: Ticket,
        /// What was asked.
        operation: Operation,
    },
    /// An event was taken.
    Told {
        /// When it was taken; it may have happened before.
        polled: Timestamp,
        /// The number of the connector.
        connector: u32,
        /// What happened.
        event: Event,
    },
    /// The far side was looked into. Looks that show nothing are not written down.
    Seen {
        /// When.
        at: Timestamp,
        /// The number of the connector.
        connector: u32,
        /// What was seen.
        sight: Sight,
    },
    /// So many entries are missing here: they came faster than they could be written.
    Lost(u64),
}

/// What is seen of a far side that can be looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// The state of its pools.
    Gauges(Vec<PoolGauge>),
    /// Times between tokens.
    TokenGaps(Vec<TokenGaps>),
    /// What it will charge for.
    ProviderUsage(Vec<ProviderUsage>),
    /// Complete lines of its statement.
    Statement(Vec<StatementLine>),
    /// Lines of shares that are still held.
    StatementOfHeld(Vec<StatementLine>),
}

impl Sight {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Gauges(rows) => rows.is_empty(),
            Self::TokenGaps(rows) => rows.is_empty(),
            Self::ProviderUsage(rows) => rows.is_empty(),
            Self::Statement(rows) | Self::StatementOfHeld(rows) => rows.is_empty(),
        }
    }
}

/// The operation as it reads where texts are left out: a prompt is known by its length.
pub(crate) fn without_texts(operation: &Operation) -> Operation {
    match operation {
        Operation::Infer(infer) => {
            let content = match &infer.prompt.content {
                Content::Unknown | Content::Text(_) => Content::Unknown,
                Content::Blocks(blocks) => Content::Blocks(blocks.clone()),
            };
            Operation::Infer(Infer {
                prompt: Prompt { tokens: infer.prompt.tokens, content },
                ..infer.clone()
            })
        }
        Operation::Allocate(_)
        | Operation::Cancel { .. }
        | Operation::Release { .. }
        | Operation::Inspect { .. }
        | Operation::List { .. }
        | Operation::Pools => operation.clone(),
    }
}

/// The event as it reads where texts are left out.
pub(super) fn event_without_texts(event: &Event) -> Event {
    let kind = match &event.kind {
        EventKind::Progress { ticket, tokens, text: _ } => {
            EventKind::Progress { ticket: *ticket, tokens: *tokens, text: None }
        }
        EventKind::Completed { ticket, result: Ok(Reply::Generated { usage, text: _ }) } => {
            let reply = Reply::Generated { usage: *usage, text: None };
            EventKind::Completed { ticket: *ticket, result: Ok(reply) }
        }
        EventKind::Completed { .. }
        | EventKind::FirstToken { .. }
        | EventKind::Preempted { .. } => event.kind.clone(),
    };
    Event { at: event.at, kind }
}
