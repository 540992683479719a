use connector::{AllocationId, Error, ErrorKind, EventKind, Reply, Ticket, Timestamp};

use super::Platform;
use crate::question::{Question, QuestionKey};

impl Platform {
    pub(super) fn event(&mut self, now: Timestamp, cable: usize, event: EventKind) {
        match event {
            EventKind::Completed { ticket, result } => {
                self.answered(now, cable, QuestionKey::of(ticket), result);
            }
            EventKind::FirstToken { ticket } => self.first_token_of(now, ticket),
            EventKind::Progress { ticket, tokens, text } => {
                self.progress_told(now, ticket, tokens, text.as_deref());
            }
            EventKind::Preempted { allocation, .. } => self.preempted(now, cable, allocation),
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
        let questions = &self.questions;
        let is_open = |key| questions.contains_key(key);
        self.timers.answered(question.wait(), questions.len(), is_open);
        match question {
            Question::Allocate(lease) => self.allocate_answered(now, lease, result),
            Question::Infer(lease) => self.infer_answered(now, lease, result),
            Question::Release(lease) => self.release_answered(now, lease, key, result),
            Question::List(cable) => self.list_answered(now, cable, key, result),
            Question::Cancel => {}
        }
    }

    /// An answer to nothing. If it grants a share, lists will tell whether that share exists; the
    /// event may name any cable of its connector, so all pools are asked.
    #[cold]
    fn stray(&mut self, now: Timestamp, cable: usize, result: &Result<Reply, Error>) {
        self.cables[cable].statistics.stray_answers += 1;
        if let Ok(Reply::Granted { .. }) = result {
            for cable in 0..self.cables.len() {
                self.doubt(now, cable);
            }
        }
    }

    fn first_token_of(&mut self, now: Timestamp, ticket: Ticket) {
        if let Some(&Question::Infer(lease)) = self.questions.get(QuestionKey::of(ticket)) {
            self.first_token(now, lease);
        }
    }

    /// A share will be taken away. Its inference ends one way or the other, so it is enough to
    /// know then that a failure was not the pool's fault. A lease that nobody uses is given up.
    #[cold]
    fn preempted(&mut self, now: Timestamp, cable: usize, allocation: AllocationId) {
        let named = self.leases.iter_mut();
        let named = named.filter(|(_, lease)| lease.allocation() == Some(allocation));
        let Some((key, lease)) = named.max_by_key(|(_, lease)| lease.cable == cable) else {
            return;
        };
        let (index, is_warm) = (lease.cable, lease.warm().is_some());
        if let Some(held) = lease.held_mut() {
            held.preempted = true;
            let ride = held.account.ride;
            self.ride_preempted(ride);
        } else if !is_warm {
            return;
        }
        self.cables[index].statistics.preemptions += 1;
        if is_warm {
            self.give_up_warm(now, key);
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
