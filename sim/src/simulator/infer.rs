//! Inferences: reaching the card, running there, ending.

use std::sync::Arc;

use connector::{
    Content, Duration, EventKind, Infer, OperationKind, Priority, Ticket, Timestamp, Tokens, Usage,
};
use slotmap::{Key, KeyData};

use super::{
    Answer, InferenceKey, Refusal, Share, ShareKey, Simulator, StationRef, Wake, requeue::Aside,
};
use crate::serving::{Carried, Engine, Job, Progress, ProgressKind, SequenceKey};

/// An inference in flight.
#[derive(Debug)]
pub(super) struct Inference {
    ticket: Ticket,
    share: ShareKey,
    stream: bool,
    /// How often its caller wants to know how far it is.
    progress: Option<Duration>,
    /// Tokens that were told.
    told: u32,
    usage: Usage,
    /// Ids of the prompt's blocks, until the engine has them.
    content: Option<Arc<[u64]>>,
    pub(super) stage: Stage,
}

/// What an inference has made, and what of it was told.
#[derive(Clone, Copy, Debug)]
struct Told {
    ticket: Ticket,
    share: ShareKey,
    asked: bool,
    made: u32,
    before: u32,
}

impl Told {
    fn of(inference: &Inference) -> Self {
        Self {
            ticket: inference.ticket,
            share: inference.share,
            asked: inference.progress.is_some(),
            made: 0,
            before: inference.told,
        }
    }
}

/// Where an inference is.
#[derive(Debug)]
pub(super) enum Stage {
    /// On its way to its card.
    OnTheWay,
    /// Its engine knows it by this name.
    AtEngine(SequenceKey),
    /// Its share has no card, or what it had computed is not there yet.
    Aside(Box<Aside>),
}

impl Inference {
    pub(super) fn prompt(&self) -> Tokens {
        self.usage.prompt
    }

    /// Whether its caller wants to know of each token.
    fn watches(&self) -> bool {
        self.progress.is_some_and(Duration::is_zero)
    }
}

fn job_id(key: InferenceKey) -> u64 {
    key.data().as_ffi()
}

fn inference_key(id: u64) -> InferenceKey {
    KeyData::from_ffi(id).into()
}

impl Simulator {
    pub(super) fn infer(&mut self, now: Timestamp, ticket: Ticket, ask: Infer) {
        let share = ShareKey::from_id(ask.allocation);
        let pool = self.shares.get(share).map_or(0, Share::pool);
        let usage = Usage::computed(ask.prompt.tokens, ask.max_tokens);
        if let Err(refusal) = self.admit_inference(now, pool, share, usage) {
            self.answer(now, pool, OperationKind::Infer, ticket, Err(refusal));
            return;
        }
        let key = self.inferences.insert(Inference {
            ticket,
            share,
            stream: ask.stream,
            progress: ask.progress,
            told: 0,
            usage,
            content: match ask.prompt.content {
                Content::Blocks(blocks) => Some(blocks),
                Content::Unknown | Content::Text(_) => None,
            },
            stage: Stage::OnTheWay,
        });
        self.by_ticket.insert(ticket, key);
        self.look_again(now, key);
        // Whoever uses a share knows of it: a ghost that was found in a list and kept.
        self.shares[share].stay.told.get_or_insert(now);
        let model = self.shares[share].ask.model;
        self.shares[share].inferences.push(key);
        let travel = self.latency(pool, OperationKind::Infer)
            + self.pools[pool].servers[model.index()].front_end;
        if travel.is_zero() {
            self.reach_card(now, key);
        } else {
            self.queue.schedule(now + travel, Wake::Arrive(key));
        }
    }

    fn admit_inference(
        &mut self,
        now: Timestamp,
        pool: usize,
        share: ShareKey,
        usage: Usage,
    ) -> Result<(), Refusal> {
        self.admit(now, pool, OperationKind::Infer)?;
        let share = self.shares.get(share).filter(|share| share.is_usable());
        let share = share.ok_or(Refusal::UnknownAllocation)?;
        let limits = &self.pools[pool].servers[share.ask.model.index()].limits;
        if limits.hold(usage.prompt, usage.output) {
            Ok(())
        } else {
            Err(Refusal::LongerThanCache(limits.longest_context()))
        }
    }

