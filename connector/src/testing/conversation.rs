//! Holding one case against one world, and what is true of every conversation.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    Liberty, PATIENCE, World,
    case::{Ask, Case, Expected, Name, Setup, Share, Step},
};
use crate::{
    Allocate, AllocationId, AllocationInfo, Connector, Duration, Error, ErrorKind, Event,
    EventKind, Infer, Operation, PoolId, Priority, Prompt, Reply, Temperature, TenantId, Ticket,
    Timestamp, Tokens, Usage,
};

/// How long everything must stay quiet after the last answer.
const QUIET: Duration = Duration::from_millis(50);
/// Length of every prompt.
const PROMPT: Tokens = Tokens::new(16);
/// Never granted by anybody who counts or draws its ids.
const UNKNOWN: AllocationId = AllocationId(0x00C0_FFEE_0000_0001);
/// Events in one drain beyond which a connector is held to be talking to itself.
const MOST_EVENTS: usize = 10_000;

type Checked = Result<(), String>;

/// Goes through a case; the error says what went wrong and what was heard until then.
pub(super) fn hold(world: &mut impl World, case: &Case, liberties: &[Liberty]) -> Checked {
    let mut conversation = Conversation::new(world, liberties);
    let result = case.steps.iter().try_for_each(|step| {
        conversation.step(step).map_err(|reason| format!("{reason}, at {step:?}"))
    });
    let result = result.and_then(|()| conversation.settle());
    result.map_err(|reason| format!("{reason}{}", conversation.transcript))
}

struct Question {
    name: Name,
    ask: Ask,
    /// The share that it is about.
    share: Option<AllocationId>,
    asked: Timestamp,
    first_token: bool,
    /// Tokens that it told were out, and how often it told.
    made: Tokens,
    told: u64,
    answer: Option<(Timestamp, Result<Reply, Error>)>,
}

/// A share that was granted.
#[derive(Default)]
struct Holding {
    released: bool,
    preempted: bool,
}

struct Conversation<'a, W> {
    world: &'a mut W,
    liberties: &'a [Liberty],
    /// In the order of tickets.
    questions: Vec<Question>,
    holdings: BTreeMap<AllocationId, Holding>,
    latest: Timestamp,
    /// What was said, for failures.
    transcript: String,
}

impl<'a, W: World> Conversation<'a, W> {
    fn new(world: &'a mut W, liberties: &'a [Liberty]) -> Self {
        Self {
            world,
            liberties,
            questions: Vec::new(),
            holdings: BTreeMap::new(),
            latest: Timestamp::ZERO,
            transcript: String::new(),
        }
    }

    fn may(&self, liberty: Liberty) -> bool {
        self.liberties.contains(&liberty)
    }

    fn step(&mut self, step: &Step) -> Checked {
        match *step {
            Step::Submit(name, ask) => self.submit(name, ask).map(drop),
            Step::Expect(name, expected) => self.expect(name, expected, PATIENCE),
            Step::ExpectWithin(within, name, expected) => self.expect(name, expected, within),
            Step::FirstToken(name) => self.expect_first_token(name),
            Step::Progress(name, tokens) => self.expect_progress(name, Tokens::new(tokens)),
            Step::Unanswered(name, age) => self.expect_silence(name, age),
            Step::Pester(name, age) => self.pester(name, age),
            Step::Holds(pool, names) => self.expect_holdings(pool, names),
        }
    }

    fn submit(&mut self, name: Name, ask: Ask) -> Result<usize, String> {
        let share = self.share_of(ask)?;
        let operation = self.operation(ask, share)?;
        let index = self.questions.len();
        let asked = self.world.now();
        let _ = write!(self.transcript, "\n  {asked:?} submit #{index} {name}: {ask:?}");
        let question = Question {
            name,
            ask,
            share,
            asked,
            first_token: false,
            made: Tokens::ZERO,
            told: 0,
            answer: None,
        };
        self.questions.push(question);
        self.world.connector().submit(asked, Ticket(index as u64), operation);
        self.listen()?;
        Ok(index)
    }

