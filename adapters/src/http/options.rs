use std::path::PathBuf;

use connector::{Duration, Names, OperationKind};
use secrecy::SecretString;

use crate::gpuaas::{GpuaasOptions, OptionsError};

/// What is spoken at the far side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    /// Shares and inferences: [`harpoon_v1`](crate::harpoon_v1).
    #[default]
    HarpoonV1,
    /// Shares for a stated time, by what a covenant needs: [`covenant_v1`](crate::covenant_v1).
    CovenantV1,
    /// Chat completions, without shares: [`openai`](crate::openai).
    OpenAi,
    /// HostedAI's own API: [`gpuaas`](crate::gpuaas).
    Gpuaas,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::HarpoonV1, Self::CovenantV1, Self::OpenAi, Self::Gpuaas];

    /// Its name in scenarios and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HarpoonV1 => "harpoon-v1",
            Self::CovenantV1 => "covenant-v1",
            Self::OpenAi => "openai",
            Self::Gpuaas => "gpuaas",
        }
    }
}

/// How long shares are asked for unless somebody says otherwise.
const DEFAULT_LEASE: Duration = Duration::from_secs(3_600);

/// Everything a live connector is told.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// What is spoken there.
    pub dialect: Dialect,
    /// What a subscription is made with, where the dialect is [`Dialect::Gpuaas`].
    pub gpuaas: Option<GpuaasOptions>,
    /// Where the provider is: `https://host[:port][/prefix]`, to which `/v1/...`, `/api/v1/...` or
    /// `/api/...` is added.
    pub base_url: String,
    /// The key; `None` sends no credentials.
    pub api_key: Option<ApiKey>,
    /// How the key is shown.
    pub auth: AuthScheme,
    /// The provider's names of pools, models and tenants, by their numbers here.
    pub names: Names,
    /// A file in PEM of authorities that are trusted besides those of this machine, or of the very certificate of
    /// an endpoint that nobody signed. Read once.
    pub ca_file: Option<PathBuf>,
    /// How long shares are asked for, in dialects that state it; in whole seconds, at least one. After
    /// it the endpoint takes a share back unasked.
    pub lease: Duration,
    /// How long each exchange may take.
    pub timeouts: HttpTimeouts,
    /// How much is held at once.
    pub limits: HttpLimits,
    /// Whether a key may travel over plain HTTP to another machine, where anybody on the way reads
    /// it. For providers behind an encrypting tunnel.
    pub allow_plaintext_key: bool,
}

impl HttpOptions {
    /// An endpoint with default time-outs and limits, without credentials; shares are asked for an hour.
    pub fn new(base_url: impl Into<String>, names: Names) -> Self {
        Self {
            dialect: Dialect::default(),
            gpuaas: None,
            base_url: base_url.into(),
            api_key: None,
            auth: AuthScheme::default(),
            names,
            ca_file: None,
            lease: DEFAULT_LEASE,
            timeouts: HttpTimeouts::default(),
            limits: HttpLimits::default(),
            allow_plaintext_key: false,
        }
    }

    /// The same in HostedAI's own API, with time-outs and a header of the key as it has them.
    #[must_use]
    pub fn speaking_gpuaas(self, gpuaas: GpuaasOptions) -> Self {
        let dialect = Dialect::Gpuaas;
        let (timeouts, auth) = (HttpTimeouts::of(dialect), AuthScheme::of(dialect));
        Self { dialect, gpuaas: Some(gpuaas), timeouts, auth, ..self }
    }

    /// The same with a key.
    #[must_use]
    pub fn with_key(self, api_key: SecretString) -> Self {
        Self { api_key: Some(api_key.into()), ..self }
    }
}

/// Where a key is.
#[derive(Clone, Debug)]
pub enum ApiKey {
    /// Here.
    Given(SecretString),
    /// In this file, which is looked at again every few seconds and when the key is refused: a key that
    /// is replaced there is used from then on.
    InFile(PathBuf),
}

impl From<SecretString> for ApiKey {
    fn from(key: SecretString) -> Self {
        Self::Given(key)
    }
}

impl From<&str> for ApiKey {
    fn from(key: &str) -> Self {
        Self::Given(key.into())
    }
}

/// How a key is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuthScheme {
    /// As `Authorization: Bearer`.
    #[default]
    Bearer,
    /// As `X-API-Key`.
    ApiKey,
    /// To the token address alone; everything else is shown the token as `Authorization: Bearer`.
    Token(TokenExchange),
}

impl AuthScheme {
    /// How keys are shown in a dialect unless somebody says otherwise: HostedAI's clients are seen to send a
    /// header of their own.
    pub const fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::HarpoonV1 | Dialect::CovenantV1 | Dialect::OpenAi => Self::Bearer,
            Dialect::Gpuaas => Self::ApiKey,
        }
    }
}

