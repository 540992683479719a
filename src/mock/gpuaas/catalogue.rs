//! Regions, pools and prices.

use adapters::{
    billing_summary::Figure,
    gpuaas::{
        CalculateRequest, CalculateResponse, InstanceTypeRow, OfferRow, PoolRow, RegionRow, WireId,
    },
};
use axum::{
    extract::{Query, State},
    response::Response,
};
use connector::{Error, ErrorKind, Operation, PoolInfo, Reply};
use serde::Deserialize;

use super::{
    super::routes::{Refused, Shared, Shop, Whole},
    quirks::GpuaasQuirk as Quirk,
    subscriptions::{check_session, check_team},
    wire::{list, number_of, object, pool_of, read, refused},
};

/// The cluster and region of every pool.
const HERE: u64 = 1;
/// The region that takes long to be listed.
const SLOW: u64 = 2;

/// The pools as the simulator offers them.
pub(super) async fn pools(shop: &Shop) -> Result<Vec<PoolInfo>, Refused> {
    match shop.desk.ask(Operation::Pools).await?.answer().await {
        Ok(Reply::Pools(pools)) => Ok(pools),
        Ok(_) => Err(Error::from(ErrorKind::Protocol).into()),
        Err(error) => Err(refused(error)),
    }
}

pub(super) async fn all_pools(State(shop): Shared) -> Result<Response, Refused> {
    check_session(&shop)?;
    let rows = pools(&shop).await?.into_iter().map(|pool| PoolRow {
        pool_id: number_of(pool.pool),
        pool_name: shop.names.pool(pool.pool).map(str::to_owned),
        pool_label: None,
        name: None,
        gpuaas_id: Some(HERE.into()),
        region_id: Some(HERE.into()),
        region_name: Some("simulated".into()),
    });
    Ok(list(&shop, &rows.collect::<Vec<_>>()))
}

pub(super) async fn regions(State(shop): Shared) -> Result<Response, Refused> {
    check_session(&shop)?;
    check_team(&shop)?;
    let region = |id: u64, name: &str| RegionRow {
        id: id.into(),
        name: Some(name.into()),
        region_name: None,
        city: None,
        available_pools: None,
        gpuaas_id: Some(id.into()),
    };
    let mut rows = vec![region(HERE, "simulated")];
    rows.extend(shop.gpuaas.quirks.has(Quirk::SlowRegion).then(|| region(SLOW, "slow")));
    Ok(list(&shop, &rows))
}

#[derive(Deserialize)]
pub(super) struct OffersQuery {
    gpuaas_id: Option<String>,
}

pub(super) async fn offers(
    State(shop): Shared,
    Query(of): Query<OffersQuery>,
) -> Result<Response, Refused> {
    check_session(&shop)?;
    check_team(&shop)?;
    if of.gpuaas_id.and_then(|id| WireId::new(&id)?.number()) == Some(SLOW) {
        tokio::time::sleep(shop.gpuaas.delay).await;
        return Ok(list(&shop, &[] as &[OfferRow]));
    }
    let is_text = shop.gpuaas.quirks.has(Quirk::TextAmounts);
    let rows = pools(&shop).await?.into_iter().map(|pool| OfferRow {
        id: number_of(pool.pool),
        pool_label: None,
        pool_name: shop.names.pool(pool.pool).map(str::to_owned),
        name: None,
        gpu_model_type: None,
        available_vgpus: Some(pool.free_slots),
        available_gpus: None,
        pricing_hourly: Some(figure(pool.price_per_slot_hour.as_f64(), is_text)),
        price_per_hour: None,
    });
    Ok(list(&shop, &rows.collect::<Vec<_>>()))
}

/// An amount as the wire has it.
pub(super) fn figure(amount: f64, is_text: bool) -> Figure {
    if is_text { Figure::Text(format!("{amount:.9}")) } else { Figure::Number(amount) }
}

/// The first of them does not work (pathology 10).
pub(super) async fn instance_types(State(shop): Shared) -> Result<Response, Refused> {
    check_session(&shop)?;
    let row = |number: u64, name: &str| InstanceTypeRow {
        id: number.into(),
        name: name.into(),
        gpu_count: Some(1),
    };
    Ok(list(&shop, &[row(1, "does-not-work"), row(2, "works")]))
}

pub(super) async fn calculate(
    State(shop): Shared,
    Whole(body): Whole,
) -> Result<Response, Refused> {
    check_session(&shop)?;
    let request: CalculateRequest = read(&body)?;
    let pool = pool_of(&shop, &request.pool_id)?;
    let pools = pools(&shop).await?;
    let price = pools.iter().find(|info| info.pool == pool).map(|info| info.price_per_slot_hour);
    let hourly = price.map_or(0.0, connector::Money::as_f64) * f64::from(request.vgpus);
    let is_text = shop.gpuaas.quirks.has(Quirk::TextAmounts);
    let answer = CalculateResponse {
        total_cost: figure(hourly * request.duration_hours, is_text),
        hourly_cost: figure(hourly, is_text),
        currency: Some("USD".into()),
    };
    Ok(object(&shop, &answer))
}
