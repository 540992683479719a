use std::collections::BTreeMap;

use connector::Duration;
use secrecy::SecretString;

use super::WireId;

/// What a subscription is made with, and how patient the client is.
///
/// A team holds one subscription of a pool at most, so a pool has as many shares as there are teams.
#[derive(Clone, Debug)]
pub struct GpuaasOptions {
    /// The teams on whose behalf is subscribed, in order of preference; at least one.
    pub teams: Vec<String>,
    /// Name or number of the region whose pools are on offer; `None`: all regions.
    pub region: Option<String>,
    /// Cores and memory beside the card, a UUID that is known to work. Empty: the provider's default.
    /// It is not chosen from the list of compatible ones, which has some that do not work.
    pub instance_type_id: String,
    /// The pod's storage, a UUID. Empty: the provider's default.
    pub ephemeral_storage_block_id: String,
    /// Volumes to attach, by number.
    pub shared_volumes: Vec<u64>,
    /// What runs in the pod, a UUID, by our names of models.
    pub images: BTreeMap<String, String>,
    /// The image of every other model. Empty: the provider's default.
    pub image_uuid: String,
    /// Port on which the pod speaks OpenAI's dialect. Default: 8000, as vLLM has it.
    pub service_port: u16,
    /// How the exposed service is reached. Default: HTTP.
    pub service_scheme: ServiceScheme,
    /// The key of the exposed service, which is ours. The provider's key never goes there.
    pub service_key: Option<SecretString>,
    /// How long one exchange may take. Default: 30 s, because one region needs 20.
    pub exchange_within: Duration,
    /// Pause between two looks at something that is awaited. Default: 2 s.
    pub look_every: Duration,
    /// How long a subscription of unknown outcome is looked for in the list. Default: 60 s.
    pub look_for: Duration,
}

/// How an exposed service is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceScheme {
    /// `http://ip:node_port`
    #[default]
    Http,
    /// `https://ip:node_port`
    Https,
}

impl ServiceScheme {
    /// As it begins an address.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Why these options cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Nobody to subscribe for.
    #[error("no team is given")]
    NoTeam,
    /// A team that is no id.
    #[error("team `{team}` is no id: letters, digits, `-`, `_` and `.` make one")]
    OddTeam {
        /// As given.
        team: String,
    },
    /// The same team twice: its second share would be refused.
    #[error("team `{team}` is given twice")]
    TeamTwice {
        /// As given.
        team: String,
    },
    /// A pause of nothing.
    #[error("`{setting}` is 0; it must be longer")]
    NoTime {
        /// Which setting.
        setting: &'static str,
    },
    /// The hash of an image where its UUID is wanted (pathology 11).
    #[error("image `{image}` is a hash; a subscription wants the UUID of the image")]
    ImageHash {
        /// As given.
        image: String,
    },
}

impl GpuaasOptions {
    /// For these teams, with every default.
    pub fn new(teams: Vec<String>) -> Self {
        Self {
            teams,
            region: None,
            instance_type_id: String::new(),
            ephemeral_storage_block_id: String::new(),
            shared_volumes: Vec::new(),
            images: BTreeMap::new(),
            image_uuid: String::new(),
            service_port: 8000,
            service_scheme: ServiceScheme::default(),
            service_key: None,
            exchange_within: Duration::from_secs(30),
            look_every: Duration::from_secs(2),
            look_for: Duration::from_secs(60),
        }
    }

    /// Checks that they can be used.
    ///
    /// # Errors
    /// See [`OptionsError`].
    pub fn check(&self) -> Result<(), OptionsError> {
        if self.teams.is_empty() {
            return Err(OptionsError::NoTeam);
        }
        for (index, team) in self.teams.iter().enumerate() {
            if WireId::new(team).is_none_or(|id| id.as_str() != team) {
                return Err(OptionsError::OddTeam { team: team.chars().take(80).collect() });
            }
            if self.teams[..index].contains(team) {
                return Err(OptionsError::TeamTwice { team: team.clone() });
            }
        }
        let times = [
            ("exchange_within", self.exchange_within),
            ("look_every", self.look_every),
            ("look_for", self.look_for),
        ];
        if let Some(&(setting, _)) = times.iter().find(|(_, time)| time.is_zero()) {
            return Err(OptionsError::NoTime { setting });
        }
        let is_hash =
            |image: &&String| image.len() == 64 && image.bytes().all(|b| b.is_ascii_hexdigit());
        match self.images.values().chain([&self.image_uuid]).find(is_hash) {
            Some(image) => Err(OptionsError::ImageHash { image: image.clone() }),
            None => Ok(()),
        }
    }

    /// The image of a model.
    pub fn image_of(&self, model: &str) -> &str {
        self.images.get(model).unwrap_or(&self.image_uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(teams: &[&str]) -> GpuaasOptions {
        GpuaasOptions::new(teams.iter().map(|&team| team.into()).collect())
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        assert_eq!(of(&[]).check(), Err(OptionsError::NoTeam));
        assert_eq!(of(&["a", "a"]).check(), Err(OptionsError::TeamTwice { team: "a".into() }));
        assert_eq!(of(&["a/b"]).check(), Err(OptionsError::OddTeam { team: "a/b".into() }));
        let hasty = GpuaasOptions { look_every: Duration::ZERO, ..of(&["a"]) };
        assert_eq!(hasty.check(), Err(OptionsError::NoTime { setting: "look_every" }));
        assert_eq!(of(&["a", "b"]).check(), Ok(()));
    }

    #[test]
    fn p11_the_hash_of_an_image_is_no_uuid() {
        let hash = "0123456789abcdef".repeat(4);
        let images = BTreeMap::from([("m".to_owned(), hash.clone())]);
        let wrong = GpuaasOptions { images, ..of(&["a"]) };
        assert_eq!(wrong.check(), Err(OptionsError::ImageHash { image: hash }));
    }
}
