//! Metrics and bills of a team.

use std::collections::BTreeMap;

use adapters::gpuaas::{BillingPeriod, MetricsGraph, MetricsRow};
use axum::{
    extract::{Path, State},
    response::Response,
};
use connector::{Error, ErrorKind, PoolId};
use serde_json::{Value, json};

use super::{
    super::routes::{Refused, Shared, Shop},
    catalogue::{figure, pools},
    front::Use,
    quirks::GpuaasQuirk as Quirk,
    subscriptions::{check_session, check_team},
    wire::{invalid, object, written},
};

const SECONDS_PER_HOUR: f64 = 3_600.0;

pub(super) async fn metrics(
    State(shop): Shared,
    Path(team): Path<String>,
) -> Result<Response, Refused> {
    check_books(&shop)?;
    let (prices, is_text) = (prices(&shop).await?, shop.gpuaas.quirks.has(Quirk::TextAmounts));
    let uses = shop.gpuaas.uses_of(&team);
    let row = |one: &Use| {
        let hours = hours(&shop, one, None);
        MetricsRow {
            subscription_id: Some(one.allocation.0.into()),
            pool_name: shop.names.pool(one.pool).map(str::to_owned),
            hours_used: Some(figure(hours, is_text)),
            cost: Some(figure(hours * price(&prices, one.pool), is_text)),
        }
    };
    let items: Vec<_> = uses.iter().map(row).collect();
    Ok(object(&shop, &json!({ "total_items": items.len(), "items": items })))
}

pub(super) async fn graph(
    State(shop): Shared,
    Path(team): Path<String>,
) -> Result<Response, Refused> {
    check_books(&shop)?;
    let hours = shop.gpuaas.uses_of(&team).iter().map(|one| hours(&shop, one, None)).sum();
    let granularity = Some("1h".into());
    Ok(object(&shop, &MetricsGraph { total_hours: Some(hours), granularity }))
}

pub(super) async fn summary(
    State(shop): Shared,
    Path((team, from, until)): Path<(String, String, String)>,
) -> Result<Response, Refused> {
    check_books(&shop)?;
    if shop.gpuaas.quirks.has(Quirk::BillFails) {
        return Ok(written(&json!({ "result": "FAILURE", "errors": ["no such billing period"] })));
    }
    // A success without figures, as of a day that ends when it begins (pathology 37).
    let Ok(period) = BillingPeriod::parse(&from, &until) else { return Ok(written(&json!({}))) };
    let (prices, is_text) = (prices(&shop).await?, shop.gpuaas.quirks.has(Quirk::TextAmounts));
    let mut of_pools: BTreeMap<PoolId, f64> = BTreeMap::new();
    for one in shop.gpuaas.uses_of(&team) {
        *of_pools.entry(one.pool).or_default() += hours(&shop, &one, Some(period));
    }
    let row = |(&pool, &hours): (&PoolId, &f64)| {
        json!({
            "pool_name": shop.names.pool(pool), "pool_hours": hours,
            "total": figure(hours * price(&prices, pool), is_text),
            "subscription_rate": figure(price(&prices, pool), is_text),
        })
    };
    let total: f64 = of_pools.iter().map(|(&pool, hours)| hours * price(&prices, pool)).sum();
    let hours: f64 = of_pools.values().sum();
    Ok(object(
        &shop,
        &json!({
            "total_cost": figure(total, is_text), "total_hours": hours, "pool_hours": hours,
            "gpuaas_summary": of_pools.iter().map(row).collect::<Vec<Value>>(),
            "currency": { "code": "USD", "symbol": "$" },
        }),
    ))
}

pub(super) async fn detail(
    State(shop): Shared,
    Path((team, from, until, _interval)): Path<(String, String, String, String)>,
) -> Result<Response, Refused> {
    check_books(&shop)?;
    let period = BillingPeriod::parse(&from, &until);
    let period = period.map_err(|error| invalid(error.to_string()))?;
    let prices = prices(&shop).await?;
    let uses = shop.gpuaas.uses_of(&team);
    let hours = |one: &Use| hours(&shop, one, Some(period));
    let total: f64 = uses.iter().map(|one| hours(one) * price(&prices, one.pool)).sum();
    let all: f64 = uses.iter().map(hours).sum();
    let body =
        json!({ "total_cost": total, "total_hours": all, "currency": "USD", "instances": [] });
    Ok(object(&shop, &body))
}

fn check_books(shop: &Shop) -> Result<(), Refused> {
    check_session(shop)?;
    check_team(shop)?;
    if shop.gpuaas.quirks.has(Quirk::FailingBooks) {
        return Err(Error::from(ErrorKind::Unavailable { reached: true }).into());
    }
    Ok(())
}

type Prices = BTreeMap<PoolId, f64>;

async fn prices(shop: &Shop) -> Result<Prices, Refused> {
    let is_free = shop.gpuaas.quirks.has(Quirk::ZeroCost);
    let price = |amount: f64| if is_free { 0.0 } else { amount };
    let pools = pools(shop).await?;
    Ok(pools.iter().map(|pool| (pool.pool, price(pool.price_per_slot_hour.as_f64()))).collect())
}

fn price(prices: &Prices, pool: PoolId) -> f64 {
    prices.get(&pool).copied().unwrap_or_default()
}

/// The hours of a use that are in the period, in the time of the simulator.
fn hours(shop: &Shop, one: &Use, period: Option<BillingPeriod>) -> f64 {
    if shop.gpuaas.quirks.has(Quirk::ZeroCost) {
        return 0.0;
    }
    let (from, until) = (one.from, one.until);
    let time = match period {
        Some(period) => period.overlap(from, until),
        None => until.duration_since(from).unwrap_or_default(),
    };
    time.as_secs_f64() * shop.options.speed / SECONDS_PER_HOUR
}
