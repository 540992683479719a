//! The text of a scenario as it is run.

use std::path::Path;

use proptest::prelude::*;
use scenarios::{Override, Scenario};

use crate::world::fixtures;

/// Loaded from another place, it is the same scenario.
fn assert_comes_back(scenario: &Scenario) {
    let text = scenario.effective.to_yaml(scenario.seed);
    let elsewhere = Path::new("/nowhere");
    let again = scenarios::parse("again.yaml", &text, elsewhere, &[]);
    let again = again.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    assert_eq!(again.hash, scenario.hash, "{text}");
    assert_eq!(again.effective.to_yaml(scenario.seed), text);
    assert_eq!(format!("{:?}", again.platform), format!("{:?}", scenario.platform));
    assert_eq!(format!("{:?}", again.provider), format!("{:?}", scenario.provider));
}

#[test]
fn every_key_and_every_path_comes_back_wherever_it_stands() {
    let path = fixtures().join("everything.yaml");
    let set: Vec<Override> =
        ["platform.price_book.rates.0.tenants=[globex]", "description=\"a: b # c\\n\""]
            .map(|one| one.parse().expect("an override"))
            .to_vec();
    for overrides in [&[][..], &set] {
        let scenario = scenarios::load(&path, overrides);
        let scenario = scenario.unwrap_or_else(|errors| panic!("{errors}"));
        let text = scenario.effective.to_yaml(9);
        assert!(text.starts_with("seed: 9\npaths_from: \"/"), "{text}");
        assert_comes_back(&scenario);
    }
}

#[test]
fn a_scenario_without_files_names_no_directory() {
    let scenario = parsed("plain").expect("valid");
    let text = scenario.effective.to_yaml(1);
    assert!(!text.contains("paths_from"), "{text}");
    assert_comes_back(&scenario);
}

fn parsed(description: &str) -> Result<Scenario, scenarios::Diagnostics> {
    let text = "name: n\nduration: 1s\nprovider: { pools: [{ name: a, gpu: L4, count: 1 }] }\n\
                models: [gemma-2b]\ntraffic: [{ name: t, arrivals: { poisson: { rate: 1/s } }, \
                prompt_tokens: 1, output_tokens: 1 }]\ndescription: >\n  folded\n  text\n";
    let quoted = serde_json::to_string(description).expect("text");
    let set = format!("description={quoted}").parse().expect("an override");
    scenarios::parse("text.yaml", text, Path::new("."), &[set])
}

proptest! {
    #[test]
    fn any_text_comes_back(description in any::<String>()) {
        // What YAML itself refuses is no scenario.
        if let Ok(scenario) = parsed(&description) {
            assert_comes_back(&scenario);
            let text = scenario.effective.to_yaml(1);
            let again = scenarios::parse("again", &text, Path::new("."), &[]).expect("valid");
            prop_assert_eq!(again.description, scenario.description);
        }
    }
}
