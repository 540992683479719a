//! One line of a recording.

use std::sync::Arc;

use connector::{
    Content, Duration, Error, ErrorKind, Event, EventKind, Infer, Names, Operation, Prompt, Reply,
    Temperature, Tokens,
};
use serde::{Deserialize, Serialize};

use super::{
    FORMAT,
    entry::{Entry, Header, Sight},
    form::{
        AllocateForm, AllocationInfoForm, BadValue, Formed, PoolGaugeForm, PoolInfoForm,
        ProviderUsageForm, StatementLineForm, TokenGapsForm, UsageForm,
    },
    scrub::Scrubber,
};

/// What a line says, under one key that says what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Recording(HeaderLine),
    Asked(AskedLine),
    Told(ToldLine),
    Seen(SeenLine),
    Lost(u64),
    End(EndLine),
}

/// The first line, as far as it is the same in every version.
#[derive(Debug, Deserialize)]
pub(super) struct FirstLine {
    pub(super) recording: FormatOnly,
}

#[derive(Debug, Deserialize)]
pub(super) struct FormatOnly {
    pub(super) format: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderLine {
    format: u32,
    version: String,
    scenario: String,
    hash: String,
    seed: u64,
    live: bool,
    texts: bool,
    cables: Vec<u32>,
    regions: Vec<String>,
    pools: Vec<String>,
    models: Vec<String>,
    tenants: Vec<String>,
    classes: Vec<String>,
}

/// An operation: when, to which connector, under which ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedLine {
    t: u64,
    c: u32,
    ticket: u64,
    op: OperationForm,
}

/// An event: when it was taken, when it happened if that was before, from which connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToldLine {
    t: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<u64>,
    c: u32,
    event: EventForm,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SeenLine {
    t: u64,
    c: u32,
    sight: SightForm,
}

