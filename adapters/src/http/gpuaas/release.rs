//! Giving a share back, until nothing is charged for it any more.

use connector::{Error, ErrorKind};

use super::{
    Account,
    exchange::is_passing,
    look::{LOOKS_TO_BE_GONE, not_held},
};
use crate::{
    gpuaas::{SubscriptionState, UnsubscribeRequest, WireId},
    http::call::Answer,
};

/// Looks at a row that is not being taken down before that is asked for again: a confirmation says
/// nothing (pathology 22).
const LOOKS_BEFORE_ASKING: u32 = 3;

impl Account {
    /// Unsubscribes and waits until the row is gone. Bounded by the time allowed for the operation: what
    /// takes longer ends as a time-out, and the row stays in the lists for who looks.
    pub(super) async fn release(&self, subscription: &WireId) -> Result<Answer, Error> {
        let facts = self.facts_of(subscription)?;
        let at = (facts.team, &facts.pool_id);
        let (mut was_unknown, mut missed, mut idle) = (false, 0, LOOKS_BEFORE_ASKING);
        loop {
            if idle >= LOOKS_BEFORE_ASKING {
                idle = 0;
                match self.unsubscribe(at, subscription).await {
                    Ok(()) => {}
                    Err(error) if error.kind == ErrorKind::NotFound => was_unknown = true,
                    // It is being taken down already, or may be.
                    Err(error) if error.kind == ErrorKind::Conflict || is_passing(error.kind) => {}
                    Err(error) => return Err(error),
                }
            }
            match self.look_at(at, subscription).await {
                Ok(None) => missed += 1,
                Ok(Some(row)) => {
                    (missed, was_unknown) = (0, false);
                    let is_ending = row.state() == SubscriptionState::Unsubscribing;
                    idle = if is_ending { 0 } else { idle + 1 };
                }
                Err(error) if is_passing(error.kind) => {}
                Err(error) => return Err(error),
            }
            if missed >= LOOKS_TO_BE_GONE {
                self.books.forget(subscription);
                return if was_unknown {
                    Err(not_held(subscription))
                } else {
                    Ok(Answer::Released)
                };
            }
            self.pause().await;
        }
    }

    async fn unsubscribe(
        &self,
        (team, pool_id): (usize, &WireId),
        subscription: &WireId,
    ) -> Result<(), Error> {
        let request = UnsubscribeRequest {
            subscription_id: subscription.clone(),
            team_id: self.team(team).to_owned(),
            pool_id: pool_id.clone(),
        };
        let request = self.post(&["gpuaas", "pool", "unsubscribe"], &request)?;
        self.ask(request, "POST /gpuaas/pool/unsubscribe").await.map(drop)
    }
}
