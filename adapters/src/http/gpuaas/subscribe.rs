//! From the question for a share to a service that answers.

use std::collections::BTreeSet;

use connector::{Error, ErrorKind};
use tokio::time::Instant;
use url::Url;

use super::{
    Account,
    books::{Facts, Seat},
    exchange::{is_passing, perhaps_held, untouched},
    look::LOOKS_TO_BE_GONE,
};
use crate::{
    gpuaas::{
        PodState, SubscribeRequest, SubscribeResponse, SubscriptionRow, SubscriptionState, WireId,
    },
    harpoon_v1::RequirementsBody,
    http::call::Answer,
};

/// Questions for a subscription while the provider says that there is one and shows none: after the row
/// of an earlier one is gone, it goes on saying so for seconds (pathology 6).
const MOST_TRIES: u32 = 3;

const SUBSCRIBE: &str = "POST /gpuaas/pool/subscribe";

impl Account {
    /// A share of a pool, for the first team that holds none.
    pub(super) async fn allocate(
        &self,
        pool: &str,
        asked: &RequirementsBody,
    ) -> Result<Answer, Error> {
        let pool_id = self.pool_id(pool).await?;
        let (mut tried, mut refused) = (BTreeSet::new(), None);
        while let Some(seat) = self.books.take_seat(&pool_id, &tried) {
            tried.insert(seat.team);
            match self.subscribe(&seat, &asked.model).await {
                // Another team may: this one has a subscription there that we do not know, or one that is
                // being taken down.
                Err(error) if error.kind == ErrorKind::Conflict => refused = Some(error),
                Err(error) => return Err(error),
                Ok(subscription) => {
                    let service = self.set_up(&seat, &subscription).await.map_err(perhaps_held)?;
                    let facts = Facts {
                        team: seat.team,
                        pool_id: pool_id.clone(),
                        pool: pool.to_owned(),
                        asked: Some(asked.clone()),
                        service: Some(service),
                        granted: true,
                    };
                    self.books.granted(subscription.clone(), facts);
                    return Ok(Answer::Granted(subscription.to_string()));
                }
            }
        }
        Err(refused.unwrap_or_else(|| {
            let words =
                format!("each of {} teams has its share of this pool", self.options.teams.len());
            Error::new(ErrorKind::CapacityExhausted, words)
        }))
    }

    /// The number of a subscription that was not there before.
    async fn subscribe(&self, seat: &Seat<'_>, model: &str) -> Result<WireId, Error> {
        for tries in 1.. {
            let before = self.look(seat.team, &seat.pool_id).await.map_err(untouched)?;
            let before: BTreeSet<WireId> = before.into_iter().map(|row| row.id).collect();
            match self.ask_for(seat, model, &before).await {
                Err(error)
                    if error.kind == ErrorKind::Conflict
                        && before.is_empty()
                        && tries < MOST_TRIES =>
                {
                    self.pause().await;
                }
                Err(error) if error.kind.ambiguous() => {
                    return self.search(seat, &before, error).await;
                }
                other => return other,
            }
        }
        unreachable!("the last try is the answer")
    }

    /// Asks once. What comes of it is ambiguous unless it is a number or a refusal.
    async fn ask_for(
        &self,
        seat: &Seat<'_>,
        model: &str,
        before: &BTreeSet<WireId>,
    ) -> Result<WireId, Error> {
        let request = SubscribeRequest {
            pool_id: seat.pool_id.clone(),
            team_id: self.team(seat.team).to_owned(),
            vgpus: 1,
            is_vip_priority: false,
            guaranteed_gpu_share_percent: 0,
            instance_type_id: self.options.instance_type_id.clone(),
            ephemeral_storage_block_id: self.options.ephemeral_storage_block_id.clone(),
            shared_volumes: self.options.shared_volumes.clone(),
            image_uuid: self.options.image_of(model).to_owned(),
            ifb_subscription_id: String::new(),
            port_guid: String::new(),
        };
        let request = self.post(&["gpuaas", "pool", "subscribe"], &request)?;
        let body = self.ask(request, SUBSCRIBE).await?;
        let said = serde_json::from_slice::<SubscribeResponse>(&body).ok();
        let id = said.and_then(|said| said.subscription_id).filter(|id| !before.contains(id));
        // A subscription that cannot be given back by its number is none.
        id.filter(|id| id.number().is_some()).ok_or_else(|| {
            let words = format!("{SUBSCRIBE} succeeded and named no new subscription");
            Error::new(ErrorKind::Protocol, words)
        })
    }

