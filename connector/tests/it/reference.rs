//! The smallest connector that conforms, and what can be wrong with one.
//!
//! Tokens take a fixed time whatever else runs, a preempted share goes when its grace is over, and
//! every question is decided when it is asked.

use std::collections::{BTreeMap, VecDeque};

use connector::{
    Allocate, AllocationId, AllocationInfo, Connector, Duration, Error, ErrorKind, Event,
    EventKind, EventQueue, Infer, Money, Operation, PoolId, PoolInfo, PoolKind, Reply, Ticket,
    Timestamp, Tokens, Usage,
    testing::{Credentials, Harness, Setup, VirtualWorld},
};

/// A way not to conform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    GrantsBeyondTheSlots,
    QueuesWhenFull,
    RefusesSlowlyWhenFull,
    GrantsWhatItRefused,
    ForgetsLateGrants,
    AnswersBeforeItsTime,
    ReleasesTwice,
    ReleasesInWordOnly,
    TakesReleasesOfAnything,
    InfersOnAnything,
    InspectsAnything,
    KnowsEveryPool,
    ListsEveryPool,
    IgnoresCancellations,
    LeavesCancelledInferencesOpen,
    EndsTheShareWithACancelledInference,
    CallsPreemptionUnavailable,
    GivesNoticeAfterTheLoss,
    KeepsPreemptedSharesListed,
    PreemptsWithoutGrace,
    RefusesTheWinner,
    ListsNothing,
    ListsOtherPoolsToo,
    InspectsAnotherPool,
    CountsNoFreeSlots,
    TakesAnyCredentials,
    TellsNoFirstToken,
    TellsFirstTokensTwice,
    TellsFirstTokensUnasked,
    TellsFirstTokensLast,
    TellsNoProgress,
    TellsProgressUnasked,
    TellsProgressAgain,
    TellsProgressTooOften,
    TellsProgressBeforeTheFirstToken,
    TellsProgressAfterTheAnswer,
    TellsProgressWithoutFailure,
    FailsWithoutProgress,
    AnswersTwice,
    AnswersStrangers,
    SwallowsInspections,
    CountsTokensWrongly,
    RunsOneInferenceAtATime,
    DeliversEarlyWhenPolled,
    LosesWhatIsPolledEarly,
    GoesBackInTime,
    ReportsAPastDeadline,
    NumbersSharesAlike,
}

#[derive(Debug)]
struct Share {
    ask: Allocate,
    running: Vec<Ticket>,
    successor: Option<(Ticket, Allocate)>,
}

#[derive(Debug)]
enum Wake {
    Tell(EventKind),
    Progress(Ticket),
    GraceOver(AllocationId),
}

#[derive(Debug)]
struct Running {
    share: AllocationId,
    began: Timestamp,
    ask: Infer,
    told: Tokens,
}

/// The connector.
#[derive(Debug)]
pub(crate) struct Reference {
    setup: Setup,
    flaw: Option<Flaw>,
    shares: BTreeMap<AllocationId, Share>,
    granted: u64,
    waiting: VecDeque<(Ticket, Allocate)>,
    inferences: BTreeMap<Ticket, Running>,
    queue: EventQueue<Wake>,
    ready: VecDeque<Event>,
}

