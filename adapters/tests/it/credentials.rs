//! How we show who we are: keys, tokens, and their renewal.

use std::fs;

use adapters::{ApiKey, AuthScheme, HttpOptions, TokenExchange};
use connector::{Error, ErrorKind, Operation, Reply};

use crate::{
    server::{Act, grant, json},
    talk::{Talk, allocate},
};

const REFUSED: &str = r#"{"error":{"kind":"unauthorized","message":"no"}}"#;

#[test]
fn a_key_is_shown_in_the_header_that_was_chosen() {
    for (scheme, header, other) in [
        (AuthScheme::Bearer, "authorization: Bearer s3cret\r\n", "x-api-key"),
        (AuthScheme::ApiKey, "x-api-key: s3cret\r\n", "authorization"),
    ] {
        let (mut talk, server) = Talk::configured([grant("a")], |options| {
            options.api_key = Some("s3cret".into());
            options.auth = scheme.clone();
        });
        talk.grant();
        let head = &server.requests()[0];
        assert!(head.contains(header) && !head.contains(other), "{head}");
    }
}

#[test]
fn a_token_is_got_once_for_many_calls_and_the_key_is_shown_for_it_alone() {
    let shares = (0..20).map(|number| grant(&format!("share-{number}")));
    let script = [token("t0ken", 300)].into_iter().chain(shares);
    let (mut talk, server) = Talk::configured(script, by_token);
    let tickets: Vec<_> = (0..20).map(|_| talk.submit(allocate())).collect();
    for _ in &tickets {
        let event = talk.wait().kind;
        let granted = matches!(
            event,
            connector::EventKind::Completed { result: Ok(Reply::Granted { .. }), .. }
        );
        assert!(granted, "{event:?}");
    }
    let requests = server.requests();
    let (got, used): (Vec<_>, Vec<_>) =
        requests.iter().partition(|request| request.starts_with("POST /token HTTP"));
    assert_eq!((got.len(), used.len()), (1, 20));
    assert!(got[0].contains("x-api-key: s3cret\r\n"), "{}", got[0]);
    assert!(got[0].ends_with("\r\n\r\ngrant_type=client_credentials"), "{}", got[0]);
    for request in used {
        assert!(request.contains("authorization: Bearer t0ken\r\n"), "{request}");
        assert!(!request.contains("s3cret"), "{request}");
    }
}

#[test]
fn a_client_with_a_name_shows_its_key_as_a_password() {
    let (mut talk, server) = Talk::configured([token("t", 300), grant("a")], |options| {
        by_token(options);
        let client_id = Some("harpoon".into());
        options.auth = AuthScheme::Token(TokenExchange { path: "oauth/token".into(), client_id });
    });
    talk.grant();
    let asked = &server.requests()[0];
    assert!(asked.starts_with("POST /oauth/token HTTP"), "{asked}");
    // harpoon:s3cret
    assert!(asked.contains("authorization: Basic aGFycG9vbjpzM2NyZXQ=\r\n"), "{asked}");
    assert!(!asked.contains("x-api-key"), "{asked}");
}

#[test]
fn a_token_that_is_refused_is_renewed_once_and_the_call_repeated() {
    let script =
        [token("old", 300), Act::Answer(json(401, REFUSED)), token("new", 300), grant("a")];
    let (mut talk, server) = Talk::configured(script, by_token);
    talk.grant();
    let requests = server.requests();
    assert!(requests[1].contains("Bearer old\r\n") && requests[3].contains("Bearer new\r\n"));
    let body = |request: &str| request.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    assert_eq!(body(&requests[1]), body(&requests[3]));

    let refused = || Act::Answer(json(401, REFUSED));
    let script = [token("old", 300), refused(), token("new", 300), refused()];
    let (mut talk, server) = Talk::configured(script, by_token);
    assert_eq!(talk.ask(allocate()).unwrap_err().kind, ErrorKind::Unauthorized);
    assert_eq!(server.requests().len(), 4, "no third try");
}

