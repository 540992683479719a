//! Where handlers put their questions, and the clock that goes on when nobody asks.
//!
//! # Mechanism
//!
//! A monitor (Hoare, "Monitors", CACM 1974): one lock around the [`Keeper`], who owns the provider. A
//! handler that asks enters it and puts its question itself; what the provider answers at once is there
//! when it leaves. No task is woken for that, which is most of what a question costs. One thread waits
//! for the next thing to come due by itself, and is woken early only if a question brings it forward.
//!
//! A thread, not a task: the timers of tokio are good for a millisecond, a condition variable for
//! some 50 us, and tokens are to be told in their own time. Whoever hears of tokens writes them onto their
//! connections after leaving ([`Telling`]), alone: in the same order every time, so that the gaps between those of one
//! stream are what they should be, however many are due at once. Two who share
//! what is due are sooner done, but share it in another way each time, and gaps err by more.
//!
//! # Edges
//!
//! Nothing is awaited inside. Whoever waits for the lock waits for the events of one instant at most.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::anyhow;
use connector::{
    Error, ErrorKind, Infer, ModelId, Operation, OperationKind, Reply, Ticket, Tokens,
};

use super::{
    keeper::{Keeper, MockReport},
    pen::{Paper, Pen},
    voice::{Ear, Said, Telling},
};

/// What is due within so little time is waited for by whoever is inside: to wake the clock takes longer.
const NEAR: Duration = Duration::from_micros(3);
/// How often it looks at the time for that.
const LOOKS: usize = 64;
/// Longest rest of the clock: how soon it is noticed that somebody died inside.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// The handlers' side.
#[derive(Clone, Debug)]
pub(super) struct Desk(Arc<Monitor>);

#[derive(Debug)]
struct Monitor {
    state: Mutex<State>,
    /// Something is due before the clock would look again.
    sooner: Condvar,
    /// Whether a fault is ordered, for whoever need not enter then.
    has_orders: AtomicBool,
}

#[derive(Debug)]
struct State {
    keeper: Keeper,
    /// When the clock will look again.
    alarm: Option<Instant>,
    is_closing: bool,
}

impl Desk {
    pub(super) fn open(keeper: Keeper) -> Self {
        let state = State { keeper, alarm: None, is_closing: false };
        Self(Arc::new(Monitor {
            state: Mutex::new(state),
            sooner: Condvar::new(),
            has_orders: AtomicBool::new(false),
        }))
    }

    /// Puts a question to the provider, after what was ordered for it.
    ///
    /// # Errors
    /// As [`ask_for`](Self::ask_for).
    pub(super) async fn ask(&self, operation: Operation) -> Result<Answers, Error> {
        self.ask_for(operation, None).await
    }

    /// The same; a share is asked for so long in the caller's time, or for good.
    ///
    /// # Errors
    /// `Unavailable`, nothing reached, when there are too many or the mock is closing; what was
    /// ordered.
    pub(super) async fn ask_for(
        &self,
        operation: Operation,
        lease: Option<connector::Duration>,
    ) -> Result<Answers, Error> {
        self.wait_as_ordered(operation.kind()).await?;
        self.put(|keeper| keeper.ask(operation, lease))
    }

    async fn wait_as_ordered(&self, kind: OperationKind) -> Result<(), Error> {
        if !self.0.has_orders.load(Ordering::Relaxed) {
            return Ok(());
        }
        let wait = self.inside(|keeper| keeper.strike(kind)).ok_or_else(closing)??;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Asks for an inference on a share of the mock's own. The one named in the question is not
    /// looked at.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(super) async fn complete(&self, model: ModelId, infer: Infer) -> Result<Answers, Error> {
        self.wait_as_ordered(OperationKind::Infer).await?;
        self.put(|keeper| keeper.complete(model, infer))
    }

    fn put(
        &self,
        question: impl FnOnce(&mut Keeper) -> Result<(Ticket, Ear), Error>,
    ) -> Result<Answers, Error> {
        let (ticket, ear) = self.inside(question).ok_or_else(closing)??;
        Ok(Answers { ticket, ear, desk: Some(self.clone()) })
    }