impl Reference {
    pub(crate) fn new(setup: &Setup, flaw: Option<Flaw>) -> Self {
        Self {
            setup: *setup,
            flaw,
            shares: BTreeMap::new(),
            granted: 0,
            waiting: VecDeque::new(),
            inferences: BTreeMap::new(),
            queue: EventQueue::new(),
            ready: VecDeque::new(),
        }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn tell(&mut self, at: Timestamp, kind: EventKind) {
        self.queue.schedule(at, Wake::Tell(kind));
    }

    fn answer(&mut self, at: Timestamp, ticket: Ticket, result: Result<Reply, ErrorKind>) {
        let result = result.map_err(Error::from);
        if self.has(Flaw::AnswersTwice) && result == Ok(Reply::Released) {
            let again = EventKind::Completed { ticket, result: result.clone() };
            self.tell(at + Duration::from_millis(10), again);
        }
        if self.has(Flaw::AnswersStrangers) {
            let ticket = Ticket(ticket.0 + 1_000);
            self.tell(at, EventKind::Completed { ticket, result: result.clone() });
        }
        self.tell(at, EventKind::Completed { ticket, result });
    }

    fn free(&self, pool: PoolId) -> u32 {
        let held = self.shares.values().filter(|share| share.ask.pool == pool).count();
        self.setup.pools[pool.index()].slots - held as u32
    }

    fn allocate(&mut self, now: Timestamp, ticket: Ticket, mut ask: Allocate) {
        let mut at = now + self.setup.allocation_latency;
        if self.has(Flaw::AnswersBeforeItsTime) {
            at = now;
        }
        if ask.pool.index() >= self.setup.pools.len() {
            if !self.has(Flaw::KnowsEveryPool) {
                return self.answer(at, ticket, Err(ErrorKind::NotFound));
            }
            ask.pool = PoolId(0);
        }
        if self.free(ask.pool) > 0 {
            let share = self.grant(ask);
            if !(self.has(Flaw::ForgetsLateGrants) && at > now + Duration::from_millis(100)) {
                self.answer(at, ticket, Ok(Reply::Granted { allocation: share }));
            }
        } else if !self.evict_for(now, ticket, ask) {
            self.refuse(at, ticket, ask);
        }
    }

    fn grant(&mut self, ask: Allocate) -> AllocationId {
        self.granted += u64::from(!self.has(Flaw::NumbersSharesAlike) || self.granted == 0);
        let share = AllocationId(self.granted);
        self.shares.insert(share, Share { ask, running: Vec::new(), successor: None });
        share
    }

    fn refuse(&mut self, at: Timestamp, ticket: Ticket, ask: Allocate) {
        if self.has(Flaw::QueuesWhenFull) {
            return self.waiting.push_back((ticket, ask));
        }
        if self.has(Flaw::GrantsWhatItRefused) {
            self.waiting.push_back((Ticket(u64::MAX), ask));
        }
        if self.has(Flaw::GrantsBeyondTheSlots) {
            self.answer(at, ticket, Ok(Reply::Granted { allocation: AllocationId(77) }));
        } else if self.has(Flaw::RefusesSlowlyWhenFull) {
            let at = at + Duration::from_secs(5);
            self.answer(at, ticket, Err(ErrorKind::CapacityExhausted));
        } else {
            self.answer(at, ticket, Err(ErrorKind::CapacityExhausted));
        }
    }

    fn evict_for(&mut self, now: Timestamp, ticket: Ticket, ask: Allocate) -> bool {
        let Some(grace) = self.setup.pools[ask.pool.index()].preemption_grace else { return false };
        let can_go = |share: &Share| {
            let Share { ask: held, successor, .. } = share;
            held.pool == ask.pool
                && held.preemptible
                && successor.is_none()
                && held.priority < ask.priority
        };
        let Some((&allocation, victim)) = self.shares.iter_mut().find(|(_, share)| can_go(share))
        else {
            return false;
        };
        victim.successor = Some((ticket, ask));
        let notice = EventKind::Preempted { allocation, grace };
        let over = if self.has(Flaw::PreemptsWithoutGrace) { now } else { now + grace };
        if self.has(Flaw::GivesNoticeAfterTheLoss) {
            self.queue.schedule(over, Wake::GraceOver(allocation));
            self.tell(over + Duration::from_millis(1), notice);
        } else {
            self.tell(now, notice);
            self.queue.schedule(over, Wake::GraceOver(allocation));
        }
        true
    }

    fn grace_over(&mut self, now: Timestamp, allocation: AllocationId) {
        if self.shares.contains_key(&allocation) {
            let kind = if self.has(Flaw::CallsPreemptionUnavailable) {
                ErrorKind::Unavailable { reached: true }
            } else {
                ErrorKind::Preempted
            };
            self.take_away(now, allocation, kind);
        }
    }

    /// Ends a share and what runs on it.
    fn take_away(&mut self, now: Timestamp, allocation: AllocationId, kind: ErrorKind) {
        let share = self.shares.remove(&allocation).expect("the share was looked up before");
        for ticket in share.running {
            if let Some(running) = self.inferences.remove(&ticket) {
                self.tell_what_was_made(now, ticket, &running);
                self.answer(now, ticket, Err(kind));
            }
        }
        if let Some((ticket, ask)) = share.successor {
            if self.has(Flaw::RefusesTheWinner) {
                return self.answer(now, ticket, Err(ErrorKind::CapacityExhausted));
            }
            let winner = self.grant(ask);
            let at = now + self.setup.allocation_latency;
            self.answer(at, ticket, Ok(Reply::Granted { allocation: winner }));
            if self.has(Flaw::KeepsPreemptedSharesListed) {
                let share = Share { ask: share.ask, running: Vec::new(), successor: None };
                self.shares.insert(allocation, share);
            }
        }
        if let Some((ticket, ask)) = self.waiting.pop_front() {
            let share = self.grant(ask);
            if ticket != Ticket(u64::MAX) {
                self.answer(now, ticket, Ok(Reply::Granted { allocation: share }));
            }
        }
    }

    fn infer(&mut self, now: Timestamp, ticket: Ticket, mut ask: Infer) {
        if self.has(Flaw::InfersOnAnything) && !self.shares.contains_key(&ask.allocation) {
            let usage = Usage::computed(ask.prompt.tokens, ask.max_tokens);
            return self.answer(now, ticket, Ok(Reply::Generated { usage, text: None }));
        }
        if self.has(Flaw::TellsFirstTokensUnasked) {
            ask.stream = true;
        }
        let busy = self.has(Flaw::RunsOneInferenceAtATime);
        let Some(share) = self.shares.get_mut(&ask.allocation) else {
            return self.answer(now, ticket, Err(ErrorKind::NotFound));
        };
        if busy && share.running.iter().any(|running| self.inferences.contains_key(running)) {
            return self.answer(now, ticket, Err(ErrorKind::Conflict));
        }
        share.running.push(ticket);
        if self.has(Flaw::TellsProgressUnasked) {
            ask.progress = Some(self.setup.time_per_token);
        }
        let running =
            Running { share: ask.allocation, began: now, ask: ask.clone(), told: Tokens::ZERO };
        self.inferences.insert(ticket, running);
        self.tell_progress_later(now, ticket);
        let pace = self.setup.time_per_token;
        let time = |tokens: u32| pace * u64::from(tokens);
        let (first, last) = (now + time(1), now + time(ask.max_tokens.get()));
        if ask.stream && !self.has(Flaw::TellsNoFirstToken) {
            let at = if self.has(Flaw::TellsFirstTokensLast) { last + time(1) } else { first };
            self.tell(at, EventKind::FirstToken { ticket });
            if self.has(Flaw::TellsFirstTokensTwice) {
                self.tell(at, EventKind::FirstToken { ticket });
            }
        }
        let mut usage = Usage::computed(ask.prompt.tokens, ask.max_tokens);
        if self.has(Flaw::CountsTokensWrongly) {
            std::mem::swap(&mut usage.prompt, &mut usage.output);
        }
        self.answer(last, ticket, Ok(Reply::Generated { usage, text: None }));
        if self.has(Flaw::TellsProgressAfterTheAnswer) && ask.progress.is_some() {
            let tokens = ask.max_tokens;
            self.tell(last + time(1), EventKind::Progress { ticket, tokens, text: None });
        }
    }

    /// Asks for the next look at an inference, if it is to tell how far it is.
    fn tell_progress_later(&mut self, now: Timestamp, ticket: Ticket) {
        let Some(period) = self.inferences.get(&ticket).and_then(|running| running.ask.progress)
        else {
            return;
        };
        // Of no length: each token when it is made.
        let period = if period.is_zero() { self.setup.time_per_token } else { period };
        let period = match self.flaw {
            Some(Flaw::TellsProgressWithoutFailure) => period.min(self.setup.time_per_token * 6),
            Some(Flaw::TellsProgressTooOften | Flaw::TellsProgressBeforeTheFirstToken)
                if period < Duration::MAX =>
            {
                period / 10
            }
            Some(Flaw::TellsNoProgress) => return,
            Some(_) | None => period,
        };
        if period < Duration::MAX {
            self.queue.schedule(now + period, Wake::Progress(ticket));
        }
    }

    fn look_at_progress(&mut self, now: Timestamp, ticket: Ticket) {
        let Some(running) = self.inferences.get(&ticket) else { return };
        let (before, mut made) = (running.told, self.made(now, running));
        if self.has(Flaw::TellsProgressTooOften) && before > Tokens::ZERO {
            made = Tokens::new(before.get() + 1).min(running.ask.max_tokens);
        }
        if self.has(Flaw::TellsProgressBeforeTheFirstToken) {
            made = made.max(Tokens::new(1));
        }
        if made > before {
            self.inferences.get_mut(&ticket).expect("it was looked up before").told = made;
            for _ in 0..=u32::from(self.has(Flaw::TellsProgressAgain)) {
                self.tell(now, EventKind::Progress { ticket, tokens: made, text: None });
            }
        }
        self.tell_progress_later(now, ticket);
    }

    fn made(&self, now: Timestamp, running: &Running) -> Tokens {
        let tokens = now.since(running.began).as_nanos() / self.setup.time_per_token.as_nanos();
        Tokens::new(tokens as u32).min(running.ask.max_tokens)
    }

    /// The last words of an inference that fails.
    fn tell_what_was_made(&mut self, now: Timestamp, ticket: Ticket, running: &Running) {
        let tokens = self.made(now, running);
        let is_news = running.ask.progress.is_some() && tokens > running.told;
        if is_news && !self.has(Flaw::FailsWithoutProgress) && !self.has(Flaw::TellsNoProgress) {
            self.tell(now, EventKind::Progress { ticket, tokens, text: None });
        }
    }

    fn cancel(&mut self, now: Timestamp, ticket: Ticket, inference: Ticket) {
        if self.has(Flaw::IgnoresCancellations) {
            return self.answer(now, ticket, Ok(Reply::Cancelled));
        }
        let Some(running) = self.inferences.remove(&inference) else {
            return self.answer(now, ticket, Err(ErrorKind::NotFound));
        };
        self.tell_what_was_made(now, inference, &running);
        if self.has(Flaw::EndsTheShareWithACancelledInference) {
            self.take_away(now, running.share, ErrorKind::Conflict);
        }
        if !self.has(Flaw::LeavesCancelledInferencesOpen) {
            self.answer(now, inference, Err(ErrorKind::Conflict));
        }
        self.answer(now, ticket, Ok(Reply::Cancelled));
    }

    fn release(&mut self, now: Timestamp, ticket: Ticket, allocation: AllocationId) {
        let ours = allocation.0 <= self.granted;
        if self.shares.contains_key(&allocation) {
            if !self.has(Flaw::ReleasesInWordOnly) {
                self.take_away(now, allocation, ErrorKind::Conflict);
            }
            self.answer(now, ticket, Ok(Reply::Released));
        } else if self.has(Flaw::ReleasesTwice) && ours
            || self.has(Flaw::TakesReleasesOfAnything) && !ours
        {
            self.answer(now, ticket, Ok(Reply::Released));
        } else {
            self.answer(now, ticket, Err(ErrorKind::NotFound));
        }
    }

    fn info(&self, allocation: AllocationId) -> Option<AllocationInfo> {
        let share = self.shares.get(&allocation)?;
        Some(AllocationInfo {
            allocation,
            pool: share.ask.pool,
            model: Some(share.ask.model),
            requirements: Some(share.ask.requirements),
            running: None,
            usage: None,
        })
    }

    fn inspect(&self, allocation: AllocationId) -> Result<Reply, ErrorKind> {
        let mut info = self.info(allocation);
        if self.has(Flaw::InspectsAnything) {
            let pool = PoolId(0);
            info = info.or(Some(AllocationInfo {
                allocation,
                pool,
                model: None,
                requirements: None,
                running: None,
                usage: None,
            }));
        }
        if self.has(Flaw::InspectsAnotherPool) {
            info = info.map(|info| AllocationInfo { pool: PoolId(9), ..info });
        }
        info.map(Reply::Inspected).ok_or(ErrorKind::NotFound)
    }

    fn list(&self, pool: PoolId) -> Result<Reply, ErrorKind> {
        if pool.index() >= self.setup.pools.len() && !self.has(Flaw::ListsEveryPool) {
            return Err(ErrorKind::NotFound);
        }
        let infos = self.shares.keys().filter_map(|share| self.info(*share));
        let all = self.has(Flaw::ListsOtherPoolsToo);
        let here = infos.filter(|info| all || info.pool == pool);
        let none = self.has(Flaw::ListsNothing);
        Ok(Reply::Listed(here.filter(|_| !none).collect()))
    }

    fn pools(&self) -> Reply {
        let counts = !self.has(Flaw::CountsNoFreeSlots);
        let offer = |pool| PoolInfo {
            pool,
            name: format!("pool-{pool}").into(),
            kind: PoolKind::Standard,
            free_slots: if counts { self.free(pool) } else { 1 },
            card_vram: Setup::REQUIREMENTS.vram,
            price_per_slot_hour: Money::ZERO,
            security_level: None,
        };
        Reply::Pools((0..self.setup.pools.len() as u32).map(PoolId).map(offer).collect())
    }

    fn decide(&mut self, now: Timestamp, ticket: Ticket, operation: Operation) {
        match operation {
            Operation::Allocate(ask) => self.allocate(now, ticket, ask),
            Operation::Infer(ask) => self.infer(now, ticket, ask),
            Operation::Cancel { inference } => self.cancel(now, ticket, inference),
            Operation::Release { allocation } => self.release(now, ticket, allocation),
            Operation::Inspect { .. } if self.has(Flaw::SwallowsInspections) => {}
            Operation::Inspect { allocation } => {
                let result = self.inspect(allocation);
                self.answer(now, ticket, result);
            }
            Operation::List { pool } => {
                let result = self.list(pool);
                self.answer(now, ticket, result);
            }
            Operation::Pools => {
                let pools = self.pools();
                self.answer(now, ticket, Ok(pools));
            }
        }
    }

    fn wake(&mut self, at: Timestamp, wake: Wake) {
        match wake {
            Wake::GraceOver(allocation) => self.grace_over(at, allocation),
            Wake::Progress(ticket) => self.look_at_progress(at, ticket),
            Wake::Tell(kind) => {
                if self.is_told(&kind) {
                    self.ready.push_back(Event { at, kind });
                }
            }
        }
    }

    /// An inference that was stopped says nothing more.
    fn is_told(&mut self, kind: &EventKind) -> bool {
        match kind {
            EventKind::FirstToken { ticket } => {
                self.inferences.contains_key(ticket) || self.has(Flaw::TellsFirstTokensLast)
            }
            EventKind::Completed { ticket, result: Ok(Reply::Generated { .. }) } => {
                self.inferences.remove(ticket).is_some() || self.has(Flaw::InfersOnAnything)
            }
            EventKind::Progress { .. }
            | EventKind::Completed { .. }
            | EventKind::Preempted { .. } => true,
        }
    }
}

impl Connector for Reference {
    fn submit(&mut self, now: Timestamp, ticket: Ticket, operation: Operation) {
        while let Some((at, wake)) = self.queue.pop_due(now) {
            self.wake(at, wake);
        }
        let is_known = self.setup.credentials == Credentials::Right;
        if is_known || self.has(Flaw::TakesAnyCredentials) {
            self.decide(now, ticket, operation);
        } else {
            self.answer(now, ticket, Err(ErrorKind::Unauthorized));
        }
    }

