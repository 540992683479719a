use std::collections::BTreeMap;

use adapters::gpuaas::{GpuaasOptions, ServiceScheme};
use connector::Duration;
use secrecy::SecretString;
use serde::Deserialize;

use super::some_time;

/// What subscriptions are made with; see [`GpuaasOptions`]. The provider's numbers of pools are among the
/// names of pools.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GpuaasConfig {
    /// Those who are subscribed for.
    pub teams: Vec<String>,
    region: Option<String>,
    instance_type_id: String,
    ephemeral_storage_block_id: String,
    shared_volumes: Vec<u64>,
    images: BTreeMap<String, String>,
    image_uuid: String,
    service_port: Option<u16>,
    service_scheme: Option<SchemeOfServices>,
    #[serde(deserialize_with = "some_time")]
    exchange_within: Option<Duration>,
    #[serde(deserialize_with = "some_time")]
    look_every: Option<Duration>,
    #[serde(deserialize_with = "some_time")]
    look_for: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SchemeOfServices {
    Http,
    Https,
}

impl GpuaasConfig {
    /// All of it, with the key of exposed services; `None` if there is nobody to subscribe for.
    pub fn options(self, service_key: Option<SecretString>) -> Option<GpuaasOptions> {
        if self.teams.is_empty() {
            return None;
        }
        let default = GpuaasOptions::new(self.teams);
        Some(GpuaasOptions {
            region: self.region,
            instance_type_id: self.instance_type_id,
            ephemeral_storage_block_id: self.ephemeral_storage_block_id,
            shared_volumes: self.shared_volumes,
            images: self.images,
            image_uuid: self.image_uuid,
            service_port: self.service_port.unwrap_or(default.service_port),
            service_scheme: match self.service_scheme {
                Some(SchemeOfServices::Http) => ServiceScheme::Http,
                Some(SchemeOfServices::Https) => ServiceScheme::Https,
                None => default.service_scheme,
            },
            service_key,
            exchange_within: self.exchange_within.unwrap_or(default.exchange_within),
            look_every: self.look_every.unwrap_or(default.look_every),
            look_for: self.look_for.unwrap_or(default.look_for),
            ..default
        })
    }
}