    /// The inference is at its card, unless it was dropped on the way.
    pub(super) fn reach_card(&mut self, now: Timestamp, key: InferenceKey) {
        let Some(inference) = self.inferences.get_mut(key) else { return };
        let Usage { prompt, output, .. } = inference.usage;
        let (content, watched) = (inference.content.take(), inference.watches());
        let share = &self.shares[inference.share];
        let (at, priority) = (share.at, share.ask.priority);
        let rank = Priority::MAX.rank() - priority.rank();
        let job = Job { id: job_id(key), prompt, output, rank, content, watched };
        let aside = Aside { job, carried: Carried::default() };
        match at {
            Some(at) => self.start(now, at, key, aside),
            None => inference.stage = Stage::Aside(Box::new(aside)),
        }
    }

    /// The inference begins at an engine, or goes on there.
    pub(super) fn start(
        &mut self,
        now: Timestamp,
        at: StationRef,
        key: InferenceKey,
        aside: Aside,
    ) {
        let Aside { job, carried } = aside;
        let (pool, mut sequence) = (&mut self.pools[at.pool], None);
        if let Some(bytes) = pool.cards[at.card].want_weights(at.station, now, pool.config.vram()) {
            self.load_weights(now, at, bytes);
        }
        self.with_engine(now, at, |engine| sequence = Some(engine.resume_job(now, job, carried)));
        if let (Some(inference), Some(sequence)) = (self.inferences.get_mut(key), sequence) {
            inference.stage = Stage::AtEngine(sequence);
        }
    }

    pub(super) fn cancel(&mut self, now: Timestamp, ticket: Ticket, inference: Ticket) {
        let found = self.by_ticket.get(&inference).copied();
        let pool = found.map_or(0, |key| self.shares[self.inferences[key].share].pool());
        let result = match (found, self.admit(now, pool, OperationKind::Cancel)) {
            (_, Err(refusal)) => Err(refusal),
            (Some(key), Ok(())) => {
                let share = self.inferences[key].share;
                self.shares[share].inferences.retain(|held| *held != key);
                self.abort(now, key, Refusal::Abandoned);
                Ok(Answer::Cancelled)
            }
            (None, Ok(())) => Err(Refusal::UnknownInference),
        };
        self.answer(now, pool, OperationKind::Cancel, ticket, result);
    }

    /// Ends an inference that its share no longer lists; its caller is told at once.
    pub(super) fn abort(&mut self, now: Timestamp, key: InferenceKey, reason: Refusal) {
        // It may have finished at this very instant, as is found when another one is ended.
        let Some(inference) = self.inferences.remove(key) else { return };
        self.by_ticket.remove(&inference.ticket);
        let share = &self.shares[inference.share];
        let pool = share.pool();
        let mut made = 0;
        if let (Some(at), &Stage::AtEngine(sequence)) = (share.at, &inference.stage) {
            let asked = inference.progress.is_some();
            self.with_engine(now, at, |engine| {
                let carried = if asked { engine.progress(now, sequence) } else { None };
                made = carried.map_or(0, |carried| carried.made);
                engine.cancel(now, sequence);
            });
        }
        self.tell_progress(now, Told { made, ..Told::of(&inference) });
        self.deliver_from(now, pool, inference.ticket, Answer::Refused(reason));
    }

    /// When to tell next how far an inference is, if that was asked for. Of each token its engine tells.
    fn look_again(&mut self, now: Timestamp, key: InferenceKey) {
        let progress = self.inferences.get(key).and_then(|inference| inference.progress);
        let is_period = |period: &Duration| !period.is_zero() && *period < Duration::MAX;
        if let Some(period) = progress.filter(is_period) {
            self.queue.schedule(now + period, Wake::Progress(key));
        }
    }

    /// It is time to tell how far an inference is, if it is still there.
    pub(super) fn look_at_progress(&mut self, now: Timestamp, key: InferenceKey) {
        let Some(inference) = self.inferences.get(key) else { return };
        if let (Some(at), &Stage::AtEngine(sequence)) =
            (self.shares[inference.share].at, &inference.stage)
        {
            let mut made = 0;
            self.with_engine(now, at, |engine| {
                made = engine.progress(now, sequence).map_or(0, |carried| carried.made);
            });
            // It may have ended just now.
            let Some(inference) = self.inferences.get_mut(key) else { return };
            let news = Told { made, ..Told::of(inference) };
            inference.told = inference.told.max(made);
            self.tell_progress(now, news);
        }
        self.look_again(now, key);
    }

