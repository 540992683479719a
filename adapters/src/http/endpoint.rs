//! Where the provider is, and requests to it.

use std::sync::Arc;

use connector::{Error, ErrorKind};
use hyper::{
    Method, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use url::Url;

use super::{
    client::{Client, Request, Response},
    credentials::{Credentials, Shown},
    options::{HttpLimits, HttpOptions, SetupError},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What cannot stand for itself in a segment of a path (URL Standard, "path percent-encode set"), or would end it.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'/')
    .add(b'\\')
    .add(b'%');

/// A base URL, the client that talks to it, and what it shows. Secrets are in headers marked as
/// sensitive, so that no request prints them.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// What every address begins with: the base without a slash at its end.
    base: String,
    client: Client,
    credentials: Option<Arc<Credentials>>,
}

impl Endpoint {
    pub(super) fn new(options: &HttpOptions) -> Result<Self, SetupError> {
        check_limits(&options.limits)?;
        let base = base_url(&options.base_url)?;
        if options.api_key.is_some() {
            check_secrecy(&base, options.allow_plaintext_key)?;
        }
        let credentials = Credentials::of(options)?.map(Arc::new);
        Ok(Self::at(&base, Client::new(options)?, credentials))
    }

    /// Another place, asked by the same client, that is shown these credentials and no others.
    pub(super) fn elsewhere(&self, base: &Url, credentials: Option<Arc<Credentials>>) -> Self {
        Self::at(base, self.client.clone(), credentials)
    }

    fn at(base: &Url, client: Client, credentials: Option<Arc<Credentials>>) -> Self {
        Self { base: base.as_str().trim_end_matches('/').into(), client, credentials }
    }

    /// Sends a request with what we show. One that is refused for it is sent again if there is
    /// something else to show.
    ///
    /// # Errors
    /// That of a token exchange, and what happens below HTTP.
    pub(super) async fn send(&self, request: Request) -> Result<Response, Error> {
        let Some(credentials) = &self.credentials else {
            return self.send_bare(request).await;
        };
        let again = request.clone();
        let shown = credentials.show(self).await?;
        let response = self.send_bare(shown_to(request, &shown)).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match credentials.instead(&shown, self).await? {
            Some(other) => self.send_bare(shown_to(again, &other)).await,
            None => Ok(response),
        }
    }

    /// Sends a request as it is.
    ///
    /// # Errors
    /// What happens below HTTP.
    pub(super) async fn send_bare(&self, request: Request) -> Result<Response, Error> {
        self.client.send(request).await
    }

    /// The same error without any secret of ours in its words: a provider may repeat the key in its
    /// complaint about it.
    pub(super) fn redact(&self, error: Error) -> Error {
        match &self.credentials {
            Some(credentials) => credentials.redact(error),
            None => error,
        }
    }

    /// A request for these segments below the base, each escaped.
    pub(super) fn request(&self, method: Method, segments: &[&str]) -> Request {
        Request::new(method, self.address(segments))
    }

    /// The same with one query parameter, escaped.
    pub(super) fn query(&self, segments: &[&str], name: &str, value: &str) -> Request {
        self.request(Method::GET, segments).query(&[(name, value)])
    }

    /// A request with a body in JSON.
    ///
    /// # Errors
    /// `Invalid` for a body that JSON cannot hold.
    pub(super) fn post(&self, segments: &[&str], body: &impl Serialize) -> Result<Request, Error> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
        let request = self.request(Method::POST, segments);
        Ok(request.header(CONTENT_TYPE, JSON).body(body))
    }

    fn address(&self, segments: &[&str]) -> String {
        let mut address = self.base.clone();
        for segment in segments {
            address.push('/');
            address.extend(utf8_percent_encode(segment, ESCAPED));
        }
        address
    }
}

fn check_limits(limits: &HttpLimits) -> Result<(), SetupError> {
    let checked = [
        ("in_flight", limits.in_flight),
        ("answer_bytes", limits.answer_bytes),
        ("line_bytes", limits.line_bytes),
        ("prompt_bytes", limits.prompt_bytes),
    ];
    match checked.iter().find(|(_, value)| *value == 0) {
        Some(&(limit, _)) => Err(SetupError::ZeroLimit { limit }),
        None => Ok(()),
    }
}

