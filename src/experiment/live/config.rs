//! The configuration file of a live target, in TOML.
//!
//! It says where the provider is and how it is spoken to; keys are never in it, only the file that
//! holds one. Unknown keys are errors, and an error names line, column and key without showing the line:
//! somebody may have written a key there all the same.

mod gpuaas;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr,
};

use adapters::{AuthScheme, HttpLimits, HttpTimeouts, TokenExchange};
use connector::Duration;
pub use gpuaas::GpuaasConfig;
use serde::{Deserialize, Deserializer, de::Error as _};

/// What a configuration file says. All of it is optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// Where the provider is.
    pub base_url: Option<String>,
    /// What is spoken there.
    #[serde(default, deserialize_with = "dialect")]
    pub dialect: Option<scenarios::Dialect>,
    /// How long shares are asked for, where that is stated.
    #[serde(default, deserialize_with = "some_time")]
    pub lease: Option<Duration>,
    /// A file in PEM of authorities that are trusted besides those of this machine; relative to the folder of
    /// the configuration.
    pub ca_file: Option<PathBuf>,
    /// Whether a key may travel unencrypted to another machine.
    #[serde(default)]
    pub allow_plaintext_key: bool,
    /// How we show who we are.
    #[serde(default)]
    pub auth: AuthConfig,
    /// What subscriptions are made with, where HostedAI's own API is spoken.
    #[serde(default)]
    pub gpuaas: GpuaasConfig,
    /// The provider's names of the scenario's pools.
    #[serde(default)]
    pub pools: BTreeMap<String, String>,
    /// How long exchanges may take.
    #[serde(default)]
    pub timeouts: TimeoutConfig,
    /// How much is held at once.
    #[serde(default)]
    pub limits: LimitConfig,
}

/// How we show who we are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// In which way; the dialect's own without it.
    pub scheme: Option<SchemeName>,
    /// The file that holds the key; relative to the folder of the configuration.
    pub key_file: Option<PathBuf>,
    /// Of `token`: where tokens are got, below the base URL. Default: `/token`.
    pub token_path: Option<String>,
    /// Of `token`: the client's name, sent with the key as `Authorization: Basic`. Default: the key is
    /// sent as `X-API-Key`.
    pub client_id: Option<String>,
}

/// The ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemeName {
    /// `Authorization: Bearer`.
    Bearer,
    /// `X-API-Key`.
    ApiKey,
    /// A token that is got for the key.
    Token,
}

macro_rules! optional_times {
    ($(#[$doc:meta])* $name:ident { $($field:ident),* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(
                #[serde(default, deserialize_with = "some_time")]
                $field: Option<Duration>,
            )*
        }

        impl $name {
            /// Those of `default` where nothing is said.
            pub fn or(self, default: HttpTimeouts) -> HttpTimeouts {
                HttpTimeouts { $($field: self.$field.unwrap_or(default.$field)),* }
            }
        }
    };
}

optional_times! {
    /// How long exchanges may take; see [`HttpTimeouts`].
    TimeoutConfig { connect, allocate, infer, release, inspect }
}

/// How much is held at once; see [`HttpLimits`].
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitConfig {
    in_flight: Option<usize>,
    answer_bytes: Option<usize>,
    line_bytes: Option<usize>,
    prompt_bytes: Option<usize>,
}

impl LimitConfig {
    /// Those of `default` where nothing is said.
    pub fn or(self, default: HttpLimits) -> HttpLimits {
        HttpLimits {
            in_flight: self.in_flight.unwrap_or(default.in_flight),
            answer_bytes: self.answer_bytes.unwrap_or(default.answer_bytes),
            line_bytes: self.line_bytes.unwrap_or(default.line_bytes),
            prompt_bytes: self.prompt_bytes.unwrap_or(default.prompt_bytes),
        }
    }
}

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// It does not say what it should.
    #[error("{}:{line}:{column}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong.
        reason: String,
    },
}

/// Longest file in bytes.
const MAX_BYTES: u64 = 1 << 20;

impl TargetConfig {
    /// Reads a file. Paths inside are relative to it.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |reason| ConfigError::Unreadable { path: path.into(), reason };
        let length = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if length > MAX_BYTES {
            return Err(unreadable(format!("it is longer than {MAX_BYTES} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let mut config = Self::parse(path, &text)?;
        for file in config.auth.key_file.iter_mut().chain(&mut config.ca_file) {
            *file = path.parent().unwrap_or(Path::new("")).join(&*file);
        }
        Ok(config)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let before = text.get(..offset).unwrap_or_default();
            let (line, column) = (
                before.matches('\n').count() + 1,
                before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
            );
            let reason = error.message().lines().next().unwrap_or_default().to_owned();
            ConfigError::Invalid { path: path.into(), line, column, reason }
        })
    }
}

impl AuthConfig {
    /// The scheme with what belongs to it, if one is named.
    pub fn scheme(&self) -> Option<AuthScheme> {
        Some(match self.scheme? {
            SchemeName::Bearer => AuthScheme::Bearer,
            SchemeName::ApiKey => AuthScheme::ApiKey,
            SchemeName::Token => {
                let default = TokenExchange::default();
                AuthScheme::Token(TokenExchange {
                    path: self.token_path.clone().unwrap_or(default.path),
                    client_id: self.client_id.clone(),
                })
            }
        })
    }
}

fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time = Duration::from_str(&text)
        .map_err(|_| D::Error::custom("a time is text such as \"30s\" or \"10min\""))?;
    if time.is_zero() { Err(D::Error::custom("a time must be above zero")) } else { Ok(Some(time)) }
}