    /// Tells that so many tokens are out, if that is news that was asked for.
    fn tell_progress(&mut self, now: Timestamp, Told { ticket, share, asked, made, before }: Told) {
        let is_news = asked && made > before;
        if is_news && !self.faults.lose_answer(now, self.shares[share].pool()) {
            let tokens = Tokens::new(made);
            self.emit(now, EventKind::Progress { ticket, tokens, text: None });
        }
    }

    /// Does something to an engine and sees to the consequences: what it reports, how the card is
    /// shared, when to look again.
    pub(super) fn with_engine(
        &mut self,
        now: Timestamp,
        at: StationRef,
        act: impl FnOnce(&mut Engine),
    ) {
        let station = &mut self.pools[at.pool].cards[at.card].stations[at.station];
        let engine = &mut station.engine;
        let mut progress = std::mem::take(&mut self.progress);
        engine.advance(now);
        act(engine);
        engine.exchange_news(&mut progress);
        let ready = engine.wants_card();
        if station.ready == ready {
            self.schedule_engine(now, at);
        } else {
            station.ready = ready;
            let member = station.member;
            self.set_ready(now, at, member, ready);
            self.schedule_engine(now, at);
        }
        self.pools[at.pool].note_engine(now, at.card, at.station);
        for what in progress.drain(..) {
            self.report(what);
        }
        self.progress = progress;
    }

    /// Sees to it that the engine is woken in time; a wake-up that is already set for earlier is
    /// left, since coming too early costs less than being set anew at every change.
    pub(super) fn schedule_engine(&mut self, now: Timestamp, at: StationRef) {
        let station = &mut self.pools[at.pool].cards[at.card].stations[at.station];
        // A change of speed lets happen what is due at that very instant.
        let told = station.engine.has_news() || station.engine.wants_card() != station.ready;
        let next = if told { Some(now) } else { station.engine.next_event() };
        let Some(next) = next.map(|next| next.max(now)) else { return };
        if let Some((set, key)) = station.wake {
            if set <= next {
                return;
            }
            self.queue.cancel(key);
        }
        station.wake = Some((next, self.queue.schedule(next, Wake::Engine(at))));
    }

    /// A job that was dropped at the very instant it got further is not reported.
    fn report(&mut self, progress: Progress) {
        let Progress { at, id, kind } = progress;
        match kind {
            ProgressKind::FirstToken => {
                let inference = self.inferences.get(inference_key(id));
                if let Some(&Inference { ticket, share, stream: true, .. }) = inference
                    && !self.faults.lose_answer(at, self.shares[share].pool())
                {
                    self.emit(at, EventKind::FirstToken { ticket });
                }
            }
            ProgressKind::Finished => {
                let key = inference_key(id);
                let Some(inference) = self.inferences.remove(key) else { return };
                self.by_ticket.remove(&inference.ticket);
                self.shares[inference.share].inferences.retain(|held| *held != key);
                self.deliver_text(at, inference.share, inference.ticket, inference.usage);
            }
            ProgressKind::Scheduled { found: Some(found) } => {
                if let Some(inference) = self.inferences.get_mut(inference_key(id)) {
                    inference.usage.cached = found;
                }
            }
            ProgressKind::Tokens(more) => self.tell_tokens(at, inference_key(id), more),
            ProgressKind::Scheduled { found: None } | ProgressKind::Preempted => {}
        }
    }

    /// More tokens of an inference are out whose caller wants to know of each.
    fn tell_tokens(&mut self, at: Timestamp, key: InferenceKey, more: u32) {
        let Some(inference) = self.inferences.get_mut(key) else { return };
        // The first one is told by itself.
        let before = inference.told.max(1);
        inference.told = before + more;
        let news = Told { made: inference.told, before, ..Told::of(inference) };
        self.tell_progress(at, news);
    }
}
