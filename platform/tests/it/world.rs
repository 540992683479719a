//! A provider that does what a script says, and a driver around it and the platform.
//!
//! Unless scripted otherwise every operation succeeds after a fixed time. The provider keeps its own
//! books: which shares it holds for us and how often each was released.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use connector::{
    Allocate, AllocationId, AllocationInfo, CableId, Duration, Error, ErrorKind, Event, EventKind,
    Infer, Operation, OperationKind, Outcome, PoolId, Reply, RequestId, RequestRecord, Ticket,
    Timestamp, Usage,
};
use platform::{
    CableStatus, Input, Output, Platform, PlatformConfig, Request, Response,
    billing::{LeaseRecord, UsageRecord},
};

use crate::setting::{ms, request};

pub(crate) const ALLOCATION: Duration = ms(10);
pub(crate) const FIRST_TOKEN: Duration = ms(200);
pub(crate) const INFERENCE: Duration = ms(1_000);
pub(crate) const RELEASE: Duration = ms(5);
pub(crate) const LIST: Duration = ms(20);
/// More steps than any test needs: a livelock is a failure.
const STEPS_MAX: u32 = 2_000_000;

/// What the provider does with one operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) after: Duration,
    pub(crate) says: Says,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    /// It works.
    Yes,
    /// It fails, and nothing was done.
    No(ErrorKind),
    /// It was done, but the answer is an error.
    DoneBut(ErrorKind),
    /// A notice now, and the share and its inference are lost then.
    Preempts,
    /// An answer that belongs to another question.
    Nonsense,
}

pub(crate) fn yes_after(after: Duration) -> Answer {
    Answer { after, says: Says::Yes }
}

pub(crate) fn no(kind: ErrorKind) -> Answer {
    Answer { after: ms(10), says: Says::No(kind) }
}

pub(crate) fn done_but_says(kind: ErrorKind) -> Answer {
    Answer { after: ms(10), says: Says::DoneBut(kind) }
}

pub(crate) const DOWN: ErrorKind = ErrorKind::Unavailable { reached: false };
pub(crate) const LOST: ErrorKind = ErrorKind::Unavailable { reached: true };

#[derive(Clone, Debug)]
pub(crate) struct Submitted {
    pub(crate) at: Timestamp,
    pub(crate) cable: CableId,
    pub(crate) ticket: Ticket,
    pub(crate) operation: Operation,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) platform: Platform,
    pub(crate) now: Timestamp,
    pub(crate) submitted: Vec<Submitted>,
    pub(crate) responses: Vec<Response>,
    pub(crate) records: Vec<RequestRecord>,
    pub(crate) usage: Vec<UsageRecord>,
    pub(crate) leases: Vec<LeaseRecord>,
    /// When the platform heard of each grant.
    pub(crate) told: BTreeMap<AllocationId, Timestamp>,
    /// Shares that the provider holds for us.
    pub(crate) held: BTreeSet<(CableId, AllocationId)>,
    /// How often each share was really released.
    pub(crate) releases: BTreeMap<AllocationId, u32>,
    pub(crate) granted: u64,
    /// What inferences say instead of repeating the prompt.
    words: Option<&'static str>,
    /// What every share was asked for.
    pub(crate) terms: BTreeMap<AllocationId, Allocate>,
    /// Granted, but the platform does not know yet.
    promised: BTreeSet<AllocationId>,
    /// Released, and the platform knows.
    confirmed: BTreeSet<AllocationId>,
    requests: u64,
    scripts: BTreeMap<(u32, OperationKind), VecDeque<Answer>>,
    /// To be delivered, in order of time and of asking.
    coming: BTreeMap<(Timestamp, u64), (CableId, EventKind)>,
    sequence: u64,
    running: BTreeMap<Ticket, (Timestamp, u64)>,
}

