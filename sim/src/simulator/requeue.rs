//! Shares that lost their place and wait for another one.
//!
//! # Mechanism
//!
//! A share that is set aside keeps its name. Its inferences are taken out of their engine with what
//! they have got so far, and the share joins the line of its pool. Whenever there may be room
//! (a share has left, a card is back), whoever is first in line and fits is placed by the pool's
//! rule, its weights are loaded if they are away, and its inferences go on: from the prompt and the
//! answer so far, or from a checkpoint once that is read.
//!
//! # Edges
//!
//! * Whoever fits may pass those before it who do not: so nobody waits who would fit.
//! * A share that waits never takes another one's place.
//! * An inference that reaches a share without a card waits with it.
//! * A share that is taken away again while its checkpoint is being read still has it.

use connector::{Duration, Timestamp};
use smallvec::SmallVec;

use super::{InferenceKey, Refusal, Share, ShareKey, Simulator, StationRef, Wake, infer::Stage};
use crate::{
    config::{KeptProgress, RequeueConfig},
    serving::{Carried, Job},
};

/// What those rely on who do something on its card.
const PLACED: &str = "the share is on a card";

/// An inference without an engine.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) job: Job,
    pub(super) carried: Carried,
}

impl Simulator {
    pub(super) fn requeue_of(&self, pool: usize) -> Option<RequeueConfig> {
        self.pools[pool].config.preemption?.requeue
    }

    /// Whether a share that has to leave may wait for another place.
    pub(super) fn may_wait(&self, share: &Share) -> bool {
        let waiting = self.pools[share.pool()].line.len() as u64;
        share.is_usable()
            && self
                .requeue_of(share.pool())
                .is_some_and(|rules| waiting < u64::from(rules.max_waiting))
    }

    /// A share leaves its card and waits for another place.
    pub(super) fn set_aside(&mut self, now: Timestamp, key: ShareKey) {
        let leaving = self.end_notice(key);
        self.interrupt(now, key, leaving.map_or(now, |leaving| leaving.since));
        let share = &mut self.shares[key];
        let at = share.at.take().expect(PLACED);
        self.meter.pause(key.id(), &mut share.stay, &share.ask, now);
        let (ask, age, old) = (share.ask, share.age, share.timer.take());
        old.map(|timer| self.queue.cancel(timer));
        let max_wait = self.requeue_of(at.pool).map_or(Duration::ZERO, |rules| rules.max_wait);
        let over = self.queue.schedule(now + max_wait, Wake::WaitOver(key));
        self.shares[key].timer = Some(over);
        self.leave_card(now, at, &ask);
        let pool = &mut self.pools[at.pool];
        pool.line.join(ask.priority, age, key);
        pool.set_aside.requeued += 1;
        self.fill_room(now, at, leaving.and_then(|leaving| leaving.notice.successor));
    }

    /// Takes the share's inferences out of their engine. What they computed is kept as far as it
    /// could be written out since the notice.
    fn interrupt(&mut self, now: Timestamp, key: ShareKey, since: Timestamp) {
        let at = self.shares[key].at.expect(PLACED);
        let mut writable = self.writable(at, key, now.since(since));
        for inference in self.shares[key].inferences.clone() {
            let Some(&Stage::AtEngine(sequence)) = self.stage(inference) else { continue };
            let mut withdrawn = None;
            self.with_engine(now, at, |engine| withdrawn = engine.withdraw(now, sequence));
            // It may have finished at this very instant.
            let Some(inference) = self.inferences.get_mut(inference) else { continue };
            let Some((job, carried)) = withdrawn else { continue };
            let kept = u64::from(carried.computed).min(writable);
            writable -= kept;
            self.pools[at.pool].set_aside.recomputed_tokens += u64::from(carried.computed) - kept;
            let carried = Carried { computed: kept as u32, ..carried };
            inference.stage = Stage::Aside(Box::new(Aside { job, carried }));
        }
    }

    fn stage(&self, key: InferenceKey) -> Option<&Stage> {
        self.inferences.get(key).map(|inference| &inference.stage)
    }

