//! The answers of HostedAI's billing by which its clients went wrong, and what they are read as
//! here. Tests are named after the number of the fault, as in `docs/billing-faults.md`.

use adapters::billing_summary::{BillingSummary, SummaryError};
use connector::Money;
use serde_json::{Value, json};

fn money(text: &str) -> Money {
    text.parse().expect("an amount")
}

fn read(body: &Value) -> Result<BillingSummary, SummaryError> {
    BillingSummary::parse(&body.to_string())
}

fn told(body: &Value) -> String {
    read(body).expect_err("no summary").to_string()
}

/// A month with everything in it: 18.50 of pools, 3.25 of storage, 1.00 of instances.
fn month() -> Value {
    json!({
        "total_cost": "22.75",
        "monthly_base_cost": 0,
        "total_hours": 74,
        "gpuaas_summary": [
            {"pool_name": "rtx", "pool_hours": 50, "total": "12.50", "subscription_rate": "0.25"},
            {"pool_label": "b200", "pool_hours": 24, "total": 6, "subscription_rate": 0.25},
        ],
        "shared_storage_billing_summary": [{"storage_name": "disk", "cost": "3.25", "hours": 720}],
        "instance_billing_summary": [{"instance_name": "vm", "hours": 4, "cost": 1}],
        "currency": {"code": "USD", "symbol": "$"},
    })
}

/// All sums that there are.
fn sums(summary: &BillingSummary) -> Vec<Option<Money>> {
    let pools = summary.pools.iter().flat_map(|pool| [pool.charge, pool.rate]);
    let others = summary.others.iter().map(|other| other.charge);
    [summary.total, summary.base].into_iter().chain(pools).chain(others).collect()
}

#[test]
fn b1_separators_of_thousands_change_no_sum() {
    let mut body = month();
    body["total_cost"] = json!("1,012,322.75");
    body["gpuaas_summary"][0]["total"] = json!("1,012,312.50");
    let summary = read(&body).expect("a summary");
    assert_eq!(summary.total, Some(money("1012322.75")));
    assert_eq!(summary.pools[0].charge, Some(money("1012312.50")));
    assert_eq!(summary.beside_parts(), Some(Money::ZERO));
}

#[test]
fn b2_pools_and_storage_are_there_without_any_instance() {
    for none in [json!([]), Value::Null] {
        let mut body = month();
        body["instance_billing_summary"] = none;
        let summary = read(&body).expect("a summary");
        let charged: Money = summary.pools.iter().filter_map(|pool| pool.charge).sum();
        assert_eq!(charged, money("18.50"));
        let others: Vec<_> = summary.others.iter().map(|other| other.charge).collect();
        assert_eq!(others, [Some(money("3.25"))]);
    }
}

#[test]
fn b3_a_currency_is_kept_as_stated_and_never_made_up() {
    let mut body = month();
    for code in ["EUR", "JPY", "KWD"] {
        body["currency"]["code"] = json!(code);
        assert_eq!(read(&body).expect("a summary").currency.as_deref(), Some(code));
    }
    for unsaid in [Value::Null, json!({"symbol": "€"})] {
        body["currency"] = unsaid;
        assert_eq!(read(&body).expect("a summary").currency, None);
    }
}

#[test]
fn b8_a_cost_whose_name_changed_is_unknown_and_shows_beside_the_parts() {
    let mut body = month();
    let pool = body["gpuaas_summary"][0].as_object_mut().expect("a pool");
    let cost = pool.remove("total").expect("a cost");
    pool.insert("Cost_Of_GPUConsumed".to_owned(), cost);
    let summary = read(&body).expect("a summary");
    assert_eq!(summary.pools[0].charge, None, "not zero");
    assert_eq!(summary.beside_parts(), Some(money("12.50")), "what nothing explains");
}

#[test]
fn b10_success_without_figures_is_no_answer() {
    for body in [json!({"result": "success"}), json!({"result": "SUCCESS", "errors": []})] {
        assert!(matches!(read(&body), Err(SummaryError::Empty)), "{body}");
    }
}

#[test]
fn b11_what_another_answer_would_carry_shows_in_the_total() {
    let mut body = month();
    body["total_cost"] = json!("30.25");
    assert_eq!(read(&body).expect("a summary").beside_parts(), Some(money("7.50")));
}

#[test]
fn b12_p34_a_team_that_is_not_found_is_an_error() {
    for body in [
        json!({"result": "FAILURE", "errors": ["team not found"]}),
        json!({"code": 12_330_015, "message": "team not found", "errors": []}),
        json!({"error": "team not found"}),
    ] {
        let told = told(&body);
        assert!(told.contains("team not found"), "{body}: {told}");
    }
}

/// The field with the month so far is not the sum of the period that was asked for.
#[test]
fn b17_the_month_so_far_is_not_read_as_the_hour() {
    let only = json!({"current_month_total_cost": 120.0});
    assert!(matches!(read(&only), Err(SummaryError::Empty)));
    let mut body = month();
    body["current_month_total_cost"] = json!(120.0);
    assert_eq!(read(&body).expect("a summary").total, Some(money("22.75")));
}