    fn operation(&self, ask: Ask, share: Option<AllocationId>) -> Result<Operation, String> {
        let allocation = share.unwrap_or(UNKNOWN);
        Ok(match ask {
            Ask::Allocate { pool, rank } => Operation::Allocate(Allocate {
                pool: PoolId(pool),
                model: Setup::MODEL,
                requirements: Setup::REQUIREMENTS,
                overcommit: true,
                preemptible: rank == 0,
                priority: Priority::new(rank).ok_or("ranks go up to 9")?,
                tenant: self.next_tenant(),
            }),
            Ask::Infer { tokens, stream, progress, .. } => Operation::Infer(Infer {
                allocation,
                prompt: Prompt::of_length(PROMPT),
                max_tokens: Tokens::new(tokens),
                temperature: Temperature::default(),
                stream,
                progress,
            }),
            Ask::Cancel(name) => Operation::Cancel { inference: Ticket(self.find(name)? as u64) },
            Ask::Release(_) => Operation::Release { allocation },
            Ask::Inspect(_) => Operation::Inspect { allocation },
            Ask::List(pool) => Operation::List { pool: PoolId(pool) },
            Ask::Pools => Operation::Pools,
        })
    }

    fn next_tenant(&self) -> TenantId {
        if self.may(Liberty::OneShareEach) {
            TenantId(self.questions.len() as u32)
        } else {
            Setup::TENANT
        }
    }

    fn share_of(&self, ask: Ask) -> Result<Option<AllocationId>, String> {
        match ask {
            Ask::Infer { on: share, .. } | Ask::Release(share) | Ask::Inspect(share) => match share
            {
                Share::Of(name) => self.granted(name).map(Some),
                Share::Unknown => Ok(Some(UNKNOWN)),
            },
            Ask::Allocate { .. } | Ask::Cancel(_) | Ask::List(_) | Ask::Pools => Ok(None),
        }
    }

    fn granted(&self, name: Name) -> Result<AllocationId, String> {
        match &self.questions[self.find(name)?].answer {
            Some((_, Ok(Reply::Granted { allocation }))) => Ok(*allocation),
            other => Err(format!("`{name}` was not granted but answered with {other:?}")),
        }
    }

    fn find(&self, name: Name) -> Result<usize, String> {
        let found = self.questions.iter().rposition(|question| question.name == name);
        found.ok_or_else(|| format!("the case asks nothing called `{name}`"))
    }

    fn expect(&mut self, name: Name, expected: Expected, within: Duration) -> Checked {
        let index = self.find(name)?;
        let latest = self.questions[index].asked + within;
        self.wait_for(latest, |this| this.questions[index].answer.is_some())?;
        if matches!(expected, Expected::Granted) && self.may(Liberty::LosesGrants) {
            self.find_lost_grant(index)?;
        }
        let question = &self.questions[index];
        match &question.answer {
            Some((at, _)) if *at > latest && within < PATIENCE => {
                Err(format!("`{name}` was answered only after {}", at.since(question.asked)))
            }
            Some((_, answer)) if matches(expected, answer, self.liberties) => Ok(()),
            Some((_, answer)) => {
                Err(format!("`{name}` was answered with {answer:?} instead of {expected:?}"))
            }
            None => Err(format!("`{name}` was not answered within {within}")),
        }
    }

    /// An allocation that was answered ambiguously was granted if a list shows a share that nobody
    /// knows; it then counts as granted under its name.
    fn find_lost_grant(&mut self, index: usize) -> Checked {
        let question = &self.questions[index];
        let (Some((at, Err(error))), Ask::Allocate { pool, .. }) = (&question.answer, question.ask)
        else {
            return Ok(());
        };
        if !error.kind.ambiguous() {
            return Ok(());
        }
        let (at, name) = (*at, question.name);
        let listing = self.list(pool)?;
        let is_new = |info: &&AllocationInfo| !self.holdings.contains_key(&info.allocation);
        let Some(info) = listing.iter().find(is_new) else {
            return Err(format!("`{name}` was answered ambiguously, and no list shows its share"));
        };
        check_info(info, pool)?;
        let allocation = info.allocation;
        self.holdings.insert(allocation, Holding::default());
        self.questions[index].answer = Some((at, Ok(Reply::Granted { allocation })));
        Ok(())
    }