fn base_url(text: &str) -> Result<Url, SetupError> {
    let url = Url::parse(text).map_err(|error| {
        // A text that is no URL may still hold a key between `//` and `@`.
        let url = if text.contains('@') { "(not shown: it has an @)" } else { text }.into();
        SetupError::NotAUrl { url, reason: error.to_string() }
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(SetupError::CredentialsInUrl);
    }
    let suitable = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none();
    if suitable { Ok(url) } else { Err(SetupError::UnsuitableUrl { url: text.into() }) }
}

pub(super) fn check_secrecy(base: &Url, allow_plaintext: bool) -> Result<(), SetupError> {
    let host = base.host_str().unwrap_or_default();
    if base.scheme() == "https" || allow_plaintext || is_this_machine(host) {
        Ok(())
    } else {
        Err(SetupError::PlaintextKey { host: host.into() })
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn shown_to(request: Request, shown: &Shown) -> Request {
    request.header(shown.name.clone(), shown.value.clone())
}

/// Whether a wire id can be put into a path and means the share there that it means elsewhere: `.`
/// and `..` would vanish, and a release would go to another address.
pub(super) fn is_usable_id(id: &str) -> bool {
    const MAX_ID: usize = 256;
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'\\' | b'%');
    !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(plain) && !matches!(id, "." | "..")
}

#[cfg(test)]
mod tests {
    use connector::Names;

    use super::*;

    #[test]
    fn addresses_are_built_below_the_base_and_escaped() {
        for (base, expected) in [
            ("https://h", "https://h/v1/allocate/a%3Fb"),
            ("https://h:8443/", "https://h:8443/v1/allocate/a%3Fb"),
            ("http://h/api/", "http://h/api/v1/allocate/a%3Fb"),
            ("http://h/api", "http://h/api/v1/allocate/a%3Fb"),
        ] {
            assert_eq!(endpoint(base).unwrap().address(&["v1", "allocate", "a?b"]), expected);
        }
    }

    #[test]
    fn an_unsuitable_base_is_refused_by_name() {
        for (base, message) in [
            (
                "ftp://h",
                "base URL `ftp://h` must be `https://host[:port][/prefix]` or the same with `http`",
            ),
            (
                "https://h/?a=b",
                "base URL `https://h/?a=b` must be `https://host[:port][/prefix]` or the same with `http`",
            ),
            (
                "h:80",
                "base URL `h:80` must be `https://host[:port][/prefix]` or the same with `http`",
            ),
            ("nowhere", "base URL `nowhere` is not a URL: relative URL without a base"),
            (
                "https://me:secret@h",
                "the base URL holds a user name or password; give the key on its own instead",
            ),
        ] {
            assert_eq!(endpoint(base).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_key_travels_unencrypted_only_within_this_machine_or_when_told_so() {
        let with_key = |base: &str| HttpOptions::new(base, Names::default()).with_key("k".into());
        for base in ["https://h", "http://127.0.0.1:80", "http://localhost", "http://[::1]:80"] {
            assert!(Endpoint::new(&with_key(base)).is_ok(), "{base}");
        }
        let refused = Endpoint::new(&with_key("http://10.0.0.1")).unwrap_err();
        assert_eq!(refused, SetupError::PlaintextKey { host: "10.0.0.1".into() });
        let told = HttpOptions { allow_plaintext_key: true, ..with_key("http://10.0.0.1") };
        assert!(Endpoint::new(&told).is_ok());
    }

    #[test]
    fn a_key_is_never_printed() {
        let options = HttpOptions::new("https://h", Names::default()).with_key("s3cret".into());
        let endpoint = Endpoint::new(&options).unwrap();
        let request = endpoint.request(Method::GET, &["v1", "pools"]);
        assert!(!format!("{options:?} {endpoint:?} {request:?}").contains("s3cret"));
        let broken = HttpOptions::new("https://h", Names::default()).with_key("s3\ncret".into());
        assert_eq!(Endpoint::new(&broken).unwrap_err(), SetupError::UnusableKey);
    }

    #[test]
    fn a_limit_of_nothing_is_refused() {
        let mut options = HttpOptions::new("https://h", Names::default());
        options.limits.in_flight = 0;
        assert_eq!(
            Endpoint::new(&options).unwrap_err(),
            SetupError::ZeroLimit { limit: "in_flight" }
        );
    }

    #[test]
    fn an_id_that_would_change_the_address_is_unusable() {
        for id in ["", ".", "..", "a/b", "a\\b", "%2e", "a b", "ä", "a\n"] {
            assert!(!is_usable_id(id), "{id:?}");
        }
        assert!(!is_usable_id(&"x".repeat(257)));
        for id in ["alloc_1", "i-0abc", "550e8400-e29b-41d4-a716-446655440000", "a.b:c"] {
            assert!(is_usable_id(id), "{id}");
        }
    }

    fn endpoint(base: &str) -> Result<Endpoint, SetupError> {
        Endpoint::new(&HttpOptions::new(base, Names::default()))
    }
}