/// Where tokens are got: `POST` with `grant_type=client_credentials`, answered with `access_token` (or
/// `token`) and `expires_in` in seconds. Without the latter the end is read off a JWT's `exp`; a token
/// that does not say is used for a day, or until it is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenExchange {
    /// Below the base URL: a key never goes to another host.
    pub path: String,
    /// The client's name: the key is then the password of `Authorization: Basic` (RFC 6749, section
    /// 2.3.1). `None`: the key is shown as `X-API-Key`.
    pub client_id: Option<String>,
}

impl Default for TokenExchange {
    /// `/token`, without a client's name.
    fn default() -> Self {
        Self { path: "/token".into(), client_id: None }
    }
}

/// How long each exchange may take, from handing it over to the last byte of its answer.
///
/// Twice the platform's own time-outs by default: an answer that comes after the platform gave up is
/// still heard, so that a late grant can be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpTimeouts {
    /// To open a connection, name lookup and TLS included.
    pub connect: Duration,
    /// An allocation.
    pub allocate: Duration,
    /// An inference, streamed or not.
    pub infer: Duration,
    /// A release.
    pub release: Duration,
    /// Everything else.
    pub inspect: Duration,
}

impl Default for HttpTimeouts {
    /// 10 s to connect, 60 s for an allocation, 10 min for an inference, 60 s for a release, 60 s
    /// for everything else.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            allocate: Duration::from_secs(60),
            infer: Duration::from_secs(600),
            release: Duration::from_secs(60),
            inspect: Duration::from_secs(60),
        }
    }
}

impl HttpTimeouts {
    /// Those of a dialect unless somebody says otherwise: a subscription takes minutes, so
    /// [`Dialect::Gpuaas`] has 10 min for an allocation and 5 min for a release.
    pub fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::HarpoonV1 | Dialect::CovenantV1 | Dialect::OpenAi => Self::default(),
            Dialect::Gpuaas => Self {
                allocate: Duration::from_secs(600),
                release: Duration::from_secs(300),
                ..Self::default()
            },
        }
    }

    /// The time allowed for an operation of this kind.
    pub const fn allowed(&self, kind: OperationKind) -> Duration {
        match kind {
            OperationKind::Allocate => self.allocate,
            OperationKind::Infer => self.infer,
            OperationKind::Release => self.release,
            OperationKind::Cancel
            | OperationKind::Inspect
            | OperationKind::List
            | OperationKind::Pools => self.inspect,
        }
    }
}

/// How much is held at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Exchanges in flight, at least 1; beyond it an operation is answered with `RateLimited` at
    /// once.
    pub in_flight: usize,
    /// Bytes of one answer, a whole stream included.
    pub answer_bytes: usize,
    /// Bytes of one line of a stream.
    pub line_bytes: usize,
    /// Bytes of one prompt; a longer one is answered with `Invalid`.
    pub prompt_bytes: usize,
}

impl Default for HttpLimits {
    /// 4096 exchanges, answers of 16 MiB, lines of 1 MiB, prompts of 16 MiB.
    fn default() -> Self {
        Self {
            in_flight: 4096,
            answer_bytes: 16 << 20,
            line_bytes: 1 << 20,
            prompt_bytes: 16 << 20,
        }
    }
}

/// Why a live connector could not be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The base URL is not one.
    #[error("base URL `{url}` is not a URL: {reason}")]
    NotAUrl {
        /// As given.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The base URL is of another scheme, or has no host, or a query.
    #[error("base URL `{url}` must be `https://host[:port][/prefix]` or the same with `http`")]
    UnsuitableUrl {
        /// As given.
        url: String,
    },
    /// The base URL holds a user name or password. It is not repeated here.
    #[error("the base URL holds a user name or password; give the key on its own instead")]
    CredentialsInUrl,
    /// A key would be sent over plain HTTP to another machine.
    #[error("an API key would travel unencrypted to `{host}`; use https")]
    PlaintextKey {
        /// The other machine.
        host: String,
    },
    /// The key cannot be put into a header. It is not repeated here.
    #[error("the API key holds characters that an HTTP header cannot carry, such as a line break")]
    UnusableKey,
    /// The file that should hold the key does not.
    #[error("no key in {}: {reason}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The file of authorities cannot be used.
    #[error("no certificates in {}: {reason}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The settings of HostedAI's own API cannot be used.
    #[error(transparent)]
    Gpuaas(#[from] OptionsError),
    /// A limit that nothing could pass.
    #[error("limit `{limit}` is 0; it must be at least 1")]
    ZeroLimit {
        /// Its name.
        limit: &'static str,
    },
    /// The TLS set-up or the name resolver failed.
    #[error("the HTTP client could not be built: {reason}")]
    Client {
        /// What it says.
        reason: String,
    },
}
