//! Shares: granting, releasing, taking away.

use connector::{
    Allocate, AllocationId, Duration, EventKind, OperationKind, PoolId, Ticket, Timestamp,
};
use smallvec::SmallVec;

use super::{Answer, InferenceKey, Refusal, ShareKey, Simulator, StationRef, Wake};
use crate::{control::Telling, meter::Stay};

/// Shares that may be taken away are looked through up to this number for one that makes room.
const VICTIMS_CONSIDERED: usize = 64;

/// A share that somebody holds.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) ask: Allocate,
    pub(super) at: StationRef,
    pub(super) inferences: SmallVec<[InferenceKey; 2]>,
    pub(super) stay: Stay,
    /// Whether its holder was told that it goes.
    has_notice: bool,
    /// For whom it is being taken away.
    successor: Option<(Ticket, Allocate)>,
}

impl Share {
    /// Whether it may be taken away: not twice, and not if it is leaving by itself.
    pub(super) fn may_go(&self) -> bool {
        !self.has_notice && !self.stay.is_ending()
    }

    /// Whether its holder may still use it. One that is being released is only in the way.
    pub(super) fn is_usable(&self) -> bool {
        !self.stay.is_ending()
    }
}

impl Simulator {
    pub(super) fn allocate(&mut self, now: Timestamp, ticket: Ticket, ask: Allocate) {
        let pool = ask.pool.index();
        match self.try_allocate(now, ticket, ask) {
            Ok(Some(share)) => self.answer_grant(now, ticket, share),
            Ok(None) => {}
            Err(refusal) => {
                self.answer(now, pool, OperationKind::Allocate, ticket, Err(refusal));
            }
        }
    }

    /// A share, or `None` if somebody else's is being taken away for it first.
    fn try_allocate(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        ask: Allocate,
    ) -> Result<Option<ShareKey>, Refusal> {
        let pool = self.pool_of(ask.pool)?;
        self.admit(now, pool, OperationKind::Allocate)?;
        if ask.model.index() >= self.config.models.len() {
            return Err(Refusal::UnknownModel);
        }
        if ask.requirements.vram > self.pools[pool].config.share_vram() {
            return Err(Refusal::LargerThanCard);
        }
        self.check_policy(pool, &ask)?;
        if let Some(card) = self.pools[pool].choose_card(&ask) {
            return Ok(Some(self.grant(now, pool, card as usize, ask)));
        }
        self.evict_for(now, ticket, ask)
    }

    /// Whether the region's rules allow the tenant a share of the pool.
    fn check_policy(&self, pool: usize, ask: &Allocate) -> Result<(), Refusal> {
        let Some(gateway) = self.gateway(pool) else { return Ok(()) };
        if !gateway.lets_in(ask.tenant) {
            return Err(Refusal::NoAccess);
        }
        if gateway.quirks.already_subscribed && self.meter.has_share(ask.pool, ask.tenant) {
            return Err(Refusal::AlreadySubscribed);
        }
        Ok(())
    }

    fn grant(&mut self, now: Timestamp, pool: usize, card: usize, ask: Allocate) -> ShareKey {
        let of = &mut self.pools[pool];
        of.promise(now, card as u32, &ask);
        let server = &of.servers[ask.model.index()];
        let station = of.cards[card].station(ask.model, server);
        let at = StationRef { pool, card, station };
        let (vram, bandwidth) = (of.config.vram(), of.config.weight_load_bandwidth);
        if let Some(bytes) = of.cards[card].ask_for(station, now, vram) {
            match bandwidth {
                Some(bandwidth) => {
                    of.cards[card].note_loads(Some(bandwidth));
                    let time = Duration::from_secs_f64(bytes / bandwidth);
                    let arrival = self.queue.schedule(now + time, Wake::Loaded(at));
                    of.cards[card].await_weights(station, arrival);
                }
                None => self.weights_arrive(now, at),
            }
        }
        self.shares_changed(now, at);
        self.meter.open(&ask);
        let (inferences, stay) = (SmallVec::new(), Stay::since(now));
        let share = self.shares.insert(Share {
            ask,
            at,
            inferences,
            stay,
            has_notice: false,
            successor: None,
        });
        let of = &mut self.pools[pool];
        if ask.preemptible && of.config.preemption_grace.is_some() {
            let shares = &self.shares;
            let alive = |key| shares.get(key).is_some_and(Share::may_go);
            of.victims.add(ask.priority, share, shares.len(), alive);
        }
        share
    }

    fn answer_grant(&mut self, now: Timestamp, ticket: Ticket, share: ShareKey) {
        let pool = self.shares[share].at.pool;
        let region = self.region(pool);
        let answer = match self.gateways[region].tell_grant() {
            Telling::Granted => Ok(Answer::Granted(share)),
            Telling::Nothing => Err(Refusal::TimedOut),
            Telling::Empty => Err(Refusal::Empty),
        };
        let names_it = answer.is_ok();
        let heard = self.answer(now, pool, OperationKind::Allocate, ticket, answer);
        self.shares[share].stay.told = heard.filter(|_| names_it);
    }

    pub(super) fn weights_arrive(&mut self, now: Timestamp, at: StationRef) {
        let pool = &mut self.pools[at.pool];
        let card = &mut pool.cards[at.card];
        card.loaded(at.station, now);
        card.note_loads(pool.config.weight_load_bandwidth);
        self.with_engine(now, at, |engine| engine.resume(now));
    }

