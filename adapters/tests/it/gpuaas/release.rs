use connector::{Duration, ErrorKind, Operation, PoolId, Reply};

use super::*;

fn released(
    then: impl IntoIterator<Item = Act>,
) -> (Result<Reply, connector::Error>, Talk, Server) {
    let mut script = granting(1);
    script.extend(then);
    let (mut talk, server) = configured(script, |options| {
        options.timeouts.release = Duration::from_secs(10);
    });
    let allocation = talk.grant();
    let answer = talk.ask(Operation::Release { allocation });
    (answer, talk, server)
}

fn unsubscriptions(server: &Server) -> usize {
    count(server, "POST /api/gpuaas/pool/unsubscribe ")
}

#[test]
fn p05_p29_a_release_ends_when_the_row_is_gone_and_every_look_is_a_new_one() {
    let (answer, _, server) = released([
        ok(""),
        only(7, "subscribed"),
        only(7, "un_subscribing"),
        only(7, "un_subscribing"),
        none(),
        none(),
    ]);
    assert_eq!(answer, Ok(Reply::Released));
    assert_eq!((unsubscriptions(&server), looks(&server)), (1, 7));
    let asked = server.requests().into_iter().find(|one| one.contains("/unsubscribe"));
    let body = r#"{"subscription_id":7,"team_id":"team-a","pool_id":3}"#;
    assert!(asked.unwrap().ends_with(body));
}

#[test]
fn p05_a_release_that_takes_too_long_is_ambiguous_and_its_share_stays_known() {
    let mut script = granting(1);
    script.push(ok(""));
    script.extend((0..2_000).map(|_| only(7, "un_subscribing")));
    let (mut talk, _server) = configured(script, |options| {
        options.timeouts.release = Duration::from_millis(100);
    });
    let allocation = talk.grant();
    let error = talk.ask(Operation::Release { allocation }).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    let Ok(Reply::Listed(shares)) = talk.ask(Operation::List { pool: PoolId(0) }) else {
        panic!("it is listed")
    };
    assert_eq!(shares.iter().map(|share| share.allocation).collect::<Vec<_>>(), [allocation]);
}

#[test]
fn p22_a_confirmation_that_did_nothing_is_noticed_and_asked_for_again() {
    let (answer, _, server) = released([
        ok(""),
        only(7, "subscribed"),
        only(7, "subscribed"),
        only(7, "subscribed"),
        ok(""),
        only(7, "un_subscribing"),
        none(),
        none(),
    ]);
    assert_eq!(answer, Ok(Reply::Released));
    assert_eq!(unsubscriptions(&server), 2);
}

#[test]
fn p33_a_look_that_fails_does_not_show_that_a_share_is_gone() {
    let (answer, _, server) = released([
        ok(""),
        fails(500, "{}"),
        ok(""),
        none(),
        only(7, "un_subscribing"),
        none(),
        none(),
    ]);
    assert_eq!(answer, Ok(Reply::Released));
    assert_eq!(looks(&server), 8, "one look without the row is not enough");
}

#[test]
fn a_share_that_nobody_knows_and_no_list_shows_is_not_found() {
    let gone = r#"{"code":404,"message":"subscription not found"}"#;
    let (answer, mut talk, _server) = released([fails(404, gone), none(), none()]);
    assert_eq!(answer.unwrap_err().kind, ErrorKind::NotFound);
    // Its team is free again.
    let error = talk.ask(crate::talk::allocate()).unwrap_err();
    assert_ne!(error.kind, ErrorKind::CapacityExhausted, "somebody is asked");
}

#[test]
fn p34_a_cluster_that_does_not_know_the_team_has_released_nothing() {
    let wrong = r#"{"message":"team not found"}"#;
    let (answer, mut talk, _server) = released([fails(404, wrong), only(7, "subscribed")]);
    assert_eq!(answer.unwrap_err().kind, ErrorKind::PolicyRefused);
    let listed = talk.ask(Operation::List { pool: PoolId(0) });
    assert!(matches!(listed, Ok(Reply::Listed(shares)) if shares.len() == 1), "it is still ours");
}

#[test]
fn p23_only_what_reads_is_sent_as_get() {
    let (answer, _, server) = released([ok(""), none(), none()]);
    assert_eq!(answer, Ok(Reply::Released));
    let reads = ["/api/gpuaas/pool-subscription?", "/api/pods/expose-service/status?"];
    for request in server.requests() {
        if let Some(path) = request.strip_prefix("GET ") {
            assert!(reads.iter().any(|read| path.starts_with(read)), "{request}");
            // Pathology 27.
            assert!(request.ends_with("\r\n\r\n"), "a GET has no body: {request}");
        }
    }
}
