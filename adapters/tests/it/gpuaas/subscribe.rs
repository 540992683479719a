use connector::{Duration, ErrorKind, Operation, PoolId, Reply};

use super::*;
use crate::talk::allocate;

#[test]
fn p09_a_subscription_is_looked_for_before_and_after_and_asked_for_once() {
    let (mut talk, server) = talk(granting(1));
    talk.grant();
    let lines: Vec<_> =
        server.requests().iter().map(|one| one.lines().next().unwrap().to_owned()).collect();
    let list = "GET /api/gpuaas/pool-subscription?team_id=team-a&page=0&per_page=100 HTTP/1.1";
    assert_eq!(
        lines,
        [
            list,
            "POST /api/gpuaas/pool/subscribe HTTP/1.1",
            list,
            "POST /api/pods/expose-service HTTP/1.1",
            "GET /api/pods/expose-service/status?service_name=harpoon-7&pool_subscription_id=7 HTTP/1.1",
        ]
    );
    assert!(server.requests().iter().all(|one| one.contains("x-api-key: s3cret")));
}

#[test]
fn p08_p10_what_is_asked_for_is_what_the_settings_say() {
    let (mut talk, server) = talk(granting(1));
    talk.grant();
    let requests = server.requests();
    assert!(
        requests[1].ends_with(
            r#"{"pool_id":3,"team_id":"team-a","vgpus":1,"is_vip_priority":false,"guaranteed_gpu_share_percent":0,"instance_type_id":"type-1","ephemeral_storage_block_id":"","shared_volumes":[],"image_uuid":"","ifb_subscription_id":"","port_guid":""}"#
        ),
        "no persistent block, no type from the list of compatible ones: {}",
        requests[1]
    );
    assert_eq!(count(&server, "GET /api/gpuaas/pool/compatible-instance-types"), 0);
}

#[test]
fn p01_a_subscription_that_outlasts_every_patience_is_found_and_never_asked_for_again() {
    let mut script = vec![none(), Act::Stall(Vec::new()), none(), only(7, "subscribing")];
    script.push(only(7, "subscribed"));
    script.extend(exposed(1));
    let (mut talk, server) = configured(script, |options| {
        settings(options).exchange_within = Duration::from_secs(1);
        settings(options).look_for = Duration::from_secs(20);
    });
    talk.grant();
    assert_eq!(subscriptions(&server), 1);
}

#[test]
fn p01_a_subscription_of_which_nothing_is_found_is_ambiguous() {
    let mut script = vec![none(), Act::Close(Vec::new())];
    script.extend((0..200).map(|_| none()));
    let (mut talk, server) = configured(script, |options| {
        settings(options).look_for = Duration::from_millis(30);
    });
    let error = talk.ask(allocate()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable { reached: true });
    assert_eq!(subscriptions(&server), 1);
}

#[test]
fn p02_an_empty_200_is_looked_up_in_the_list() {
    found_by_looking(Act::Answer(json(200, "")));
}

#[test]
fn p19_a_success_that_is_no_json_is_looked_up_in_the_list() {
    found_by_looking(Act::Answer(crate::server::answer(200, "text/html", "<b>done</b>")));
}

#[test]
fn p31_an_id_that_cannot_be_one_is_looked_up_in_the_list() {
    for body in [
        r#"{"subscription_id":"pending-3-1700000000000"}"#,
        r#"{"subscription_id":null}"#,
        r#"{"subscription_id":5}"#,
    ] {
        found_by_looking(ok(body));
    }
}

/// Subscription 5 was there before.
fn found_by_looking(answer: Act) {
    let mut script = vec![only(5, "un_subscribing"), answer, only(5, "un_subscribing")];
    script.push(rows(&[row(5, "un_subscribing"), row(7, "subscribing")]));
    script.push(rows(&[row(5, "un_subscribing"), row(7, "subscribed")]));
    script.extend(exposed(1));
    let (mut talk, server) = configured(script, |options| {
        settings(options).look_for = Duration::from_secs(20);
    });
    talk.grant();
    assert_eq!(subscriptions(&server), 1);
    assert_eq!(count(&server, "GET /api/pods/expose-service/status?service_name=harpoon-7"), 1);
}

