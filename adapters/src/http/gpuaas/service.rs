//! The port of a pod, and what speaks there.

use std::{net::Ipv6Addr, sync::Arc};

use connector::{Error, ErrorKind};
use url::Url;

use super::{Account, exchange::is_passing};
use crate::{
    gpuaas::{ExposeRequest, ExposedService, ServiceState, WireId},
    harpoon_v1::{hidden_failure, readable},
    http::{
        endpoint::check_secrecy,
        line::{Exchanges, Failures},
    },
    openai,
};

/// Questions for the same service, when the provider does not know of it.
const MOST_TRIES: u32 = 3;
/// Looks at a service that is not there before it is asked for again.
const LOOKS_BEFORE_ASKING: u32 = 3;

impl Account {
    /// Exposes a pod's port; where it is reached, once it is.
    ///
    /// A service has a name of its own, so it is safe to ask for it again.
    pub(super) async fn expose(&self, subscription: &WireId, pod: &str) -> Result<Url, Error> {
        let name = format!("harpoon-{subscription}");
        let mut told = None;
        for _ in 0..MOST_TRIES {
            match self.ask_to_expose(subscription, pod, &name).await {
                Ok(service) => told = service.or(told),
                // It is exposed already, or may be.
                Err(error) if error.kind == ErrorKind::Conflict || is_passing(error.kind) => {}
                Err(error) => return Err(error),
            }
            if let Some(state) = self.active_service(subscription, &name).await? {
                let of_state = state.service_ip.zip(state.node_port);
                let address = of_state.or_else(|| {
                    let service: ExposedService = told.take()?;
                    service.ip.zip(service.node_port)
                });
                let (host, port) = address.ok_or_else(|| odd("the service has no address"))?;
                return self.address(&host, port);
            }
        }
        let words = format!("the service of subscription {subscription} does not appear");
        Err(Error::new(ErrorKind::Unavailable { reached: true }, words))
    }

    /// What the provider says of the new service, if it says anything that can be read
    /// (pathology 19).
    async fn ask_to_expose(
        &self,
        subscription: &WireId,
        pod: &str,
        name: &str,
    ) -> Result<Option<ExposedService>, Error> {
        let request = ExposeRequest {
            pod_name: pod.to_owned(),
            pool_subscription_id: subscription.clone(),
            port: self.options.service_port,
            service_name: name.to_owned(),
            protocol: "TCP".to_owned(),
            service_type: self.options.service_scheme.name().to_owned(),
        };
        let request = self.post(&["pods", "expose-service"], &request)?;
        let body = self.ask(request, "POST /pods/expose-service").await?;
        Ok(serde_json::from_slice(&body).ok())
    }

    /// Waits until the service works; `None` if the provider does not know of it.
    async fn active_service(
        &self,
        subscription: &WireId,
        name: &str,
    ) -> Result<Option<ServiceState>, Error> {
        let id = subscription.to_string();
        let query = [("service_name", name), ("pool_subscription_id", id.as_str())];
        let mut unknown = 0;
        while unknown < LOOKS_BEFORE_ASKING {
            let request = self.get(&["pods", "expose-service", "status"], &query);
            match self.ask(request, "GET /pods/expose-service/status").await {
                Ok(body) => match serde_json::from_slice::<ServiceState>(&body) {
                    Ok(state) if state.service_exists && state.kubernetes_active => {
                        return Ok(Some(state));
                    }
                    Ok(state) => unknown += u32::from(!state.service_exists),
                    Err(_) => unknown += 1,
                },
                Err(error) if error.kind == ErrorKind::NotFound => unknown += 1,
                Err(error) if is_passing(error.kind) => {}
                Err(error) => return Err(error),
            }
            self.pause().await;
        }
        Ok(None)
    }

    /// The address of a service that the provider names. It decides the host, so nothing but a host and a
    /// port is taken from it, and no key goes there that is not the service's own.
    fn address(&self, host: &str, port: u16) -> Result<Url, Error> {
        let scheme = self.options.service_scheme.name();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        let host = match host.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) if !host.is_empty() && host.bytes().all(plain) => host.to_owned(),
            Err(_) => return Err(odd(&format!("a service at host `{host}`"))),
        };
        let url = Url::parse(&format!("{scheme}://{host}:{port}/"));
        let url = url.map_err(|error| odd(&format!("a service at `{host}`: {error}")))?;
        if self.options.service_key.is_some() {
            check_secrecy(&url, self.allow_plaintext_key)
                .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
        }
        Ok(url)
    }

    /// What a service is asked with: its own key, and the words of OpenAI's dialect for failures.
    pub(super) fn at_service(&self, service: &Url) -> Exchanges {
        let endpoint = self.provider.endpoint.elsewhere(service, self.service_key.clone());
        let failures = Failures { read: openai::read_failure, hidden: hidden_failure };
        Exchanges { endpoint: Arc::new(endpoint), failures, limits: self.provider.limits }
    }
}

fn odd(words: &str) -> Error {
    Error::new(ErrorKind::Protocol, readable(words))
}
