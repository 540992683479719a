//! The mock as a stand-in for HostedAI: what its published client sends for one tenant, in order, and what
//! it may be answered with when quirks are switched while the mock runs.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use adapters::{
    billing_summary::{BillingSummary, SummaryError},
    gpuaas::{read_failure, read_metrics},
};
use connector::ErrorKind;
use harpoon::mock::{self, GpuaasQuirk, MockOptions, MockReport};
use serde_json::{Value, json};
use sim::Simulator;
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot, task::JoinHandle};

use crate::binary::Desk;

const KEY: &str = "s3cret";
/// A period that has the present in it.
const ALWAYS: &str = "2020-01-01T00:00/2120-01-01T00:00";

#[test]
fn the_smallest_round_trip_of_the_published_client_is_answered() {
    let mock = Mock::start();
    let pools = mock.json("GET", "/api/gpuaas/all-pools", "");
    assert_eq!(pools[0]["pool_id"], 1);
    assert_eq!(pools[0]["pool_name"], "cards");
    let regions = mock.json("GET", "/api/gpuaas/available-regions?team_id=t", "");
    let cluster = &regions[0]["gpuaas_id"];
    let path = format!("/api/gpuaas/available-pools?team_id=t&gpuaas_id={cluster}");
    let offers = mock.json("GET", &path, "");
    assert_eq!(
        (&offers[0]["available_vgpus"], &offers[0]["pricing_hourly"]),
        (&16.into(), &1.0.into())
    );
    let types =
        mock.json("GET", "/api/gpuaas/pool/compatible-instance-types?region_id=1&team_id=t", "");
    assert_eq!(types.as_array().map(Vec::len), Some(2));
    let ask = json!({"pool_id": 1, "vgpus": 1, "duration_hours": 2, "team_id": "t"});
    let cost = mock.json("POST", "/api/gpuaas/calculate-pool-subscription", &ask.to_string());
    assert_eq!((&cost["hourly_cost"], &cost["total_cost"]), (&1.0.into(), &2.0.into()));

    let subscribed = mock.json("POST", "/api/gpuaas/pool/subscribe", &subscribing("t"));
    let id = subscribed["subscription_id"].as_u64().expect("a number");
    let list = "/api/gpuaas/pool-subscription?team_id=t&page=0&per_page=100&metric_window=last_5m";
    let row = mock.json("GET", list, "")["items"][0].clone();
    assert_eq!(
        (&row["id"], &row["status"], &row["team_id"]),
        (&id.into(), &"subscribed".into(), &"t".into())
    );
    let pod = row["pods"][0]["pod_name"].as_str().expect("a pod").to_owned();
    assert_eq!(mock.json("GET", "/api/gpuaas/connection-info?team_id=t", "")[0]["id"], id);
    let again = mock.ask("POST", "/api/gpuaas/pool/subscribe", &subscribing("t"));
    assert_eq!(again.status, 409, "{}", again.body);
    let act = json!({"pod_name": pod, "pool_subscription_id": id, "pod_action": "restart"});
    assert_eq!(mock.json("POST", "/api/pods/action", &act.to_string())["success"], true);

    let metrics =
        mock.ask("GET", "/api/gpuaas/t/metrics?start_date=2026-01-01&page=1&itemsPerPage=500", "");
    let metrics = read_metrics(metrics.status, metrics.body.as_bytes()).expect("metrics");
    assert_eq!((metrics.rows.len(), metrics.cost.is_some()), (1, true));
    let graph = mock.json("GET", "/api/gpuaas/t/metrics-graph?granularity=1h", "");
    assert!(graph["total_hours"].as_f64().is_some_and(|hours| hours > 0.0));
    let summary = mock.ask("GET", &format!("/api/team-billing/summary/t/{ALWAYS}"), "");
    let summary = BillingSummary::parse(&summary.body).expect("a summary");
    assert_eq!(summary.pools.len(), 1);
    assert!(summary.beside_parts().is_some_and(|beside| beside.as_f64().abs() < 1e-6));
    let detail = mock.json("GET", &format!("/api/team-billing/t/{ALWAYS}/daily?timezone=UTC"), "");
    assert!(detail["total_cost"].as_f64().is_some_and(|cost| cost > 0.0));

    let back = json!({"subscription_id": id, "team_id": "t", "pool_id": 1}).to_string();
    let elsewhere = back.replace("\"t\"", "\"u\"");
    assert_eq!(mock.ask("POST", "/api/gpuaas/pool/unsubscribe", &elsewhere).status, 404);
    let answer = mock.ask("POST", "/api/gpuaas/pool/unsubscribe", &back);
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(mock.json("GET", list, "")["items"], json!([]));
    assert_eq!(mock.ask("POST", "/api/gpuaas/pool/unsubscribe", &back).status, 404);
    let report = mock.stop();
    assert_eq!((report.granted, report.given_back, report.left_held), (1, 0, 0));
}

