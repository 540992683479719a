//! What is said about one question, from whoever hears the provider to whoever asked.
//!
//! # Mechanism
//!
//! One sheet for both: what is said is noted on it, and who listens is woken. Nothing queues: of a
//! first token, a notice and an answer there is one each, and of the tokens that are out only the
//! latest number matters. So a listener that is slow hears less often and misses nothing.
//!
//! A listener who waits for more of a stream leaves his pen on the sheet. Then whoever hears the provider
//! writes the tokens himself ([`Telling`]), in the order in which they are made, and wakes nobody.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use connector::{Duration, Error, ErrorKind, Reply, Tokens};

use super::pen::{Paper, Pen};

/// What a handler hears.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// The first token is there.
    FirstToken,
    /// The share will be taken away.
    Preempted { grace: Duration },
    /// The end.
    Answered(Result<Reply, Error>),
}

#[derive(Debug, Default)]
struct Sheet {
    first_token: bool,
    grace: Option<Duration>,
    made: Tokens,
    answer: Option<Result<Reply, Error>>,
    /// Nothing more will be said.
    is_over: bool,
    /// Whoever listens waits for the end alone.
    until_end: bool,
    listener: Option<Waker>,
    /// Of a listener who waits for more.
    pen: Option<Pen>,
}

/// A voice and the ear that hears it.
pub(super) fn line() -> (Voice, Ear) {
    let sheet = Arc::<Mutex<Sheet>>::default();
    let ear = Ear { sheet: Arc::clone(&sheet), heard: Tokens::ZERO };
    (Voice(Some(sheet)), ear)
}

/// The way back to whoever asked. Dropped before the answer, it says that there will be none.
#[derive(Debug)]
pub(super) struct Voice(Option<Arc<Mutex<Sheet>>>);

impl Voice {
    /// One that nobody hears.
    pub(super) const fn unheard() -> Self {
        Self(None)
    }

    /// Whoever has hung up does not hear it.
    pub(super) fn say(&self, what: Said) {
        self.note(|sheet| match what {
            Said::FirstToken => sheet.first_token = true,
            Said::Preempted { grace } => sheet.grace = Some(grace),
            Said::Answered(result) => sheet.answer = Some(result),
        });
    }

    /// So many tokens are out. Whoever says so has to see to the telling, if there is one.
    pub(super) fn made(&self, tokens: Tokens) -> Option<Telling> {
        let mut sheet = locked(self.0.as_ref()?);
        sheet.made = tokens;
        if sheet.pen.is_some() {
            return self.0.clone().map(Telling);
        }
        sheet.wake();
        None
    }

    fn note(&self, note: impl FnOnce(&mut Sheet)) {
        let Some(sheet) = &self.0 else { return };
        let mut sheet = locked(sheet);
        note(&mut sheet);
        sheet.wake();
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.note(|sheet| sheet.is_over = true);
    }
}

/// Tokens that are out, to be written outside the lock of whoever heard of them.
#[derive(Debug)]
pub(super) struct Telling(Arc<Mutex<Sheet>>);

impl Telling {
    /// Writes them with the pen on the sheet, or wakes the listener.
    pub(super) fn tell(self, paper: &mut Paper) {
        let mut sheet = locked(&self.0);
        let made = sheet.made;
        if !sheet.pen.as_mut().is_some_and(|pen| pen.send(made, paper)) {
            sheet.wake();
        }
    }
}

/// Hears what is said about one question.
#[derive(Debug)]
pub(super) struct Ear {
    sheet: Arc<Mutex<Sheet>>,
    /// Tokens that it knows to be out.
    heard: Tokens,
}

impl Ear {
    /// The next thing that is said. Ends with an answer, which comes even if nobody is left to give
    /// one.
    pub(super) async fn next(&mut self) -> Said {
        poll_fn(|context| self.poll(context, Sheet::next)).await
    }

    /// The next thing that is said, or `None` when more tokens are out before that the pen has not
    /// written. It lies on the sheet meanwhile.
    pub(super) async fn next_or_more(&mut self, pen: Pen) -> (Pen, Option<Said>) {
        let heard = self.heard;
        let mut held = Some(pen);
        let said = poll_fn(|context| {
            let mut sheet = locked(&self.sheet);
            let pen = held.take().or_else(|| sheet.pen.take());
            let pen = pen.expect("the pen is here or on the sheet");
            let said = sheet.next();
            if said.is_some() || sheet.made > heard.max(Tokens::new(pen.sent)) {
                return Poll::Ready((pen, said));
            }
            let place = if pen.has_shortcut() { &mut sheet.pen } else { &mut held };
            *place = Some(pen);
            sheet.listener = Some(context.waker().clone());
            Poll::Pending
        });
        let said = said.await;
        self.heard = self.made();
        said
    }

    /// The answer, whatever is said before.
    pub(super) async fn answer(&mut self) -> Result<Reply, Error> {
        let answer = poll_fn(|context| {
            self.poll(context, |sheet| {
                sheet.until_end = true;
                sheet.take_answer()
            })
        });
        answer.await
    }

    /// Tokens that are out.
    pub(super) fn made(&self) -> Tokens {
        locked(&self.sheet).made
    }

    fn poll<T>(
        &self,
        context: &mut Context<'_>,
        look: impl FnOnce(&mut Sheet) -> Option<T>,
    ) -> Poll<T> {
        let mut sheet = locked(&self.sheet);
        if let Some(found) = look(&mut sheet) {
            return Poll::Ready(found);
        }
        sheet.listener = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Ear {
    /// Nobody writes to whoever does not listen.
    fn drop(&mut self) {
        locked(&self.sheet).pen = None;
    }
}

impl Sheet {
    /// Wakes whoever listens, unless it is too early.
    fn wake(&mut self) {
        let is_end = self.answer.is_some() || self.is_over;
        if !is_end && self.until_end {
            return;
        }
        if let Some(listener) = self.listener.take() {
            listener.wake();
        }
    }

    fn next(&mut self) -> Option<Said> {
        if std::mem::take(&mut self.first_token) {
            return Some(Said::FirstToken);
        }
        if let Some(grace) = self.grace.take() {
            return Some(Said::Preempted { grace });
        }
        self.take_answer().map(Said::Answered)
    }

    /// The answer, which comes even if nobody is left to give one.
    fn take_answer(&mut self) -> Option<Result<Reply, Error>> {
        let gone = || {
            let error = Error::new(ErrorKind::Unavailable { reached: true }, "the mock is closed");
            Err(error)
        };
        self.answer.take().or_else(|| self.is_over.then(gone))
    }
}

/// Whole numbers and whole answers are written in one go, so a panic elsewhere leaves none in halves.
fn locked(sheet: &Mutex<Sheet>) -> MutexGuard<'_, Sheet> {
    sheet.lock().unwrap_or_else(PoisonError::into_inner)
}
