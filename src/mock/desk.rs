//! Where handlers put their questions and hear the answers.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use connector::{Duration, Error, ErrorKind, Operation, Reply, Ticket, Tokens};
use tokio::sync::{mpsc, watch};

use super::tally::Tallies;

/// What is heard of one question one by one: a first token, a notice, an answer.
const MOST_SAID: usize = 3;

/// A question on its way to the keeper.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) ticket: Ticket,
    pub(super) operation: Operation,
    /// Of an allocation: how long the share is asked for, in the caller's time; `None`: for good.
    pub(super) lease: Option<Duration>,
    pub(super) voice: Voice,
}

/// The way back to whoever asked.
#[derive(Debug)]
pub(super) struct Voice {
    /// Has room for everything that can be said.
    say: mpsc::Sender<Said>,
    /// Tokens that are out. Only the latest number matters, however slowly it is listened to.
    made: watch::Sender<Tokens>,
}

impl Voice {
    /// One that nobody hears.
    pub(super) fn unheard() -> Self {
        Self::open().0
    }

    fn open() -> (Self, mpsc::Receiver<Said>, watch::Receiver<Tokens>) {
        let (say, said) = mpsc::channel(MOST_SAID);
        let (made, grown) = watch::channel(Tokens::ZERO);
        (Self { say, made }, said, grown)
    }

    /// Whoever has hung up does not hear it.
    pub(super) fn say(&self, what: Said) {
        let _ = self.say.try_send(what);
    }

    /// So many tokens are out.
    pub(super) fn made(&self, tokens: Tokens) {
        self.made.send_replace(tokens);
    }
}

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

/// The keeper's side of the desk.
#[derive(Debug)]
pub(super) struct Counter {
    pub(super) questions: mpsc::Receiver<Question>,
    /// Inferences that nobody waits for any more. Not bounded by itself: there is at most one entry
    /// per question in flight, and losing one would leave an inference running for nobody.
    pub(super) hung_up: mpsc::UnboundedReceiver<Ticket>,
}

/// The handlers' side of the desk.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    questions: mpsc::Sender<Question>,
    hung_up: mpsc::UnboundedSender<Ticket>,
    tickets: Arc<AtomicU64>,
    pub(super) tallies: Tallies,
}

impl Desk {
    /// A desk with room for this many questions that the keeper has not taken yet.
    pub(super) fn open(room: usize) -> (Self, Counter) {
        let (questions, taken) = mpsc::channel(room);
        let (hung_up, heard) = mpsc::unbounded_channel();
        let desk =
            Self { questions, hung_up, tickets: Arc::default(), tallies: Tallies::default() };
        (desk, Counter { questions: taken, hung_up: heard })
    }

    /// Puts a question to the keeper.
    ///
    /// # Errors
    /// As [`ask_for`](Self::ask_for).
    pub(super) fn ask(&self, operation: Operation) -> Result<Answers, Error> {
        self.ask_for(operation, None)
    }

    /// Puts a question to the keeper; a share is asked for so long.
    ///
    /// # Errors
    /// `Unavailable`, nothing reached, when there is no room or the mock is closing.
    pub(super) fn ask_for(
        &self,
        operation: Operation,
        lease: Option<Duration>,
    ) -> Result<Answers, Error> {
        let (voice, said, made) = Voice::open();
        let ticket = Ticket(self.tickets.fetch_add(1, Ordering::Relaxed));
        let cancels = matches!(operation, Operation::Infer(_));
        let question = Question { ticket, operation, lease, voice };
        match self.questions.try_send(question) {
            Ok(()) => {
                let hung_up = cancels.then(|| self.hung_up.clone());
                Ok(Answers { ticket, said, made, hung_up })
            }
            Err(mpsc::error::TrySendError::Full(_)) => Err(away("too many questions at once")),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(away("the mock is closing")),
        }
    }
}

fn away(words: &str) -> Error {
    Error::new(ErrorKind::Unavailable { reached: false }, words)
}

/// What is said about one question. Dropped before the answer, it cancels an inference.
#[derive(Debug)]
pub(super) struct Answers {
    ticket: Ticket,
    said: mpsc::Receiver<Said>,
    made: watch::Receiver<Tokens>,
    /// Whom to tell that nobody listens any more; `None` once answered or where nobody cares.
    hung_up: Option<mpsc::UnboundedSender<Ticket>>,
}

impl Answers {
    /// The next thing that is said. Ends with an answer, which comes even if the keeper is gone.
    pub(super) async fn next(&mut self) -> Said {
        let said = self.said.recv().await;
        self.heard(said)
    }

    fn heard(&mut self, said: Option<Said>) -> Said {
        let gone = || {
            let gone = Error::new(ErrorKind::Unavailable { reached: true }, "the mock is closed");
            Said::Answered(Err(gone))
        };
        let said = said.unwrap_or_else(gone);
        if matches!(said, Said::Answered(_)) {
            self.hung_up = None;
        }
        said
    }

    /// The next thing that is said, or `None` when more tokens are out before.
    pub(super) async fn next_or_more(&mut self) -> Option<Said> {
        tokio::select! {
            biased;
            said = self.said.recv() => Some(self.heard(said)),
            Ok(()) = self.made.changed() => None,
        }
    }

    /// Tokens that are out.
    pub(super) fn made(&self) -> Tokens {
        *self.made.borrow()
    }

    /// The answer, whatever is said before.
    pub(super) async fn answer(&mut self) -> Result<Reply, Error> {
        loop {
            if let Said::Answered(result) = self.next().await {
                return result;
            }
        }
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if let Some(hung_up) = self.hung_up.take() {
            // A keeper that is gone has ended everything already.
            let _ = hung_up.send(self.ticket);
        }
    }
}