#[test]
fn p03_p12_a_row_and_a_pod_that_show_late_are_waited_for() {
    let mut script = vec![none(), ok(r#"{"subscription_id":"7"}"#), none(), none()];
    script.push(rows(&[format!(
        r#"{{"id":7,"pool_id":3,"team_id":"{TEAM}","status":"subscribed"}}"#
    )]));
    script.push(rows(&[row(7, "subscribed").replace("Running", "Pending")]));
    script.push(only(7, "Active"));
    script.extend(exposed(1));
    let (mut talk, server) = configured(script, |options| {
        settings(options).look_for = Duration::from_secs(20);
    });
    talk.grant();
    assert_eq!((subscriptions(&server), looks(&server)), (1, 6));
}

#[test]
fn p04_a_409_for_a_living_and_for_a_dying_subscription_is_a_conflict() {
    let conflict = r#"{"code":409,"message":"Already subscribed"}"#;
    for status in ["subscribed", "un_subscribing"] {
        let (mut talk, server) = talk([only(5, status), fails(409, conflict)]);
        let error = talk.ask(allocate()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert_eq!(server.requests().len(), 2, "nothing is taken over, nothing is repeated");
    }
}

#[test]
fn p06_a_conflict_after_the_row_is_gone_is_waited_out() {
    let conflict = || fails(409, r#"{"message":"Already subscribed"}"#);
    let mut script = vec![none(), conflict(), none(), conflict()];
    script.extend(granting(1));
    let (mut talk, server) = talk(script);
    talk.grant();
    assert_eq!(subscriptions(&server), 3);
    let four = (0..4).flat_map(|_| [none(), conflict()]);
    let (mut talk, server) = super::talk(four);
    assert_eq!(talk.ask(allocate()).unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(subscriptions(&server), 3, "three times, and no more");
}

#[test]
fn p20_a_refusal_is_one_with_500_and_with_200_and_is_not_looked_up() {
    let policy = r#"{"code":12370004,"message":"unable to retrieve resource access permissions for your team","errors":[]}"#;
    let full = r#"{"code":10189007,"message":"Insufficient resources"}"#;
    for status in [200, 500] {
        for (body, kind) in
            [(policy, ErrorKind::PolicyRefused), (full, ErrorKind::CapacityExhausted)]
        {
            let (mut talk, server) = talk([none(), fails(status, body)]);
            assert_eq!(talk.ask(allocate()).unwrap_err().kind, kind);
            assert_eq!(server.requests().len(), 2);
        }
    }
}

#[test]
fn p28_words_about_409_are_no_409() {
    let mut script = vec![none(), fails(500, r#"{"message":"host 4096 said 409"}"#)];
    script.push(only(7, "subscribed"));
    script.push(only(7, "subscribed"));
    script.extend(exposed(1));
    let (mut talk, server) = talk(script);
    talk.grant();
    assert_eq!(subscriptions(&server), 1);
}

#[test]
fn p30_a_dying_subscription_is_never_taken_for_the_new_one() {
    let mut script = vec![only(5, "un_subscribing"), Act::Close(Vec::new())];
    script.extend((0..200).map(|_| only(5, "un_subscribing")));
    let (mut talk, server) = configured(script, |options| {
        settings(options).look_for = Duration::from_millis(50);
    });
    let error = talk.ask(allocate()).unwrap_err();
    assert!(error.kind.ambiguous(), "{error}");
    assert_eq!(subscriptions(&server), 1);
    // Nor if it shows for the first time after the question.
    let mut script = vec![none(), ok("")];
    script.extend((0..200).map(|_| only(5, "un_subscribing")));
    let (mut talk, _server) = configured(script, |options| {
        settings(options).look_for = Duration::from_millis(50);
    });
    assert_eq!(talk.ask(allocate()).unwrap_err().kind, ErrorKind::Protocol);
}

#[test]
fn what_fails_before_the_question_has_touched_nothing_and_after_it_may_be_held() {
    let lost = (0..5).map(|_| Act::Close(Vec::new()));
    let (mut talk, server) = talk(lost);
    let error = talk.ask(allocate()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable { reached: false });
    assert_eq!(subscriptions(&server), 0);
    let mut script = vec![none(), ok(r#"{"subscription_id":7}"#), only(7, "subscribed")];
    script.push(fails(400, r#"{"code":1,"message":"no such port"}"#));
    let (mut talk, _server) = super::talk(script);
    let error = talk.ask(allocate()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable { reached: true }, "the share is held");
}

#[test]
fn a_subscription_that_vanishes_or_whose_pods_end_may_be_held() {
    let ended = rows(&[row(7, "subscribed").replace("Running", "CrashLoopBackOff")]);
    for fate in
        [vec![only(7, "subscribing"), none(), none()], vec![ended], vec![only(7, "un_subscribing")]]
    {
        let mut script = vec![none(), ok(r#"{"subscription_id":7}"#)];
        script.extend(fate);
        let (mut talk, _server) = talk(script);
        let error = talk.ask(allocate()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable { reached: true });
    }
}

#[test]
fn one_team_has_one_share_of_a_pool_and_the_next_team_the_next() {
    let (mut talk, server) = talk(granting(1));
    talk.grant();
    let before = server.requests().len();
    assert_eq!(talk.ask(allocate()).unwrap_err().kind, ErrorKind::CapacityExhausted);
    assert_eq!(server.requests().len(), before, "nobody is asked");
    let held = rows(&[row(5, "subscribed").replace(TEAM, "other")]);
    let mut script = vec![held, fails(409, r#"{"message":"Already subscribed"}"#)];
    script.extend(granting(1));
    let (mut talk, server) = configured(script, |options| {
        settings(options).teams = vec!["other".into(), TEAM.into()];
    });
    talk.grant();
    assert_eq!(subscriptions(&server), 2);
}

#[test]
fn p25_a_session_that_is_over_is_told_and_nothing_is_repeated() {
    let (mut talk, server) = talk([fails(401, r#"{"message":"token is expired"}"#)]);
    let error = talk.ask(Operation::List { pool: PoolId(0) }).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn p26_a_body_that_stands_is_bounded_like_everything_else() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let (mut talk, _server) = configured((0..9).map(|_| Act::Stall(head.to_vec())), |options| {
        settings(options).exchange_within = Duration::from_millis(40);
    });
    let error = talk.ask(Operation::List { pool: PoolId(0) }).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
}

#[test]
fn p33_a_list_that_fails_or_is_cut_short_is_no_empty_list() {
    for answer in [
        ok(""),
        ok("{}"),
        fails(500, "{}"),
        ok(r#"{"items":[],"total_items":5,"total_pages":1}"#),
        ok(r#"{"items":[],"total_items":5,"total_pages":3}"#),
    ] {
        let (mut talk, _server) = talk((0..5).map(|_| answer.clone()));
        talk.ask(Operation::List { pool: PoolId(0) }).unwrap_err();
    }
    let (mut talk, _server) = talk([none()]);
    assert_eq!(talk.ask(Operation::List { pool: PoolId(0) }), Ok(Reply::Listed(Vec::new())));
}

#[test]
fn every_page_of_a_list_is_read() {
    let page = |number: u64, id: u64| {
        let row = row(id, "subscribed").replace(r#""3""#, if id == 9 { "3" } else { "4" });
        ok(&format!(r#"{{"items":[{row}],"page":{number},"total_items":3,"total_pages":3}}"#))
    };
    let (mut talk, server) = talk([page(0, 7), page(1, 8), page(2, 9)]);
    let listed = talk.ask(Operation::List { pool: PoolId(0) });
    assert!(matches!(listed, Ok(Reply::Listed(shares)) if shares.len() == 1));
    assert_eq!(count(&server, "GET /api/gpuaas/pool-subscription?team_id=team-a&page=2"), 1);
}