#[test]
fn an_exposed_service_is_a_port_of_its_own_until_it_is_withdrawn() {
    let mock = Mock::start();
    let id = mock.json("POST", "/api/gpuaas/pool/subscribe", &subscribing("t"))["subscription_id"]
        .clone();
    let expose = json!({"pod_name": format!("pod-{id}"), "pool_subscription_id": id, "port": 8000,
        "service_name": "chat", "protocol": "TCP", "service_type": "http"});
    let service = mock.json("POST", "/api/pods/expose-service", &expose.to_string());
    let state =
        format!("/api/pods/expose-service/status?service_name=chat&pool_subscription_id={id}");
    assert_eq!(mock.json("GET", &state, "")["kubernetes_active"], true);
    assert_eq!(mock.ask("POST", "/api/pods/expose-service", &expose.to_string()).status, 409);
    let port = u16::try_from(service["node_port"].as_u64().unwrap()).unwrap();
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    let chat = json!({"model": "tiny", "messages": [{"role": "user", "content": "abcdefgh"}],
        "max_tokens": 3});
    let said = ask(at, "POST", "/v1/chat/completions", &chat.to_string()).expect("it answers");
    let usage: Value = serde_json::from_str::<Value>(&said.body).unwrap()["usage"].clone();
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&2.into(), &3.into()));
    let mut streaming = chat;
    streaming["stream"] = true.into();
    let said = ask(at, "POST", "/v1/chat/completions", &streaming.to_string()).expect("it answers");
    assert_eq!(said.body.matches("\"delta\":{\"content\":").count(), 3, "{}", said.body);
    assert!(said.body.contains("data: [DONE]"), "{}", said.body);
    let path = format!("/api/pods/delete-exposed-service/{}", service["id"]);
    assert_eq!(mock.ask("DELETE", &path, "").status, 200);
    assert_eq!(mock.json("GET", &state, "")["service_exists"], false);
    assert!(mock.stop().given_back == 1);
}

#[test]
fn quirks_are_switched_by_name_while_it_runs() {
    let mock = Mock::start();
    let control = "/__control/gpuaas/quirks";
    let bill = format!("/api/team-billing/summary/t/{ALWAYS}");
    let switch = |quirk: GpuaasQuirk, method: &str| {
        let answer = mock.ask(method, &format!("{control}/{}", quirk.name()), "");
        assert_eq!(answer.status, 204, "{}", answer.body);
    };
    let list = || mock.ask("GET", "/api/gpuaas/pool-subscription?team_id=t", "");
    let summary = || BillingSummary::parse(&mock.ask("GET", &bill, "").body);
    summary().expect("nothing is on yet");
    // Pathologies 20, 25, 32, 34, 35, 37 and 40, as a careful reader reads them.
    let refused = |answer: &Answer| read_failure(answer.status, None, answer.body.as_bytes()).kind;
    for (quirk, kind) in [
        (GpuaasQuirk::ExpiredSession, ErrorKind::Unauthorized),
        (GpuaasQuirk::WrongCluster, ErrorKind::PolicyRefused),
    ] {
        switch(quirk, "PUT");
        assert_eq!(mock.json("GET", control, "")[quirk.name()], true);
        assert_eq!(refused(&list()), kind);
        switch(quirk, "DELETE");
        assert_eq!(list().status, 200);
    }
    for (quirk, status) in [(GpuaasQuirk::PolicyFails, 500), (GpuaasQuirk::PolicySucceeds, 200)] {
        switch(quirk, "PUT");
        let answer = mock.ask("POST", "/api/gpuaas/pool/subscribe", &subscribing("t"));
        assert_eq!((answer.status, refused(&answer)), (status, ErrorKind::PolicyRefused));
        switch(quirk, "DELETE");
    }
    switch(GpuaasQuirk::BillFails, "PUT");
    assert!(matches!(summary(), Err(SummaryError::Failed(_))));
    switch(GpuaasQuirk::BillFails, "DELETE");
    switch(GpuaasQuirk::FailingBooks, "PUT");
    let metrics = mock.ask("GET", "/api/gpuaas/t/metrics", "");
    read_metrics(metrics.status, metrics.body.as_bytes()).expect_err("no metrics of zero");
    summary().expect_err("no bill of zero");
    switch(GpuaasQuirk::FailingBooks, "DELETE");
    let day = "/api/team-billing/summary/t/2026-11-26/2026-11-26";
    let empty = BillingSummary::parse(&mock.ask("GET", day, "").body);
    assert!(matches!(empty, Err(SummaryError::Empty)));
    switch(GpuaasQuirk::ZeroCost, "PUT");
    mock.json("POST", "/api/gpuaas/pool/subscribe", &subscribing("t"));
    assert_eq!(summary().expect("stated").pools[0].slot_ns, Some(0));
    assert_eq!(mock.ask("PUT", &format!("{control}/moody"), "").status, 404);
    mock.stop();
}

fn subscribing(team: &str) -> String {
    json!({"pool_id": 1, "team_id": team, "vgpus": 1, "is_vip_priority": false,
        "guaranteed_gpu_share_percent": 0, "instance_type_id": "i", "ephemeral_storage_block_id": "e",
        "shared_volumes": [], "image_uuid": "u", "ifb_subscription_id": "", "port_guid": ""})
    .to_string()
}

struct Mock {
    at: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<anyhow::Result<MockReport>>,
    runtime: Runtime,
}

struct Answer {
    status: u16,
    body: String,
}

impl Mock {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let desk = Desk::with_scenario(crate::binary::SMALL);
        let scenario = scenarios::load(&desk.path("scenario.yaml"), &[]);
        let scenario = scenario.unwrap_or_else(|told| panic!("{told}"));
        let simulator = Simulator::new(scenario.provider.clone(), 1).unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let at = listener.local_addr().unwrap();
        let options =
            MockOptions { api_key: Some(KEY.into()), ..MockOptions::new(scenario.names.clone()) };
        let (stop, stopped) = oneshot::channel();
        let ended = async {
            let _: Result<(), _> = stopped.await;
        };
        let server = runtime.spawn(mock::serve(listener, simulator, options, ended));
        Self { at, stop, server, runtime }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        ask(self.at, method, path, body).expect("the mock answers")
    }

    fn json(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.ask(method, path, body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn stop(self) -> MockReport {
        drop(self.stop);
        self.runtime.block_on(self.server).unwrap().unwrap()
    }
}

fn ask(at: SocketAddr, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {at}\r\nx-api-key: {KEY}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Ok(Answer { status, body: body.to_owned() })
}
