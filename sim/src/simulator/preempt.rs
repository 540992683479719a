//! Taking shares away: whose goes, the notice, and what follows at the end of the grace.
//!
//! # Mechanism
//!
//! Whatever takes a share away with notice calls [`Simulator::give_notice`]. The share stays for the
//! grace; [`Simulator::grace_over`] then sets it aside, where its pool lets it wait for another place
//! (see [`requeue`](super::requeue)), or ends it. Its place goes to whom it was taken away for, if
//! anybody, and what is left of the room to those who wait.
//!
//! # Edges
//!
//! A share that is set aside is not lost, so its holder gets no notice. A share that ends during its
//! grace, by itself or with its card, makes way at once.

use connector::{Allocate, Duration, EventKey, EventKind, Ticket, Timestamp};

use super::{InferenceKey, Refusal, Share, ShareKey, Simulator, StationRef, Wake, infer::Stage};
use crate::{config::VictimRule, pool::Pool};

/// Shares that may be taken away are looked through up to this number: for the first that makes
/// room, or for the best that does among the youngest.
const VICTIMS_CONSIDERED: usize = 64;

/// Why a share is to leave, and for whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notice {
    /// How long it stays.
    pub(super) grace: Duration,
    /// Who gets its place.
    pub(super) successor: Option<(Ticket, Allocate)>,
    /// What its inferences fail with, if they do.
    pub(super) reason: Refusal,
}

/// A share that is to leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    pub(super) notice: Notice,
    pub(super) since: Timestamp,
    over: EventKey,
}

impl Simulator {
    /// Gives notice to somebody less important whose leaving makes room.
    #[cold]
    pub(super) fn evict_for(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        ask: Allocate,
    ) -> Result<(), Refusal> {
        let rules = self.pools[ask.pool.index()].config.preemption.ok_or(Refusal::PoolFull)?;
        let share = self.victim_for(now, rules.victim, &ask).ok_or(Refusal::PoolFull)?;
        let successor = Some((ticket, ask));
        let notice = Notice { grace: rules.grace, successor, reason: Refusal::Preempted };
        self.give_notice(now, share, notice);
        Ok(())
    }

    /// A share on a card that has no notice yet will be taken away.
    pub(super) fn give_notice(&mut self, now: Timestamp, key: ShareKey, notice: Notice) {
        let over = self.queue.schedule(now + notice.grace, Wake::GraceOver(key));
        let share = &mut self.shares[key];
        debug_assert!(share.may_go(), "a share is taken away once");
        share.leaving = Some(Box::new(Leaving { notice, since: now, over }));
        let pool = share.pool();
        self.pools[pool].preemptions += 1;
        let stays = self.requeue_of(pool).is_some();
        if !stays && !self.faults.lose_answer(now, pool) {
            self.emit(now, EventKind::Preempted { allocation: key.id(), grace: notice.grace });
        }
    }

    /// The grace is over: the share waits for another place, or is lost.
    #[cold]
    pub(super) fn grace_over(&mut self, now: Timestamp, key: ShareKey) {
        let Some(share) = self.shares.get(key) else { return };
        let Some(leaving) = &share.leaving else { return };
        let reason = leaving.notice.reason;
        if self.may_wait(share) {
            self.set_aside(now, key);
        } else {
            self.take_away(now, key, reason);
        }
    }

    /// The share is not to leave any more, because it does.
    pub(super) fn end_notice(&mut self, key: ShareKey) -> Option<Leaving> {
        let leaving = self.shares[key].leaving.take()?;
        self.queue.cancel(leaving.over);
        Some(*leaving)
    }

    /// There is room on a card: for whom it was made, and for those who wait.
    pub(super) fn fill_room(
        &mut self,
        now: Timestamp,
        at: StationRef,
        successor: Option<(Ticket, Allocate)>,
    ) {
        if let Some((ticket, ask)) = successor {
            self.succeed(now, at, ticket, ask);
        }
        self.serve_line(now, at.pool);
    }

    /// The share that was taken away makes room for the one it was taken away for.
    #[cold]
    fn succeed(&mut self, now: Timestamp, at: StationRef, ticket: Ticket, ask: Allocate) {
        if self.pools[at.pool].has_room(at.card, &ask) {
            let share = self.grant(now, at.pool, at.card, ask);
            self.answer_grant(now, ticket, share);
        } else {
            let full = Err(Refusal::PoolFull);
            self.answer(now, at.pool, connector::OperationKind::Allocate, ticket, full);
        }
    }

    /// Whose share goes. `docs/model/pools.md` has the rules.
    pub(super) fn victim_for(
        &mut self,
        now: Timestamp,
        rule: VictimRule,
        ask: &Allocate,
    ) -> Option<ShareKey> {
        let pool = &self.pools[ask.pool.index()];
        match rule {
            VictimRule::LowestTier => {
                self.making_room(pool, ask, pool.victims.by_rank(ask.priority)).next()
            }
            VictimRule::Youngest => {
                self.making_room(pool, ask, pool.victims.by_age(ask.priority)).next()
            }
            VictimRule::LeastProgressLost => {
                let victims = pool.victims.by_age(ask.priority);
                let makes_room: Vec<ShareKey> = self.making_room(pool, ask, victims).collect();
                makes_room.into_iter().min_by_key(|&share| self.progress_of(now, share))
            }
            VictimRule::Cheapest => self
                .making_room(pool, ask, pool.victims.by_age(ask.priority))
                .min_by_key(|&share| self.paid_for(now, share)),
        }
    }

    /// Those of the first so many that may go and would make room.
    fn making_room<'a>(
        &'a self,
        pool: &'a Pool,
        ask: &'a Allocate,
        victims: impl Iterator<Item = ShareKey> + 'a,
    ) -> impl Iterator<Item = ShareKey> + 'a {
        let victims = victims.filter_map(|key| Some((key, self.shares.get(key)?)));
        let may_go = victims.filter(|(_, share)| share.may_go()).take(VICTIMS_CONSIDERED);
        let making_room = may_go.filter(|(_, share)| {
            share.at.is_some_and(|at| pool.would_have_room(at.card, ask, &share.ask))
        });
        making_room.map(|(key, _)| key)
    }

    /// Tokens that the share's inferences have computed and would have to compute again.
    pub(super) fn progress_of(&mut self, now: Timestamp, key: ShareKey) -> u64 {
        let Share { at: Some(at), inferences, .. } = &self.shares[key] else { return 0 };
        let (at, inferences) = (*at, inferences.clone());
        inferences.into_iter().map(|inference| self.work_of(now, at, inference)).sum()
    }

    fn work_of(&mut self, now: Timestamp, at: StationRef, key: InferenceKey) -> u64 {
        let Some(inference) = self.inferences.get(key) else { return 0 };
        let prompt = inference.prompt();
        let so_far = match &inference.stage {
            Stage::OnTheWay => None,
            Stage::Aside(aside) => Some(aside.carried),
            &Stage::AtEngine(sequence) => {
                let mut so_far = None;
                self.with_engine(now, at, |engine| so_far = engine.progress(now, sequence));
                so_far
            }
        };
        so_far.map_or(0, |so_far| so_far.work(prompt))
    }

    /// What the holder has paid for the share, in units that are the same for all shares of a pool:
    /// the time it was placed, times the part of a card that it asked for.
    pub(super) fn paid_for(&self, now: Timestamp, key: ShareKey) -> u128 {
        let share = &self.shares[key];
        let part = self.pools[share.pool()].part_of_card(&share.ask);
        u128::from(share.stay.placed_for(now).as_nanos()).saturating_mul(part)
    }
}
