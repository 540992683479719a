use connector::{ErrorKind, Reply};

use super::*;
use crate::{server, talk::allocate};

const COMPLETION: &str = r#"{"choices":[{"message":{"content":"hi there"},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#;

#[test]
fn the_key_of_the_provider_stays_with_the_provider() {
    for key in [None, Some("of the service")] {
        let (mut talk, provider, service) =
            with_service([Act::Answer(json(200, COMPLETION))], |options| {
                settings(options).service_key = key.map(Into::into);
            });
        let share = talk.grant();
        let answer = ask_at(&mut talk, share);
        assert!(matches!(answer, Ok(Reply::Generated { .. })), "{answer:?}");
        let [asked] = &service.requests()[..] else { panic!("one question") };
        assert!(asked.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{asked}");
        assert!(!asked.contains("s3cret") && !asked.to_lowercase().contains("x-api-key"));
        assert_eq!(asked.contains("authorization: Bearer of the service"), key.is_some());
        assert!(asked.contains(r#""model":"gemma-270m""#));
        let elsewhere = provider.requests();
        assert!(elsewhere.iter().all(|one| !one.contains("of the service")));
    }
}

#[test]
fn a_service_is_told_of_as_openai_tells_of_it() {
    let events = [
        r#"{"choices":[{"delta":{"content":"hi "}}]}"#,
        r#"{"choices":[{"delta":{"content":"there"},"finish_reason":"stop"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#,
        "[DONE]",
    ];
    let refusal = r#"{"error":{"message":"s3cret is no key of mine","code":401}}"#;
    let acts = vec![Act::Answer(server::stream(&events)), Act::Answer(json(401, refusal))];
    let (mut talk, _provider, _service) = with_service(acts, |_| ());
    let share = talk.grant();
    let ticket = talk.submit(infer(share, true));
    assert!(matches!(talk.answer(ticket), Ok(Reply::Generated { .. })));
    assert_eq!(talk.heard, [connector::EventKind::FirstToken { ticket }]);
    let error = ask_at(&mut talk, share).unwrap_err();
    assert_eq!(error.detail.as_deref(), Some("HTTP 401: [redacted] is no key of mine"));
}

#[test]
fn a_host_that_is_none_is_not_gone_to() {
    for host in ["evil.example/..", "user@host", "", "a b", "h:1", "[::1", "%2e"] {
        let state = format!(
            r#"{{"service_exists":true,"kubernetes_active":true,"service_ip":"{host}","node_port":80}}"#
        );
        let mut script = granting(1);
        script.pop();
        script.push(ok(&state));
        let (mut talk, _server) = talk(script);
        let error = talk.ask(allocate()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{host}");
    }
}

#[test]
fn p19_p27_a_service_is_asked_about_by_name_until_it_works() {
    let mut script = vec![none(), ok(r#"{"subscription_id":7}"#), only(7, "subscribed")];
    let absent = || ok(r#"{"service_exists":false,"kubernetes_active":false}"#);
    script.extend([ok("OK"), absent(), absent(), fails(404, "{}")]);
    let [again, works] = exposed(1);
    let pending = ok(r#"{"service_exists":true,"kubernetes_active":false}"#);
    script.extend([again, fails(502, ""), pending, works]);
    let (mut talk, server) = talk(script);
    talk.grant();
    assert_eq!(count(&server, "POST /api/pods/expose-service "), 2);
    let query =
        "GET /api/pods/expose-service/status?service_name=harpoon-7&pool_subscription_id=7 ";
    assert_eq!(count(&server, query), 6);
}