    /// Looks for what may have come of a question whose answer said nothing: a row that was not there
    /// before and is not being taken down. `unclear` if none shows in time.
    async fn search(
        &self,
        seat: &Seat<'_>,
        before: &BTreeSet<WireId>,
        unclear: Error,
    ) -> Result<WireId, Error> {
        let until = Instant::now() + self.options.look_for.to_std();
        let is_new = |row: &SubscriptionRow| {
            !before.contains(&row.id)
                && row.state() != SubscriptionState::Unsubscribing
                && row.id.number().is_some()
        };
        loop {
            match self.look(seat.team, &seat.pool_id).await {
                Ok(rows) => {
                    if let Some(row) = rows.into_iter().find(is_new) {
                        return Ok(row.id);
                    }
                }
                Err(error) if is_passing(error.kind) => {}
                Err(error) => return Err(perhaps_held(error)),
            }
            if Instant::now() >= until {
                return Err(unclear);
            }
            self.pause().await;
        }
    }

    /// Waits for its pod and exposes it.
    async fn set_up(&self, seat: &Seat<'_>, subscription: &WireId) -> Result<Url, Error> {
        let pod = self.running_pod((seat.team, &seat.pool_id), subscription).await?;
        self.expose(subscription, &pod).await
    }

    /// The name of its pod, once it runs.
    pub(super) async fn running_pod(
        &self,
        at: (usize, &WireId),
        subscription: &WireId,
    ) -> Result<String, Error> {
        let since = Instant::now();
        let (mut seen, mut missed) = (false, 0);
        loop {
            match self.look_at(at, subscription).await {
                Ok(Some(row)) => {
                    (seen, missed) = (true, 0);
                    if let Some(pod) = ready(&row)? {
                        return Ok(pod);
                    }
                }
                Ok(None) if seen => missed += 1,
                // It may be behind (pathology 3).
                Ok(None) => {
                    let waited = since.elapsed() >= self.options.look_for.to_std();
                    missed = if waited { LOOKS_TO_BE_GONE } else { 0 };
                }
                Err(error) if is_passing(error.kind) => {}
                Err(error) => return Err(error),
            }
            if missed >= LOOKS_TO_BE_GONE {
                return Err(failed_inside(subscription, "shows in no list"));
            }
            self.pause().await;
        }
    }
}

/// The pod's name, if there is something to expose.
///
/// # Errors
/// `Unavailable` for a subscription that will not come to anything.
fn ready(row: &SubscriptionRow) -> Result<Option<String>, Error> {
    match row.state() {
        SubscriptionState::Unsubscribing => Err(failed_inside(&row.id, "is being taken down")),
        SubscriptionState::Subscribed => {
            let pod = row.running_pod().map(|pod| pod.pod_name.clone());
            let mut pods = row.pods.iter().flatten().peekable();
            let has_failed =
                pods.peek().is_some() && pods.all(|pod| pod.state() == PodState::Ended);
            if has_failed { Err(failed_inside(&row.id, "has no pod that works")) } else { Ok(pod) }
        }
        SubscriptionState::Subscribing | SubscriptionState::Unknown => Ok(None),
    }
}

fn failed_inside(subscription: &WireId, what: &str) -> Error {
    let words = format!("subscription {subscription} {what}");
    Error::new(ErrorKind::Unavailable { reached: true }, words)
}