fn dialect<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<scenarios::Dialect>, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = scenarios::Dialect::ALL.into_iter().find(|dialect| dialect.name() == name);
    known.map(Some).ok_or_else(|| {
        let names = scenarios::Dialect::ALL.map(scenarios::Dialect::name).join(", ");
        D::Error::custom(format!("the dialect is one of {names}"))
    })
}

#[cfg(test)]
mod tests {
    use adapters::gpuaas::ServiceScheme;

    use super::*;

    #[test]
    fn a_file_says_everything_about_a_target() {
        let config = parse(
            r#"
            base_url = "https://gpu.example.com"
            dialect = "covenant-v1"
            lease = "2h"
            ca_file = "ca.pem"
            [auth]
            scheme = "token"
            key_file = "key"
            token_path = "/oauth/token"
            client_id = "harpoon"
            [gpuaas]
            teams = ["team-a", "team-b"]
            region = "eu"
            instance_type_id = "type-1"
            ephemeral_storage_block_id = "block-1"
            shared_volumes = [5]
            image_uuid = "image-1"
            images = { llama = "image-2" }
            service_port = 9000
            service_scheme = "https"
            exchange_within = "20s"
            look_every = "1s"
            look_for = "90s"
            [pools]
            standard = "pool-17"
            [timeouts]
            allocate = "30s"
            [limits]
            in_flight = 7
            "#,
        )
        .unwrap();
        assert_eq!(config.dialect, Some(scenarios::Dialect::CovenantV1));
        assert_eq!(config.lease, Some(Duration::from_secs(7_200)));
        assert_eq!(config.ca_file.as_deref(), Some(Path::new("ca.pem")));
        assert_eq!(config.pools["standard"], "pool-17");
        let timeouts = config.timeouts.or(HttpTimeouts::default());
        assert_eq!(timeouts.allocate, Duration::from_secs(30));
        assert_eq!(timeouts.infer, HttpTimeouts::default().infer);
        assert_eq!(config.limits.or(HttpLimits::default()).in_flight, 7);
        let Some(AuthScheme::Token(exchange)) = config.auth.scheme() else { panic!("a token") };
        assert_eq!(exchange.path, "/oauth/token");
        let gpuaas = config.gpuaas.options(None).unwrap();
        assert_eq!((gpuaas.teams.len(), gpuaas.service_port), (2, 9_000));
        assert_eq!((gpuaas.image_of("llama"), gpuaas.image_of("gemma")), ("image-2", "image-1"));
        assert_eq!(gpuaas.service_scheme, ServiceScheme::Https);
        assert_eq!(gpuaas.look_for, Duration::from_secs(90));
        assert!(parse("").unwrap().gpuaas.options(None).is_none(), "nobody to subscribe for");
    }

    #[test]
    fn mistakes_are_named_with_their_place_and_no_line_is_shown() {
        for (text, place, words) in [
            ("base_url = 7", (1, 12), "invalid type: integer `7`, expected a string"),
            ("\n  api_key = \"s3cret\"", (2, 3), "unknown field `api_key`"),
            ("[auth]\nkey = \"s3cret\"", (2, 1), "unknown field `key`"),
            ("[auth]\nscheme = \"s3cret\"", (2, 10), "unknown variant"),
            ("dialect = \"latin\"", (1, 11), "the dialect is one of harpoon-v1"),
            ("[timeouts]\ninfer = \"soon\"", (2, 9), "a time is text such as"),
            ("[timeouts]\ninfer = \"0s\"", (2, 9), "above zero"),
            ("lease = 5", (1, 9), "invalid type"),
            ("[gpuaas]\nservice_key = \"s3cret\"", (2, 1), "unknown field `service_key`"),
            ("[gpuaas]\nlook_for = \"0s\"", (2, 12), "above zero"),
            ("[gpuaas]\nservice_scheme = \"ftp\"", (2, 18), "unknown variant"),
            ("[gpuaas]\nservice_port = 70000", (2, 16), "invalid value"),
            ("= s3cret", (1, 1), ""),
        ] {
            let ConfigError::Invalid { line, column, reason, .. } = parse(text).unwrap_err() else {
                panic!("{text}")
            };
            assert_eq!((line, column), place, "{text}: {reason}");
            assert!(reason.contains(words), "{text}: {reason}");
        }
    }

    fn parse(text: &str) -> Result<TargetConfig, ConfigError> {
        TargetConfig::parse(Path::new("live.toml"), text)
    }
}
