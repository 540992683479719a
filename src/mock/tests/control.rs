//! What the mock is told while it runs, and what it tells of itself.

use super::*;

const CONTROL: &str = "/__control";

#[tokio::test]
async fn a_request_can_ask_to_fail_in_every_dialect() {
    let mock = Mock::start(|options| options.api_key = Some("s3cret".into())).await;
    let key = "authorization: Bearer s3cret\r\n";
    let fail = |status: &str| format!("{key}x-return-error: {status}\r\n");
    for (status, kind) in [(429, "rate_limited"), (503, "unavailable"), (599, "unavailable")] {
        let answer = mock.ask("GET", "/v1/pools", &fail(&status.to_string()), "").await;
        assert_eq!((answer.status, answer.kind().as_deref()), (status, Some(kind)));
    }
    let answer = mock.ask("GET", "/v1/models", &fail("429"), "").await;
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (429, &json!("rate_limit_error")));
    for odd in ["399", "600", "x"] {
        let answer = mock.ask("GET", "/v1/pools", &fail(odd), "").await;
        assert_eq!(answer.status, 400, "{odd}");
        assert!(answer.body.contains("X-Return-Error"), "{}", answer.body);
    }
    let stranger = mock.ask("GET", "/v1/pools", "x-return-error: 429\r\n", "").await;
    assert_eq!(stranger.status, 401, "the key comes first");
    assert_eq!(mock.ask("GET", CONTROL, "", "").await.status, 401);
    assert_eq!(mock.ask("GET", "/metrics", "", "").await.status, 401);
    mock.stop().await;
}

#[tokio::test]
async fn what_is_ordered_strikes_as_often_as_it_was_ordered_to() {
    let mock = Mock::start(|_| ()).await;
    let error = json!({"kind": "rate_limited", "retry_after_ms": 1500, "message": "later"});
    let fail = json!([{"operation": "pools", "times": 2, "error": error}]);
    let ordered = mock.ask("POST", CONTROL, "", &json!({"fail": fail}).to_string()).await;
    assert_eq!(ordered.json()["fail"], fail);
    for _ in 0..2 {
        let refused = mock.ask("GET", "/v1/pools", "", "").await;
        assert_eq!((refused.status, refused.json()["error"].clone()), (429, error.clone()));
        assert_eq!(mock.ask("GET", "/v1/allocate?pool_id=standard", "", "").await.status, 200);
    }
    assert_eq!(mock.ask("GET", "/v1/pools", "", "").await.status, 200);
    assert_eq!(mock.ask("GET", CONTROL, "", "").await.json()["fail"], json!([]));
    mock.stop().await;
}

#[tokio::test]
async fn what_is_delayed_has_not_been_asked_yet() {
    let mock = Mock::start(|_| ()).await;
    let delay = json!({"delay": [{"operation": "allocate", "ms": 3_600_000, "times": 1}]});
    mock.ask("POST", CONTROL, "", &delay.to_string()).await;
    let late = mock.send("POST", "/v1/allocate", "", &allocation()).await;
    while mock.ask("GET", CONTROL, "", "").await.json()["delay"] != json!([]) {}
    assert_eq!(mock.held().await, 0);
    drop(late);
    mock.grant().await;
    let short = json!({"delay": [{"operation": "allocate", "ms": 20}]});
    mock.ask("POST", CONTROL, "", &short.to_string()).await;
    let asked = std::time::Instant::now();
    mock.grant().await;
    assert!(asked.elapsed() >= Duration::from_millis(20));
    assert_eq!(mock.stop().await.granted, 2);
}

#[tokio::test]
async fn in_silence_things_happen_and_nobody_hears_of_them() {
    let mock = Mock::start(|_| ()).await;
    let ordered =
        mock.ask("POST", CONTROL, "", &json!({"silence_ms": 3_600_000}).to_string()).await;
    assert!(ordered.json()["silence_ms"].as_u64() > Some(3_000_000));
    drop(mock.send("POST", "/v1/allocate", "", &allocation()).await);
    while mock.ask("GET", CONTROL, "", "").await.json()["in_flight"] == 0 {}
    mock.ask("POST", CONTROL, "", &json!({"silence_ms": 0}).to_string()).await;
    assert_eq!(mock.held().await, 1);
    mock.stop().await;
}

#[tokio::test]
async fn the_speed_can_be_changed_and_orders_that_cannot_be_are_refused() {
    let mock = Mock::start(|options| options.speed = 1e-3).await;
    let faster = mock.ask("POST", CONTROL, "", &json!({"speed": 1000.0}).to_string()).await.json();
    assert_eq!(faster["speed"], 1000.0);
    mock.grant().await;
    for (orders, words) in [
        (json!({"speed": 0}), "speed 0 is not a positive, finite number"),
        (json!({"speed": 2.0, "fail": [{"times": 1, "error": {"kind": "moody"}}]}), "`moody`"),
        (json!({"sleep": 1}), "unknown field `sleep`"),
    ] {
        let refused = mock.ask("POST", CONTROL, "", &orders.to_string()).await;
        assert_eq!((refused.status, refused.kind().as_deref()), (400, Some("invalid")));
        assert!(refused.body.contains(words), "{words}: {}", refused.body);
    }
    assert_eq!(mock.ask("GET", CONTROL, "", "").await.json()["speed"], 1000.0);
    mock.stop().await;
}

#[tokio::test]
async fn prometheus_finds_what_was_served() {
    let mock = Mock::start(|_| ()).await;
    let id = mock.grant().await;
    for stream in [false, true] {
        let body = json!({"allocation_id": id, "prompt": "twelve bytes", "max_tokens": 40, "stream": stream});
        mock.ask("POST", "/v1/inference", "", &body.to_string()).await;
    }
    let unknown = json!({"allocation_id": "alloc_99", "prompt": "", "max_tokens": 1});
    mock.ask("POST", "/v1/inference", "", &unknown.to_string()).await;
    let page = mock.ask("GET", "/metrics", "", "").await;
    assert!(page.head.contains("content-type: text/plain; version=0.0.4"), "{}", page.head);
    for line in [
        "harpoon_mock_shares_held 1",
        "harpoon_mock_speed 100",
        "harpoon_mock_questions_total{operation=\"infer\"} 3",
        "harpoon_mock_failures_total{operation=\"infer\",kind=\"not_found\"} 1",
        "vllm:num_requests_running{model_name=\"gemma-270m\"} 0",
        "vllm:num_requests_waiting{model_name=\"gemma-270m\"} 0",
        "vllm:request_success_total{model_name=\"gemma-270m\"} 2",
        "vllm:prompt_tokens_total{model_name=\"gemma-270m\"} 6",
        "vllm:generation_tokens_total{model_name=\"gemma-270m\"} 80",
        "vllm:time_to_first_token_seconds_count{model_name=\"gemma-270m\"} 2",
        "vllm:e2e_request_latency_seconds_count{model_name=\"gemma-270m\"} 2",
    ] {
        assert!(page.body.lines().any(|there| there == line), "{line}\n{}", page.body);
    }
    mock.stop().await;
}