impl World {
    pub(crate) fn new(config: PlatformConfig) -> Self {
        Self {
            platform: Platform::new(config).expect("a valid configuration").telling_books(1),
            now: Timestamp::ZERO,
            submitted: Vec::new(),
            responses: Vec::new(),
            records: Vec::new(),
            usage: Vec::new(),
            leases: Vec::new(),
            told: BTreeMap::new(),
            held: BTreeSet::new(),
            releases: BTreeMap::new(),
            granted: 0,
            words: None,
            terms: BTreeMap::new(),
            promised: BTreeSet::new(),
            confirmed: BTreeSet::new(),
            requests: 0,
            scripts: BTreeMap::new(),
            coming: BTreeMap::new(),
            sequence: 0,
            running: BTreeMap::new(),
        }
    }

    /// The next operations of this kind on this cable are answered like this.
    pub(crate) fn script(
        &mut self,
        cable: u32,
        kind: OperationKind,
        answers: impl IntoIterator<Item = Answer>,
    ) {
        self.scripts.entry((cable, kind)).or_default().extend(answers);
    }

    /// Every inference says this from now on.
    pub(crate) fn answer_with(&mut self, words: &'static str) {
        self.words = Some(words);
    }

    /// A short request arrives now.
    pub(crate) fn request(&mut self) -> RequestId {
        self.request_with(|_| {})
    }

    pub(crate) fn request_with(&mut self, change: impl FnOnce(&mut Request)) -> RequestId {
        let mut request = request(self.requests, self.now);
        self.requests += 1;
        change(&mut request);
        let id = request.id;
        self.hand_over(Input::Request(request));
        id
    }

    pub(crate) fn cancel(&mut self, request: RequestId) {
        self.hand_over(Input::Cancel(request));
    }

    pub(crate) fn drain(&mut self) {
        self.hand_over(Input::Drain);
    }

    pub(crate) fn deliver(&mut self, cable: u32, kind: EventKind) {
        if let EventKind::Completed { ticket, result: Ok(reply) } = &kind {
            self.note(*ticket, reply);
        }
        let event = Event { at: self.now, kind };
        self.hand_over(Input::Event(CableId(cable), event));
    }

    /// Lets everything happen until nothing more is coming.
    pub(crate) fn run(&mut self) {
        self.run_until(Timestamp::MAX);
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    /// Lets everything happen that is due by `end`.
    pub(crate) fn run_until(&mut self, end: Timestamp) {
        for _ in 0..STEPS_MAX {
            if !self.step(end) {
                if end < Timestamp::MAX {
                    self.now = end;
                }
                return;
            }
        }
        panic!("livelock at {:?}", self.now);
    }

    /// Lets the next thing happen that is due by `end`. False if there is none.
    pub(crate) fn step(&mut self, end: Timestamp) -> bool {
        let coming = self.coming.first_key_value().map(|(&(time, _), _)| time);
        let next = [coming, self.platform.deadline()].into_iter().flatten().min();
        let Some(next) = next.filter(|&next| next <= end) else {
            return false;
        };
        self.now = self.now.max(next);
        if coming == Some(next) {
            let (_, (cable, kind)) = self.coming.pop_first().expect("it is coming");
            self.deliver(cable.0, kind);
        } else {
            self.hand_over(Input::Wake);
            assert_ne!(self.platform.deadline(), Some(next), "a wake-up makes progress");
        }
        true
    }

    pub(crate) fn hand_over(&mut self, input: Input) {
        self.platform.handle(self.now, input);
        while let Some(output) = self.platform.poll_output() {
            match output {
                Output::Submit { cable, ticket, operation } => {
                    self.perform(cable, ticket, &operation);
                    let at = self.now;
                    self.submitted.push(Submitted { at, cable, ticket, operation });
                }
                Output::Respond(response) => self.responses.push(response),
                Output::Record(record) => self.records.push(record),
                Output::Usage(record) => self.usage.push(record),
                Output::Lease(record) => self.leases.push(record),
            }
        }
    }

    pub(crate) fn status(&self, cable: u32) -> CableStatus {
        self.platform.cable(CableId(cable))
    }

    /// The only record there is.
    pub(crate) fn record(&self) -> RequestRecord {
        let [record] = self.records[..] else {
            panic!("one record, not {:?}", self.records);
        };
        record
    }

    pub(crate) fn record_of(&self, request: RequestId) -> RequestRecord {
        let mut all = self.records.iter().filter(|record| record.request == request);
        let record = all.next().unwrap_or_else(|| panic!("request {request} has no record"));
        assert_eq!(all.next(), None, "request {request} has two records");
        *record
    }

    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        self.records.iter().map(|record| record.outcome).collect()
    }