/// The last line: how many lines there are besides, and the digest of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndLine {
    pub(super) lines: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OperationForm {
    Allocate(AllocateForm),
    Infer(InferForm),
    Cancel { inference: u64 },
    Release { allocation: u64 },
    Inspect { allocation: u64 },
    List { pool: u32 },
    Pools,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InferForm {
    allocation: u64,
    prompt_tokens: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blocks: Option<Vec<u64>>,
    max_tokens: u32,
    temperature: u32,
    stream: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    progress: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EventForm {
    FirstToken {
        ticket: u64,
    },
    Progress {
        ticket: u64,
        tokens: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Box<str>>,
    },
    Preempted {
        allocation: u64,
        grace: u64,
    },
    Done {
        ticket: u64,
        reply: ReplyForm,
    },
    Failed {
        ticket: u64,
        error: ErrorForm,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReplyForm {
    Granted {
        allocation: u64,
    },
    Generated {
        usage: UsageForm,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Box<str>>,
    },
    Cancelled,
    Released,
    Inspected(AllocationInfoForm),
    Listed(Vec<AllocationInfoForm>),
    Pools(Vec<PoolInfoForm>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorForm {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reached: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SightForm {
    Gauges(Vec<PoolGaugeForm>),
    TokenGaps(Vec<TokenGapsForm>),
    ProviderUsage(Vec<ProviderUsageForm>),
    Statement(Vec<StatementLineForm>),
    StatementOfHeld(Vec<StatementLineForm>),
}

impl Line {
    pub(super) fn of_header(header: &Header, scrubber: &Scrubber) -> Self {
        let clean =
            |text: &String| scrubber.cleaned(text).map_or_else(|| text.clone(), String::from);
        let all = |names: &[String]| names.iter().map(clean).collect();
        let Names { pools, models, tenants, classes } = &header.names;
        Self::Recording(HeaderLine {
            format: FORMAT,
            version: header.version.clone(),
            scenario: clean(&header.scenario),
            hash: format!("{:016x}", header.scenario_hash),
            seed: header.seed,
            live: header.live,
            texts: header.texts,
            cables: header.cables.clone(),
            regions: all(&header.regions),
            pools: all(pools),
            models: all(models),
            tenants: all(tenants),
            classes: all(classes),
        })
    }

    pub(super) fn of_entry(entry: &Entry, scrubber: &Scrubber) -> Self {
        match entry {
            Entry::Asked { at, connector, ticket, operation } => Self::Asked(AskedLine {
                t: at.as_nanos(),
                c: *connector,
                ticket: ticket.0,
                op: OperationForm::of(operation),
            }),
            Entry::Told { polled, connector, event } => Self::Told(ToldLine {
                t: polled.as_nanos(),
                at: (event.at != *polled).then(|| event.at.as_nanos()),
                c: *connector,
                event: EventForm::of(&event.kind, scrubber),
            }),
            Entry::Seen { at, connector, sight } => {
                let sight = SightForm::of(sight);
                Self::Seen(SeenLine { t: at.as_nanos(), c: *connector, sight })
            }
            Entry::Lost(count) => Self::Lost(*count),
        }
    }
}

impl HeaderLine {
    pub(super) fn read(self) -> Result<Header, BadValue> {
        let hash = u64::from_str_radix(&self.hash, 16);
        // Each connector has a cable, so there are no more of them.
        let most = self.cables.len() as u64;
        if let Some(far) = self.cables.iter().find(|&&to| u64::from(to) >= most) {
            return Err(BadValue::new("connector that a cable can lead to", far));
        }
        Ok(Header {
            version: self.version,
            scenario: self.scenario,
            scenario_hash: hash.map_err(|_| BadValue::new("hash", &self.hash))?,
            seed: self.seed,
            live: self.live,
            texts: self.texts,
            cables: self.cables,
            regions: self.regions,
            names: Names {
                pools: self.pools,
                models: self.models,
                tenants: self.tenants,
                classes: self.classes,
            },
        })
    }
}

impl AskedLine {
    pub(super) fn read(self) -> Result<Entry, BadValue> {
        Ok(Entry::Asked {
            at: Formed::of(self.t)?,
            connector: self.c,
            ticket: Formed::of(self.ticket)?,
            operation: self.op.read()?,
        })
    }
}

impl ToldLine {
    pub(super) fn read(self) -> Result<Entry, BadValue> {
        Ok(Entry::Told {
            polled: Formed::of(self.t)?,
            connector: self.c,
            event: Event { at: Formed::of(self.at.unwrap_or(self.t))?, kind: self.event.read()? },
        })
    }
}

impl SeenLine {
    pub(super) fn read(self) -> Result<Entry, BadValue> {
        let sight = match self.sight {
            SightForm::Gauges(rows) => Sight::Gauges(Formed::of(rows)?),
            SightForm::TokenGaps(rows) => Sight::TokenGaps(Formed::of(rows)?),
            SightForm::ProviderUsage(rows) => Sight::ProviderUsage(Formed::of(rows)?),
            SightForm::Statement(rows) => Sight::Statement(Formed::of(rows)?),
            SightForm::StatementOfHeld(rows) => Sight::StatementOfHeld(Formed::of(rows)?),
        };
        Ok(Entry::Seen { at: Formed::of(self.t)?, connector: self.c, sight })
    }
}

impl SightForm {
    fn of(sight: &Sight) -> Self {
        match sight {
            Sight::Gauges(rows) => Self::Gauges(rows.form()),
            Sight::TokenGaps(rows) => Self::TokenGaps(rows.form()),
            Sight::ProviderUsage(rows) => Self::ProviderUsage(rows.form()),
            Sight::Statement(rows) => Self::Statement(rows.form()),
            Sight::StatementOfHeld(rows) => Self::StatementOfHeld(rows.form()),
        }
    }
}

impl OperationForm {
    fn of(operation: &Operation) -> Self {
        match operation {
            Operation::Allocate(allocate) => Self::Allocate(allocate.form()),
            Operation::Infer(infer) => Self::Infer(InferForm::of(infer)),
            Operation::Cancel { inference } => Self::Cancel { inference: inference.form() },
            Operation::Release { allocation } => Self::Release { allocation: allocation.form() },
            Operation::Inspect { allocation } => Self::Inspect { allocation: allocation.form() },
            Operation::List { pool } => Self::List { pool: pool.form() },
            Operation::Pools => Self::Pools,
        }
    }

    fn read(self) -> Result<Operation, BadValue> {
        Ok(match self {
            Self::Allocate(form) => Operation::Allocate(Formed::of(form)?),
            Self::Infer(form) => Operation::Infer(form.read()?),
            Self::Cancel { inference } => Operation::Cancel { inference: Formed::of(inference)? },
            Self::Release { allocation } => {
                Operation::Release { allocation: Formed::of(allocation)? }
            }
            Self::Inspect { allocation } => {
                Operation::Inspect { allocation: Formed::of(allocation)? }
            }
            Self::List { pool } => Operation::List { pool: Formed::of(pool)? },
            Self::Pools => Operation::Pools,
        })
    }
}

impl InferForm {
    fn of(infer: &Infer) -> Self {
        let (text, blocks) = match &infer.prompt.content {
            Content::Unknown => (None, None),
            Content::Text(text) => (Some(text.as_ref().to_owned()), None),
            Content::Blocks(blocks) => (None, Some(blocks.to_vec())),
        };
        Self {
            allocation: infer.allocation.form(),
            prompt_tokens: infer.prompt.tokens.form(),
            text,
            blocks,
            max_tokens: infer.max_tokens.form(),
            temperature: infer.temperature.form(),
            stream: infer.stream,
            progress: infer.progress.form(),
        }
    }

    fn read(self) -> Result<Infer, BadValue> {
        let content = match (self.text, self.blocks) {
            (None, None) => Content::Unknown,
            (Some(text), None) => Content::Text(text.into()),
            (None, Some(blocks)) => Content::Blocks(Arc::from(blocks)),
            (Some(_), Some(_)) => return Err(BadValue::new("prompt", &"both text and blocks")),
        };
        Ok(Infer {
            allocation: Formed::of(self.allocation)?,
            prompt: Prompt { tokens: Tokens::new(self.prompt_tokens), content },
            max_tokens: Formed::of(self.max_tokens)?,
            temperature: Temperature::of(self.temperature)?,
            stream: self.stream,
            progress: Formed::of(self.progress)?,
        })
    }
}

impl EventForm {
    fn of(kind: &EventKind, scrubber: &Scrubber) -> Self {
        let clean = |text: Option<&str>| {
            text.map(|text| scrubber.cleaned(text).unwrap_or_else(|| text.into()))
        };
        match kind {
            EventKind::FirstToken { ticket } => Self::FirstToken { ticket: ticket.form() },
            EventKind::Progress { ticket, tokens, text } => Self::Progress {
                ticket: ticket.form(),
                tokens: tokens.form(),
                text: clean(text.as_deref()),
            },
            EventKind::Preempted { allocation, grace } => {
                Self::Preempted { allocation: allocation.form(), grace: grace.form() }
            }
            EventKind::Completed { ticket, result: Ok(reply) } => {
                Self::Done { ticket: ticket.form(), reply: ReplyForm::of(reply, scrubber) }
            }
            EventKind::Completed { ticket, result: Err(error) } => {
                let mut form = ErrorForm::of(error);
                form.detail = clean(form.detail.as_deref());
                Self::Failed { ticket: ticket.form(), error: form }
            }
        }
    }

    fn read(self) -> Result<EventKind, BadValue> {
        Ok(match self {
            Self::FirstToken { ticket } => EventKind::FirstToken { ticket: Formed::of(ticket)? },
            Self::Progress { ticket, tokens, text } => EventKind::Progress {
                ticket: Formed::of(ticket)?,
                tokens: Formed::of(tokens)?,
                text,
            },
            Self::Preempted { allocation, grace } => EventKind::Preempted {
                allocation: Formed::of(allocation)?,
                grace: Formed::of(grace)?,
            },
            Self::Done { ticket, reply } => {
                EventKind::Completed { ticket: Formed::of(ticket)?, result: Ok(reply.read()?) }
            }
            Self::Failed { ticket, error } => {
                EventKind::Completed { ticket: Formed::of(ticket)?, result: Err(error.read()?) }
            }
        })
    }
}

impl ReplyForm {
    fn of(reply: &Reply, scrubber: &Scrubber) -> Self {
        let clean = |text: &str| scrubber.cleaned(text).unwrap_or_else(|| text.into());
        match reply {
            Reply::Granted { allocation } => Self::Granted { allocation: allocation.form() },
            Reply::Generated { usage, text } => {
                Self::Generated { usage: usage.form(), text: text.as_deref().map(clean) }
            }
            Reply::Cancelled => Self::Cancelled,
            Reply::Released => Self::Released,
            Reply::Inspected(info) => Self::Inspected(info.form()),
            Reply::Listed(infos) => Self::Listed(infos.form()),
            Reply::Pools(pools) => {
                let named = pools
                    .iter()
                    .map(|pool| connector::PoolInfo { name: clean(&pool.name), ..pool.clone() });
                Self::Pools(named.map(|pool| pool.form()).collect())
            }
        }
    }

    fn read(self) -> Result<Reply, BadValue> {
        Ok(match self {
            Self::Granted { allocation } => Reply::Granted { allocation: Formed::of(allocation)? },
            Self::Generated { usage, text } => Reply::Generated { usage: Formed::of(usage)?, text },
            Self::Cancelled => Reply::Cancelled,
            Self::Released => Reply::Released,
            Self::Inspected(info) => Reply::Inspected(Formed::of(info)?),
            Self::Listed(infos) => Reply::Listed(Formed::of(infos)?),
            Self::Pools(pools) => Reply::Pools(Formed::of(pools)?),
        })
    }
}

impl ErrorForm {
    fn of(error: &Error) -> Self {
        let (reached, retry_after) = (error.kind.reached(), error.kind.retry_after().form());
        let detail = error.detail.clone();
        Self { kind: error.kind.name().to_owned(), reached, retry_after, detail }
    }

    fn read(self) -> Result<Error, BadValue> {
        let known = ErrorKind::ALL.into_iter().find(|kind| kind.name() == self.kind);
        let kind = known.ok_or_else(|| BadValue::new("kind of error", &self.kind))?;
        let kind = match kind {
            ErrorKind::Unavailable { .. } => {
                let reached = self.reached;
                let reached =
                    reached.ok_or_else(|| BadValue::new("failure that says `reached`", &kind))?;
                ErrorKind::Unavailable { reached }
            }
            ErrorKind::RateLimited { .. } => {
                ErrorKind::RateLimited { retry_after: self.retry_after.map(Duration::from_nanos) }
            }
            ErrorKind::Timeout
            | ErrorKind::CapacityExhausted
            | ErrorKind::Preempted
            | ErrorKind::PolicyRefused
            | ErrorKind::CreditExhausted
            | ErrorKind::Unauthorized
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Invalid
            | ErrorKind::Protocol => kind,
        };
        Ok(Error { kind, detail: self.detail })
    }
}
