//! Which package may use which, as the table in `docs/design.md` says, and what the pure packages
//! must not even reach.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    none, one,
    workspace::{array, members, metadata, packages, read, text},
};

const PURE: [&str; 3] = ["connector", "platform", "sim"];
const IMPURE: [&str; 4] = ["tokio", "hyper", "reqwest", "ratatui"];

/// What each package may use.
type Allowed = BTreeMap<String, BTreeSet<String>>;

#[test]
fn packages_use_each_other_only_as_the_design_allows() {
    none(&forbidden_edges(metadata(), &allowed(&read("docs/design.md"))));
}

#[test]
fn pure_packages_reach_no_runtime_no_http_client_and_no_terminal() {
    none(&impure_trees(metadata()));
}

#[test]
fn the_table_of_the_design_is_read_as_written() {
    let design = "| package | holds | may use |\n| --- | --- | --- |\n\
        | `a` | the waist: `Trait` | nothing internal |\n| `b` | more | `a` |\n| `c` (root) | it | all |\n";
    let allowed = allowed(design);
    assert_eq!(allowed["a"], BTreeSet::new());
    assert_eq!(allowed["b"], BTreeSet::from(["a".to_owned()]));
    assert_eq!(allowed["c"], BTreeSet::from(["a".to_owned(), "b".to_owned()]));
}

#[test]
fn an_edge_against_the_design_is_found_even_in_tests() {
    for kind in [json!(null), json!("dev"), json!("build")] {
        let metadata = two_packages(&json!([{ "name": "between", "kind": kind }]), &json!([]));
        let allowed =
            allowed("| `platform` | x | nothing internal |\n| `between` | y | `platform` |\n");
        one(&forbidden_edges(&metadata, &allowed), &["platform", "between", "docs/design.md"]);
    }
}

#[test]
fn a_package_that_the_design_does_not_know_is_found() {
    let metadata = two_packages(&json!([]), &json!([]));
    let offences = forbidden_edges(&metadata, &allowed("| `between` | y | nothing internal |\n"));
    one(&offences, &["platform", "docs/design.md"]);
}

#[test]
fn a_runtime_behind_another_dependency_is_found() {
    let through = |kind: Value| {
        let dependency = json!([{ "pkg": "tokio 1", "dep_kinds": [{ "kind": kind }] }]);
        two_packages(&json!([]), &dependency)
    };
    one(&impure_trees(&through(json!(null))), &["platform -> between -> tokio"]);
    none(&impure_trees(&through(json!("dev"))));
}

fn forbidden_edges(metadata: &Value, allowed: &Allowed) -> Vec<String> {
    let internal: BTreeSet<_> = members(metadata).map(|package| text(&package["name"])).collect();
    let mut offences = Vec::new();
    for package in members(metadata) {
        let name = text(&package["name"]);
        let Some(allowed) = allowed.get(name) else {
            offences.push(format!(
                "package `{name}` is not in the table of docs/design.md: say there what it holds \
                 and may use"
            ));
            continue;
        };
        for used in array(&package["dependencies"]).iter().map(|used| text(&used["name"])) {
            if internal.contains(used) && !allowed.contains(used) {
                offences.push(format!(
                    "{name}/Cargo.toml: `{name}` uses `{used}`, which docs/design.md does not \
                     allow: move what both need into a package that both may use"
                ));
            }
        }
    }
    offences
}

/// Reads the rows `| package | holds | may use |`.
fn allowed(design: &str) -> Allowed {
    let rows: Vec<[&str; 2]> = design
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|row| {
            Some([row.split('`').next()?, row.trim_end_matches(" |").rsplit("| ").next()?])
        })
        .collect();
    let all = || rows.iter().map(|[package, _]| (*package).to_owned());
    rows.iter()
        .map(|&[package, uses]| {
            let uses: BTreeSet<String> = match uses {
                "all" => all().filter(|other| other != package).collect(),
                listed => listed.split('`').skip(1).step_by(2).map(str::to_owned).collect(),
            };
            (package.to_owned(), uses)
        })
        .collect()
}

fn impure_trees(metadata: &Value) -> Vec<String> {
    let names: BTreeMap<_, _> = packages(metadata)
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let edges: BTreeMap<_, _> = array(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| (text(&node["id"]), normal_dependencies(node)))
        .collect();
    members(metadata)
        .filter(|package| PURE.contains(&text(&package["name"])))
        .flat_map(|package| ways_to_impure(text(&package["id"]), &names, &edges))
        .map(|way| {
            format!(
                "{way}: the tree of a pure package holds what does input, output or waiting: move \
                 that part to `adapters` or the root package"
            )
        })
        .collect()
}

fn normal_dependencies(node: &Value) -> Vec<&str> {
    let normal = |dependency: &&Value| {
        array(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null())
    };
    array(&node["deps"]).iter().filter(normal).map(|dependency| text(&dependency["pkg"])).collect()
}

fn ways_to_impure(
    start: &str,
    names: &BTreeMap<&str, &str>,
    edges: &BTreeMap<&str, Vec<&str>>,
) -> Vec<String> {
    let mut ways = Vec::new();
    let mut seen = BTreeSet::from([start.to_owned()]);
    let mut open = vec![(start.to_owned(), names[start].to_owned())];
    while let Some((id, way)) = open.pop() {
        for next in edges.get(id.as_str()).into_iter().flatten() {
            let way = format!("{way} -> {}", names[next]);
            if IMPURE.contains(&names[next]) {
                ways.push(way.clone());
            }
            if seen.insert((*next).to_owned()) {
                open.push(((*next).to_owned(), way));
            }
        }
    }
    ways
}

/// `platform`, with these dependencies, which resolves to `between`, which resolves to those.
fn two_packages(of_platform: &Value, resolved_of_between: &Value) -> Value {
    let to_between = json!([{ "pkg": "between 1", "dep_kinds": [{ "kind": null }] }]);
    json!({
        "workspace_members": ["platform 1", "between 1"],
        "packages": [
            { "id": "platform 1", "name": "platform", "dependencies": of_platform },
            { "id": "between 1", "name": "between", "dependencies": [{ "name": "tokio", "kind": null }] },
            { "id": "tokio 1", "name": "tokio", "dependencies": [] },
        ],
        "resolve": { "nodes": [
            { "id": "platform 1", "deps": to_between },
            { "id": "between 1", "deps": resolved_of_between },
        ] },
    })
}