    /// Tokens whose keys and values can be written out in this time.
    fn writable(&self, at: StationRef, key: ShareKey, time: Duration) -> u64 {
        let progress = self.requeue_of(at.pool).map(|rules| rules.progress);
        let Some(KeptProgress::Checkpoint { bandwidth }) = progress else { return 0 };
        let bytes_per_token = self.kv_bytes_per_token(&self.shares[key]);
        match bandwidth {
            Some(bandwidth) if bytes_per_token > 0.0 => {
                (time.as_secs_f64() * bandwidth / bytes_per_token) as u64
            }
            Some(_) | None => u64::MAX,
        }
    }

    fn kv_bytes_per_token(&self, share: &Share) -> f64 {
        let server = &self.pools[share.pool()].servers[share.ask.model.index()];
        server.footprint.kv_bytes_per_token.unwrap_or(0.0)
    }

    /// There may be room in the pool: whoever waits and fits gets it.
    pub(super) fn serve_line(&mut self, now: Timestamp, pool: usize) {
        if self.pools[pool].line.len() == 0 {
            return;
        }
        // Whoever asks for the same as somebody who does not fit, does not fit either.
        let mut do_not_fit = SmallVec::<[_; 4]>::new();
        for key in self.pools[pool].line.in_order().collect::<Vec<_>>() {
            let ask = self.shares[key].ask;
            let need = (ask.requirements, ask.overcommit);
            if self.pools[pool].free_slots() == 0 {
                return;
            }
            if do_not_fit.contains(&need) {
                continue;
            }
            match self.pools[pool].choose_card(&ask) {
                Some(card) => self.place_again(now, key, card as usize),
                None => do_not_fit.push(need),
            }
        }
    }

    fn place_again(&mut self, now: Timestamp, key: ShareKey, card: usize) {
        let Share { ask, age, timer, .. } = &mut self.shares[key];
        let (ask, age, over) = (*ask, *age, timer.take());
        over.map(|over| self.queue.cancel(over));
        let pool = &mut self.pools[ask.pool.index()];
        pool.line.leave(ask.priority, age);
        pool.set_aside.resumed += 1;
        let at = self.place(now, ask.pool.index(), card, &ask);
        let had = self.totals(now, at);
        let share = &mut self.shares[key];
        (share.at, share.had) = (Some(at), had);
        self.meter.go_on(&mut share.stay, &share.ask, now);
        self.expose(key);
        let reading = self.reading_time(at, key);
        if reading.is_zero() {
            self.go_on(now, key);
        } else {
            let read = self.queue.schedule(now + reading, Wake::CheckpointRead(key));
            self.shares[key].timer = Some(read);
        }
    }

    /// How long it takes to read what the share's inferences have kept.
    fn reading_time(&self, at: StationRef, key: ShareKey) -> Duration {
        let progress = self.requeue_of(at.pool).map(|rules| rules.progress);
        let Some(KeptProgress::Checkpoint { bandwidth: Some(bandwidth) }) = progress else {
            return Duration::ZERO;
        };
        let share = &self.shares[key];
        let kept = share.inferences.iter().filter_map(|&key| match self.stage(key)? {
            Stage::Aside(aside) => Some(f64::from(aside.carried.computed)),
            Stage::OnTheWay | Stage::AtEngine(_) => None,
        });
        Duration::from_secs_f64(kept.sum::<f64>() * self.kv_bytes_per_token(share) / bandwidth)
    }

    /// What the share's inferences had computed is on its card again.
    #[cold]
    pub(super) fn checkpoint_read(&mut self, now: Timestamp, key: ShareKey) {
        self.shares[key].timer = None;
        self.go_on(now, key);
    }

    /// The share has its place, and all that its inferences need to go on.
    fn go_on(&mut self, now: Timestamp, key: ShareKey) {
        let at = self.shares[key].at.expect(PLACED);
        for inference in self.shares[key].inferences.clone() {
            let Some(of) = self.inferences.get_mut(inference) else { continue };
            match std::mem::replace(&mut of.stage, Stage::OnTheWay) {
                Stage::Aside(aside) => self.start(now, at, inference, *aside),
                stage @ (Stage::OnTheWay | Stage::AtEngine(_)) => of.stage = stage,
            }
        }
    }

    /// The share has waited long enough.
    #[cold]
    pub(super) fn wait_over(&mut self, now: Timestamp, key: ShareKey) {
        self.take_away(now, key, Refusal::Preempted);
    }
}
