//! Looking at subscriptions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use connector::{AllocationId, AllocationInfo, Error, ErrorKind};
use tokio::task::JoinSet;

use super::{
    Account,
    books::Facts,
    exchange::{MOST_LOOKS, is_passing, untouched},
};
use crate::{
    gpuaas::{Listed, PoolRow, SubscriptionRow, WhenEmpty, WireId, read_list},
    harpoon_v1::{AllocationBody, readable},
    http::call::{Answer, Row},
};

/// Rows asked for at once, as the clients do.
const PER_PAGE: u64 = 100;
/// Pages beyond which a list is held to have no end.
const MOST_PAGES: u64 = 100;
/// Looks that must show nothing before a row counts as gone: answers come from several servers.
pub(super) const LOOKS_TO_BE_GONE: u32 = 2;

impl Account {
    /// The number of a pool that has this name here.
    ///
    /// # Errors
    /// `NotFound` for a name that the provider does not know; those of the question, none of them
    /// ambiguous.
    pub(super) async fn pool_id(&self, name: &str) -> Result<WireId, Error> {
        if let Some(id) = stated_pool(name) {
            return Ok(id);
        }
        let request = self.get(&["gpuaas", "all-pools"], &[]);
        let body = self.look_up(request, "GET /gpuaas/all-pools").await;
        let pools: Listed<PoolRow> =
            read_list(&body.map_err(untouched)?, WhenEmpty::NoRows).map_err(untouched)?;
        let pool = pools.rows.into_iter().find(|row| row.is_called(name));
        pool.map(|row| row.pool_id).ok_or_else(|| {
            let words = format!("the provider has no pool called `{name}`");
            Error::new(ErrorKind::NotFound, readable(&words))
        })
    }

    /// Our rows of a pool for one team, those that are being taken down included.
    pub(super) async fn look(
        &self,
        team: usize,
        pool_id: &WireId,
    ) -> Result<Vec<SubscriptionRow>, Error> {
        let rows = self.rows(team).await?;
        let ours = ours(self.team(team), rows, |id| self.books.knows(id));
        Ok(ours.into_iter().filter(|row| row.pool_id == *pool_id).collect())
    }

    /// One of our rows, if it is there.
    pub(super) async fn look_at(
        &self,
        (team, pool_id): (usize, &WireId),
        subscription: &WireId,
    ) -> Result<Option<SubscriptionRow>, Error> {
        let rows = self.look(team, pool_id).await?;
        Ok(rows.into_iter().find(|row| row.id == *subscription))
    }

    /// Every row that the provider shows, of whatever team. Looking costs nothing and changes nothing, so
    /// a look that fails in passing is repeated.
    async fn rows(&self, team: usize) -> Result<Vec<SubscriptionRow>, Error> {
        for _ in 1..MOST_LOOKS {
            match self.all_pages(team).await {
                Err(error) if is_passing(error.kind) => self.pause().await,
                looked => return looked,
            }
        }
        self.all_pages(team).await
    }

    async fn all_pages(&self, team: usize) -> Result<Vec<SubscriptionRow>, Error> {
        let (mut rows, mut seen, mut came_so_far) = (Vec::new(), BTreeSet::new(), 0);
        for page in 0..MOST_PAGES {
            let (number, size) = (page.to_string(), PER_PAGE.to_string());
            let query = [("team_id", self.team(team)), ("page", &number), ("per_page", &size)];
            let request = self.get(&["gpuaas", "pool-subscription"], &query);
            let body = self.ask(request, "GET /gpuaas/pool-subscription").await?;
            let listed: Listed<SubscriptionRow> = read_list(&body, WhenEmpty::Failed)?;
            let came = listed.rows.len() as u64;
            came_so_far += came;
            rows.extend(listed.rows.into_iter().filter(|row| seen.insert(row.id.clone())));
            // A list without pages is all there is.
            let Some(about) = listed.page else { return Ok(rows) };
            let is_last = match (about.total_pages, about.total_items) {
                (Some(pages), _) => page + 1 >= pages,
                (None, Some(items)) => came_so_far >= items,
                (None, None) => came < PER_PAGE,
            };
            let is_short = about.total_items.is_some_and(|items| came_so_far < items);
            match (is_last, is_short) {
                (true, false) => return Ok(rows),
                // What is left out looks as if it were gone.
                (true, true) => return Err(short()),
                (false, _) if came == 0 => return Err(short()),
                (false, _) => {}
            }
        }
        Err(Error::new(ErrorKind::Protocol, format!("a list of more than {MOST_PAGES} pages")))
    }