    fn expect_first_token(&mut self, name: Name) -> Checked {
        let index = self.find(name)?;
        let heard = |this: &Self| {
            this.questions[index].first_token || this.questions[index].answer.is_some()
        };
        self.wait_for(self.world.now() + PATIENCE, heard)?;
        if self.questions[index].first_token {
            Ok(())
        } else {
            Err(format!("`{name}` had no first token"))
        }
    }

    fn expect_progress(&mut self, name: Name, tokens: Tokens) -> Checked {
        let index = self.find(name)?;
        let heard = |this: &Self| {
            this.questions[index].made >= tokens || this.questions[index].answer.is_some()
        };
        self.wait_for(self.world.now() + PATIENCE, heard)?;
        let made = self.questions[index].made;
        if made >= tokens {
            Ok(())
        } else {
            Err(format!("`{name}` told of {made} tokens, never of {tokens}"))
        }
    }

    fn expect_silence(&mut self, name: Name, age: Duration) -> Checked {
        let index = self.find(name)?;
        let until = self.questions[index].asked + age;
        self.wait_for(until, |_| false)?;
        match &self.questions[index].answer {
            Some((at, answer)) if *at < until => {
                Err(format!("`{name}` was answered too early with {answer:?}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn pester(&mut self, name: Name, age: Duration) -> Checked {
        let until = self.questions[self.find(name)?].asked + age;
        while self.world.now() < until {
            for _ in 0..10 {
                self.listen()?;
            }
            let next = self.world.now() + Duration::from_millis(1);
            self.world.wait_until(next.min(until));
        }
        self.listen()
    }

    fn expect_holdings(&mut self, pool: u32, names: &[Name]) -> Checked {
        let mut expected = Vec::new();
        for &name in names {
            expected.push(self.granted(name)?);
        }
        expected.sort_unstable();
        let mut listing = self.list(pool)?;
        if self.may(Liberty::ListsOthers) {
            listing.retain(|info| self.holdings.contains_key(&info.allocation));
        }
        let mut listed: Vec<_> = listing.iter().map(|info| info.allocation).collect();
        listed.sort_unstable();
        if listed != expected {
            return Err(format!("pool {pool} lists {listed:?} instead of {expected:?}"));
        }
        listing.iter().try_for_each(|info| check_info(info, pool))?;
        names.iter().try_for_each(|name| self.expect_inspection(pool, name))
    }

    /// The rows of a pool, once whatever may be late has happened.
    fn list(&mut self, pool: u32) -> Result<Vec<AllocationInfo>, String> {
        let delay: Duration = self.liberties.iter().map(|liberty| liberty.delay()).sum();
        self.wait_for(self.world.now() + delay, |_| false)?;
        match self.ask("(list)", Ask::List(pool))? {
            Ok(Reply::Listed(listing)) => Ok(listing),
            other => Err(format!("listing pool {pool} was answered with {other:?}")),
        }
    }

    fn expect_inspection(&mut self, pool: u32, name: Name) -> Checked {
        let share = self.granted(name)?;
        match self.ask("(inspect)", Ask::Inspect(Share::Of(name)))? {
            Ok(Reply::Inspected(info)) if info.allocation == share => check_info(&info, pool),
            other => Err(format!("inspecting `{name}` was answered with {other:?}")),
        }
    }

    /// Asks and waits for the answer.
    fn ask(&mut self, name: Name, ask: Ask) -> Result<Result<Reply, Error>, String> {
        let index = self.submit(name, ask)?;
        let latest = self.questions[index].asked + PATIENCE;
        self.wait_for(latest, |this| this.questions[index].answer.is_some())?;
        let answer = self.questions[index].answer.as_ref().map(|(_, answer)| answer.clone());
        answer.ok_or_else(|| format!("{ask:?} was not answered within {PATIENCE}"))
    }

    /// Every question is answered in the end, and then nothing more is heard.
    fn settle(&mut self) -> Checked {
        let is_settled = |this: &Self| this.questions.iter().all(|q| q.answer.is_some());
        self.wait_for(self.world.now() + PATIENCE, is_settled)?;
        if let Some(question) = self.questions.iter().find(|q| q.answer.is_none()) {
            return Err(format!("`{}` was never answered", question.name));
        }
        self.wait_for(self.world.now() + QUIET, |_| false)
    }

    /// Listens until `done` or until the time has come.
    fn wait_for(&mut self, until: Timestamp, done: impl Fn(&Self) -> bool) -> Checked {
        loop {
            self.listen()?;
            if done(self) || self.world.now() >= until {
                return Ok(());
            }
            self.world.wait_until(until);
        }
    }

    /// Drains the connector.
    fn listen(&mut self) -> Checked {
        let now = self.world.now();
        for _ in 0..MOST_EVENTS {
            let Some(event) = self.world.connector().poll(now) else {
                return self.check_deadline(now);
            };
            let _ = write!(self.transcript, "\n  {now:?} heard {event:?}");
            self.hear(now, event)?;
        }
        Err(format!("more than {MOST_EVENTS} events in one drain"))
    }

    fn check_deadline(&mut self, now: Timestamp) -> Checked {
        match self.world.connector().deadline() {
            Some(deadline) if deadline <= now => {
                Err(format!("drained at {now:?}, the next deadline is {deadline:?}: a busy loop"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn hear(&mut self, now: Timestamp, event: Event) -> Checked {
        if event.at > now || event.at < self.latest {
            return Err(format!("{event:?} is out of order after {:?}", self.latest));
        }
        self.latest = event.at;
        match event.kind {
            EventKind::FirstToken { ticket } => self.hear_first_token(ticket),
            EventKind::Progress { ticket, tokens, .. } => {
                self.hear_progress(event.at, ticket, tokens)
            }
            EventKind::Completed { ticket, result } => self.hear_answer(event.at, ticket, &result),
            EventKind::Preempted { allocation, .. } => self.hear_notice(allocation),
        }
    }

    fn hear_first_token(&mut self, ticket: Ticket) -> Checked {
        let question = self.question(ticket)?;
        let name = question.name;
        if question.answer.is_some() {
            return Err(format!("`{name}` had its first token after its answer"));
        }
        if std::mem::replace(&mut question.first_token, true) {
            return Err(format!("`{name}` had two first tokens"));
        }
        if matches!(question.ask, Ask::Infer { stream: true, .. }) {
            Ok(())
        } else {
            Err(format!("`{name}` had a first token but asked for no stream"))
        }
    }

    fn hear_progress(&mut self, at: Timestamp, ticket: Ticket, tokens: Tokens) -> Checked {
        let question = self.question(ticket)?;
        let name = question.name;
        let Ask::Infer { tokens: asked, progress: Some(period), .. } = question.ask else {
            return Err(format!("`{name}` told its progress but was not asked to"));
        };
        if question.answer.is_some() {
            return Err(format!("`{name}` told its progress after its answer"));
        }
        if !question.first_token {
            return Err(format!("`{name}` told its progress before its first token"));
        }
        if tokens <= question.made || tokens > Tokens::new(asked) {
            let made = question.made;
            return Err(format!("`{name}` told of {tokens} tokens of {asked} after {made}"));
        }
        question.made = tokens;
        question.told += 1;
        // One more for the failure, and one for a stamp that is a little early.
        let periods = at.since(question.asked).as_nanos() / period.as_nanos().max(1);
        if question.told > periods + 2 {
            let told = question.told;
            return Err(format!("`{name}` told its progress {told} times in {periods} periods"));
        }
        Ok(())
    }

    fn hear_answer(
        &mut self,
        at: Timestamp,
        ticket: Ticket,
        result: &Result<Reply, Error>,
    ) -> Checked {
        let question = self.question(ticket)?;
        if question.answer.is_some() {
            return Err(format!("`{}` was answered twice", question.name));
        }
        check_progress(question, result.is_ok())?;
        let share = question.share;
        question.answer = Some((at, result.clone()));
        match result {
            Ok(Reply::Granted { allocation }) => {
                if self.holdings.insert(*allocation, Holding::default()).is_some() {
                    return Err(format!("share {allocation} was granted twice"));
                }
            }
            Ok(Reply::Released) => self.change(share, |holding| holding.released = true),
            Err(Error { kind: ErrorKind::Preempted, .. }) => {
                self.change(share, |holding| holding.preempted = true);
            }
            Ok(_) | Err(_) => {}
        }
        Ok(())
    }

    fn hear_notice(&mut self, allocation: AllocationId) -> Checked {
        match self.holdings.get(&allocation) {
            None => Err(format!("share {allocation} is preempted but was never granted")),
            Some(Holding { preempted: true, .. }) => {
                Err(format!("the notice for share {allocation} came after its loss"))
            }
            Some(Holding { released: true, .. }) => {
                Err(format!("share {allocation} is preempted although it was given back"))
            }
            Some(_) => Ok(()),
        }
    }

    fn change(&mut self, share: Option<AllocationId>, change: impl FnOnce(&mut Holding)) {
        if let Some(holding) = share.and_then(|share| self.holdings.get_mut(&share)) {
            change(holding);
        }
    }

    fn question(&mut self, ticket: Ticket) -> Result<&mut Question, String> {
        let index = usize::try_from(ticket.0).unwrap_or(usize::MAX);
        self.questions.get_mut(index).ok_or_else(|| format!("nobody asked #{ticket}"))
    }
}

/// What an inference must have told by the time of its answer, and what it need not have.
fn check_progress(question: &Question, is_complete: bool) -> Checked {
    let &Question { name, told, first_token, .. } = question;
    let Ask::Infer { progress: Some(period), .. } = question.ask else { return Ok(()) };
    if is_complete && period == Duration::MAX && told > 0 {
        return Err(format!("`{name}` told its progress although it did not fail"));
    }
    if !is_complete && first_token && told == 0 {
        return Err(format!("`{name}` failed and did not tell what it had made"));
    }
    Ok(())
}

fn check_info(info: &AllocationInfo, pool: u32) -> Checked {
    let is_as_asked = info.pool == PoolId(pool)
        && info.model.is_none_or(|model| model == Setup::MODEL)
        && info.requirements.is_none_or(|needs| needs == Setup::REQUIREMENTS)
        && info.running.is_none_or(|running| running < 10);
    if is_as_asked { Ok(()) } else { Err(format!("{info:?} is not what was asked for")) }
}

fn matches(expected: Expected, answer: &Result<Reply, Error>, liberties: &[Liberty]) -> bool {
    match (expected, answer) {
        (Expected::Generated(tokens), Ok(Reply::Generated { usage, .. })) => {
            let is_counted = usage.output == Tokens::new(tokens) && usage.prompt == PROMPT;
            is_counted
                || (liberties.contains(&Liberty::CountsNothing) && *usage == Usage::default())
        }
        (
            Expected::Refused(ErrorKind::CapacityExhausted | ErrorKind::PolicyRefused),
            Err(Error { kind: ErrorKind::Unavailable { .. }, .. }),
        ) => liberties.contains(&Liberty::HidesRefusals),
        (Expected::Refused(kind), Err(error)) => error.kind.name() == kind.name(),
        (Expected::Pools(free), Ok(Reply::Pools(pools))) => {
            let mut offered: Vec<_> =
                pools.iter().map(|pool| (pool.pool, pool.free_slots)).collect();
            offered.sort_unstable();
            offered.into_iter().eq((0..).map(PoolId).zip(free.iter().copied()))
        }
        (Expected::Granted, Ok(Reply::Granted { .. }))
        | (Expected::Cancelled, Ok(Reply::Cancelled))
        | (Expected::Released, Ok(Reply::Released))
        | (Expected::Anything, _) => true,
        (
            Expected::Granted
            | Expected::Generated(_)
            | Expected::Cancelled
            | Expected::Released
            | Expected::Refused(_)
            | Expected::Pools(_),
            _,
        ) => false,
    }
}
