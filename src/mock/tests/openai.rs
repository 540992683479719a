//! The dialect `openai` over the wire.

use connector::{BasisPoints, ModelId, OperationKind};

use super::*;

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_whole_answer_says_what_the_reference_shows() {
    let mock = Mock::start(|_| ()).await;
    let mut chat = mock.ask("POST", CHAT, "", &chat(&json!({"max_tokens": 4}))).await.json();
    assert!(chat["created"].take().as_u64() > Some(1_700_000_000));
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7});
    assert_eq!(
        chat,
        json!({"id": "chatcmpl-1", "object": "chat.completion", "created": null, "model": "gemma-270m",
            "choices": [{"index": 0, "finish_reason": "length",
                "message": {"role": "assistant", "content": "the pool has a "}}],
            "usage": usage})
    );
    let asked = json!({"model": "gemma-270m", "prompt": "twelve bytes", "max_tokens": 4});
    let mut text = mock.ask("POST", "/v1/completions", "", &asked.to_string()).await.json();
    text["created"].take();
    assert_eq!(
        text,
        json!({"id": "cmpl-3", "object": "text_completion", "created": null, "model": "gemma-270m",
            "choices": [{"index": 0, "finish_reason": "length", "text": "the pool has a "}],
            "usage": usage})
    );
    mock.stop().await;
}