    /// Does something to the keeper; `None` when the mock is closing.
    pub(super) fn inside<T>(&self, act: impl FnOnce(&mut Keeper) -> T) -> Option<T> {
        let mut state = self.0.state.lock().ok().filter(|state| !state.is_closing)?;
        let done = act(&mut state.keeper);
        self.0.has_orders.store(state.keeper.has_orders(), Ordering::Relaxed);
        for _ in 0..LOOKS {
            let now = Instant::now();
            if state.keeper.due().is_none_or(|due| due > now + NEAR) {
                break;
            }
            state.keeper.catch_up();
        }
        let tellings = std::mem::take(state.keeper.tellings());
        self.0.wake_clock_if_sooner(state);
        if !tellings.is_empty() {
            tell(tellings, &mut Paper::default());
        }
        Some(done)
    }

    /// Ends [`keep`](Self::keep).
    pub(super) fn close(&self) {
        if let Ok(mut state) = self.0.state.lock() {
            state.is_closing = true;
        }
        self.0.sooner.notify_one();
    }

    /// Lets things happen when they are due until the desk is closed, then gives back what is held.
    ///
    /// # Errors
    /// If somebody died inside.
    pub(super) fn keep(&self) -> anyhow::Result<MockReport> {
        let died = || anyhow!("the simulator died");
        let mut state = self.0.state.lock().map_err(|_| died())?;
        let (mut tellings, mut paper) = (Vec::new(), Paper::default());
        while !state.is_closing {
            state.keeper.catch_up();
            std::mem::swap(&mut tellings, state.keeper.tellings());
            if !tellings.is_empty() {
                drop(state);
                tell(tellings.drain(..), &mut paper);
                state = self.0.state.lock().map_err(|_| died())?;
                continue;
            }
            let due = state.keeper.due();
            state.alarm = due;
            let rest =
                due.map_or(LONGEST_REST, |due| due.saturating_duration_since(Instant::now()));
            let rested = self.0.sooner.wait_timeout(state, rest.min(LONGEST_REST));
            state = rested.map_err(|_| died())?.0;
            state.alarm = Some(Instant::now());
        }
        Ok(state.keeper.close())
    }
}

impl Monitor {
    fn wake_clock_if_sooner(&self, mut state: MutexGuard<'_, State>) {
        let Some(due) = state.keeper.due() else { return };
        if state.alarm.is_none_or(|alarm| due < alarm) {
            state.alarm = Some(due);
            drop(state);
            self.sooner.notify_one();
        }
    }
}

/// Not inside: to write a thousand tokens takes milliseconds.
fn tell(tellings: impl IntoIterator<Item = Telling>, paper: &mut Paper) {
    tellings.into_iter().for_each(|telling| telling.tell(paper));
}

/// Nothing is asked any more.
pub(super) fn closing() -> Error {
    Error::new(ErrorKind::Unavailable { reached: false }, "the mock is closing")
}

/// What is said about one question. Dropped before the answer, it cancels an inference.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) ticket: Ticket,
    ear: Ear,
    /// Whom to tell that nobody listens any more; `None` once answered.
    desk: Option<Desk>,
}

impl Answers {
    /// The next thing that is said. Ends with an answer, which comes even if the keeper is gone.
    pub(super) async fn next(&mut self) -> Said {
        let said = self.ear.next().await;
        self.heard(said)
    }

    fn heard(&mut self, said: Said) -> Said {
        if matches!(said, Said::Answered(_)) {
            self.desk = None;
        }
        said
    }

    /// The next thing that is said, or `None` when more tokens are out before ([`Ear::next_or_more`]).
    pub(super) async fn next_or_more(&mut self, pen: Pen) -> (Pen, Option<Said>) {
        let (pen, said) = self.ear.next_or_more(pen).await;
        (pen, said.map(|said| self.heard(said)))
    }

    /// Tokens that are out.
    pub(super) fn made(&self) -> Tokens {
        self.ear.made()
    }

    /// The answer, whatever is said before.
    pub(super) async fn answer(&mut self) -> Result<Reply, Error> {
        let result = self.ear.answer().await;
        self.desk = None;
        result
    }

    /// What a line without anybody at the other end says.
    #[cfg(test)]
    pub(super) fn of(ear: Ear) -> Self {
        Self { ticket: Ticket(0), ear, desk: None }
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if let Some(desk) = self.desk.take() {
            // A keeper that is gone has ended everything already.
            let _ = desk.inside(|keeper| keeper.hang_up(self.ticket));
        }
    }
}
