//! Subscribing, lists, and the way back.

use std::{sync::Arc, time::Duration};

use adapters::gpuaas::{
    ConnectionPod, ConnectionRow, Pod, PodAction, SshInfo, SubscribeRequest, SubscribeResponse,
    SubscriptionRow, UnsubscribeRequest, WireId,
};
use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use connector::{
    Allocate, AllocationId, Error, ErrorKind, Mebibytes, ModelId, Operation, PoolId, Priority,
    Reply, Requirements, Tflops,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::routes::{Refused, Shared, Shop, Whole},
    front::Subscription,
    quirks::GpuaasQuirk as Quirk,
    wire::{
        done, invalid, list as listed, not_found, number_of, object, pool_of, read, refused,
        stalling, written,
    },
};

pub(super) async fn subscribe(
    State(shop): Shared,
    Whole(body): Whole,
) -> Result<Response, Refused> {
    check_session(&shop)?;
    let request: SubscribeRequest = read(&body)?;
    // What was asked for is done whether or not anybody waits for the answer.
    let work = tokio::spawn(take_in(shop, request));
    work.await.unwrap_or_else(|_| Err(Error::from(ErrorKind::Protocol).into()))
}

async fn take_in(shop: Arc<Shop>, request: SubscribeRequest) -> Result<Response, Refused> {
    check_team(&shop)?;
    let pool = pool_of(&shop, &request.pool_id)?;
    let policy = || Error::from(ErrorKind::PolicyRefused);
    if shop.gpuaas.quirks.has(Quirk::PolicySucceeds) {
        return Ok((StatusCode::OK, super::refusal(&refused(policy()))).into_response());
    }
    if shop.gpuaas.quirks.has(Quirk::PolicyFails) {
        return Err(refused(policy()));
    }
    let seat = (request.team_id.clone(), pool);
    forget_if_gone(&shop, &seat.0, pool).await?;
    {
        let mut pages = shop.gpuaas.pages();
        let is_held = pages.of(&seat.0, pool).is_some();
        let echoes = shop.gpuaas.quirks.has(Quirk::ConflictAfterGone)
            && pages.gone_for(&seat.0, pool).is_some_and(|time| time < shop.gpuaas.delay);
        if is_held || echoes || !pages.under_way.insert(seat.clone()) {
            return Err(Error::new(ErrorKind::Conflict, "Already subscribed").into());
        }
    }
    let granted = grant(&shop, &request, pool).await;
    shop.gpuaas.pages().under_way.remove(&seat);
    let granted = granted?;
    let quirks = &shop.gpuaas.quirks;
    if quirks.has(Quirk::SlowSubscribe) {
        tokio::time::sleep(shop.gpuaas.delay).await;
    }
    if quirks.has(Quirk::MisleadingText) {
        let words = "upstream gpu-4096 answered 409";
        return Err(Error::new(ErrorKind::Unavailable { reached: true }, words).into());
    }
    match granted {
        Some(id) if !quirks.has(Quirk::EmptySubscribe) && !quirks.has(Quirk::PlainText) => {
            let subscription_id = Some(WireId::from(id.0));
            Ok(object(&shop, &SubscribeResponse { subscription_id }))
        }
        Some(_) | None => Ok(done(&shop)),
    }
}

/// Asks the simulator; `None` for a grant that names no share.
async fn grant(
    shop: &Shop,
    request: &SubscribeRequest,
    pool: PoolId,
) -> Result<Option<AllocationId>, Refused> {
    let team = &request.team_id;
    let known = shop.options.names.tenants.len();
    let tenant = shop.names.tenant_id(team);
    let tenant = tenant.or_else(|| shop.gpuaas.pages().tenant(team, known));
    let model = shop.names.model_id(&request.image_uuid).unwrap_or(ModelId(0));
    let smallest = Requirements { tflops: Tflops::new(1), vram: Mebibytes::from_gib(1) };
    let requirements = shop.options.requirements.get(model.index()).copied().unwrap_or(smallest);
    let ask = Allocate {
        pool,
        model,
        requirements,
        overcommit: true,
        preemptible: false,
        priority: Priority::default(),
        tenant: tenant.ok_or_else(|| invalid("too many teams"))?,
    };
    match shop.desk.ask(Operation::Allocate(ask)).await?.answer().await {
        Ok(Reply::Granted { allocation }) => {
            shop.gpuaas.pages().begin(allocation, team.clone(), pool);
            Ok(Some(allocation))
        }
        Ok(_) => Err(Error::from(ErrorKind::Protocol).into()),
        Err(error) if matches!(error.kind, ErrorKind::Timeout | ErrorKind::Protocol) => {
            shop.gpuaas.pages().unnamed.push_back((team.clone(), pool));
            // Silence is for who is in between to end; an empty success is one.
            if error.kind == ErrorKind::Protocol { Ok(None) } else { Err(error.into()) }
        }
        Err(error) => Err(refused(error)),
    }
}

