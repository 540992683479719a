//! Overlays: files of values that replace those of a scenario.

use std::path::Path;

use connector::Duration;
use scenarios::{Diagnostics, Rendering, Scenario, parse_overlay};
use sim::config::{Latency, Timing};

const SCENARIO: &str = "\
name: small
duration: 20s
provider:
  regions:
    - name: eu
      control_plane: { allocate: 40ms, timeout: 3s }
  pools:
    - { name: cards, gpu: L4, count: 4 }
models: [gemma-270m]
traffic:
  - { name: chat, arrivals: { poisson: { rate: 5/s } }, prompt_tokens: 64, output_tokens: 8 }
";

fn with(overlay: &str) -> Result<Scenario, Diagnostics> {
    let overrides = parse_overlay("overlay.yaml", overlay)?;
    scenarios::parse("scenario.yaml", SCENARIO, Path::new("."), &overrides)
}

fn refused(overlay: &str) -> String {
    with(overlay).expect_err("a mistake").render(Rendering::Plain)
}

#[test]
fn each_path_replaces_what_is_there_and_leaves_the_rest() {
    let scenario = with(
        "# measured\n\
         'provider.regions[eu].control_plane.allocate': { uniform: { min: 1ms, max: 2ms } }\n\
         models[gemma-270m].timing: { linear: { base: 3ms } }\n\
         provider.pools[cards].count: 7\n",
    )
    .expect("a valid overlay");
    let region = &scenario.provider.regions[0].control_plane;
    let ms = Duration::from_millis;
    assert_eq!(region.allocate, Latency::Uniform { min: ms(1), max: ms(2) });
    assert_eq!(region.timeout, ms(3_000));
    assert_eq!(scenario.provider.pools[0].count, 7);
    let Timing::Linear(linear) = &scenario.provider.models[0].timing else { panic!("stated") };
    assert_eq!(linear.base, ms(3));
}

#[test]
fn an_overlay_is_as_many_arguments() {
    let overlay = with("seed: 9\nprovider.pools.0.count: 2\n").expect("valid");
    let set = ["seed=9", "provider.pools.0.count=2"].map(|text| text.parse().expect("valid"));
    let set = scenarios::parse("s", SCENARIO, Path::new("."), &set).expect("valid");
    assert_eq!((overlay.seed, overlay.hash), (set.seed, set.hash));
}

#[test]
fn a_mistake_is_shown_where_it_is_written() {
    for (overlay, at, said) in [
        ("seed: 1\nprovider.pools[carts].count: 2\n", "overlay.yaml:2:1", "`carts`"),
        ("\nprovider.pools[cards].count: many\n", "overlay.yaml:2:", "many"),
        ("provider.pools[cards].cuont: 2\n", "overlay.yaml:1:", "cuont"),
        ("- 1\n", "overlay.yaml:1:1", "an overlay has paths with values, not a list"),
        ("a..b: 1\n", "overlay.yaml:1:1", "`a..b` is no path"),
        ("seed: [\n", "overlay.yaml:", "not valid YAML"),
        ("seed: 1\nseed: 2\n", "overlay.yaml:2:1", "given twice"),
    ] {
        let message = refused(overlay);
        assert!(message.contains(at) && message.contains(said), "{overlay}: {message}");
    }
}