#[tokio::test]
async fn a_stream_begins_with_a_role_and_ends_with_what_was_counted() {
    let mock = Mock::start(|_| ()).await;
    let asked = chat(&json!({"stream": true, "stream_options": {"include_usage": true}}));
    for _ in 0..2 {
        let answer = mock.ask("POST", CHAT, "", &asked).await;
        assert!(answer.head.contains("content-type: text/event-stream"), "{}", answer.head);
        let chunks = chunks(&answer.body);
        let [role, words @ .., end, usage] = &chunks[..] else { panic!("{chunks:?}") };
        assert_eq!(role["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
        assert_eq!(words.len(), 128, "as long as without a limit");
        assert_eq!(text_of(words), filler::text(128));
        assert!(words.iter().all(|word| word["id"] == role["id"] && word["usage"].is_null()));
        assert_eq!(end["choices"][0]["finish_reason"], "stop");
        let counted = json!({"prompt_tokens": 3, "completion_tokens": 128, "total_tokens": 131});
        assert_eq!((&usage["choices"], &usage["usage"]), (&json!([]), &counted));
    }
    let bare = mock.ask("POST", CHAT, "", &chat(&json!({"stream": true}))).await;
    assert!(chunks(&bare.body).iter().all(|chunk| chunk["usage"].is_null()));
    mock.stop().await;
}

#[tokio::test]
async fn every_chunk_counts_if_that_was_asked_for() {
    let mock = Mock::start(|_| ()).await;
    let counts = json!({"include_usage": true, "continuous_usage_stats": true});
    let terms = json!({"max_completion_tokens": 3, "max_tokens": 9, "stream": true, "stream_options": counts});
    let answer = mock.ask("POST", CHAT, "", &chat(&terms)).await;
    let counted = |body: &str| -> Vec<_> {
        let chunks = chunks(body).into_iter();
        chunks.map(|chunk| chunk["usage"]["completion_tokens"].as_u64().unwrap()).collect()
    };
    assert_eq!(counted(&answer.body), [0, 1, 2, 3, 3, 3]);
    let mut asked = json!({"model": "gemma-270m", "prompt": [[1, 2, 3, 4]]});
    asked.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
    asked["max_tokens"] = json!(2);
    let answer = mock.ask("POST", "/v1/completions", "", &asked.to_string()).await;
    assert_eq!(counted(&answer.body), [1, 2, 2, 2], "no role in plain text");
    assert_eq!(chunks(&answer.body)[0]["choices"][0]["text"], "the ");
    assert_eq!(chunks(&answer.body)[0]["usage"]["prompt_tokens"], 4);
    mock.stop().await;
}

#[tokio::test]
async fn what_clients_send_besides_is_no_hindrance() {
    let mock = Mock::start(|_| ()).await;
    let parts = json!([{"type": "text", "text": "four"}, {"type": "image_url", "image_url": {}}]);
    let messages = json!([{"role": "system", "content": "four"}, {"role": "user", "content": parts},
        {"role": "assistant", "content": null, "tool_calls": []}]);
    let terms = json!({"messages": messages, "max_tokens": 1, "n": 1, "ignore_eos": true, "seed": 7,
        "stop": ["x"], "temperature": null, "stream": null, "stream_options": null});
    let answer = mock.ask("POST", CHAT, "x-request-id: mine-1\r\n", &chat(&terms)).await;
    assert_eq!(answer.json()["usage"]["prompt_tokens"], 2);
    assert!(answer.head.contains("x-request-id: mine-1\r\n"), "{}", answer.head);
    for prompt in [json!("four"), json!(["four"]), json!([1]), json!([[1]])] {
        let asked = json!({"model": "gemma-270m", "prompt": prompt, "max_tokens": 1});
        let answer = mock.ask("POST", "/v1/completions", "", &asked.to_string()).await;
        assert_eq!(answer.json()["usage"]["prompt_tokens"], 1, "{}", answer.body);
    }
    mock.stop().await;
}

#[tokio::test]
async fn the_models_are_listed_and_each_is_found() {
    let mock = Mock::start(|_| ()).await;
    let listed = mock.ask("GET", "/v1/models", "", "").await.json();
    assert_eq!(
        (&listed["object"], &listed["data"][0]["id"]),
        (&json!("list"), &json!("gemma-270m"))
    );
    let one = mock.ask("GET", "/v1/models/gemma-270m", "", "").await.json();
    assert_eq!(one, listed["data"][0]);
    mock.stop().await;
}

#[tokio::test]
async fn whoever_has_the_wrong_key_is_told_so_in_the_dialect() {
    let mock = Mock::start(|options| options.api_key = Some("s3cret".into())).await;
    let wrong = mock.ask("GET", "/v1/models", "x-request-id: a\r\n", "").await;
    let kind = &wrong.json()["error"]["type"];
    assert_eq!((wrong.status, kind), (401, &json!("authentication_error")));
    assert!(wrong.head.contains("x-request-id: a\r\n"), "{}", wrong.head);
    mock.stop().await;
}

#[tokio::test]
async fn refusals_have_the_shape_of_the_dialect_and_the_name_of_the_request() {
    let mock = Mock::start(|_| ()).await;
    let text = |prompt: Value| json!({"model": "gemma-270m", "prompt": prompt}).to_string();
    for (method, path, body, status, kind, words) in [
        ("POST", CHAT, "{".into(), 400, "invalid_request_error", "the body is no request"),
        (
            "POST",
            CHAT,
            chat(&json!({"messages": []})),
            400,
            "invalid_request_error",
            "messages is empty",
        ),
        (
            "POST",
            CHAT,
            chat(&json!({"max_tokens": 0})),
            400,
            "invalid_request_error",
            "max_tokens 0",
        ),
        (
            "POST",
            CHAT,
            chat(&json!({"max_tokens": 131_073})),
            400,
            "invalid_request_error",
            "131072",
        ),
        ("POST", CHAT, chat(&json!({"n": 2})), 400, "invalid_request_error", "n 2 is not 1"),
        (
            "POST",
            CHAT,
            chat(&json!({"temperature": 3})),
            400,
            "invalid_request_error",
            "temperature 3",
        ),
        (
            "POST",
            CHAT,
            chat(&json!({"model": "gpt"})),
            404,
            "not_found_error",
            "`gpt` does not exist",
        ),
        (
            "POST",
            "/v1/completions",
            text(json!(["a", "b"])),
            400,
            "invalid_request_error",
            "2 prompts",
        ),
        ("POST", "/v1/completions", text(json!([])), 400, "invalid_request_error", "0 prompts"),
        ("GET", "/v1/models/gpt", String::new(), 404, "not_found_error", "`gpt` does not exist"),
        ("PUT", CHAT, String::new(), 405, "invalid_request_error", "does not take PUT"),
    ] {
        let answer = mock.ask(method, path, "x-request-id: a\r\n", &body).await;
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["type"]), (status, &json!(kind)), "{error}");
        assert_eq!(error["code"], json!(status.to_string()));
        assert!(error["message"].as_str().unwrap().contains(words), "{words}: {error}");
        assert!(answer.head.contains("x-request-id: a\r\n"), "{}", answer.head);
    }
    mock.stop().await;
}

#[tokio::test]
async fn requests_share_a_warm_share_until_it_has_enough() {
    let mock = Mock::start(|options| {
        options.speed = 1.0;
        options.requests_per_share = 2;
    })
    .await;
    for _ in 0..3 {
        mock.ask("POST", CHAT, "", &chat(&json!({"max_tokens": 1}))).await;
    }
    assert_eq!(mock.held().await, 1);
    let endless = chat(&json!({"max_tokens": 100_000, "stream": true}));
    let mut connections = Vec::new();
    for _ in 0..6 {
        let mut connection = mock.send("POST", CHAT, "", &endless).await;
        connection.read_exact(&mut [0; 16]).await.unwrap();
        connections.push(connection);
    }
    assert_eq!(mock.held().await, 2, "there are no more");
    connections.clear();
    let report = mock.stop().await;
    assert_eq!((report.granted, report.given_back, report.left_held), (2, 2, 0));
}

