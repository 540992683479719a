//! Shares: granting, releasing, ending.

use connector::{Allocate, AllocationId, EventKey, OperationKind, PoolId, Ticket, Timestamp};
use smallvec::SmallVec;

use super::{
    Answer, InferenceKey, Refusal, ShareKey, Simulator, StationRef, Wake, preempt::Leaving,
};
use crate::{control::Telling, meter::Stay, usage::Totals};

/// A share that somebody holds.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) ask: Allocate,
    /// How many shares were granted before it.
    pub(super) age: u64,
    /// Its place; `None` while it waits for one.
    pub(super) at: Option<StationRef>,
    pub(super) inferences: SmallVec<[InferenceKey; 2]>,
    pub(super) stay: Stay,
    /// What a share of its kind had had when it was placed.
    pub(super) had: Totals,
    /// It is being taken away. Few are, so it is kept elsewhere.
    pub(super) leaving: Option<Box<Leaving>>,
    /// The end of its wait for a place, or of reading its checkpoint in a new one.
    pub(super) timer: Option<EventKey>,
}

impl Share {
    pub(super) fn pool(&self) -> usize {
        self.ask.pool.index()
    }

    /// Whether it may be taken away: not twice, and not if it is leaving by itself.
    pub(super) fn may_go(&self) -> bool {
        self.leaving.is_none() && !self.stay.is_ending() && self.at.is_some()
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
                if refusal == Refusal::PoolFull {
                    self.note_demand(now, pool);
                }
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
        self.evict_for(now, ticket, ask).map(|()| None)
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

    pub(super) fn grant(
        &mut self,
        now: Timestamp,
        pool: usize,
        card: usize,
        ask: Allocate,
    ) -> ShareKey {
        let at = self.place(now, pool, card, &ask);
        self.meter.open(&ask);
        let age = self.grants;
        self.grants += 1;
        let share = self.shares.insert(Share {
            ask,
            age,
            at: Some(at),
            inferences: SmallVec::new(),
            stay: Stay::since(now),
            had: self.totals(now, at),
            leaving: None,
            timer: None,
        });
        self.expose(share);
        share
    }

    /// A share gets its place on a card, and the weights of its model are loaded if need be.
    pub(super) fn place(
        &mut self,
        now: Timestamp,
        pool: usize,
        card: usize,
        ask: &Allocate,
    ) -> StationRef {
        let of = &mut self.pools[pool];
        of.promise(now, card as u32, ask);
        let server = &of.servers[ask.model.index()];
        let station = of.cards[card].station(ask.model, server);
        let at = StationRef { pool, card, station };
        let vram = of.config.vram();
        if let Some(bytes) = of.cards[card].ask_for(station, now, ask.requirements.tflops, vram) {
            self.load_weights(now, at, bytes);
        }
        self.shares_changed(now, at);
        self.pools[pool].note_usage(now, card, station);
        at
    }

    /// A share that has its place may be taken away from now on, if it may at all.
    pub(super) fn expose(&mut self, key: ShareKey) {
        let Share { ask, age, .. } = self.shares[key];
        let pool = &mut self.pools[ask.pool.index()];
        if ask.preemptible && pool.config.preemption.is_some() {
            let shares = &self.shares;
            let alive = |key| shares.get(key).is_some_and(Share::may_go);
            pool.victims.add(ask.priority, (age, key), shares.len(), alive);
        }
    }

    /// The place of a share is free again.
    pub(super) fn leave_card(&mut self, now: Timestamp, at: StationRef, ask: &Allocate) {
        let pool = &mut self.pools[at.pool];
        pool.take_back(now, at.card as u32, ask);
        pool.cards[at.card].let_go(at.station, ask.requirements.tflops);
        pool.note_usage(now, at.card, at.station);
        self.shares_changed(now, at);
        self.leave_if_empty(now, (at.pool, at.card));
    }

    /// What a share has had so far that has been in this place since the beginning.
    pub(super) fn totals(&self, now: Timestamp, at: StationRef) -> Totals {
        self.pools[at.pool].cards[at.card].stations[at.station].totals(now)
    }

    pub(super) fn answer_grant(&mut self, now: Timestamp, ticket: Ticket, share: ShareKey) {
        let pool = self.shares[share].pool();
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

    /// Brings the weights of a model onto its card, which made room for them.
    #[cold]
    pub(super) fn load_weights(&mut self, now: Timestamp, at: StationRef, bytes: f64) {
        let of = &mut self.pools[at.pool];
        of.note_engines(now, at.card);
        let Some(bandwidth) = of.config.weight_load_bandwidth else {
            return self.weights_arrive(now, at);
        };
        let card = &mut of.cards[at.card];
        card.note_loads(Some(bandwidth));
        let time = connector::Duration::from_secs_f64(bytes / bandwidth);
        card.await_weights(at.station, self.queue.schedule(now + time, Wake::Loaded(at)));
    }

    pub(super) fn weights_arrive(&mut self, now: Timestamp, at: StationRef) {
        let pool = &mut self.pools[at.pool];
        let card = &mut pool.cards[at.card];
        card.loaded(at.station, now);
        card.note_loads(pool.config.weight_load_bandwidth);
        self.with_engine(now, at, |engine| engine.resume(now));
    }

    pub(super) fn release(&mut self, now: Timestamp, ticket: Ticket, allocation: AllocationId) {
        let key = ShareKey::from_id(allocation);
        let pool = self.shares.get(key).map_or(0, Share::pool);
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
        let region = self.region(self.shares[key].pool());
        let time = self.gateways[region].release_time();
        self.shares[key].stay.released = Some(now);
        // Who waits for a place has nothing that would have to be freed.
        if time.is_zero() || self.shares[key].at.is_none() {
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

    pub(super) fn stop_inferences(&mut self, now: Timestamp, key: ShareKey, reason: Refusal) {
        let inferences = std::mem::take(&mut self.shares[key].inferences);
        for inference in inferences {
            self.abort(now, inference, reason);
        }
    }

    /// Ends a share: what runs on it fails for this reason, and who waits for its place gets it.
    pub(super) fn take_away(&mut self, now: Timestamp, key: ShareKey, reason: Refusal) {
        let leaving = self.end_notice(key);
        self.stop_inferences(now, key, reason);
        let share = self.shares.remove(key).expect("the share was just there");
        share.timer.map(|timer| self.queue.cancel(timer));
        self.meter.close(key.id(), &share.stay, &share.ask, now);
        self.departures.add(now, key, &share);
        match share.at {
            Some(at) => {
                self.leave_card(now, at, &share.ask);
                self.fill_room(now, at, leaving.and_then(|leaving| leaving.notice.successor));
            }
            None => self.pools[share.pool()].line.leave(share.ask.priority, share.age),
        }
    }

    pub(super) fn inspect(&mut self, now: Timestamp, ticket: Ticket, allocation: AllocationId) {
        let key = ShareKey::from_id(allocation);
        let pool = self.shares.get(key).map_or(0, Share::pool);
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
