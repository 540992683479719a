//! A far end that behaves badly in every way that its operations allow, and keeps its own books.
//!
//! Answers come late, never, twice, for another question or from another cable; they are errors of
//! every kind, of things that were done and that were not. Shares are taken away with notice and
//! without. Lists are slow, tell of shares that are gone and of shares of others. It lies in one way
//! only: what it says about a share that it holds is true. Whoever says that it does not know a share
//! does not hold it, a failure that is not ambiguous did nothing, and a list shows all that is held.

use std::collections::BTreeMap;

use connector::{
    Allocate, AllocationId, AllocationInfo, CableId, Duration, Error, ErrorKind, EventKind, Infer,
    ModelId, Operation, OperationKind, PoolId, Reply, Requirements, Ticket, Timestamp, Tokens,
    Usage,
};
use platform::{Holding, HoldingState, Platform};
use proptest::{prelude::*, test_runner::TestCaseResult};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::whims::{Manners, Says, Whim, chance};
use crate::setting::ms;

/// Names of shares that others hold.
const FOREIGN: u64 = 1 << 40;
/// Answers that never come. The platform holds what they may claim for ever, so that many of them
/// would only make long worlds slow.
const LOST_MAX: usize = 10;
/// Releases asked for before one is given up.
const RELEASES: u32 = 21;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// To be granted yet.
    Coming,
    Held,
    Gone,
}

/// What the platform was told of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Held,
    Released,
    /// ... and then a list showed it.
    Back,
}

#[derive(Debug)]
struct Share {
    cable: CableId,
    ask: Allocate,
    asked_by: Ticket,
    stage: Stage,
    told: Told,
    /// It is never released.
    cursed: bool,
    releases_asked: u32,
    running: Option<Ticket>,
}

impl Share {
    /// A list shows it.
    fn shown(&mut self) {
        self.told = match self.told {
            Told::Nothing | Told::Held => Told::Held,
            Told::Released | Told::Back => Told::Back,
        };
    }
}

enum Coming {
    Event(CableId, EventKind),
    /// A list is drawn up.
    Rows(CableId, Ticket, PoolId),
    Grant(AllocationId),
    /// A share is released, or taken away.
    Gone(AllocationId),
}

pub(super) struct FarEnd {
    manners: Manners,
    /// Operations asked for so far, by cable and kind.
    asked: BTreeMap<(CableId, OperationKind), u64>,
    shares: BTreeMap<AllocationId, Share>,
    /// What the platform was not told the end of.
    open: BTreeMap<Ticket, (CableId, Operation)>,
    coming: BTreeMap<(Timestamp, u64), Coming>,
    sequence: u64,
    lost: usize,
    /// Failures told of allocations and inferences after which another try costs nothing.
    pub(super) cheap_failures: u64,
}

impl FarEnd {
    pub(super) fn new(manners: Manners) -> Self {
        Self {
            manners,
            asked: BTreeMap::new(),
            shares: BTreeMap::new(),
            open: BTreeMap::new(),
            coming: BTreeMap::new(),
            sequence: 0,
            lost: 0,
            cheap_failures: 0,
        }
    }

