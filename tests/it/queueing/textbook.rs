//! Four cases with values from the textbook's formulas, for where no file is at hand.

use serde_json::{Value, json};

use super::case::Case;

/// M/M/1, M/D/1, M/M/c/c, and M/G/1 with preemptive priority.
pub(super) fn cases() -> Vec<Case> {
    [mm1(0.5), md1(0.6), erlang_b(5, 3.0), preemptive()].map(read).into()
}

/// M/D/1 as somebody who miscalculates would have it.
pub(super) fn five_percent_off() -> Case {
    let mut case = md1(0.6);
    for metric in ["mean_wait", "utilization"] {
        let value = &mut case["expected"][metric];
        *value = json!(1.05 * value.as_f64().expect("a number"));
    }
    read(case)
}

fn read(case: Value) -> Case {
    serde_json::from_value(case).expect("the form of a case")
}

fn mm1(load: f64) -> Value {
    let response = 1.0 / (1.0 - load);
    json!({
        "name": "textbook_mm1",
        "params": {
            "arrival_rate": load,
            "service": { "dist": "exp", "mean": 1.0 },
            "servers": 1,
        },
        "expected": {
            "mean_response": response,
            "mean_wait": load * response,
            "mean_in_system": load * response,
            "p_wait": load,
            "utilization": load,
            "var_response": response * response,
            "response_p95": 20.0f64.ln() * response,
        },
    })
}

/// Pollaczek and Khinchine: half the wait of exponential service.
fn md1(load: f64) -> Value {
    json!({
        "name": "textbook_md1",
        "params": {
            "arrival_rate": load,
            "service": { "dist": "det", "mean": 1.0 },
            "servers": 1,
        },
        "expected": {
            "mean_wait": load / (2.0 * (1.0 - load)),
            "utilization": load,
        },
    })
}

/// Erlang's recursion over the number of servers.
fn erlang_b(servers: u32, offered: f64) -> Value {
    let add_server = |loss: f64, n: u32| offered * loss / (f64::from(n) + offered * loss);
    let loss = (1..=servers).fold(1.0, add_server);
    let carried = offered * (1.0 - loss);
    json!({
        "name": "textbook_erlang_b",
        "params": {
            "arrival_rate": offered,
            "service": { "dist": "exp", "mean": 1.0 },
            "servers": servers,
            "capacity": servers,
        },
        "expected": {
            "loss": loss,
            "throughput": carried,
            "utilization": carried / f64::from(servers),
            "mean_in_system": carried,
        },
    })
}

/// Three classes, the first of which takes the server from the others and the second from the third;
/// whoever lost it goes on where it was. A response is what is left of the work found, and the own,
/// both stretched by those more important (Cobham's formula as of preemptive resume).
fn preemptive() -> Value {
    let mean = 1.0;
    let exponential = (json!({ "dist": "exp", "mean": mean }), 2.0 * mean * mean);
    let constant = (json!({ "dist": "det", "mean": mean }), mean * mean);
    let classes = [(0.2, &exponential), (0.3, &constant), (0.2, &exponential)];
    let (mut load, mut residual) = (0.0, 0.0);
    let mut responses = Vec::new();
    for (rate, (_, second_moment)) in classes {
        let before = 1.0 - load;
        load += rate * mean;
        residual += rate * second_moment / 2.0;
        responses.push(mean / before + residual / (before * (1.0 - load)));
    }
    let waits: Vec<f64> = responses.iter().map(|response| response - mean).collect();
    let of = |(rate, (service, _)): (f64, &(Value, f64))| json!({ "arrival_rate": rate, "service": service });
    json!({
        "name": "textbook_preemptive",
        "params": {
            "classes": classes.map(of),
            "servers": 1,
            "discipline": "preemptive_resume",
        },
        "expected": {
            "mean_response_per_class": responses,
            "mean_wait_per_class": waits,
            "utilization": load,
        },
    })
}