#[test]
fn without_a_token_nothing_is_sent() {
    for (answer, kind) in [
        (json(500, ""), ErrorKind::Unavailable { reached: false }),
        (json(200, "{}"), ErrorKind::Unavailable { reached: false }),
        (json(200, r#"{"access_token":"a\nb"}"#), ErrorKind::Unavailable { reached: false }),
        (json(401, r#"{"message":"key s3cret is revoked"}"#), ErrorKind::Unauthorized),
        (json(400, r#"{"error":"invalid_client"}"#), ErrorKind::Unauthorized),
        (
            b"HTTP/1.1 307 X\r\nlocation: /v1/pools\r\ncontent-length: 0\r\n\r\n".to_vec(),
            ErrorKind::Unavailable { reached: false },
        ),
    ] {
        let (mut talk, server) = Talk::configured([Act::Answer(answer)], by_token);
        let error = talk.ask(allocate()).unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(!error.kind.ambiguous() && !error.to_string().contains("s3cret"), "{error}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn an_endless_answer_to_the_key_is_read_in_part_only() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let (mut talk, server) = Talk::configured([Act::Flood(head, vec![b' '; 1 << 16])], by_token);
    let error = talk.ask(allocate()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable { reached: false });
    talk.runtime.block_on(server.hung_up());
    assert!(server.written() < 64 << 20, "{} bytes were taken", server.written());
}

#[test]
fn a_key_that_is_replaced_in_its_file_is_used_without_losing_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, "old\n").unwrap();
    let refused = || Act::Answer(json(401, REFUSED));
    let script = [grant("a"), refused(), grant("b"), refused()];
    let (mut talk, server) = Talk::configured(script, |options| {
        options.api_key = Some(ApiKey::InFile(file.clone()));
    });
    talk.grant();
    fs::write(&file, "new\n").unwrap();
    talk.grant();
    let requests = server.requests();
    let last = requests.last().unwrap();
    assert!(last.contains("Bearer new\r\n"), "{last}");
    assert!(requests[0].contains("Bearer old\r\n"), "{}", requests[0]);

    // Nothing else to show: the refusal is the answer, and a file that is gone changes nothing.
    fs::remove_file(&file).unwrap();
    assert_eq!(talk.ask(allocate()).unwrap_err().kind, ErrorKind::Unauthorized);
    assert_eq!(server.requests().len(), requests.len() + 1);
}

#[test]
fn a_file_without_a_key_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let setup = |text: Option<&[u8]>| {
        match text {
            Some(text) => fs::write(&file, text).unwrap(),
            None => drop(fs::remove_file(&file)),
        }
        let options = HttpOptions {
            api_key: Some(ApiKey::InFile(file.clone())),
            ..crate::talk::options("http://127.0.0.1:1")
        };
        let runtime = crate::talk::runtime();
        let clock = || connector::Timestamp::ZERO;
        let made = adapters::HttpConnector::new(options, runtime.handle().clone(), clock);
        made.map(drop).unwrap_err().to_string()
    };
    let long = b"k".repeat(20_000);
    for (text, words) in [
        (None, "No such file"),
        (Some(&b" \n"[..]), "it is empty"),
        (Some(&long[..]), "it is too long for a key"),
        (Some(b"\xff"), "UTF-8"),
        (Some(b"two\nlines"), "characters that an HTTP header cannot carry"),
    ] {
        let said = setup(text);
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_token_that_the_provider_repeats_is_not_printed() {
    let body = r#"{"error":{"kind":"policy_refused","message":"t0ken of s3cret may not"}}"#;
    let script = [token("t0ken", 300), Act::Answer(json(403, body))];
    let (mut talk, _server) = Talk::configured(script, by_token);
    let words = "[redacted] of [redacted] may not";
    assert_eq!(talk.ask(Operation::Pools), Err(Error::new(ErrorKind::PolicyRefused, words)));
    let printed = format!("{:?}", talk.connector);
    assert!(!printed.contains("t0ken") && !printed.contains("s3cret"), "{printed}");
}

fn by_token(options: &mut HttpOptions) {
    options.api_key = Some("s3cret".into());
    options.auth = AuthScheme::Token(TokenExchange::default());
}

fn token(token: &str, seconds: u32) -> Act {
    let body =
        format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{seconds}}}"#);
    Act::Answer(json(200, &body))
}