    fn poll(&mut self, now: Timestamp) -> Option<Event> {
        let ahead = if self.has(Flaw::DeliversEarlyWhenPolled) { 30 } else { 0 };
        while self.ready.is_empty() {
            let due = now + Duration::from_millis(ahead);
            let Some((at, wake)) = self.queue.pop_due(due) else {
                if self.has(Flaw::LosesWhatIsPolledEarly) {
                    let soon = now + Duration::from_millis(1);
                    self.queue.pop_due(soon);
                }
                return None;
            };
            self.wake(at, wake);
        }
        let mut event = self.ready.pop_front()?;
        if self.has(Flaw::GoesBackInTime) {
            event.at = event.at - Duration::from_millis(3 * self.granted);
        }
        Some(event)
    }

    fn deadline(&self) -> Option<Timestamp> {
        if self.has(Flaw::ReportsAPastDeadline) {
            return Some(Timestamp::ZERO);
        }
        self.ready.front().map(|event| event.at).or_else(|| self.queue.next_time())
    }
}

/// Builds the reference with a flaw, or without.
pub(crate) struct ReferenceHarness(pub(crate) Option<Flaw>);

impl Harness for ReferenceHarness {
    type World = VirtualWorld<Reference>;

    fn build(&mut self, setup: &Setup) -> Option<Self::World> {
        Some(VirtualWorld::new(Reference::new(setup, self.0)))
    }
}
