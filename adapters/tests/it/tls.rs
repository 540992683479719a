//! Endpoints that are not who they should be, in every dialect: nothing is asked of them, and the failure
//! says what is wrong and what to do.

use std::{io::Write as _, path::Path, sync::Arc};

use adapters::{Dialect, HttpConnector, HttpOptions, SetupError, gpuaas::ServiceScheme};
use connector::{Duration, Error, ErrorKind, Reply, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    runtime::Runtime,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    },
};

use crate::{
    gpuaas,
    server::{Act, Server, grant, json},
    talk::{self, Talk, allocate, infer},
};

const NOT_REACHED: ErrorKind = ErrorKind::Unavailable { reached: false };
const COMPLETION: &str = r#"{"choices":[{"message":{"content":"hi there"},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#;

/// Who the server says that it is.
pub(crate) struct Identity {
    pub(crate) tls: TlsAcceptor,
    /// The certificate that must be trusted for it to be believed.
    pub(crate) authority: String,
}

#[test]
fn a_certificate_that_nobody_signed_is_refused() {
    refused(&Identity::self_signed(), false, "UnknownIssuer", "name its certificate as `ca_file`");
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let other = Identity::self_signed();
    let ours = Identity { authority: other.authority, ..Identity::new(HERE, |_| ()) };
    for trusting in [false, true] {
        refused(&ours, trusting, "UnknownIssuer", "name its certificate as `ca_file`");
    }
    let of_that_name = Identity::new(HERE, |_| ());
    let ours = Identity { authority: of_that_name.authority, ..Identity::new(HERE, |_| ()) };
    refused(&ours, true, "BadSignature", "its authority is another one of that name");
}

