//! Exposed ports: each is one of this machine, where OpenAI's dialect is spoken.

use std::{future::IntoFuture, net::SocketAddr, sync::Arc};

use adapters::gpuaas::{ExposeRequest, ExposedService, ServiceState};
use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, header},
    response::Response,
};
use connector::{AllocationId, Error, ErrorKind};
use serde::Deserialize;
use tokio::net::TcpListener;

use super::{
    super::{
        routes::{Refused, Shared, Shop, Whole},
        shortcut::{Connections, Shortcut},
    },
    completion,
    front::Service,
    subscriptions::check_session,
    wire::{done, invalid, not_found, object, read},
};

/// Services at once; each is an open port.
const MOST_SERVICES: usize = 4_096;

pub(super) async fn expose(
    State(shop): Shared,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, Refused> {
    check_session(&shop)?;
    let request: ExposeRequest = read(&body)?;
    let id = request.pool_subscription_id.number().map(AllocationId);
    let id = id.ok_or_else(|| invalid("pool_subscription_id is no number"))?;
    check_room(&shop, id, &request)?;
    let listener = TcpListener::bind(SocketAddr::new(shop.gpuaas.ip, 0)).await;
    let listener = listener.map_err(|error| failed(error.to_string()))?;
    let port = listener.local_addr().map_err(|error| failed(error.to_string()))?.port();
    let host = host_of(&shop, &headers);
    let router = completion::router(Arc::clone(&shop), id);
    let router = router.into_make_service_with_connect_info::<Shortcut>();
    let server = axum::serve(Connections(listener), router).into_future();
    let server = tokio::spawn(server).abort_handle();
    let service = Service {
        id: shop.gpuaas.turn() + 1,
        name: request.service_name,
        host,
        port,
        pod_port: request.port,
        server,
    };
    let answer = told(&service);
    let mut pages = shop.gpuaas.pages();
    let held = pages.held.get_mut(&id).filter(|held| !held.is_dying);
    held.ok_or_else(|| not_found("subscription"))?.services.push(service);
    drop(pages);
    let is_text = shop.gpuaas.quirks.has(super::GpuaasQuirk::PlainText);
    Ok(if is_text { done(&shop) } else { object(&shop, &answer) })
}

fn check_room(shop: &Shop, id: AllocationId, request: &ExposeRequest) -> Result<(), Refused> {
    let pages = shop.gpuaas.pages();
    let held = pages.held.get(&id).filter(|held| !held.is_dying);
    let held = held.ok_or_else(|| not_found("subscription"))?;
    if !request.pod_name.starts_with(&format!("pod-{id}")) {
        return Err(not_found("pod"));
    }
    if held.services.iter().any(|service| service.name == request.service_name) {
        return Err(Error::new(ErrorKind::Conflict, "service exists").into());
    }
    if pages.held.values().map(|held| held.services.len()).sum::<usize>() >= MOST_SERVICES {
        return Err(failed(format!("{MOST_SERVICES} services are exposed already")));
    }
    Ok(())
}

fn failed(words: String) -> Refused {
    Error::new(ErrorKind::Unavailable { reached: true }, words).into()
}

/// The host under which the caller reaches this machine.
fn host_of(shop: &Shop, headers: &HeaderMap) -> String {
    if !shop.gpuaas.ip.is_unspecified() {
        return shop.gpuaas.ip.to_string();
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.map(|host| host.rsplit_once(':').map_or(host, |(host, _)| host));
    host.unwrap_or("127.0.0.1").trim_matches(['[', ']']).to_owned()
}

fn told(service: &Service) -> ExposedService {
    ExposedService {
        id: service.id.into(),
        service_name: service.name.clone(),
        ip: Some(service.host.clone()),
        node_port: Some(service.port),
        pod_port: Some(service.pod_port),
        status: Some("active".into()),
    }
}

#[derive(Deserialize)]
pub(super) struct StateQuery {
    service_name: String,
    pool_subscription_id: u64,
}

/// Answers a question in the query. The body of a GET is not read (pathology 27).
pub(super) async fn state(
    State(shop): Shared,
    Query(of): Query<StateQuery>,
) -> Result<Response, Refused> {
    check_session(&shop)?;
    let pages = shop.gpuaas.pages();
    let held = pages.held.get(&AllocationId(of.pool_subscription_id));
    let held = held.ok_or_else(|| not_found("subscription"))?;
    let service = held.services.iter().find(|service| service.name == of.service_name);
    let answer = service.map_or_else(ServiceState::default, |service| ServiceState {
        status: Some("active".into()),
        message: None,
        service_ip: Some(service.host.clone()),
        node_port: Some(service.port),
        service_exists: true,
        kubernetes_active: true,
    });
    drop(pages);
    Ok(object(&shop, &answer))
}

pub(super) async fn withdraw(
    State(shop): Shared,
    Path(id): Path<u64>,
) -> Result<Response, Refused> {
    check_session(&shop)?;
    let mut pages = shop.gpuaas.pages();
    let with = pages.held.values_mut().find(|held| held.services.iter().any(|one| one.id == id));
    let services = &mut with.ok_or_else(|| not_found("service"))?.services;
    let place = services.iter().position(|service| service.id == id).unwrap_or_default();
    let answer = told(&services.remove(place));
    drop(pages);
    Ok(object(&shop, &answer))
}
