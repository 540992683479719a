//! Files that are no scenario to begin with.

use std::fs::{self, File};

use crate::binary::{Desk, SMALL};

fn refusal_of(content: impl AsRef<[u8]>) -> String {
    Desk::with_scenario(content).harpoon(&["check", "scenario.yaml"]).refusal()
}

#[test]
fn a_missing_file_is_told() {
    insta::assert_snapshot!(Desk::empty().harpoon(&["run", "scenario.yaml"]).refusal(), @r"
    error: cannot be read: No such file or directory (os error 2)
      --> scenario.yaml
      help: check the path; it is relative to the current directory
    exit code 2
    ");
}

#[test]
fn a_directory_is_told() {
    let desk = Desk::empty();
    fs::create_dir(desk.path("scenario.yaml")).unwrap();
    insta::assert_snapshot!(desk.harpoon(&["run", "scenario.yaml"]).refusal(), @r"
    error: cannot be read: Is a directory (os error 21)
      --> scenario.yaml
      help: name a file in it, such as `quickstart.yaml`
    exit code 2
    ");
}

#[test]
fn an_empty_file_is_told_what_belongs_into_it() {
    insta::assert_snapshot!(refusal_of(""), @r"
    error: expected the keys `name`, `description`, `seed`, `paths_from`, `duration`, `starts_at`, `warm_up`, `replications`, `provider`, `models`, `platform`, `tenants`, `traffic`, `faults`, `objectives`, found nothing
      --> scenario.yaml:1:1
    exit code 2
    ");
    insta::assert_snapshot!(refusal_of("# only a comment\n"), @r"
    error: expected the keys `name`, `description`, `seed`, `paths_from`, `duration`, `starts_at`, `warm_up`, `replications`, `provider`, `models`, `platform`, `tenants`, `traffic`, `faults`, `objectives`, found nothing
      --> scenario.yaml:1:1
       | # only a comment
    exit code 2
    ");
}

#[test]
fn a_text_of_another_kind_is_told_what_belongs_into_it() {
    insta::assert_snapshot!(refusal_of("hello\n"), @r"
    error: expected the keys `name`, `description`, `seed`, `paths_from`, `duration`, `starts_at`, `warm_up`, `replications`, `provider`, `models`, `platform`, `tenants`, `traffic`, `faults`, `objectives`, found `hello`
      --> scenario.yaml:1:1
       | hello
    exit code 2
    ");
    insta::assert_snapshot!(refusal_of("- a\n- b\n"), @r"
    error: expected the keys `name`, `description`, `seed`, `paths_from`, `duration`, `starts_at`, `warm_up`, `replications`, `provider`, `models`, `platform`, `tenants`, `traffic`, `faults`, `objectives`, found a list
      --> scenario.yaml:1:1
       | - a
    exit code 2
    ");
}

#[test]
fn no_yaml_is_told_with_its_place() {
    insta::assert_snapshot!(refusal_of("name: [a\nseed: 1\n"), @r"
    error: not valid YAML: illegal placement of ':' indicator
      --> scenario.yaml:2:5
       | seed: 1
    exit code 2
    ");
    insta::assert_snapshot!(refusal_of("name: a\n\tseed: 1\n"), @r"
    error: not valid YAML: while scanning a plain scalar, found a tab
      --> scenario.yaml:1:7
       | name: a
    exit code 2
    ");
}

#[test]
fn a_binary_file_is_told() {
    insta::assert_snapshot!(refusal_of(b"\x7fELF\x02\x01\x01\0\0\0\n\xff\xfe\x80"), @r"
    error: not text in UTF-8: line 2 holds other bytes
      --> scenario.yaml
      help: is it the scenario? Save it as plain text in UTF-8
    exit code 2
    ");
    insta::assert_snapshot!(refusal_of(b"name: x\n\x1b[2J\0\0"), @r"
    error: not valid YAML: found unprintable character
      --> scenario.yaml:2:5
       | \u{1b}[2J\u{0}\u{0}
    exit code 2
    ");
}

#[test]
fn text_in_another_encoding_is_told_with_its_line() {
    insta::assert_snapshot!(refusal_of(b"name: x\ndescription: caf\xe9\n"), @r"
    error: not text in UTF-8: line 2 holds other bytes
      --> scenario.yaml
      help: is it the scenario? Save it as plain text in UTF-8
    exit code 2
    ");
}

/// The file takes no room on the disk, and next to none in memory.
#[test]
fn a_huge_file_is_refused_without_being_read_whole() {
    let desk = Desk::empty();
    File::create(desk.path("scenario.yaml")).unwrap().set_len(1 << 30).unwrap();
    insta::assert_snapshot!(desk.harpoon(&["run", "scenario.yaml"]).refusal(), @r"
    error: larger than the 1048576 bytes that a scenario may have
      --> scenario.yaml
      help: is it the scenario? Requests belong in a trace that it names
    exit code 2
    ");
}

#[test]
fn deep_nesting_is_refused() {
    let refused = refusal_of("name: ".to_owned() + &"[".repeat(100_000));
    insta::assert_snapshot!(refused, @r"
    error: not valid YAML: recursion limit exceeded
      --> scenario.yaml:1:262
       | ...[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[...
    exit code 2
    ");
    let blocks: Vec<String> = (0..1000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let blocks = blocks.concat();
    insta::assert_snapshot!(refusal_of(blocks), @r"
    error: nested deeper than 32 levels
      --> scenario.yaml:33:33
       |                                 a:
    exit code 2
    ");
}

#[test]
fn an_alias_bomb_is_refused() {
    let bomb = "a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\n";
    insta::assert_snapshot!(refusal_of(bomb), @r"
    error: anchors and aliases are not part of the scenario language
      --> scenario.yaml:1:4
       | a: &a [x, x, x, x]
      help: write the value out, and put text with a leading `*`, `&` or `!` in quotes
    exit code 2
    ");
}

#[test]
fn two_documents_in_one_file_are_refused() {
    insta::assert_snapshot!(refusal_of(format!("{SMALL}---\nname: b\n")), @r"
    error: a second document begins here, but a file holds one scenario
      --> scenario.yaml:18:1
       | ---
    exit code 2
    ");
}

/// A hundred thousand mistakes on one line are neither a flood nor a wait.
#[test]
fn a_flood_of_mistakes_is_cut() {
    let keys: Vec<String> = (0..40_000).map(|index| format!("k{index}: 1, ")).collect();
    let keys = keys.concat();
    let ran = Desk::with_scenario(format!("{{{keys}}}")).harpoon(&["check", "scenario.yaml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.len() < 100_000, "{} bytes", ran.stderr.len());
    assert!(ran.stderr.ends_with("more\n"), "{}", &ran.stderr[ran.stderr.len() - 200..]);
    let first: Vec<&str> = ran.stderr.lines().take(4).collect();
    insta::assert_snapshot!(first.join("\n"), @r"
    error: unknown key `k0`
      --> scenario.yaml:1:2: k0
       | {k0: 1, k1: 1, k2: 1, k3: 1, k4: 1, k5: 1, k6: 1, k7: 1, k8: 1, k9: 1, k10: 1, k...
      help: the keys here are `name`, `description`, `seed`, `paths_from`, `duration`, `starts_at`, `warm_up`, `replications`, `provider`, `models`, `platform`, `tenants`, `traffic`, `faults`, `objectives`
    ");
}

#[test]
fn what_steers_a_terminal_is_not_passed_on() {
    let ran = Desk::with_scenario("name: x\n\"\u{1b}[2J\u{7}evil\": 1\n")
        .harpoon(&["check", "scenario.yaml"]);
    assert!(!ran.stderr.contains(['\u{1b}', '\u{7}']), "{:?}", ran.stderr);
    assert!(ran.stderr.contains("evil"), "{}", ran.stderr);
}
