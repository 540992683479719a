//! What is on offer, region by region.

use std::{collections::BTreeMap, sync::Arc};

use connector::{Error, ErrorKind, PoolId, PoolKind};
use tokio::task::JoinSet;

use super::{Account, look::stated_pool};
use crate::{
    gpuaas::{Listed, OfferRow, RegionRow, WhenEmpty, WireId, read_list},
    harpoon_v1::{PoolBody, readable},
    http::call::Answer,
};

/// Regions that are asked at once; more are not asked.
const MOST_REGIONS: usize = 64;

impl Account {
    /// The pools that have a name here. One region that is slow or fails (pathology 21) holds up none of
    /// the others: its pools are not on offer.
    pub(super) async fn offers(self: &Arc<Self>) -> Result<Answer, Error> {
        let query = [("team_id", self.team(0))];
        let request = self.get(&["gpuaas", "available-regions"], &query);
        let body = self.look_up(request, "GET /gpuaas/available-regions").await?;
        let regions: Listed<RegionRow> = read_list(&body, WhenEmpty::Failed)?;
        let wanted = |row: &RegionRow| {
            self.options.region.as_deref().is_none_or(|region| row.is_called(region))
        };
        let mut asked = JoinSet::new();
        for region in regions.rows.into_iter().filter(wanted).take(MOST_REGIONS) {
            let account = Arc::clone(self);
            asked.spawn(async move { account.offers_of(region).await });
        }
        let (mut offers, mut failure, mut answered) = (BTreeMap::new(), None, asked.is_empty());
        while let Some(region) = asked.join_next().await {
            match region {
                Ok(Ok(pools)) => {
                    answered = true;
                    offers.extend(pools);
                }
                Ok(Err(error)) => failure = Some(error),
                Err(_) => failure = Some(Error::from(ErrorKind::Protocol)),
            }
        }
        match failure {
            Some(error) if !answered => Err(error),
            Some(_) | None => {
                let pools = offers.values().map(|offer| self.names.pool_from_wire(offer));
                let pools = pools.filter_map(Result::transpose).collect::<Result<_, _>>();
                pools.map(Answer::Pools)
            }
        }
    }

    async fn offers_of(&self, region: RegionRow) -> Result<Vec<(PoolId, PoolBody)>, Error> {
        let cluster: &WireId = region.gpuaas_id.as_ref().unwrap_or(&region.id);
        let query = [("team_id", self.team(0)), ("gpuaas_id", cluster.as_str())];
        let request = self.get(&["gpuaas", "available-pools"], &query);
        let body = self.ask(request, "GET /gpuaas/available-pools").await?;
        let offers: Listed<OfferRow> = read_list(&body, WhenEmpty::NoRows)?;
        let known = offers.rows.iter().filter_map(|row| Some((self.pool_of(row)?, row)));
        known.map(|((pool, name), row)| Ok((pool, read_offer(name, row)?))).collect()
    }

    /// Our pool of this offer.
    fn pool_of(&self, row: &OfferRow) -> Option<(PoolId, &str)> {
        let named = (0..).map(PoolId).map_while(|pool| Some((pool, self.names.pool(pool)?)));
        let mut named = named.filter(|(_, name)| match stated_pool(name) {
            Some(id) => id == row.id,
            None => row.is_called(name),
        });
        named.next()
    }
}

/// # Errors
/// `Protocol` for an offer without free shares or a price: neither is zero because it is not stated.
fn read_offer(name: &str, row: &OfferRow) -> Result<PoolBody, Error> {
    let missing = |what: &str| {
        let words = format!("pool `{name}` is offered without {what}");
        Error::new(ErrorKind::Protocol, readable(&words))
    };
    let price = row.price().map_err(|error| missing(&format!("a price: {error}")))?;
    Ok(PoolBody {
        pool_id: name.to_owned(),
        name: name.to_owned(),
        kind: PoolKind::Standard.name().to_owned(),
        free_slots: row.free().ok_or_else(|| missing("its free shares"))?,
        // Not told by this API.
        card_vram_mb: 0,
        price_per_slot_hour: price.ok_or_else(|| missing("a price"))?.to_string(),
        security_level: None,
    })
}
