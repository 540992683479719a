//! HostedAI's own API, scripted answer by answer. Tests are named after the number of the pathology in
//! `docs/live/gpuaas.md` that they are about.

mod offers;
mod release;
mod service;
mod subscribe;

use adapters::{HttpOptions, gpuaas::GpuaasOptions};
use connector::{AllocationId, Duration};
use tokio::runtime::Runtime;

use crate::{
    server::{Act, Server, json},
    talk::{self, Talk, infer},
};

const TEAM: &str = "team-a";
const FAST: Duration = Duration::from_millis(5);

/// A connector to a server with this script, for one team; the first pool is number 3.
fn talk(script: impl IntoIterator<Item = Act>) -> (Talk, Server) {
    configured(script, |_| ())
}

fn configured(
    script: impl IntoIterator<Item = Act>,
    configure: impl FnOnce(&mut HttpOptions),
) -> (Talk, Server) {
    Talk::configured(script, |options| {
        *options = speaking(options.clone());
        configure(options);
    })
}

/// For one team, in a hurry.
pub(crate) fn speaking(mut options: HttpOptions) -> HttpOptions {
    options.names.pools[0] = "3".into();
    let mut gpuaas = GpuaasOptions::new(vec![TEAM.into()]);
    gpuaas.instance_type_id = "type-1".into();
    gpuaas.look_every = FAST;
    gpuaas.look_for = Duration::from_millis(300);
    gpuaas.exchange_within = Duration::from_secs(5);
    options.speaking_gpuaas(gpuaas).with_key("s3cret".into())
}

/// A provider of one share, and the service of that share at another port.
pub(crate) fn with_service(
    acts: impl IntoIterator<Item = Act>,
    configure: impl FnOnce(&mut HttpOptions),
) -> (Talk, Server, Server) {
    let runtime = talk::runtime();
    let service = Server::start(runtime.handle(), acts);
    let (talk, provider) = at_service(runtime, &service, configure);
    (talk, provider, service)
}

/// A provider of one share whose service is this one.
pub(crate) fn at_service(
    runtime: Runtime,
    service: &Server,
    configure: impl FnOnce(&mut HttpOptions),
) -> (Talk, Server) {
    let port = service.url.rsplit(':').next().and_then(|port| port.parse().ok());
    let script = granting(port.expect("an address has a port"));
    let provider = Server::start(runtime.handle(), script);
    let mut options = speaking(talk::options(&provider.url));
    configure(&mut options);
    (Talk::to(runtime, options), provider)
}

pub(crate) fn settings(options: &mut HttpOptions) -> &mut GpuaasOptions {
    options.gpuaas.as_mut().expect("it was just set")
}

fn ok(body: &str) -> Act {
    Act::Answer(json(200, body))
}

fn fails(status: u16, body: &str) -> Act {
    Act::Answer(json(status, body))
}

/// A list of these rows.
fn rows(rows: &[String]) -> Act {
    let count = rows.len();
    ok(&format!(
        r#"{{"items":[{}],"page":0,"per_page":100,"total_items":{count},"total_pages":1}}"#,
        rows.join(",")
    ))
}

pub(crate) fn none() -> Act {
    rows(&[])
}

fn row(id: u64, status: &str) -> String {
    let pods = format!(r#"[{{"pod_name":"pod-{id}","pod_status":"Running"}}]"#);
    format!(r#"{{"id":{id},"pool_id":"3","team_id":"{TEAM}","status":"{status}","pods":{pods}}}"#)
}

pub(crate) fn only(id: u64, status: &str) -> Act {
    rows(&[row(id, status)])
}

/// A service that works, at this port.
fn exposed(port: u16) -> [Act; 2] {
    let address = format!(r#""service_ip":"127.0.0.1","node_port":{port}"#);
    [
        ok(r#"{"id":1,"service_name":"harpoon-7","ip":"127.0.0.1","node_port":1}"#),
        ok(&format!(r#"{{"service_exists":true,"kubernetes_active":true,{address}}}"#)),
    ]
}

/// Everything that a grant of subscription 7 takes.
pub(crate) fn granting(port: u16) -> Vec<Act> {
    let mut script = vec![none(), ok(r#"{"subscription_id":7}"#), only(7, "subscribed")];
    script.extend(exposed(port));
    script
}

/// How often the server was asked this.
fn count(server: &Server, beginning: &str) -> usize {
    server.requests().iter().filter(|request| request.starts_with(beginning)).count()
}

fn subscriptions(server: &Server) -> usize {
    count(server, "POST /api/gpuaas/pool/subscribe ")
}

fn looks(server: &Server) -> usize {
    count(server, "GET /api/gpuaas/pool-subscription?")
}

fn ask_at(talk: &mut Talk, share: AllocationId) -> Result<connector::Reply, connector::Error> {
    talk.ask(infer(share, false))
}
