//! How candidates are ranked, as scenarios say it.

use connector::{BasisPoints, PoolId};
use platform::config::{CovenantRouting, Measure, PoolWeight, PrefixConfig, RouterConfig};

use crate::world::{SMALLEST, parse};

#[test]
fn every_rule_of_the_router_reaches_the_platform() {
    let router = |text: &str| {
        let text = format!("{SMALLEST}\nplatform: {{ router: {text} }}\n");
        parse(&text).unwrap_or_else(|errors| panic!("{errors}")).platform.router
    };
    for name in ["cheapest", "fastest", "random", "round_robin", "least_loaded", "tiered"] {
        assert_eq!(router(name).name(), name);
    }
    let [RouterConfig::PowerOfTwo(bare), RouterConfig::PowerOfTwo(stated)] =
        ["power_of_two", "{ power_of_two: { by: load } }"].map(router)
    else {
        panic!("power of two")
    };
    assert_eq!((bare, stated), (Measure::Latency, Measure::Load));
    let [RouterConfig::PrefixAffine(bare), RouterConfig::PrefixAffine(stated)] =
        ["prefix_affine", "{ prefix_affine: { blocks: 5, load_factor: 200% } }"].map(router)
    else {
        panic!("prefix affine")
    };
    assert_eq!(bare, PrefixConfig::default());
    let load_factor = BasisPoints::from_percent(200);
    assert_eq!(stated, PrefixConfig { blocks: 5, load_factor });
    let [RouterConfig::Covenant(bare), RouterConfig::Covenant(stated)] =
        ["covenant", "{ covenant: { quantile: 99%, margin: 10% } }"].map(router)
    else {
        panic!("covenant")
    };
    assert_eq!(bare, CovenantRouting::default());
    let (quantile, margin) = (BasisPoints::from_percent(99), BasisPoints::from_percent(10));
    assert_eq!(stated, CovenantRouting { quantile, margin });
    let RouterConfig::Weighted(weights) = router("{ weighted: { a: 3 } }") else {
        panic!("weighted")
    };
    assert_eq!(weights, [PoolWeight { pool: PoolId(0), weight: 3 }]);
}