    /// When something happens next.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.coming.first_key_value().map(|(&(at, _), _)| at)
    }

    /// What happens next, if the platform hears of it.
    pub(super) fn happen(&mut self, now: Timestamp) -> Option<(CableId, EventKind)> {
        let (_, next) = self.coming.pop_first()?;
        match next {
            Coming::Event(cable, event) => Some((cable, event)),
            Coming::Rows(cable, ticket, pool) => {
                let rows = self.rows(now, cable, pool);
                Some((cable, EventKind::Completed { ticket, result: Ok(Reply::Listed(rows)) }))
            }
            Coming::Grant(share) => {
                self.share_mut(share).stage = Stage::Held;
                None
            }
            Coming::Gone(share) => {
                self.share_mut(share).stage = Stage::Gone;
                None
            }
        }
    }

    pub(super) fn asked(&self, cable: CableId, kind: OperationKind) -> u64 {
        self.asked.get(&(cable, kind)).copied().unwrap_or(0)
    }

    /// The platform is about to be told this: what it then knows.
    pub(super) fn note(&mut self, event: &EventKind) {
        let EventKind::Completed { ticket, result } = event else {
            return;
        };
        let Some((_, operation)) = self.open.remove(ticket) else {
            return;
        };
        let gone = matches!(
            result,
            Ok(Reply::Released)
                | Err(Error { kind: ErrorKind::NotFound | ErrorKind::Conflict, .. })
        );
        match (&operation, result) {
            (Operation::Allocate(_), Ok(Reply::Granted { allocation })) => {
                self.share_mut(*allocation).told = Told::Held;
            }
            (Operation::Release { allocation }, _) if gone => {
                if let Some(share) = self.shares.get_mut(allocation)
                    && share.told == Told::Held
                {
                    share.told = Told::Released;
                }
            }
            (Operation::List { .. }, Ok(Reply::Listed(rows))) => {
                for row in rows {
                    if let Some(share) = self.shares.get_mut(&row.allocation) {
                        share.shown();
                    }
                }
            }
            _ => {}
        }
        if let Operation::Infer(infer) = &operation {
            self.share_mut(infer.allocation).running = None;
        }
        let works = matches!(operation, Operation::Allocate(_) | Operation::Infer(_));
        if let Err(Error { kind, .. }) = result
            && works
            && !kind.ambiguous()
            && *kind != ErrorKind::Preempted
        {
            self.cheap_failures += 1;
        }
    }

    pub(super) fn perform(
        &mut self,
        now: Timestamp,
        cable: CableId,
        ticket: Ticket,
        operation: &Operation,
    ) -> TestCaseResult {
        prop_assert!(!self.open.contains_key(&ticket), "ticket {ticket:?} is used twice");
        self.open.insert(ticket, (cable, operation.clone()));
        let whim = self.whim(cable, operation.kind());
        match operation {
            Operation::Allocate(ask) => self.allocate(now, cable, ticket, &whim, *ask),
            Operation::Infer(infer) => self.infer(now, cable, ticket, &whim, infer)?,
            Operation::Cancel { inference } => self.stop(now, cable, ticket, &whim, *inference),
            Operation::Release { allocation } => {
                self.release(now, cable, ticket, &whim, *allocation)?;
            }
            Operation::List { pool } => self.list(now, cable, ticket, &whim, *pool),
            Operation::Inspect { .. } | Operation::Pools => {
                prop_assert!(false, "the platform asked for {operation:?}");
            }
        }
        Ok(())
    }

    fn allocate(
        &mut self,
        now: Timestamp,
        cable: CableId,
        ticket: Ticket,
        whim: &Whim,
        ask: Allocate,
    ) {
        let allocation = AllocationId(self.shares.len() as u64);
        let mut random = whim.random.clone();
        if !matches!(whim.says, Says::No(_)) {
            let share = Share {
                cable,
                ask,
                asked_by: ticket,
                stage: if whim.acts_late { Stage::Coming } else { Stage::Held },
                told: Told::Nothing,
                cursed: chance(&mut random, self.manners.cursed),
                releases_asked: 0,
                running: None,
            };
            self.shares.insert(allocation, share);
            if whim.acts_late {
                self.schedule(now + whim.after, Coming::Grant(allocation));
            }
        }
        self.answer(now, ticket, whim, whim.says.over(Reply::Granted { allocation }));
    }

    fn infer(
        &mut self,
        now: Timestamp,
        cable: CableId,
        ticket: Ticket,
        whim: &Whim,
        infer: &Infer,
    ) -> TestCaseResult {
        let name = infer.allocation;
        let Some(share) = self.shares.get_mut(&name) else {
            prop_assert!(false, "an inference on {name}, which nobody was granted");
            return Ok(());
        };
        prop_assert_eq!(share.cable, cable, "an inference on the wrong cable");
        prop_assert!(
            matches!(share.told, Told::Held | Told::Back),
            "an inference on {}: {:?}",
            name,
            share
        );
        prop_assert_eq!(share.running, None, "two inferences on {}", name);
        share.running = Some(ticket);
        let mut random = whim.random.clone();
        if share.stage != Stage::Held {
            let gone = if random.random() { ErrorKind::NotFound } else { ErrorKind::Preempted };
            self.answer(now, ticket, whim, Err(gone.into()));
            return Ok(());
        }
        let first = ms(random.random_range(0..=whim.after.as_nanos() / 1_000_000));
        if infer.stream || random.random_range(0..10) == 0 {
            self.tell(now + first, whim.answers_as, EventKind::FirstToken { ticket });
        }
        if chance(&mut random, self.manners.preempts) {
            self.take_away(now, cable, name, whim.after, random.random());
            self.answer(now, ticket, whim, Err(ErrorKind::Preempted.into()));
            return Ok(());
        }
        let most = infer.max_tokens.get();
        let made = random.random_range(most.div_ceil(2)..=most);
        if infer.progress.is_some() || random.random_range(0..10) == 0 {
            let (at, text) = (now + (first + whim.after) / 2, Some("re".into()));
            let tokens = Tokens::new(made.div_ceil(2).max(1));
            self.tell(at, whim.answers_as, EventKind::Progress { ticket, tokens, text });
        }
        let usage = Usage::computed(infer.prompt.tokens, Tokens::new(made));
        let words = [None, Some("1"), Some("2"), Some("I would rather not say")];
        let text = words[random.random_range(0..words.len())].map(Into::into);
        self.answer(now, ticket, whim, whim.says.over(Reply::Generated { usage, text }));
        Ok(())
    }

    /// A cancelled inference ends with a conflict, or goes on as if nothing had been said.
    fn stop(
        &mut self,
        now: Timestamp,
        cable: CableId,
        ticket: Ticket,
        whim: &Whim,
        inference: Ticket,
    ) {
        self.answer(now, ticket, whim, whim.says.over(Reply::Cancelled));
        let mut random = whim.random.clone();
        if random.random_range(0..4) > 0 {
            self.coming.retain(|_, next| {
                !matches!(next, Coming::Event(_, EventKind::Completed { ticket, .. }) if *ticket == inference)
            });
            let result = Err(ErrorKind::Conflict.into());
            self.tell(now + ms(1), cable, EventKind::Completed { ticket: inference, result });
        }
    }

    /// Whoever asks knows the name, has not been told that the share is gone, and does not take it
    /// from an allocation that is still to be told of it.
    fn release(
        &mut self,
        now: Timestamp,
        cable: CableId,
        ticket: Ticket,
        whim: &Whim,
        name: AllocationId,
    ) -> TestCaseResult {
        let not_found = Err(ErrorKind::NotFound.into());
        let Some(share) = self.shares.get_mut(&name) else {
            prop_assert!(name.0 >= FOREIGN, "{name} was never granted");
            self.answer(now, ticket, whim, not_found);
            return Ok(());
        };
        prop_assert_eq!(share.cable, cable, "a release on the wrong cable");
        prop_assert!(share.told != Told::Nothing, "{} was released and nobody told of it", name);
        prop_assert!(share.told != Told::Released, "{} is known to be released", name);
        let claimed_by = share.asked_by;
        prop_assert!(!self.open.contains_key(&claimed_by), "{} is still to be claimed", name);
        share.releases_asked += 1;
        if share.stage != Stage::Held {
            let gone = [not_found, Err(ErrorKind::Conflict.into()), Ok(Reply::Released)];
            self.answer(now, ticket, whim, gone[share_index(whim)].clone());
            return Ok(());
        }
        let says = match whim.says {
            _ if share.cursed => Says::No(ErrorKind::Unavailable { reached: false }),
            Says::No(ErrorKind::NotFound | ErrorKind::Conflict) => Says::No(ErrorKind::Timeout),
            says => says,
        };
        if !matches!(says, Says::No(_)) {
            if whim.acts_late {
                self.schedule(now + whim.after, Coming::Gone(name));
            } else {
                share.stage = Stage::Gone;
            }
        }
        self.answer(now, ticket, whim, says.over(Reply::Released));
        Ok(())
    }

    fn list(&mut self, now: Timestamp, cable: CableId, ticket: Ticket, whim: &Whim, pool: PoolId) {
        match whim.says {
            Says::Yes if whim.acts_late && !whim.lost => {
                self.schedule(now + whim.after, Coming::Rows(cable, ticket, pool));
            }
            says => {
                let rows = self.rows(now, cable, pool);
                self.answer(now, ticket, whim, says.over(Reply::Listed(rows)));
            }
        }
    }

    /// All that is held on this cable, and things that are not.
    fn rows(&self, now: Timestamp, cable: CableId, pool: PoolId) -> Vec<AllocationInfo> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.manners.seed ^ now.as_nanos());
        let here = self.shares.iter().filter(|(_, share)| share.cable == cable);
        let is_shown = |share: &Share, random: &mut _| match share.stage {
            Stage::Held => true,
            Stage::Gone => chance(random, self.manners.ghosts / 20),
            Stage::Coming => false,
        };
        let shown: Vec<_> = here.filter(|(_, share)| is_shown(share, &mut random)).collect();
        let mut rows: Vec<AllocationInfo> = shown
            .into_iter()
            .map(|(&name, share)| {
                let told = random.random_range(0..4) > 0;
                let terms = told.then_some((share.ask.model, share.ask.requirements));
                let running = if share.running.is_some() { 2 } else { random.random_range(0..2) };
                row(name, pool, terms, running)
            })
            .collect();
        if chance(&mut random, self.manners.ghosts) {
            let foreign = AllocationId(FOREIGN + random.random_range(0..3));
            rows.push(row(foreign, pool, None, 0));
            let elsewhere = AllocationId(random.random_range(0..1 + self.shares.len() as u64));
            rows.push(row(elsewhere, PoolId(pool.0 + 1), None, 0));
        }
        rows
    }

    /// A share is taken away after a while.
    fn take_away(
        &mut self,
        now: Timestamp,
        cable: CableId,
        allocation: AllocationId,
        grace: Duration,
        with_notice: bool,
    ) {
        if with_notice {
            self.tell(now, cable, EventKind::Preempted { allocation, grace });
        }
        self.schedule(now + grace, Coming::Gone(allocation));
    }

    /// Something that nobody asked for: an answer to any question of old, a word about an inference,
    /// a share that is taken away, a grant of nothing.
    pub(super) fn stir(&mut self, now: Timestamp, seed: u64) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let cable = CableId(random.random_range(0..3));
        let open = self.open.keys().nth(random.random_range(0..1 + self.open.len()));
        let ticket = open.copied().unwrap_or(Ticket(random.random_range(0..1 << 34)));
        let share = AllocationId(random.random_range(0..1 + self.shares.len() as u64));
        let to_come = |share: &Share| share.stage == Stage::Coming && share.asked_by == ticket;
        let is_true = !self.shares.values().any(to_come);
        let event = match random.random_range(0..6) {
            0 if is_true => EventKind::Completed { ticket, result: Err(ErrorKind::Timeout.into()) },
            1 => EventKind::FirstToken { ticket },
            2 => {
                let tokens = Tokens::new(random.random_range(0..50));
                EventKind::Progress { ticket, tokens, text: None }
            }
            3 => {
                let ticket = Ticket(random.random_range(0..1 << 34));
                let result = Ok(Reply::Granted { allocation: AllocationId(FOREIGN) });
                EventKind::Completed { ticket, result }
            }
            _ => {
                let grace = ms(random.random_range(0..2_000));
                if self.shares.get(&share).is_some_and(|share| share.stage == Stage::Held) {
                    return self.take_away(now, cable, share, grace, random.random());
                }
                EventKind::Preempted { allocation: share, grace }
            }
        };
        self.tell(now, cable, event);
    }

    fn whim(&mut self, cable: CableId, kind: OperationKind) -> Whim {
        let number = self.asked.entry((cable, kind)).or_default();
        let place = (*number * 16 + kind as u64) * 4 + u64::from(cable.0);
        *number += 1;
        let whim = Whim::new(&self.manners, place, cable, self.lost < LOST_MAX);
        self.lost += usize::from(whim.lost);
        whim
    }

    fn answer(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        whim: &Whim,
        result: Result<Reply, Error>,
    ) {
        if whim.lost {
            return;
        }
        let (at, cable) = (now + whim.after, whim.answers_as);
        if whim.doubled {
            let again = EventKind::Completed { ticket, result: result.clone() };
            self.tell(at + whim.after, cable, again);
        }
        self.tell(at, cable, EventKind::Completed { ticket, result });
    }

    fn tell(&mut self, at: Timestamp, cable: CableId, event: EventKind) {
        self.schedule(at, Coming::Event(cable, event));
    }

    fn schedule(&mut self, at: Timestamp, what: Coming) {
        self.sequence += 1;
        self.coming.insert((at, self.sequence), what);
    }

    fn share_mut(&mut self, name: AllocationId) -> &mut Share {
        self.shares.get_mut(&name).expect("it was granted")
    }
}

