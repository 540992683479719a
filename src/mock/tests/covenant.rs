//! The dialect `covenant-v1`, as a client sees it.

use connector::{
    Connector, Error, ErrorKind, Event, EventKind, EventQueue, Operation, Ticket, Timestamp,
};
use serde_json::{Value, json};

use super::{Mock, simulator};

#[tokio::test]
async fn a_share_is_granted_measured_listed_and_given_back_once() {
    let mock = Mock::start(|_| ()).await;
    let id = grant(&mock, 3_600).await;
    let path = format!("/api/v1/inference/{id}");
    let ask = json!({"model": "gemma-270m", "prompt": "twelve bytes", "max_tokens": 40});
    let answer = mock.ask("POST", &path, "", &ask.to_string()).await.json();
    assert_eq!(answer["usage"], json!({"prompt_tokens": 3, "output_tokens": 40}));

    let figures = metrics(&mock, &id).await;
    assert_eq!((&figures["inference_count"], &figures["running"]), (&json!(1), &json!(0)));
    assert_eq!(figures["memory_used_mb"], json!(2048.0));
    assert!(figures["average_latency_ms"].as_f64().unwrap() > 0.0, "{figures}");
    let busy = figures["gpu_utilization"].as_f64().unwrap();
    assert!(busy > 0.0 && busy < 1.0, "{figures}");

    let listed = mock.ask("GET", "/api/v1/allocations?pool_id=standard", "", "").await.json();
    let row = &listed["allocations"][0];
    assert_eq!((&row["allocation_id"], &row["pool_id"]), (&json!(id), &json!("standard")));
    assert_eq!(row["metadata"]["workload_id"], json!("gemma-270m"));
    assert_eq!(row["requirements"], requirements());

    let path = format!("/api/v1/allocations/{id}");
    assert_eq!(mock.ask("DELETE", &path, "", "").await.status, 204);
    assert_eq!(mock.ask("DELETE", &path, "", "").await.kind().as_deref(), Some("not_found"));
    let report = mock.stop().await;
    assert_eq!((report.granted, report.given_back, report.left_held), (1, 0, 0));
}

#[tokio::test]
async fn a_share_ends_after_its_time_with_what_runs_on_it() {
    let mock = Mock::start(|_| ()).await;
    let id = grant(&mock, 1).await;
    let kept = grant(&mock, 3_600).await;
    let path = format!("/api/v1/inference/{id}");
    let ask = json!({"model": "gemma-270m", "prompt": "", "max_tokens": 100_000, "stream": true});
    let cut = mock.ask("POST", &path, "", &ask.to_string()).await;
    assert!(cut.body.contains(r#""error":{"kind":"#), "{}", cut.body);
    let path = format!("/api/v1/allocations/{id}/metrics");
    assert_eq!(mock.ask("GET", &path, "", "").await.status, 404);
    assert_eq!(metrics(&mock, &kept).await["running"], 0);
    let report = mock.stop().await;
    assert_eq!((report.granted, report.given_back, report.left_held), (2, 1, 0));
}

#[tokio::test]
async fn a_share_that_cannot_be_taken_back_is_taken_back_later() {
    let down = DownFor { releases: 3, refused: EventQueue::new(), provider: simulator() };
    let mock = Mock::serve(down, |_| ()).await;
    let path = format!("/api/v1/allocations/{}/metrics", grant(&mock, 1).await);
    while mock.ask("GET", &path, "", "").await.status != 404 {}
    let report = mock.stop().await;
    assert_eq!((report.granted, report.given_back, report.left_held), (1, 0, 0));
}

#[tokio::test]
async fn what_a_share_is_asked_for_is_checked() {
    let mock = Mock::start(|_| ()).await;
    for (key, value, status, words) in [
        ("pool_id", json!("x"), 404, "no pool is called `x`"),
        ("duration_seconds", json!(0), 400, "duration_seconds 0"),
        ("duration_seconds", json!(1_u64 << 60), 400, "is not between 1 and 315360000"),
        ("duration_seconds", json!(-1), 400, "the body is no request"),
        ("requirements", json!({"min_tflops": -1, "min_vram_mb": 1}), 400, "min_tflops"),
        (
            "requirements",
            json!({"min_tflops": 1, "min_vram_mb": 2, "max_vram_mb": 1}),
            400,
            "max_vram_mb not below min_vram_mb",
        ),
        ("metadata", json!({"priority": 10}), 400, "priority 10"),
    ] {
        let mut body = allocation(60);
        body[key] = value;
        let answer = mock.ask("POST", "/api/v1/allocations", "", &body.to_string()).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
        assert!(answer.kind().is_some(), "{}", answer.body);
    }
    let id = grant(&mock, 60).await;
    let ask = json!({"model": "y", "prompt": "", "max_tokens": 1}).to_string();
    let refused = mock.ask("POST", &format!("/api/v1/inference/{id}"), "", &ask).await;
    assert!(refused.body.contains("no model is called `y`"), "{}", refused.body);
    mock.stop().await;
}

async fn grant(mock: &Mock, seconds: u64) -> String {
    let body = allocation(seconds).to_string();
    let answer = mock.ask("POST", "/api/v1/allocations", "", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()["allocation_id"].as_str().expect("granted").into()
}

async fn metrics(mock: &Mock, id: &str) -> Value {
    mock.ask("GET", &format!("/api/v1/allocations/{id}/metrics"), "", "").await.json()
}

fn requirements() -> Value {
    json!({"min_tflops": 5.0, "min_vram_mb": 2048, "max_vram_mb": 2048})
}

/// As the founding documents write it.
fn allocation(seconds: u64) -> Value {
    json!({"pool_id": "standard", "requirements": requirements(), "duration_seconds": seconds,
        "preemptible": true, "metadata": {"tenant_id": "acme", "workload_id": "gemma-270m"}})
}

/// A provider that refuses the first releases.
struct DownFor {
    releases: u32,
    refused: EventQueue<Ticket>,
    provider: sim::Simulator,
}

impl Connector for DownFor {
    fn submit(&mut self, now: Timestamp, ticket: Ticket, operation: Operation) {
        let is_release = matches!(operation, Operation::Release { .. });
        if is_release && self.releases > 0 {
            self.releases -= 1;
            self.refused.schedule(now, ticket);
        } else {
            self.provider.submit(now, ticket, operation);
        }
    }

    fn poll(&mut self, now: Timestamp) -> Option<Event> {
        let Some((at, ticket)) = self.refused.pop_due(now) else { return self.provider.poll(now) };
        let result = Err(Error::from(ErrorKind::Unavailable { reached: false }));
        Some(Event { at, kind: EventKind::Completed { ticket, result } })
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.refused.next_time().into_iter().chain(self.provider.deadline()).min()
    }
}
