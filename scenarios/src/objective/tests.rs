use super::*;

const NAMES: [&str; 2] = ["shared-l4", "premium"];

fn read(text: &str) -> Result<Objective, ObjectiveError> {
    let names = NamesOf {
        pools: NAMES.to_vec(),
        models: vec!["mistral-7b"],
        tenants: vec!["acme"],
        classes: vec!["simple"],
    };
    parse(text, &names)
}

#[test]
fn an_objective_has_metric_statistic_scope_sign_and_threshold() {
    let objective = read("ttft.p99.9{model=mistral-7b, pool=premium} <= 1.5s").expect("valid");
    assert_eq!(objective.metric, Metric::TimeToFirstToken);
    assert_eq!(objective.statistic, Some(Statistic::Percentile(99_900)));
    assert_eq!(objective.comparison, Comparison::AtMost);
    assert_eq!((objective.scope.pool, objective.scope.model), (Some(PoolId(1)), Some(ModelId(0))));
    assert!((objective.threshold - 1.5).abs() < 1e-12);
}

#[test]
fn every_metric_is_read_in_its_unit() {
    for (text, threshold) in [
        ("allocation_latency.p95 < 200ms", 0.2),
        ("error_rate < 0.1%", 0.001),
        ("itl.p99{pool=premium, model=mistral-7b} < 50ms", 0.05),
        ("gpu_utilization>80%", 0.8),
        ("slot_utilization{pool=premium} >= 0.5", 0.5),
        ("cost < 12.50", 12.5),
        ("cost.per_request{model=mistral-7b, pool=premium} < 0.002", 0.002),
        ("cost.per_million_tokens < 0.50", 0.5),
        ("waste{pool=premium} < 5%", 0.05),
        ("margin > 20%", 0.2),
        ("covenants.kept{tenant=acme, class=simple} >= 99%", 0.99),
        ("covenants.renegotiated < 5%", 0.05),
        ("covenants.broken <= 0.5%", 0.005),
        ("fan_out.p99.9 < 1s", 1.0),
        ("fan_out.kept >= 99%", 0.99),
        ("throughput >= 100/s", 100.0),
        ("output_token_throughput > 60000/min", 1_000.0),
        ("peak_in_flight >= 100", 100.0),
        ("queueing.mean < 1min", 60.0),
    ] {
        let objective = read(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert!((objective.threshold - threshold).abs() < 1e-9, "{text}");
        assert_eq!(objective.text, text);
    }
}

#[test]
fn a_wrong_objective_is_told_with_a_way_out() {
    for (text, message, help) in [
        ("fast", "`fast` is not an objective", FORM),
        ("ttft.p95 = 2s", "`ttft.p95 = 2s` is not an objective", FORM),
        ("ttft.p95{pool=premium < 2s", "`ttft.p95{pool=premium < 2s` is not an objective", FORM),
        ("latency.p95 < 2s", "unknown metric `latency`", "the metrics are"),
        ("tpt.p95 < 2s", "unknown metric `tpt`", "did you mean `tpot`?"),
        ("covenants < 1%", "unknown metric `covenants`", "did you mean `covenants.kept`?"),
        ("covenants.kep > 9%", "unknown metric `covenants.kep`", "did you mean `covenants.kept`?"),
        ("ttft < 2s", "`ttft` is a distribution and needs a statistic", "write `ttft.p95`"),
        ("cost.p95 < 2", "`cost` is a single value and has no `p95`", "write `cost` alone"),
        ("ttft.median < 2s", "unknown statistic `median`", "the statistics are"),
        ("ttft.p101 < 2s", "unknown statistic `p101`", "the statistics are"),
        ("ttft.p95{pools=premium} < 2s", "unknown scope `pools`", "did you mean `pool`?"),
        ("ttft.p95{premium} < 2s", "`premium` is not a scope", "write it as"),
        ("ttft.p95{pool=shared-l5} < 2s", "unknown pool `shared-l5`", "did you mean `shared-l4`?"),
        ("ttft.p95{tenant=x} < 2s", "unknown tenant `x`", "the tenants are `acme`"),
        ("ttft.p95{pool=premium, pool=premium} < 2s", "the scope `pool` is given twice", ""),
        (
            "gpu_utilization{model=mistral-7b} > 80%",
            "`gpu_utilization` is measured on pools and cannot be asked per model",
            "use the scope `pool`",
        ),
        (
            "itl.p95{pool=premium, tenant=acme} < 50ms",
            "`itl` is measured on pools and models and cannot be asked per tenant",
            "use the scopes `pool` and `model`, or none",
        ),
        (
            "itl.p95{class=simple} < 50ms",
            "`itl` is measured on pools and models and cannot be asked per class",
            "use the scopes `pool` and `model`, or none",
        ),
        (
            "waste{tenant=acme} < 5%",
            "`waste` is measured on pools and models and cannot be asked per tenant",
            "use the scopes `pool` and `model`, or none",
        ),
        (
            "margin{pool=premium} > 5%",
            "`margin` is measured on the whole run and cannot be asked per pool",
            "use no scope",
        ),
        (
            "fan_out.p99{tenant=acme} < 1s",
            "`fan_out` is measured on fan-outs, whose parts may go anywhere, and cannot be asked per tenant",
            "use no scope",
        ),
        (
            "fan_out < 1s",
            "`fan_out` is a distribution and needs a statistic",
            "write `fan_out.p95`",
        ),
        ("itl < 50ms", "`itl` is a distribution and needs a statistic", "write `itl.p95`"),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!(error.message, message);
        let told = error.help.unwrap_or_default();
        assert!(told.starts_with(help), "{text}: {told}");
    }
}

#[test]
fn a_threshold_that_is_no_number_is_refused() {
    for text in ["error_rate < NaN", "cost < -1", "throughput > inf/s", "peak_in_flight > -3"] {
        let error = read(text).expect_err(text);
        assert!(error.message.starts_with("the threshold of `"), "{error:?}");
    }
}