/// A subscription that the simulator has no more is over.
async fn forget_if_gone(shop: &Shop, team: &str, pool: PoolId) -> Result<(), Refused> {
    let held = shop.gpuaas.pages().of(team, pool);
    let Some(allocation) = held else { return Ok(()) };
    match shop.desk.ask(Operation::Inspect { allocation }).await?.answer().await {
        Err(error) if error.kind == ErrorKind::NotFound => {
            shop.gpuaas.pages().end(allocation);
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(error) => Err(refused(error)),
    }
}

pub(super) async fn unsubscribe(
    State(shop): Shared,
    Whole(body): Whole,
) -> Result<Response, Refused> {
    check_session(&shop)?;
    check_team(&shop)?;
    let request: UnsubscribeRequest = read(&body)?;
    let pool = pool_of(&shop, &request.pool_id)?;
    let id = request.subscription_id.number().map(AllocationId);
    let id = id.ok_or_else(|| invalid("subscription_id is no number"))?;
    {
        let mut pages = shop.gpuaas.pages();
        let held = pages.held.get_mut(&id);
        let held = held.filter(|held| held.team == request.team_id && held.pool == pool);
        let held = held.ok_or_else(|| not_found("subscription"))?;
        held.asked += 1;
        let is_silent = shop.gpuaas.quirks.has(Quirk::SilentUnsubscribe) && held.asked == 1;
        if is_silent || std::mem::replace(&mut held.is_dying, !is_silent) {
            return Ok(done(&shop));
        }
        held.services.clear();
    }
    let slow = shop.gpuaas.quirks.has(Quirk::SlowUnsubscribe);
    let work = tokio::spawn(give_back(Arc::clone(&shop), id, slow));
    if !slow {
        work.await.unwrap_or_else(|_| Err(Error::from(ErrorKind::Protocol).into()))?;
    }
    Ok(done(&shop))
}

async fn give_back(shop: Arc<Shop>, id: AllocationId, slow: bool) -> Result<(), Refused> {
    if slow {
        tokio::time::sleep(shop.gpuaas.delay).await;
    }
    match shop.desk.ask(Operation::Release { allocation: id }).await?.answer().await {
        Ok(_) => Ok(()),
        Err(error) if error.kind == ErrorKind::NotFound => {
            shop.gpuaas.pages().end(id);
            Err(not_found("subscription"))
        }
        Err(error) => {
            if let Some(held) = shop.gpuaas.pages().held.get_mut(&id) {
                held.is_dying = false;
            }
            Err(refused(error))
        }
    }
}

#[derive(Deserialize)]
pub(super) struct ListQuery {
    team_id: Option<String>,
    #[serde(default)]
    page: usize,
    per_page: Option<usize>,
}

/// Rows on a page unless the question says how many.
const PER_PAGE: usize = 100;

pub(super) async fn list(
    State(shop): Shared,
    Query(of): Query<ListQuery>,
) -> Result<Response, Refused> {
    check_session(&shop)?;
    check_team(&shop)?;
    let quirks = &shop.gpuaas.quirks;
    let before = shop.gpuaas.pages().lists_before(of.team_id.as_deref().unwrap_or_default());
    if quirks.has(Quirk::StallingBody) && before.is_multiple_of(3) {
        return Ok(stalling());
    }
    if quirks.has(Quirk::FailingList) && before.is_multiple_of(3) {
        let inside = Error::from(ErrorKind::Unavailable { reached: true });
        return if before.is_multiple_of(2) { Err(inside.into()) } else { Ok(done(&shop)) };
    }
    let rows = rows(&shop, of.team_id.as_deref()).await?;
    if quirks.has(Quirk::Aliases) {
        return Ok(listed(&shop, &rows));
    }
    let size = of.per_page.unwrap_or(PER_PAGE).clamp(1, PER_PAGE);
    let items: Vec<_> = rows.iter().skip(of.page.saturating_mul(size)).take(size).collect();
    let body = json!({
        "items": items, "page": of.page, "per_page": size,
        "total_items": rows.len(), "total_pages": rows.len().div_ceil(size),
    });
    Ok(object(&shop, &body))
}

/// The rows of a team, and those of others that show all the same.
async fn rows(shop: &Shop, team: Option<&str>) -> Result<Vec<SubscriptionRow>, Refused> {
    let mut rows = Vec::new();
    for pool in (0..).map(PoolId).take_while(|&pool| shop.names.pool(pool).is_some()) {
        let shares = match shop.desk.ask(Operation::List { pool }).await?.answer().await {
            Ok(Reply::Listed(shares)) => shares,
            // A name without a pool behind it.
            Err(error) if error.kind == ErrorKind::NotFound => continue,
            Ok(_) => return Err(Error::from(ErrorKind::Protocol).into()),
            Err(error) => return Err(refused(error)),
        };
        let mut pages = shop.gpuaas.pages();
        for share in &shares {
            let id = share.allocation;
            if share.model.is_some() && !pages.held.contains_key(&id) {
                pages.name(id, pool);
            }
            let row = match pages.held.get(&id) {
                Some(held) => row_of(shop, id, held),
                None => Some(foreign(id, pool)),
            };
            rows.extend(row);
        }
        let is_gone = |id: &AllocationId| !shares.iter().any(|share| share.allocation == *id);
        let held = pages.held.iter().filter(|(_, held)| held.pool == pool && held.is_dying);
        let gone: Vec<_> = held.map(|(id, _)| *id).filter(is_gone).collect();
        for id in gone {
            pages.end(id);
        }
        if shop.gpuaas.quirks.has(Quirk::ForeignRows) {
            rows.extend(
                (1..=3).map(|other| foreign(AllocationId(u64::from(pool.0) * 8 + other), pool)),
            );
        }
    }
    let is_asked_for = |row: &SubscriptionRow| {
        let whose = row.team_id.as_ref().map(WireId::as_str);
        team.is_none_or(|team| whose.is_none_or(|whose| whose == team || whose == OTHERS))
    };
    rows.retain(is_asked_for);
    if shop.gpuaas.quirks.has(Quirk::UntaggedRows) {
        for row in &mut rows {
            row.team_id = None;
        }
    }
    Ok(rows)
}

/// The team of every row that is not ours.
const OTHERS: &str = "9e107d9d-372b-4f0e-8a3c-another-team";

fn foreign(id: AllocationId, pool: PoolId) -> SubscriptionRow {
    SubscriptionRow {
        id: id.0.into(),
        pool_id: number_of(pool),
        team_id: WireId::new(OTHERS),
        pool_name: None,
        status: Some("subscribed".into()),
        subscription_status: None,
        pods: None,
        metrics: None,
    }
}

/// `None` for a row that does not show yet.
fn row_of(shop: &Shop, id: AllocationId, held: &Subscription) -> Option<SubscriptionRow> {
    let quirks = &shop.gpuaas.quirks;
    let is_young = held.since.elapsed() < shop.gpuaas.delay;
    if is_young && quirks.has(Quirk::LaggingList) {
        return None;
    }
    let is_late = is_young && quirks.has(Quirk::LatePods);
    let status = match (held.is_dying, is_late) {
        (true, _) => "un_subscribing",
        (false, true) => "subscribing",
        (false, false) => "subscribed",
    };
    Some(SubscriptionRow {
        pool_name: shop.names.pool(held.pool).map(str::to_owned),
        team_id: WireId::new(&held.team),
        status: Some(status.into()),
        pods: (!is_late).then(|| pods(shop, id)),
        ..foreign(id, held.pool)
    })
}

fn pods(shop: &Shop, id: AllocationId) -> Vec<Pod> {
    let pod = |pod_name: String, pod_status: &str| Pod {
        pod_name,
        pod_status: pod_status.to_owned(),
        services: None,
    };
    let mut pods = vec![pod(format!("pod-{id}"), "Running")];
    if shop.gpuaas.quirks.has(Quirk::ManyPods) {
        pods.insert(0, pod(format!("pod-{id}-a"), "CrashLoopBackOff"));
        pods.push(pod(format!("pod-{id}-c"), "Running"));
    }
    pods
}

pub(super) async fn connections(
    State(shop): Shared,
    Query(of): Query<ListQuery>,
) -> Result<Response, Refused> {
    check_session(&shop)?;
    let rows = rows(&shop, of.team_id.as_deref()).await?;
    let login = |pod: &Pod| ConnectionPod {
        pod_name: pod.pod_name.clone(),
        pod_status: pod.pod_status.clone(),
        ssh_info: Some(SshInfo {
            cmd: format!("ssh -p 22 user@{}", shop.gpuaas.ip),
            pass: "there is nobody to log in to".into(),
        }),
    };
    let rows = rows.iter().map(|row| ConnectionRow {
        id: row.id.clone(),
        pool_name: row.pool_name.clone(),
        pods: row.pods.iter().flatten().map(login).collect(),
    });
    Ok(listed(&shop, &rows.collect::<Vec<_>>()))
}

/// A pod is there or it is not: the simulator has no pods that stand.
pub(super) async fn act(State(shop): Shared, Whole(body): Whole) -> Result<Response, Refused> {
    check_session(&shop)?;
    let request: PodAction = read(&body)?;
    let id = request.pool_subscription_id.number().map(AllocationId);
    let is_held = id.is_some_and(|id| shop.gpuaas.pages().held.contains_key(&id));
    if !is_held {
        return Err(not_found("subscription"));
    }
    if !matches!(request.pod_action.as_str(), "start" | "stop" | "restart") {
        return Err(invalid("pod_action is start, stop or restart"));
    }
    Ok(written(&Value::from_iter([("success", true)])))
}

pub(super) fn check_session(shop: &Shop) -> Result<(), Refused> {
    if shop.gpuaas.quirks.has(Quirk::ExpiredSession) {
        return Err(Error::new(ErrorKind::Unauthorized, "token is expired").into());
    }
    Ok(())
}

pub(super) fn check_team(shop: &Shop) -> Result<(), Refused> {
    if shop.gpuaas.quirks.has(Quirk::WrongCluster) { Err(not_found("team")) } else { Ok(()) }
}

/// How late is what is late, unless somebody says otherwise: longer than a published client waits.
pub(in crate::mock) const DELAY: Duration = Duration::from_secs(20);