    /// The reason given with the only response.
    pub(crate) fn reason(&self) -> &str {
        let [response] = &self.responses[..] else {
            panic!("one response, not {:?}", self.responses);
        };
        response.reason.as_deref().expect("a failed request has a reason")
    }

    /// When operations of this kind were asked for on this cable, in milliseconds.
    pub(crate) fn asked(&self, cable: u32, kind: OperationKind) -> Vec<u64> {
        let here = self.submitted.iter().filter(|one| one.cable == CableId(cable));
        let here = here.filter(|one| one.operation.kind() == kind);
        here.map(|one| one.at.as_nanos() / 1_000_000).collect()
    }

    pub(crate) fn operations(&self, kind: OperationKind) -> Vec<Submitted> {
        let all = self.submitted.iter().filter(|one| one.operation.kind() == kind);
        all.cloned().collect()
    }

    /// Nothing is left anywhere, and every share was released exactly once.
    pub(crate) fn assert_nothing_leaked(&self) {
        assert_eq!(self.held, BTreeSet::new(), "held by the provider");
        assert_eq!(self.platform.held(), 0, "held by the platform");
        assert_eq!(self.platform.in_flight(), 0, "requests under way");
        assert!(self.releases.values().all(|&times| times == 1), "{:?}", self.releases);
    }

    /// What the platform is about to learn.
    fn note(&mut self, ticket: Ticket, reply: &Reply) {
        match reply {
            Reply::Granted { allocation } => {
                self.promised.remove(allocation);
                self.told.insert(*allocation, self.now);
            }
            Reply::Released => {
                let release = self.submitted.iter().rfind(|one| one.ticket == ticket);
                if let Some(Submitted { operation: Operation::Release { allocation }, .. }) =
                    release
                {
                    self.confirmed.insert(*allocation);
                }
            }
            Reply::Generated { .. }
            | Reply::Cancelled
            | Reply::Inspected(_)
            | Reply::Listed(_)
            | Reply::Pools(_) => {}
        }
    }

    fn perform(&mut self, cable: CableId, ticket: Ticket, operation: &Operation) {
        let kind = operation.kind();
        let script = self.scripts.get_mut(&(cable.0, kind));
        let answer = script.and_then(VecDeque::pop_front).unwrap_or(yes_after(usual(kind)));
        if matches!(answer.says, Says::Nonsense) {
            self.answer(cable, ticket, answer.after, Ok(Reply::Cancelled));
            return;
        }
        match operation {
            Operation::Allocate(ask) => self.allocate(cable, ticket, answer, *ask),
            Operation::Infer(infer) => self.infer(cable, ticket, answer, infer),
            Operation::Cancel { inference } => self.stop(cable, ticket, *inference),
            Operation::Release { allocation } => self.release(cable, ticket, answer, *allocation),
            Operation::List { pool } => self.list(cable, ticket, answer, *pool),
            Operation::Inspect { .. } | Operation::Pools => {
                panic!("the platform asked for {operation:?}")
            }
        }
    }

    /// The share is held at once, whenever the answer comes.
    fn allocate(&mut self, cable: CableId, ticket: Ticket, answer: Answer, ask: Allocate) {
        let allocation = AllocationId(self.granted);
        if !matches!(answer.says, Says::No(_)) {
            self.granted += 1;
            self.held.insert((cable, allocation));
            self.terms.insert(allocation, ask);
        }
        if matches!(answer.says, Says::Yes) {
            self.promised.insert(allocation);
        }
        self.answer(cable, ticket, answer.after, said(answer.says, Reply::Granted { allocation }));
    }

