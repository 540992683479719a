//! Who we are, as each exchange shows it.
//!
//! # Mechanism
//!
//! A key is given once, or stands in a file. A file is looked at again when a key is refused, and now
//! and then besides, so a key that is replaced there is used without a request being lost: as long as
//! both are valid at the provider, every exchange shows one that is. With [`AuthScheme::Token`] the
//! key is shown to the token address alone and everything else shows the token, which is renewed before
//! it ends. One exchange renews, the others go on with the token that is still good or wait.
//!
//! # Edges
//!
//! * *A 401* is answered by looking for other credentials, once. Only if there are any is the request
//!   sent again, which is safe whatever it asks: a refusal for lack of credentials says that nothing
//!   was done (RFC 9110, section 15.5.2).
//! * *No token*: the operation was never sent, so no share can have been granted, and the failure is
//!   no ambiguous one.
//! * *A key file that cannot be read later* leaves the key as it was.
//! * *Secrets* live in [`SecretString`] and in headers marked as sensitive, and what was shown lately is
//!   taken out of the provider's words.
//!
//! # Sources
//!
//! RFC 6749, sections 4.4 (client credentials) and 5.1 (`access_token`, `expires_in`); RFC 7519,
//! section 4.1 (`exp`, `iat`).

mod key;
pub(super) mod token;

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use connector::Error;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, InvalidHeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::{
    endpoint::Endpoint,
    options::{ApiKey, AuthScheme, HttpOptions, SetupError, TokenExchange},
};
use token::Token;

/// The header of a key that is shown as such.
pub(super) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Secrets that are remembered to be taken out of what the provider says: a key and a token, each with
/// the one before.
const REMEMBERED: usize = 4;

/// What an exchange shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) name: HeaderName,
    /// Marked as sensitive.
    pub(super) value: HeaderValue,
}

/// See the module text.
pub(super) struct Credentials {
    source: ApiKey,
    scheme: AuthScheme,
    state: Mutex<State>,
    /// Held by whoever renews the token.
    renewal: tokio::sync::Mutex<()>,
}

struct State {
    key: SecretString,
    looked: Instant,
    token: Option<Token>,
    shown: VecDeque<SecretString>,
}

impl Credentials {
    /// Those of these options, if there are any.
    ///
    /// # Errors
    /// For a key file that cannot be read, and a key that no header can carry.
    pub(super) fn of(options: &HttpOptions) -> Result<Option<Self>, SetupError> {
        let Some(source) = &options.api_key else { return Ok(None) };
        let key = key::read(source)?;
        header(&key, "").map_err(|_| SetupError::UnusableKey)?;
        let state = State {
            shown: VecDeque::from([key.clone()]),
            key,
            looked: Instant::now(),
            token: None,
        };
        Ok(Some(Self {
            source: source.clone(),
            scheme: options.auth.clone(),
            state: Mutex::new(state),
            renewal: tokio::sync::Mutex::default(),
        }))
    }

    /// What to show now.
    ///
    /// # Errors
    /// That of a token exchange.
    pub(super) async fn show(&self, endpoint: &Endpoint) -> Result<Shown, Error> {
        self.look(key::LOOK_AGAIN);
        match &self.scheme {
            AuthScheme::Bearer => Ok(self.key("Bearer ", AUTHORIZATION)),
            AuthScheme::ApiKey => Ok(self.key("", API_KEY)),
            AuthScheme::Token(exchange) => self.token(exchange, endpoint).await,
        }
    }

    /// What to show instead of what was refused; `None` if there is nothing else.
    ///
    /// # Errors
    /// That of a token exchange.
    pub(super) async fn instead(
        &self,
        refused: &Shown,
        endpoint: &Endpoint,
    ) -> Result<Option<Shown>, Error> {
        self.look(std::time::Duration::ZERO);
        if matches!(self.scheme, AuthScheme::Token(_)) {
            // Somebody else may have renewed it meanwhile: only the refused one is thrown away.
            self.state().token.take_if(|token| token.shown() == *refused);
        }
        let other = self.show(endpoint).await?;
        Ok((other != *refused).then_some(other))
    }

    /// The same error without any secret of ours in its words.
    pub(super) fn redact(&self, error: Error) -> Error {
        let state = self.state();
        let secrets = state.shown.iter().map(ExposeSecret::expose_secret);
        let mut words = error.detail.clone().unwrap_or_default().into_string();
        let said = words.len();
        for secret in secrets.filter(|secret| !secret.is_empty()) {
            if words.contains(secret) {
                words = words.replace(secret, "[redacted]");
            }
        }
        if said == 0 { error } else { Error::new(error.kind, words) }
    }

    fn key(&self, scheme: &str, name: HeaderName) -> Shown {
        let value = header(&self.state().key, scheme);
        Shown { name, value: value.expect("the key was found to be fit for a header") }
    }

    /// Looks at the file again if the last look is this old.
    fn look(&self, age: std::time::Duration) {
        let ApiKey::InFile(path) = &self.source else { return };
        let mut state = self.state();
        if state.looked.elapsed() < age {
            return;
        }
        state.looked = Instant::now();
        if !path.is_file() {
            // A pipe that was read once would be waited for for ever.
            return;
        }
        let found = key::read(&self.source).ok().filter(|key| header(key, "").is_ok());
        let is_new = |key: &SecretString| key.expose_secret() != state.key.expose_secret();
        if let Some(key) = found.filter(is_new) {
            state.remember(&key);
            state.key = key;
        }
    }

    /// The token, renewed where it must be.
    async fn token(&self, exchange: &TokenExchange, endpoint: &Endpoint) -> Result<Shown, Error> {
        let renewing = match self.good_token() {
            Some((shown, Urgency::None)) => return Ok(shown),
            // Whoever renews it is at it; meanwhile it is good.
            Some((shown, Urgency::Soon)) => match self.renewal.try_lock() {
                Ok(renewing) => renewing,
                Err(_) => return Ok(shown),
            },
            None => self.renewal.lock().await,
        };
        // It may have been renewed while this one waited.
        if let Some((shown, Urgency::None)) = self.good_token() {
            return Ok(shown);
        }
        let key = self.state().key.clone();
        let got = token::exchange(exchange, &key, endpoint).await;
        let result = match (got, self.good_token()) {
            (Ok(token), _) => {
                let shown = token.shown();
                let mut state = self.state();
                state.remember(&token.secret);
                state.token = Some(token);
                Ok(shown)
            }
            // It can be tried again as long as the old one is good.
            (Err(_), Some((shown, _))) => Ok(shown),
            (Err(error), None) => Err(error),
        };
        // Not before the new token is there for those who wait.
        drop(renewing);
        result
    }

    fn good_token(&self) -> Option<(Shown, Urgency)> {
        let state = self.state();
        let token = state.token.as_ref()?;
        Some((token.shown(), token.urgency(Instant::now())?))
    }

    /// Whoever died while it held the state left whole values.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much a good token needs to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    None,
    /// It ends soon.
    Soon,
}

impl State {
    fn remember(&mut self, secret: &SecretString) {
        self.shown.push_front(secret.clone());
        self.shown.truncate(REMEMBERED);
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, scheme, .. } = self;
        f.debug_struct("Credentials").field("source", source).field("scheme", scheme).finish()
    }
}

/// A secret after these words, as a header carries it.
fn header(secret: &SecretString, before: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("{before}{}", secret.expose_secret()))?;
    value.set_sensitive(true);
    Ok(value)
}
