//! The words that cases are written in.

use crate::{Duration, ErrorKind, Mebibytes, ModelId, Requirements, TenantId, Tflops};

/// One thing that every connector must do.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// A sentence, as an identifier.
    pub name: &'static str,
    /// The far side.
    pub setup: Setup,
    /// What is asked and what must come back, in order.
    pub steps: &'static [Step],
}

/// What the far side is like.
///
/// There is one model, [`Setup::MODEL`], whose weights are there at once, one tenant,
/// [`Setup::TENANT`], and every allocation asks for [`Setup::REQUIREMENTS`], of which a card has
/// room for as many as the pool has slots.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Pools, in the order of [`PoolId`](crate::PoolId). There are no others.
    pub pools: &'static [PoolSetup],
    /// The credentials that the connector presents.
    pub credentials: Credentials,
    /// Least time from asking for a share to the answer. Other answers come sooner.
    pub allocation_latency: Duration,
    /// Time per output token, whatever else runs.
    pub time_per_token: Duration,
}

impl Setup {
    /// The only model.
    pub const MODEL: ModelId = ModelId(0);
    /// The only tenant.
    pub const TENANT: TenantId = TenantId(0);
    /// What every allocation asks for.
    pub const REQUIREMENTS: Requirements =
        Requirements { tflops: Tflops::new(1), vram: Mebibytes::from_gib(1) };

    /// These pools, right credentials, 5 ms to a grant, 10 ms per token.
    pub const fn of(pools: &'static [PoolSetup]) -> Self {
        Self {
            pools,
            credentials: Credentials::Right,
            allocation_latency: Duration::from_millis(5),
            time_per_token: Duration::from_millis(10),
        }
    }
}

/// A pool of one card.
#[derive(Clone, Copy, Debug)]
pub struct PoolSetup {
    /// Shares that can be held at once, 1 to 4.
    pub slots: u32,
    /// How long a preempted share stays; `None`: nothing is preempted.
    pub preemption_grace: Option<Duration>,
}

/// The credentials that the connector presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Those that the far side knows.
    Right,
    /// Others.
    Wrong,
}

/// What a step's question is called. An allocation's name is that of its share too.
pub type Name = &'static str;

/// One step of a case.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Hands a question over under a name.
    Submit(Name, Ask),
    /// Waits for the answer to a question.
    Expect(Name, Expected),
    /// Waits for the answer at most this long.
    ExpectWithin(Duration, Name, Expected),
    /// Waits for the first token of an inference that is not answered yet.
    FirstToken(Name),
    /// Waits until an inference that is not answered yet has told that so many tokens are out.
    Progress(Name, u32),
    /// The question is not answered before it is this old.
    Unanswered(Name, Duration),
    /// Polls over and over until the question is this old, whatever the deadline says.
    Pester(Name, Duration),
    /// The shares held in a pool are these, in any order, and inspecting each agrees.
    Holds(u32, &'static [Name]),
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    /// A share of a pool with this rank; preemptible where the rank is 0.
    Allocate {
        /// The pool's number; need not exist.
        pool: u32,
        /// 0 to 9.
        rank: u8,
    },
    /// An inference.
    Infer {
        /// Where.
        on: Share,
        /// Length of the answer.
        tokens: u32,
        /// Whether the first token is to be told.
        stream: bool,
        /// How often it is to tell how far it is.
        progress: Option<Duration>,
    },
    /// Stopping an inference.
    Cancel(Name),
    /// Giving a share back.
    Release(Share),
    /// Looking at a share.
    Inspect(Share),
    /// Listing a pool by number; it need not exist.
    List(u32),
    /// Listing the pools.
    Pools,
}

/// A share that a question is about.
#[derive(Clone, Copy, Debug)]
pub enum Share {
    /// The one granted under this name.
    Of(Name),
    /// One that was never granted.
    Unknown,
}

/// The answer that must come.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// A share that is not held yet.
    Granted,
    /// An answer of this many tokens.
    Generated(u32),
    /// The cancellation is confirmed.
    Cancelled,
    /// The release is confirmed.
    Released,
    /// A failure of this kind; payloads do not matter.
    Refused(ErrorKind),
    /// The pools, each with this many free shares.
    Pools(&'static [u32]),
    /// Any answer: the case is about there being one.
    Anything,
}