    /// Gives notice to the least important share whose leaving makes room.
    fn evict_for(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        ask: Allocate,
    ) -> Result<Option<ShareKey>, Refusal> {
        let grace = self.pools[ask.pool.index()].config.preemption_grace;
        let grace = grace.ok_or(Refusal::PoolFull)?;
        let share = self.victim_for(&ask).ok_or(Refusal::PoolFull)?;
        self.shares[share].successor = Some((ticket, ask));
        self.give_notice(now, share, grace);
        self.queue.schedule(now + grace, Wake::GraceOver(share));
        Ok(None)
    }

    /// The holder of a share hears that it goes after the grace.
    pub(super) fn give_notice(&mut self, now: Timestamp, share: ShareKey, grace: Duration) {
        self.shares[share].has_notice = true;
        let pool = self.shares[share].at.pool;
        self.pools[pool].preemptions += 1;
        if !self.faults.lose_answer(now, pool) {
            self.emit(now, EventKind::Preempted { allocation: share.id(), grace });
        }
    }

    fn victim_for(&self, ask: &Allocate) -> Option<ShareKey> {
        let pool = &self.pools[ask.pool.index()];
        let makes_room =
            |(_, share): &(ShareKey, &Share)| pool.would_have_room(share.at.card, ask, &share.ask);
        let below = pool.victims.below(ask.priority);
        let victims = below.filter_map(|key| Some((key, self.shares.get(key)?)));
        let mut victims = victims.filter(|(_, share)| share.may_go()).take(VICTIMS_CONSIDERED);
        victims.find(makes_room).map(|(share, _)| share)
    }

    pub(super) fn grace_over(&mut self, now: Timestamp, share: ShareKey) {
        if self.shares.contains_key(share) {
            self.take_away(now, share, Refusal::Preempted);
        }
    }

    pub(super) fn release(&mut self, now: Timestamp, ticket: Ticket, allocation: AllocationId) {
        let key = ShareKey::from_id(allocation);
        let pool = self.shares.get(key).map_or(0, |share| share.at.pool);
        let result = self.admit(now, pool, OperationKind::Release).and_then(|()| {
            if !self.shares.get(key).is_some_and(Share::is_usable) {
                return Err(Refusal::UnknownAllocation);
            }
            self.begin_release(now, key);
            Ok(Answer::Released)
        });
        self.answer(now, pool, OperationKind::Release, ticket, result);
    }

    /// Nothing runs on the share any more; whether it is free at once is another matter.
    fn begin_release(&mut self, now: Timestamp, key: ShareKey) {
        let region = self.region(self.shares[key].at.pool);
        let time = self.gateways[region].release_time();
        self.shares[key].stay.released = Some(now);
        if time.is_zero() {
            self.take_away(now, key, Refusal::Abandoned);
        } else {
            self.stop_inferences(now, key, Refusal::Abandoned);
            self.queue.schedule(now + time, Wake::ReleaseDone(key));
        }
    }

    /// A slow release is over, unless the share is gone already.
    pub(super) fn release_done(&mut self, now: Timestamp, key: ShareKey) {
        if self.shares.contains_key(key) {
            self.take_away(now, key, Refusal::Abandoned);
        }
    }

    fn stop_inferences(&mut self, now: Timestamp, key: ShareKey, reason: Refusal) {
        let inferences = std::mem::take(&mut self.shares[key].inferences);
        for inference in inferences {
            self.abort(now, inference, reason);
        }
    }

    /// Ends a share: what runs on it fails for this reason, and who waits for it gets it.
    pub(super) fn take_away(&mut self, now: Timestamp, key: ShareKey, reason: Refusal) {
        self.stop_inferences(now, key, reason);
        let share = self.shares.remove(key).expect("the share was just there");
        self.meter.close(&share.stay, &share.ask, now);
        self.departures.add(now, key, &share);
        let pool = &mut self.pools[share.at.pool];
        pool.take_back(now, share.at.card as u32, &share.ask);
        pool.cards[share.at.card].let_go(share.at.station);
        self.shares_changed(now, share.at);
        self.leave_if_empty(now, (share.at.pool, share.at.card));
        if let Some((ticket, ask)) = share.successor {
            self.succeed(now, share.at, ticket, ask);
        }
    }

    /// The share that was taken away makes room for the one it was taken away for.
    fn succeed(&mut self, now: Timestamp, at: StationRef, ticket: Ticket, ask: Allocate) {
        let pool = &self.pools[at.pool];
        if pool.has_room(at.card, &ask) {
            let share = self.grant(now, at.pool, at.card, ask);
            self.answer_grant(now, ticket, share);
        } else {
            let full = Err(Refusal::PoolFull);
            self.answer(now, at.pool, OperationKind::Allocate, ticket, full);
        }
    }

    pub(super) fn inspect(&mut self, now: Timestamp, ticket: Ticket, allocation: AllocationId) {
        let key = ShareKey::from_id(allocation);
        let pool = self.shares.get(key).map_or(0, |share| share.at.pool);
        let result = self.admit(now, pool, OperationKind::Inspect);
        let result = result.map(|()| Answer::Inspect(key));
        self.answer(now, pool, OperationKind::Inspect, ticket, result);
    }

    pub(super) fn list(&mut self, now: Timestamp, ticket: Ticket, pool: PoolId) {
        let result = self.pool_of(pool).and_then(|index| {
            self.admit(now, index, OperationKind::List)?;
            Ok(Answer::List(pool))
        });
        self.answer(now, pool.index(), OperationKind::List, ticket, result);
    }
}