/// After a drain, when nothing is coming any more.
impl FarEnd {
    /// What is held here is told by the platform, with the evidence, and nothing else is.
    pub(super) fn assert_told(&self, platform: &Platform) -> TestCaseResult {
        for (&name, share) in self.shares.iter().filter(|(_, share)| share.stage == Stage::Held) {
            let is_named = platform.holdings().any(|one| one.allocation == Some(name));
            let is_awaited = self.open.contains_key(&share.asked_by);
            let in_doubt =
                |one: Holding| one.cable == share.cable && one.state == HoldingState::InDoubt;
            let in_doubt = platform.holdings().any(in_doubt);
            prop_assert!(is_named || is_awaited || in_doubt, "{} leaked: {:?}", name, share);
        }
        let mut asked = 0;
        for holding in platform.holdings() {
            match (holding.state, holding.allocation) {
                (HoldingState::Asked, None) => asked += 1,
                (HoldingState::Unreleased { times }, Some(name)) => {
                    let share = self.shares.get(&name);
                    let share = share.ok_or_else(|| TestCaseError::fail("it is nobody's"))?;
                    prop_assert!(
                        share.told != Told::Released && times == RELEASES,
                        "{:?}: {:?}",
                        holding,
                        share
                    );
                    prop_assert!(share.releases_asked >= times);
                }
                (HoldingState::Listed, Some(_)) => {
                    let here = platform.holdings().filter(|one| one.cable == holding.cable);
                    let asked = here.filter(|one| one.state == HoldingState::Asked).count();
                    prop_assert!(asked > 0, "nothing can claim {:?}", holding);
                }
                (HoldingState::InDoubt, None) => {
                    let unresolved = platform.cable(holding.cable).statistics.unresolved;
                    prop_assert!(unresolved > 0, "{:?}", holding);
                }
                _ => prop_assert!(false, "at the end there is {holding:?}"),
            }
        }
        let is_allocation =
            |(_, operation): &&(CableId, Operation)| operation.kind() == OperationKind::Allocate;
        prop_assert_eq!(asked, self.open.values().filter(is_allocation).count());
        Ok(())
    }
}

fn row(
    allocation: AllocationId,
    pool: PoolId,
    terms: Option<(ModelId, Requirements)>,
    running: u32,
) -> AllocationInfo {
    AllocationInfo {
        allocation,
        pool,
        model: terms.map(|(model, _)| model),
        requirements: terms.map(|(_, requirements)| requirements),
        running: running.checked_sub(1),
        usage: None,
    }
}

fn share_index(whim: &Whim) -> usize {
    whim.random.clone().random_range(0..3)
}
