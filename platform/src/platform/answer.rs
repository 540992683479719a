use connector::{AllocationId, Error, ErrorKind, EventKind, Reply, Ticket, Timestamp};

use super::Platform;
use crate::{
    lease::Lease,
    question::{Question, QuestionKey},
};

impl Platform {
    pub(super) fn event(&mut self, now: Timestamp, cable: usize, event: EventKind) {
        match event {
            EventKind::Completed { ticket, result } => {
                self.answered(now, cable, QuestionKey::of(ticket), result);
            }
            EventKind::FirstToken { ticket } => self.first_token_of(now, ticket),
            EventKind::Preempted { allocation, .. } => self.preempted(cable, allocation),
        }
    }

    fn answered(
        &mut self,
        now: Timestamp,
        cable: usize,
        key: QuestionKey,
        result: Result<Reply, Error>,
    ) {
        let Some(question) = self.questions.remove(key) else {
            return self.stray(now, cable, &result);
        };
        let (questions, timers) = (&self.questions, &mut self.timers);
        let (open, is_open) = (questions.len(), |_, key| questions.contains_key(key));
        match question {
            Question::Allocate(lease) => {
                timers.allocation.settle(open, is_open);
                self.allocate_answered(now, lease, result);
            }
            Question::Infer(lease) => {
                timers.inference.settle(open, is_open);
                self.infer_answered(now, lease, result);
            }
            Question::Release(lease) => {
                timers.release.settle(open, is_open);
                self.release_answered(now, lease, key, result);
            }
            Question::List(cable) => {
                timers.release.settle(open, is_open);
                self.list_answered(now, cable, key, result);
            }
            Question::Cancel => {}
        }
    }

    /// An answer to nothing. If it grants a share, a list will tell whether that share exists.
    fn stray(&mut self, now: Timestamp, cable: usize, result: &Result<Reply, Error>) {
        self.cables[cable].statistics.stray_answers += 1;
        if let Ok(Reply::Granted { .. }) = result {
            self.doubt(now, cable);
        }
    }

    fn first_token_of(&mut self, now: Timestamp, ticket: Ticket) {
        if let Some(&Question::Infer(lease)) = self.questions.get(QuestionKey::of(ticket)) {
            self.first_token(now, lease);
        }
    }

    /// A share will be taken away. Its inference ends one way or the other, so it is enough to
    /// know then that a failure was not the pool's fault.
    fn preempted(&mut self, cable: usize, allocation: AllocationId) {
        self.cables[cable].statistics.preemptions += 1;
        let here = self.leases.values_mut().filter(|lease| lease.cable == cable);
        let mut held = here.filter_map(Lease::held_mut);
        if let Some(held) = held.find(|held| held.allocation == allocation) {
            held.preempted = true;
        }
    }
}

/// The expected reply; any other is a breach of the protocol.
pub(super) fn expect_reply<T>(
    result: Result<Reply, Error>,
    pick: impl FnOnce(Reply) -> Option<T>,
) -> Result<T, Error> {
    pick(result?)
        .ok_or_else(|| Error::new(ErrorKind::Protocol, "the answer is to another question"))
}