    /// The shares that we hold of a pool, for all teams.
    pub(super) async fn list(self: &Arc<Self>, pool: &str) -> Result<Answer, Error> {
        let pool_id = self.pool_id(pool).await?;
        let mut looks = JoinSet::new();
        for team in 0..self.options.teams.len() {
            let (account, pool_id) = (Arc::clone(self), pool_id.clone());
            looks.spawn(async move { (team, account.look(team, &pool_id).await) });
        }
        let mut of_teams = BTreeMap::new();
        while let Some(look) = looks.join_next().await {
            let died = |_| Error::new(ErrorKind::Protocol, "a look ended without an answer");
            let (team, rows) = look.map_err(died)?;
            of_teams.insert(team, rows?);
        }
        let (mut shown, mut listed) = (BTreeMap::new(), Vec::new());
        for (team, rows) in of_teams {
            for row in
                rows.into_iter().filter(|row| !shown.contains_key(&row.id)).collect::<Vec<_>>()
            {
                let known = self.books.facts(&row.id);
                let facts = known.unwrap_or_else(|| Facts {
                    team,
                    pool_id: pool_id.clone(),
                    pool: pool.to_owned(),
                    asked: None,
                    service: None,
                    granted: false,
                });
                let info = self.info(AllocationId(0), &row.id, &facts)?;
                listed.push(Row { id: row.id.to_string(), info });
                shown.insert(row.id, facts);
            }
        }
        self.books.listed(pool, shown);
        Ok(Answer::Listed(listed))
    }

    /// One share, if its row is there.
    pub(super) async fn inspect(
        &self,
        allocation: AllocationId,
        subscription: &WireId,
    ) -> Result<Answer, Error> {
        let facts = self.facts_of(subscription)?;
        for look in 1..=LOOKS_TO_BE_GONE {
            let at = (facts.team, &facts.pool_id);
            if self.look_at(at, subscription).await?.is_some() {
                return self.info(allocation, subscription, &facts).map(Answer::Inspected);
            }
            if look < LOOKS_TO_BE_GONE {
                self.pause().await;
            }
        }
        self.books.forget(subscription);
        Err(not_held(subscription))
    }

    pub(super) fn facts_of(&self, subscription: &WireId) -> Result<Facts, Error> {
        self.books.facts(subscription).ok_or_else(|| not_held(subscription))
    }

    /// What is known of a share; the provider does not remember what it was asked for.
    fn info(
        &self,
        allocation: AllocationId,
        subscription: &WireId,
        facts: &Facts,
    ) -> Result<AllocationInfo, Error> {
        let body = AllocationBody {
            allocation_id: subscription.to_string(),
            pool_id: facts.pool.clone(),
            requirements: facts.asked.clone(),
            running: None,
            usage: None,
        };
        self.names.allocation_from_wire(allocation, &body)
    }
}

/// The number of a pool whose name is one.
pub(super) fn stated_pool(name: &str) -> Option<WireId> {
    WireId::new(name).filter(|id| id.number().is_some())
}

fn short() -> Error {
    Error::new(ErrorKind::Protocol, "a list has fewer rows than it says")
}

pub(super) fn not_held(subscription: &WireId) -> Error {
    Error::new(ErrorKind::NotFound, format!("subscription {subscription} is not there"))
}

/// The rows that are a team's, as far as can be told.
fn ours(
    team: &str,
    rows: Vec<SubscriptionRow>,
    knows: impl Fn(&WireId) -> bool,
) -> Vec<SubscriptionRow> {
    let is_tagged = |row: &SubscriptionRow| row.team_id.as_ref().map(|id| id.as_str() == team);
    let is_certain = |row: &SubscriptionRow| is_tagged(row).unwrap_or_else(|| knows(&row.id));
    let mut in_pool: BTreeMap<WireId, (u32, u32)> = BTreeMap::new();
    for row in &rows {
        let (certain, nobodys) = in_pool.entry(row.pool_id.clone()).or_default();
        *certain += u32::from(is_certain(row));
        *nobodys += u32::from(row.team_id.is_none() && !knows(&row.id));
    }
    let may_be =
        |row: &SubscriptionRow| row.team_id.is_none() && in_pool.get(&row.pool_id) == Some(&(0, 1));
    let keep = |row: &SubscriptionRow| is_certain(row) || may_be(row);
    rows.into_iter().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u64, pool: u64, team: Option<&str>) -> SubscriptionRow {
        SubscriptionRow {
            id: id.into(),
            pool_id: pool.into(),
            team_id: team.and_then(WireId::new),
            pool_name: None,
            status: None,
            subscription_status: None,
            pods: None,
            metrics: None,
        }
    }

    fn kept(rows: Vec<SubscriptionRow>, known: u64) -> Vec<u64> {
        let ours = ours("us", rows, |id| *id == WireId::from(known));
        ours.iter().filter_map(|row| row.id.number()).collect()
    }

    #[test]
    fn p13_rows_of_other_teams_are_left_out() {
        let rows = vec![row(1, 7, Some("us")), row(2, 7, Some("them")), row(3, 8, Some("them"))];
        assert_eq!(kept(rows, 2), [1], "even of one that we believed to know");
    }

    #[test]
    fn p14_a_row_of_nobody_is_ours_if_we_know_it_or_if_it_is_the_only_one_that_can_be() {
        assert_eq!(kept(vec![row(1, 7, None), row(2, 7, None)], 1), [1]);
        assert_eq!(kept(vec![row(1, 7, None), row(2, 8, None)], 9), [1, 2]);
        assert_eq!(
            kept(vec![row(1, 7, None), row(2, 7, None)], 9),
            [0_u64; 0],
            "nobody can tell which"
        );
        assert_eq!(kept(vec![row(1, 7, None), row(2, 7, Some("us"))], 9), [2]);
    }
}
