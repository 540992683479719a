//! Every dependency may be used under a licence that `deny.toml` allows.
//!
//! `cargo deny` checks the same and more where it is installed; this check needs nothing but cargo.

use serde_json::{Value, json};
use spdx::{Expression, LicenseReq, ParseMode};

use super::{
    none, one,
    workspace::{metadata, packages, read, text},
};

#[test]
fn every_dependency_has_an_allowed_licence() {
    none(&refused(metadata(), &allowed(&read("deny.toml"))));
}

#[test]
fn a_licence_that_is_not_allowed_is_found() {
    for licence in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "(MIT OR ISC) AND MPL-2.0", "ISC"] {
        one(
            &refused(&package(&json!(licence)), &mit_and_apache()),
            &["some 1.0", licence, "deny.toml"],
        );
    }
}

#[test]
fn a_package_without_a_licence_or_with_an_unknown_one_is_found() {
    one(&refused(&package(&json!(null)), &mit_and_apache()), &["some 1.0", "no licence"]);
    one(&refused(&package(&json!("Mine")), &mit_and_apache()), &["some 1.0", "Mine"]);
}

#[test]
fn one_allowed_alternative_is_enough() {
    for licence in ["MIT", "MIT/GPL-3.0", "GPL-3.0-only OR MIT", "MIT AND (Apache-2.0 OR ISC)"] {
        none(&refused(&package(&json!(licence)), &mit_and_apache()));
    }
}

#[test]
fn an_exception_is_allowed_only_by_name() {
    let licence = package(&json!("Apache-2.0 WITH LLVM-exception"));
    one(&refused(&licence, &mit_and_apache()), &["LLVM-exception"]);
    none(&refused(&licence, &["Apache-2.0 WITH LLVM-exception".to_owned()]));
}

fn refused(metadata: &Value, allowed: &[String]) -> Vec<String> {
    let offence = |package: &Value| {
        let problem = problem(package["license"].as_str(), allowed)?;
        let (name, version) = (text(&package["name"]), text(&package["version"]));
        Some(format!(
            "{name} {version}: {problem}: use another package, or allow the licence in deny.toml \
             if it asks no more than the others"
        ))
    };
    packages(metadata).iter().filter_map(offence).collect()
}

fn problem(licence: Option<&str>, allowed: &[String]) -> Option<String> {
    let Some(licence) = licence else { return Some("no licence stated".to_owned()) };
    // Old manifests write `/` for OR.
    let expression = match Expression::parse_mode(licence, ParseMode::LAX) {
        Ok(expression) => expression,
        Err(error) => return Some(format!("licence {licence:?} cannot be read: {}", error.reason)),
    };
    let is_allowed = |required: &LicenseReq| allowed.contains(&required.to_string());
    (!expression.evaluate(is_allowed)).then(|| format!("licence {licence:?} is not allowed"))
}

fn allowed(deny: &str) -> Vec<String> {
    let deny: toml::Table = deny.parse().expect("deny.toml is TOML");
    let listed = deny["licenses"]["allow"].as_array().expect("a list of licences");
    listed.iter().map(|licence| licence.as_str().expect("an SPDX id").to_owned()).collect()
}

fn package(licence: &Value) -> Value {
    json!({ "packages": [{ "name": "some", "version": "1.0", "license": licence }] })
}

fn mit_and_apache() -> Vec<String> {
    allowed("[licenses]\nallow = [\"MIT\", \"Apache-2.0\"]\n")
}
