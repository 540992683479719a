//! What the manifests must say so that two commands build, test and measure all packages alike.

use toml::{Table, Value};

use super::{
    none, one,
    workspace::{read, text_files},
};

/// Stated once, in `[workspace.package]`.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

#[test]
fn plain_cargo_commands_reach_every_package() {
    none(&left_out(&manifest("Cargo.toml")));
}

#[test]
fn no_library_or_binary_takes_the_arguments_of_benches() {
    none(
        &manifests()
            .iter()
            .flat_map(|(path, it)| takes_bench_arguments(path, it))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn what_all_packages_share_is_stated_once() {
    none(&manifests().iter().flat_map(|(path, it)| stated_again(path, it)).collect::<Vec<_>>());
}

#[test]
fn the_oldest_compiler_is_stated_in_the_workspace_only() {
    let stated = |key: &str| manifest("Cargo.toml")["workspace"]["package"].get(key).is_some();
    assert!(stated("rust-version"), "Cargo.toml: [workspace.package] states no `rust-version`");
    let again = |path: &str| path.ends_with("clippy.toml") && read(path).contains("msrv");
    let again = text_files().iter().filter(|file| again(&file.path));
    none(
        &again
            .map(|file| format!("{}: takes `msrv` from Cargo.toml", file.path))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_package_outside_of_the_default_members_is_found() {
    let workspace = |defaults: &str| {
        table(&format!("[workspace]\nmembers = [\"sim\"]\ndefault-members = [{defaults}]\n"))
    };
    none(&left_out(&workspace("\".\", \"sim\"")));
    one(&left_out(&workspace("\".\"")), &["Cargo.toml", "`sim`", "default-members"]);
    one(&left_out(&workspace("\"sim\"")), &["Cargo.toml", "`.`", "default-members"]);
}

#[test]
fn a_library_or_binary_that_takes_bench_arguments_is_found() {
    for text in
        ["", "[lib]\n", "[lib]\nbench = true\n", "[lib]\nbench = false\n[[bin]]\nname = \"a\"\n"]
    {
        let offences = takes_bench_arguments("sim/Cargo.toml", &table(text));
        one(&offences, &["sim/Cargo.toml", "`bench = false`"]);
    }
}

#[test]
fn a_value_stated_again_is_found() {
    let inherits = |key: &str, value: &str| {
        let lines = INHERITED.map(|other| {
            let value = if other == key { value } else { "{ workspace = true }" };
            format!("{other} = {value}\n")
        });
        table(&format!("[package]\n{}[lints]\nworkspace = true\n", lines.concat()))
    };
    for key in INHERITED {
        let offences = stated_again("sim/Cargo.toml", &inherits(key, "\"1.80\""));
        one(&offences, &["sim/Cargo.toml", key, "workspace = true"]);
    }
    none(&stated_again("sim/Cargo.toml", &inherits("", "")));
}

fn left_out(root: &Table) -> Vec<String> {
    let list = |key: &str| root["workspace"][key].as_array().expect("a list of folders").clone();
    let defaults = list("default-members");
    let mut all = list("members");
    all.push(Value::from("."));
    all.iter()
        .filter(|member| !defaults.contains(member))
        .map(|member| {
            let member = member.as_str().expect("a folder");
            format!("Cargo.toml: `{member}` is skipped by plain cargo commands: add it to default-members")
        })
        .collect()
}

fn takes_bench_arguments(path: &str, manifest: &Table) -> Vec<String> {
    let refuses = |target: &Value| target.get("bench").and_then(Value::as_bool) == Some(false);
    let lib = ("[lib]", manifest.get("lib").is_some_and(refuses));
    let bins = manifest.get("bin").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    std::iter::once(lib)
        .chain(bins.iter().map(|bin| ("[[bin]]", refuses(bin))))
        .filter(|&(_, refuses)| !refuses)
        .map(|(target, _)| {
            format!("{path}: {target} chokes on criterion's arguments: say `bench = false` there")
        })
        .collect()
}

fn stated_again(path: &str, manifest: &Table) -> Vec<String> {
    let inherits = |value: Option<&Value>| {
        value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
    };
    let own = INHERITED
        .into_iter()
        .filter(|key| !inherits(manifest.get("package").and_then(|package| package.get(key))))
        .map(|key| format!("{path}: `{key}` is not inherited: say `{key}.workspace = true`"));
    let lints = (!inherits(manifest.get("lints")))
        .then(|| format!("{path}: lints are not inherited: say `workspace = true` in [lints]"));
    own.chain(lints).collect()
}

/// The manifests of all packages, with their paths.
fn manifests() -> Vec<(String, Table)> {
    let root = manifest("Cargo.toml");
    let members = root["workspace"]["members"].as_array().expect("a list of folders");
    let of_member = |member: &Value| format!("{}/Cargo.toml", member.as_str().expect("a folder"));
    std::iter::once("Cargo.toml".to_owned())
        .chain(members.iter().map(of_member))
        .map(|path| (path.clone(), manifest(&path)))
        .collect()
}

fn manifest(path: &str) -> Table {
    // The error alone: its debug form repeats the whole file.
    read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn table(text: &str) -> Table {
    text.parse().expect("a test writes TOML")
}