#[tokio::test]
async fn without_a_share_to_be_had_whoever_waits_is_refused() {
    let mock = Mock::start(|_| ()).await;
    let (first, _) = (mock.grant().await, mock.grant().await);
    let refused = mock.ask("POST", CHAT, "", &chat(&json!({}))).await;
    assert_eq!((refused.status, &refused.json()["error"]["type"]), (507, &json!("server_error")));
    mock.ask("DELETE", &format!("/v1/allocate/{first}"), "", "").await;
    // Pools are not asked again at once.
    while mock.ask("POST", CHAT, "", &chat(&json!({}))).await.status != 200 {}
    mock.stop().await;
}

#[tokio::test]
async fn a_share_that_is_gone_is_replaced_unnoticed() {
    let mock = Mock::start(|_| ()).await;
    mock.ask("POST", CHAT, "", &chat(&json!({}))).await;
    let listed = mock.ask("GET", "/v1/allocate?pool_id=standard", "", "").await.json();
    let share = listed["allocations"][0]["allocation_id"].as_str().unwrap().to_owned();
    assert_eq!(mock.ask("DELETE", &format!("/v1/allocate/{share}"), "", "").await.status, 204);
    assert_eq!(mock.ask("POST", CHAT, "", &chat(&json!({}))).await.status, 200);
    let report = mock.stop().await;
    assert_eq!((report.granted, report.given_back, report.left_held), (2, 1, 0));
}

#[tokio::test]
async fn a_completion_whose_client_hangs_up_is_cancelled() {
    let mock = Mock::start(|options| options.speed = 1.0).await;
    mock.ask("POST", CHAT, "", &chat(&json!({"max_tokens": 1}))).await;
    let listed = mock.ask("GET", "/v1/allocate?pool_id=standard", "", "").await.json();
    let share = listed["allocations"][0]["allocation_id"].as_str().unwrap().to_owned();
    for stream in [true, false] {
        let endless = chat(&json!({"max_tokens": 100_000, "stream": stream}));
        let connection = mock.send("POST", CHAT, "", &endless).await;
        mock.until_running(&share, 1).await;
        drop(connection);
        mock.until_running(&share, 0).await;
    }
    assert_eq!(mock.stop().await.hung_up, 2);
}

#[test]
fn whoever_hangs_up_in_the_line_for_a_share_is_out_of_it() {
    let requirements = connector::Requirements {
        tflops: connector::Tflops::new(5),
        vram: connector::Mebibytes::from_gib(2),
    };
    let pace = Pace::start(1e-3).unwrap();
    let leases = Leases::new(&[requirements], 1, 1);
    let mut keeper = Keeper::new(Box::new(simulator()), pace, 10, leases, 1);
    let (ticket, _ear) = keeper.complete(ModelId(0), infer()).unwrap();
    keeper.hang_up(ticket);
    let report = keeper.close();
    assert_eq!((report.hung_up, report.granted, report.given_back), (1, 1, 1));
    let unknown = keeper.complete(ModelId(9), infer()).unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn the_same_seed_and_requests_have_the_same_answers() {
    let answers = async || {
        let mut provider = provider();
        let half = BasisPoints::from_percent(50);
        let failures = &mut provider.regions[0].control_plane.failures;
        failures.unavailable[OperationKind::Infer as usize] = half;
        let simulator = sim::Simulator::new(provider, 7).unwrap();
        let mock = Mock::serve(simulator, |options| options.speed = 1_000.0).await;
        let mut answers = Vec::new();
        for number in 1..=20 {
            let asked = chat(&json!({"max_tokens": number, "stream": number % 2 == 0}));
            let answer = mock.ask("POST", CHAT, "", &asked).await;
            let parts = answer.body.split(',').filter(|part| !part.contains("\"created\":"));
            answers.push((answer.status, parts.collect::<Vec<_>>().join(",")));
        }
        mock.stop().await;
        answers
    };
    let first = answers().await;
    for status in [200, 503] {
        assert!(first.iter().any(|answer| answer.0 == status), "{first:?}");
    }
    assert_eq!(first, answers().await);
}

/// A request for a chat completion with these terms.
fn chat(terms: &Value) -> String {
    let mut body = json!({"model": "gemma-270m",
        "messages": [{"role": "user", "content": "twelve bytes"}]});
    body.as_object_mut().unwrap().extend(terms.as_object().unwrap().clone());
    body.to_string()
}

/// The payloads of a stream but for the last, which says that it is the last.
fn chunks(body: &str) -> Vec<Value> {
    let events = body.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
    let events: Vec<_> = events.collect();
    let (last, chunks) = events.split_last().expect("events");
    assert_eq!(*last, "[DONE]");
    chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect()
}

fn text_of(chunks: &[Value]) -> String {
    let words =
        chunks.iter().map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().unwrap());
    words.collect()
}
