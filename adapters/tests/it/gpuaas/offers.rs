use connector::{ErrorKind, Operation, PoolId, Reply};

use super::*;

fn offered(script: impl IntoIterator<Item = Act>) -> Result<Vec<(PoolId, u32)>, ErrorKind> {
    let (mut talk, _server) = configured(script, |options| {
        settings(options).exchange_within = Duration::from_secs(1);
    });
    match talk.ask(Operation::Pools) {
        Ok(Reply::Pools(pools)) => {
            Ok(pools.iter().map(|pool| (pool.pool, pool.free_slots)).collect())
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.kind),
    }
}

const TWO: &str = r#"[{"id":1,"name":"eu","gpuaas_id":11},{"id":2,"region_name":"us"}]"#;
const OFFERS: &str = r#"{"items":[{"id":"3","pool_name":"other","available_vgpus":4,"pricing_hourly":"0.5"},{"id":9,"pool_label":"premium","available_gpus":1,"price_per_hour":2}]}"#;

#[test]
fn p16_pools_are_known_by_the_number_that_was_set_and_by_any_of_their_names() {
    let one = r#"{"items":[{"id":1,"name":"eu","gpuaas_id":11}]}"#;
    let all = Ok(vec![(PoolId(0), 4), (PoolId(1), 1)]);
    assert_eq!(offered([ok(one), ok(OFFERS)]), all);
}

#[test]
fn p21_one_slow_region_holds_up_no_other() {
    let all = Ok(vec![(PoolId(0), 4), (PoolId(1), 1)]);
    assert_eq!(offered([ok(TWO), Act::Stall(Vec::new()), ok(OFFERS)]), all);
    assert_eq!(offered([ok(TWO), fails(500, ""), ok(OFFERS)]), all);
    let none = offered([ok(TWO), fails(500, ""), fails(500, "")]);
    assert_eq!(none, Err(ErrorKind::Unavailable { reached: true }), "that is not no pools");
}

#[test]
fn what_is_on_offer_without_a_price_is_not_for_nothing() {
    let one = r#"[{"id":1,"name":"eu"}]"#;
    for row in [r#"{"id":3,"available_vgpus":1}"#, r#"{"id":3,"pricing_hourly":1}"#] {
        assert_eq!(offered([ok(one), ok(&format!("[{row}]"))]), Err(ErrorKind::Protocol));
    }
    assert_eq!(offered([ok(one), ok("")]), Ok(Vec::new()));
}