#[test]
fn a_certificate_that_is_over_is_refused() {
    let over = Identity::new(HERE, |params| params.not_after = date_time_ymd(2001, 1, 1));
    refused(&over, true, "expired", "have it renewed, or set the clock of this machine");
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_refused() {
    let early = Identity::new(HERE, |params| params.not_before = date_time_ymd(4000, 1, 1));
    refused(&early, true, "not valid yet", "set the clock of this machine, or wait");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let other = Identity::new("elsewhere.example", |_| ());
    refused(&other, true, "elsewhere.example", "use a base URL with a name that it is for");
}

#[test]
fn words_of_a_certificate_are_bounded() {
    let many = (0..2_000).map(|n| format!("n{n}.example")).collect::<Vec<_>>();
    let many = Identity::of(&CertificateParams::new(many).unwrap());
    refused(&many, true, "n0.example", "use a base URL with a name that it is for");
}

#[test]
fn a_server_without_tls_is_refused() {
    let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    for said in [&answer[..], b"SSH-2.0-OpenSSH_9.2\r\n", &[0; 100]] {
        unfinished(said, Then::HangUp, &[NOT_REACHED], "use http:// if that is meant");
    }
}

#[test]
fn a_server_that_hangs_up_within_the_handshake_is_refused() {
    for said in [&b""[..], b"\x16", b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"] {
        unfinished(said, Then::HangUp, &[NOT_REACHED], "check that the port is one of https");
    }
}

#[test]
fn a_server_that_refuses_every_kind_of_tls_is_refused() {
    let handshake_failure = b"\x15\x03\x03\x00\x02\x02\x28";
    unfinished(handshake_failure, Then::HangUp, &[NOT_REACHED], "it must offer 1.2 or 1.3");
}

/// What ends first: the time to connect or that of the operation.
#[test]
fn a_handshake_that_is_not_answered_ends_in_time() {
    for said in [&b""[..], b"\x16", b"\x16\x03\x03\x40\x00\x02\x00"] {
        unfinished(said, Then::Stall { to_connect: true }, &[NOT_REACHED], "timed out");
        let kinds = &[ErrorKind::Timeout, NOT_REACHED];
        unfinished(said, Then::Stall { to_connect: false }, kinds, " within ");
    }
}

#[test]
fn a_handshake_without_end_is_given_up() {
    // A record that a client may have to skip, and one byte of a message at a time.
    for said in [&b"\x14\x03\x03\x00\x01\x01"[..], b"\x16\x03\x03\x00\x01\x02"] {
        unfinished(said, Then::Flood, &[NOT_REACHED], "");
    }
}

#[test]
fn an_authority_that_is_named_is_trusted() {
    for identity in [Identity::new(HERE, |_| ()), Identity::self_signed()] {
        for dialect in Dialect::ALL {
            let file = in_file(&identity.authority);
            let (mut talk, server) = behind(&identity, dialect, answers(dialect), |options| {
                options.ca_file = Some(file.path().into());
            });
            let answer = first_question(&mut talk, dialect);
            assert!(answer.is_ok(), "{dialect:?}: {answer:?}");
            assert!(server.requests().iter().all(|asked| asked.contains("s3cret")));
        }
    }
}

#[test]
fn an_exposed_service_is_believed_for_the_same_reasons() {
    let identity = Identity::new(HERE, |_| ());
    let file = in_file(&identity.authority);
    for trusted in [true, false] {
        let runtime = talk::runtime();
        let completion = [Act::Answer(json(200, COMPLETION))];
        let service = Server::start_tls(runtime.handle(), identity.tls.clone(), completion);
        let (mut talk, _provider) = gpuaas::at_service(runtime, &service, |options| {
            gpuaas::settings(options).service_scheme = ServiceScheme::Https;
            options.ca_file = Some(file.path().into()).filter(|_| trusted);
        });
        let share = talk.grant();
        let answer = talk.ask(infer(share, false));
        match answer {
            Ok(Reply::Generated { .. }) => assert!(trusted),
            Err(error) => assert_eq!((error.kind, trusted), (NOT_REACHED, false), "{error}"),
            Ok(other) => panic!("{other:?}"),
        }
        assert_eq!(service.requests().len(), usize::from(trusted));
    }
}

/// Without the word that it is over, an answer whose end is the end of the connection may lack something.
#[test]
fn an_answer_cut_short_within_tls_is_no_answer() {
    let identity = Identity::new(HERE, |_| ());
    let file = in_file(&identity.authority);
    let whole = br#"{"allocation_id":"a"}"#;
    let cut = [&b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"[..], whole].concat();
    let (mut talk, _server) = behind(&identity, Dialect::HarpoonV1, [Act::Close(cut)], |options| {
        options.ca_file = Some(file.path().into());
    });
    let error = talk.ask(allocate()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable { reached: true }, "it may have been granted");
}

#[test]
fn a_file_without_authorities_is_refused_by_name() {
    let cut = Identity::self_signed().authority.replace("-----END", "");
    let odd = "-----BEGIN CERTIFICATE-----\nMTIz\n-----END CERTIFICATE-----\n";
    let long = " ".repeat((1 << 20) + 1);
    for (text, words) in
        [("", "it holds none"), (&cut, ""), (odd, ""), (&long, "it is longer than 1048576 bytes")]
    {
        let file = in_file(text);
        let reason = unusable(file.path());
        assert!(reason.contains(words) && !reason.is_empty(), "{reason}");
    }
    assert!(unusable(Path::new("nowhere/at/all.pem")).contains("No such file"));
}

pub(crate) const HERE: &str = "127.0.0.1";

impl Identity {
    /// Signed by an authority of its own, for this name.
    pub(crate) fn new(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        Self::of(&params)
    }

    fn of(params: &CertificateParams) -> Self {
        let mut of_authority = CertificateParams::default();
        of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(of_authority, key).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        Self { tls: acceptor(certificate.der(), &key), authority: authority.pem() }
    }

    fn self_signed() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([HERE.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "alone");
        let certificate = params.self_signed(&key).unwrap();
        Self { tls: acceptor(certificate.der(), &key), authority: certificate.pem() }
    }
}

fn acceptor(certificate: &CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key);
    Arc::new(config.unwrap()).into()
}

pub(crate) fn in_file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn unusable(path: &Path) -> String {
    let options = HttpOptions { ca_file: Some(path.into()), ..talk::options("https://h") };
    let runtime = talk::runtime();
    let refused = HttpConnector::new(options, runtime.handle().clone(), || Timestamp::ZERO);
    match refused.unwrap_err() {
        SetupError::CaFile { path: named, reason } if named == path => reason,
        other => panic!("{other}"),
    }
}

/// A connector to a server behind TLS.
fn behind(
    identity: &Identity,
    dialect: Dialect,
    script: impl IntoIterator<Item = Act>,
    configure: impl FnOnce(&mut HttpOptions),
) -> (Talk, Server) {
    let runtime = talk::runtime();
    let server = Server::start_tls(runtime.handle(), identity.tls.clone(), script);
    let mut options = speaking(dialect, &server.url);
    configure(&mut options);
    (Talk::to(runtime, options), server)
}

fn speaking(dialect: Dialect, url: &str) -> HttpOptions {
    let mut options = talk::options(url);
    if dialect == Dialect::Gpuaas {
        options = gpuaas::speaking(options);
    }
    HttpOptions { dialect, api_key: Some("s3cret".into()), ..options }
}

fn answers(dialect: Dialect) -> Vec<Act> {
    match dialect {
        Dialect::HarpoonV1 | Dialect::CovenantV1 => vec![grant("a")],
        Dialect::OpenAi => vec![Act::Answer(json(200, COMPLETION))],
        Dialect::Gpuaas => gpuaas::granting(1),
    }
}

/// What the endpoint is asked first on the way to an answer.
fn first_question(talk: &mut Talk, dialect: Dialect) -> Result<Reply, Error> {
    match dialect {
        Dialect::HarpoonV1 | Dialect::CovenantV1 | Dialect::Gpuaas => talk.ask(allocate()),
        Dialect::OpenAi => {
            let share = talk.grant();
            talk.ask(infer(share, false))
        }
    }
}

/// In every dialect nothing is asked, and the error says what is wrong and what to do.
fn refused(identity: &Identity, trusting: bool, what: &str, way_out: &str) {
    for dialect in Dialect::ALL {
        let file = in_file(&identity.authority);
        let (mut talk, server) = behind(identity, dialect, answers(dialect), |options| {
            options.ca_file = Some(file.path().into()).filter(|_| trusting);
        });
        held_back(&mut talk, dialect, &[NOT_REACHED], &[what, way_out]);
        assert!(server.requests().is_empty(), "{:?}", server.requests());
    }
}

fn held_back(talk: &mut Talk, dialect: Dialect, kinds: &[ErrorKind], words: &[&str]) {
    let error = first_question(talk, dialect).expect_err("nobody to believe");
    assert!(kinds.contains(&error.kind), "{dialect:?}: {error}");
    let said = error.to_string();
    assert!(words.iter().all(|words| said.contains(words)), "{dialect:?}: {said}");
    assert!(said.len() < 600 && !said.contains("s3cret"), "{said}");
    assert_eq!(talk.connector.in_flight(), 0);
}

/// What a server does that has said the beginning of something.
#[derive(Clone, Copy, Debug)]
enum Then {
    HangUp,
    /// Says nothing more; whether it is the time to connect that ends first.
    Stall {
        to_connect: bool,
    },
    /// Says it over and over.
    Flood,
}

fn unfinished(said: &'static [u8], then: Then, kinds: &[ErrorKind], words: &str) {
    for dialect in Dialect::ALL {
        let runtime = talk::runtime();
        let mut options = speaking(dialect, &handshake(&runtime, said, then));
        let short = Duration::from_millis(100);
        match then {
            Then::Stall { to_connect: true } => options.timeouts.connect = short,
            Then::Stall { to_connect: false } => {
                options.timeouts.allocate = short;
                options.timeouts.infer = short;
                options.timeouts.inspect = short;
            }
            Then::HangUp | Then::Flood => {}
        }
        held_back(&mut Talk::to(runtime, options), dialect, kinds, &[words]);
    }
}

/// A server that never comes to an end of the handshake.
fn handshake(runtime: &Runtime, said: &'static [u8], then: Then) -> String {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    runtime.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut hello = [0; 4_096];
                let _ = stream.read(&mut hello).await;
                let _ = stream.write_all(said).await;
                match then {
                    Then::HangUp => {}
                    Then::Stall { .. } => while matches!(stream.read(&mut hello).await, Ok(1..)) {},
                    Then::Flood => {
                        let more = said.repeat(1_000);
                        while stream.write_all(&more).await.is_ok() {}
                    }
                }
            });
        }
    });
    url
}