#[test]
fn b18_every_part_of_an_hour_is_read() {
    let summary = read(&month()).expect("a summary");
    let charges = summary.pools.iter().map(|pool| pool.charge);
    let charges = charges.chain(summary.others.iter().map(|other| other.charge));
    let expected = ["12.50", "6", "3.25", "1"].map(|text| Some(money(text)));
    assert_eq!(charges.collect::<Vec<_>>(), expected);
}

/// The data of the case "missing monthly cost", whose expected total was 18.50.
#[test]
fn b19_a_total_that_is_not_the_sum_of_its_parts_is_told() {
    let mut body = month();
    body.as_object_mut().expect("an object").remove("monthly_base_cost");
    let summary = read(&body).expect("a summary");
    assert_eq!((summary.base, summary.beside_parts()), (None, Some(Money::ZERO)));
    body["total_cost"] = json!("18.50");
    let wrong = read(&body).expect("a summary");
    assert_eq!(wrong.beside_parts(), Some(-money("4.25")));
}

#[test]
fn p32_an_outage_is_no_usage_of_zero() {
    for body in ["", "<html>502 Bad Gateway</html>", "null", "[]", "{\"total_cost\": tru", "0"] {
        let read = BillingSummary::parse(body);
        assert!(matches!(read, Err(SummaryError::Malformed(_))), "{body}: {read:?}");
    }
}

#[test]
fn p35_hours_of_zero_are_told_as_such_and_not_as_unknown() {
    let mut body = month();
    body["gpuaas_summary"] = json!([{"pool_name": "free", "pool_hours": 0, "total": 0}]);
    let pool = &read(&body).expect("a summary").pools[0];
    assert_eq!((pool.slot_ns, pool.charge, pool.rate), (Some(0), Some(Money::ZERO), None));
}

#[test]
fn p37_an_empty_answer_is_an_error_whatever_its_status() {
    for body in [
        json!({}),
        json!({"total_hours": 0, "gpuaas_summary": []}),
        json!({"gpuaas_summary": null, "instance_billing_summary": []}),
    ] {
        assert!(matches!(read(&body), Err(SummaryError::Empty)), "{body}");
    }
}

/// Each key of the answer is renamed, one at a time: no sum becomes zero, and none becomes another.
#[test]
fn p38_a_key_that_was_renamed_makes_nothing_zero() {
    let whole = sums(&read(&month()).expect("a summary"));
    let stated = |sum: &Option<Money>| sum.is_some_and(|sum| sum != Money::ZERO);
    for key in [
        "/total_cost",
        "/monthly_base_cost",
        "/gpuaas_summary",
        "/gpuaas_summary/0/total",
        "/gpuaas_summary/1/subscription_rate",
        "/shared_storage_billing_summary",
        "/shared_storage_billing_summary/0/cost",
        "/instance_billing_summary/0/cost",
    ] {
        let mut body = month();
        let (parent, name) = key.rsplit_once('/').expect("a path");
        let parent = body.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
        let value = parent.remove(name).expect("a key");
        parent.insert(format!("{name}_v2"), value);
        let read = sums(&read(&body).expect("the rest is there"));
        let left: Vec<_> = read.iter().filter(|sum| stated(sum)).collect();
        assert!(left.iter().all(|sum| whole.contains(sum)), "{key}: {read:?}");
        assert!(left.len() <= whole.iter().filter(|sum| stated(sum)).count(), "{key}");
        let zeros =
            |sums: &[Option<Money>]| sums.iter().filter(|sum| **sum == Some(Money::ZERO)).count();
        assert!(zeros(&read) <= zeros(&whole), "{key}: {read:?}");
    }
}

#[test]
fn p39_sums_and_rates_are_read_alike_as_text_and_as_numbers() {
    let mut body = month();
    body["total_cost"] = json!(22.75);
    body["gpuaas_summary"][0]["total"] = json!(12.5);
    body["gpuaas_summary"][0]["subscription_rate"] = json!(0.25);
    body["gpuaas_summary"][1]["total"] = json!("6.000");
    body["shared_storage_billing_summary"][0]["cost"] = json!(3.25);
    body["instance_billing_summary"][0]["cost"] = json!("1");
    let (numbers, texts) = (read(&body).expect("numbers"), read(&month()).expect("texts"));
    assert_eq!(numbers, texts);
    assert_eq!(told(&json!({"total_cost": "free"})).matches("`free`").count(), 1);
}

#[test]
fn p40_a_failure_with_status_200_is_one_although_figures_stand_beside_it() {
    let mut body = month();
    body["result"] = json!("FAILURE");
    body["errors"] = json!(["the period is not closed"]);
    let told = told(&body);
    assert_eq!(told, r#"the provider has no billing summary: ["the period is not closed"]"#);
}
