//! Tiers and covenants as they are written, and what they become.

use connector::{BasisPoints, Duration, ModelId, PoolId, TierId, Tokens};
use platform::{Fallback, Shortening, Step};

use crate::world::{SMALLEST, parse};

const TIERS: &str = "models: [gemma-2b]
platform:
  tiers:
    - name: gold
      covenant: { ttft: 2s, enforce: true, cost_ceiling: 0.05, fallback: [a, gemma-2b], shorten_to: 50%, min_output_tokens: 32 }
      weight: 3
      quota: { concurrent: 5 }
    - name: silver
tenants:
  - { name: acme, tier: gold, covenant: { concessions: [higher_price, fallback], cost_ceiling: 0.01 } }
  - { name: globex }
";

#[test]
fn tiers_tenants_and_traffic_state_terms() {
    let text = SMALLEST.replace("models: [gemma-2b]\n", TIERS).replace(
        "name: chat",
        "name: chat\n    tenant: acme\n    covenant: { tpot: 20ms, enforce: false }",
    );
    let scenario = parse(&text).unwrap_or_else(|errors| panic!("{errors}"));
    let [gold, silver] = &scenario.platform.tiers[..] else {
        panic!("{:?}", scenario.platform.tiers);
    };
    assert_eq!(
        (gold.name.as_str(), gold.weight, gold.quota.concurrent),
        ("gold", Some(3), Some(5))
    );
    assert_eq!(gold.terms.targets.first_token, Some(Duration::from_secs(2)));
    assert_eq!(gold.terms.fallbacks, [Fallback::Pool(PoolId(0)), Fallback::Model(ModelId(0))]);
    let shortening = Shortening { to: BasisPoints::from_percent(50), at_least: Tokens::new(32) };
    assert_eq!(gold.terms.shortening, Some(shortening));
    assert_eq!((gold.terms.enforce, silver.terms.enforce), (Some(true), None));
    assert!(gold.terms.concessions.is_empty(), "in the order of the platform");
    assert!(silver.terms.is_free());

    let [acme, globex] = &scenario.platform.tenants[..] else {
        panic!("{:?}", scenario.platform.tenants);
    };
    assert_eq!((acme.tier, globex.tier), (Some(TierId(0)), None));
    assert_eq!(acme.terms.concessions, [Step::HigherPrice, Step::Fallback]);

    let request = scenario.arrivals(1).expect("opens").next().expect("arrives").expect("reads");
    let own = request.terms.expect("its traffic has a covenant");
    assert_eq!(own.targets.per_output_token, Some(Duration::from_millis(20)));
    assert_eq!(own.enforce, Some(false), "it goes before what the tier says");
    assert_eq!(own.targets.first_token, None, "that is the tenant's to state");
}

#[test]
fn who_states_nothing_is_promised_nothing() {
    let scenario = parse(SMALLEST).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(scenario.platform.tiers.is_empty());
    assert_eq!(scenario.platform.tenants[0].terms, platform::Terms::default());
    let request = scenario.arrivals(1).expect("opens").next().expect("arrives").expect("reads");
    assert_eq!(request.terms, None);
}