    fn infer(&mut self, cable: CableId, ticket: Ticket, answer: Answer, infer: &Infer) {
        let share = (cable, infer.allocation);
        if !self.held.contains(&share) {
            self.answer(cable, ticket, ms(1), Err(ErrorKind::NotFound.into()));
            return;
        }
        if let Says::Preempts = answer.says {
            let notice = EventKind::Preempted { allocation: infer.allocation, grace: answer.after };
            self.schedule(cable, Duration::ZERO, notice);
            self.held.remove(&share);
        } else if answer.after >= FIRST_TOKEN && infer.stream {
            self.schedule(cable, FIRST_TOKEN, EventKind::FirstToken { ticket });
        }
        let usage = Usage::computed(infer.prompt.tokens, infer.max_tokens);
        let text = infer.prompt.content.text().map(|text| format!("re: {text}").into());
        let text = self.words.map(Into::into).or(text);
        let reply = said(answer.says, Reply::Generated { usage, text });
        let key = self.answer(cable, ticket, answer.after, reply);
        self.running.insert(ticket, key);
    }

    fn stop(&mut self, cable: CableId, ticket: Ticket, inference: Ticket) {
        self.answer(cable, ticket, ms(1), Ok(Reply::Cancelled));
        let running = self.running.remove(&inference);
        if running.and_then(|key| self.coming.remove(&key)).is_some() {
            self.answer(cable, inference, ms(1), Err(ErrorKind::Conflict.into()));
        }
    }

    fn release(&mut self, cable: CableId, ticket: Ticket, answer: Answer, share: AllocationId) {
        assert!(!self.promised.contains(&share), "{share} is still to be claimed");
        assert!(!self.confirmed.contains(&share), "{share} is known to be released");
        let mut reply = said(answer.says, Reply::Released);
        if !matches!(answer.says, Says::No(_)) {
            if self.held.remove(&(cable, share)) {
                *self.releases.entry(share).or_default() += 1;
            } else if reply.is_ok() {
                reply = Err(ErrorKind::NotFound.into());
            }
        }
        self.answer(cable, ticket, answer.after, reply);
    }

    /// What is held now, told later.
    fn list(&mut self, cable: CableId, ticket: Ticket, answer: Answer, pool: PoolId) {
        let held = self.held.iter().filter(|(holder, _)| *holder == cable);
        let info = |&(_, allocation): &(CableId, AllocationId)| AllocationInfo {
            allocation,
            pool,
            model: self.terms.get(&allocation).map(|ask| ask.model),
            requirements: self.terms.get(&allocation).map(|ask| ask.requirements),
            running: None,
            usage: None,
        };
        let reply = said(answer.says, Reply::Listed(held.map(info).collect()));
        self.answer(cable, ticket, answer.after, reply);
    }

    fn answer(
        &mut self,
        cable: CableId,
        ticket: Ticket,
        after: Duration,
        result: Result<Reply, Error>,
    ) -> (Timestamp, u64) {
        self.schedule(cable, after, EventKind::Completed { ticket, result })
    }

    fn schedule(&mut self, cable: CableId, after: Duration, kind: EventKind) -> (Timestamp, u64) {
        self.sequence += 1;
        let key = (self.now + after, self.sequence);
        self.coming.insert(key, (cable, kind));
        key
    }
}

fn said(says: Says, reply: Reply) -> Result<Reply, Error> {
    match says {
        Says::Yes | Says::Nonsense => Ok(reply),
        Says::No(kind) | Says::DoneBut(kind) => Err(kind.into()),
        Says::Preempts => Err(ErrorKind::Preempted.into()),
    }
}

const fn usual(kind: OperationKind) -> Duration {
    match kind {
        OperationKind::Allocate => ALLOCATION,
        OperationKind::Infer => INFERENCE,
        OperationKind::Release => RELEASE,
        OperationKind::Cancel => ms(1),
        OperationKind::Inspect | OperationKind::List | OperationKind::Pools => LIST,
    }
}
