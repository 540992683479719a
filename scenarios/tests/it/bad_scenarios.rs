//! Every mistake in a scenario has its message, its place and its way out, and all are told at once.

mod admission;
mod autoscale;
mod breaker;
mod control_plane;
mod covenant;
mod ejection;
mod platform;
mod preemption;
mod price_book;
mod provider;

use std::fmt::Write as _;

use proptest::prelude::*;
use scenarios::{Diagnostics, Rendering};

use crate::world::{SMALLEST, file, fixtures, overrides, parse};

/// What is wrong, the replacements in the smallest scenario, and every problem told.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);

#[test]
fn every_mistake_has_its_message_its_place_and_its_way_out() {
    let mut differing = String::new();
    let cases = [
        provider::CASES,
        admission::CASES,
        autoscale::CASES,
        breaker::CASES,
        control_plane::CASES,
        covenant::CASES,
        ejection::CASES,
        platform::CASES,
        preemption::CASES,
        price_book::CASES,
    ];
    for (name, edits, expected) in cases.into_iter().flatten() {
        let told = problems(&changed(edits));
        if told != *expected {
            let _ = write!(differing, "{name}\n  expected: {expected}\n      told: {told}\n");
        }
    }
    assert!(differing.is_empty(), "{differing}");
}

/// Rule A6 of the notes on HostedAI's scheduler; a quantum of 30 s is the platform's default.
#[test]
fn a6_ratio_and_quantum_have_the_ranges_of_the_api() {
    let pool = |keys: &str| changed(&[("      count: 1", &format!("      count: 1\n{keys}"))]);
    let ratio = |ratio: u32| pool(&format!("      sharing_ratio: {ratio}"));
    let quantum = |turns: &str| pool(&format!("      sharing: {{ turns: {{ {turns} }} }}"));
    for good in [
        ratio(1),
        ratio(10),
        quantum("quantum: 10s"),
        quantum("quantum: 120s"),
        quantum("quantum: 2s, operator_override: true"),
    ] {
        assert!(parse(&good).is_ok(), "{good}");
    }
    for bad in [
        ratio(0),
        ratio(11),
        quantum("quantum: 9s"),
        quantum("quantum: 121s"),
        quantum("quantum: 2s"),
        quantum("quantum: 1s, operator_override: true"),
    ] {
        assert!(parse(&bad).is_err(), "{bad}");
    }
    let turns = parse(&quantum("")).expect("all defaults").provider.pools[0].sharing;
    let sim::config::SharingConfig::Turns(turns) = turns else { panic!("{turns:?}") };
    assert_eq!(turns.quantum, connector::Duration::from_secs(30));
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = changed(&[
        ("duration: 1min", "duration: 10\nwarmup: 3s"),
        ("gpu: L4", "gpu: H10"),
        ("count: 1", "count: 0"),
        ("rate: 1/s", "rate: -1/s"),
        ("    output_tokens: 10\n", "    tenant: acme\nobjectives: [ttft < 1s]\n"),
    ]);
    let errors = parse(&text).expect_err("full of mistakes");
    assert_eq!(
        errors.render(Rendering::Plain),
        "\
error: `10` has no unit of duration: expected one of ns, us, ms, s, min, h, days
  --> test.yaml:2:11: duration
   | duration: 10
error: unknown key `warmup`
  --> test.yaml:3:1: warmup
   | warmup: 3s
  help: did you mean `warm_up`?
error: unknown GPU `H10`
  --> test.yaml:7:12: provider.pools[0].gpu
   |       gpu: H10
  help: did you mean `H100`?
error: `0` is out of range: it must be between 1 and 100000
  --> test.yaml:8:14: provider.pools[0].count
   |       count: 0
error: synthetic traffic does not say its `output_tokens`
  --> test.yaml:12:15: traffic[0].arrivals
   |     arrivals: { poisson: { rate: -1/s } }
  help: add `output_tokens: { lognormal: { p50: 1020, p95: 4083 } }` or `output_tokens: 256`
error: `-1/s` is out of range for a rate: it must be between 0 and 1,000,000/s
  --> test.yaml:12:34: traffic[0].arrivals.poisson.rate
   |     arrivals: { poisson: { rate: -1/s } }
error: unknown tenant `acme`
  --> test.yaml:14:13: traffic[0].tenant
   |     tenant: acme
  help: the tenants are `default`
error: `ttft` is a distribution and needs a statistic
  --> test.yaml:15:14: objectives[0]
   | objectives: [ttft < 1s]
  help: write `ttft.p95`, `ttft.mean`, `ttft.min` or `ttft.max`
"
    );
    assert_eq!(errors.to_string(), errors.render(Rendering::Plain));
}

#[test]
fn a_terminal_sees_the_place_framed() {
    let text = changed(&[("gpu: L4", "gpu: L5")]);
    let framed = parse(&text).expect_err("no such GPU").render(Rendering::Framed);
    for part in ["unknown GPU `L5`", "test.yaml:6:12", "gpu: L5", "provider.pools[0].gpu", "help:"]
    {
        assert!(framed.contains(part), "`{part}` is not in\n{framed}");
    }
    assert!(!framed.contains('\u{1b}'), "no colour");
}

#[test]
fn an_override_replaces_adds_and_is_checked_like_the_file() {
    let with =
        |sets: &[&str]| scenarios::parse("test.yaml", SMALLEST, &fixtures(), &overrides(sets));
    let scenario = with(&[
        "seed=7",
        "provider.pools.0.count=8",
        "provider.pools[a].sharing_ratio=2",
        "platform.retry.max_retries=0",
        "traffic.chat.arrivals={ poisson: { rate: 2/s } }",
        "objectives=[cost < 5]",
        "objectives.0=cost < 6",
    ])
    .expect("valid");
    assert_eq!(scenario.seed, 7);
    assert_eq!(scenario.platform.seed, 7);
    assert_eq!(scenario.provider.pools[0].count, 8);
    assert_eq!(scenario.provider.pools[0].sharing_ratio, 2);
    assert_eq!(scenario.platform.retry.max_retries, 0);
    assert_eq!(scenario.objectives[0].text, "cost < 6");
    for (set, told) in [
        (
            "provider.pools.7.count=1",
            "1:1 `provider.pools` has 1 item, but none at `7` (the names are `a`)",
        ),
        (
            "provider.pools[shared].count=1",
            "1:1 `provider.pools` has 1 item, but none at `shared` (the names are `a`)",
        ),
        ("seed.x=1", "1:1 seed: expected text, found keys"),
        ("name.x=1", "1:1 `name` is a single value and has no `x`"),
        ("duraton=5s", "1:1 duraton: unknown key `duraton` (did you mean `duration`?)"),
        ("provider.pool.a=5s", "1:1 provider.pool: unknown key `pool` (did you mean `pools`?)"),
        (
            "duration=5",
            "1:10 duration: `5` has no unit of duration: expected one of ns, us, ms, s, min, h, days",
        ),
        (
            "starts_at=2026-01-01",
            "1:11 starts_at: `2026-01-01` is not a time of the calendar: expected something like `2026-01-01T00:00:00Z`, from 1970 to 2999",
        ),
        (
            "starts_at=3000-01-01T00:00:00Z",
            "1:11 starts_at: `3000-01-01T00:00:00Z` is not a time of the calendar: expected something like `2026-01-01T00:00:00Z`, from 1970 to 2999",
        ),
        (
            "duration=[",
            "1:11 not valid YAML: while parsing a node, did not find expected node content",
        ),
        (
            "duration=",
            "10:3 traffic: traffic `chat` does not end by itself, and the scenario has no `duration`",
        ),
    ] {
        let errors = with(&[set]).expect_err(set);
        assert!(listed(&errors).starts_with(told), "{set}: {}", listed(&errors));
    }
}

#[test]
fn names_of_a_list_that_cannot_be_read_are_not_told_to_be_unknown() {
    let with = [
        "platform.classes=[{ name: short, models: [gemma-2b] }]",
        "platform.router={ static: { short: [gemma-2b@a] } }",
        "tenants=[{ name: acme }]",
        "traffic.chat.model=gemma-2b",
        "traffic.chat.class=short",
        "traffic.chat.tenant=acme",
        "objectives=['cost{model=gemma-2b, class=short, tenant=acme, pool=a} < 5']",
    ];
    for list in ["models", "provider.pools", "platform.classes", "tenants"] {
        let unreadable = format!("{list}={{}}");
        let sets: Vec<&str> = with.iter().copied().chain([unreadable.as_str()]).collect();
        let errors = scenarios::parse("test.yaml", SMALLEST, &fixtures(), &overrides(&sets));
        let told = listed(&errors.expect_err(list));
        let place = format!("1:{} {list}", list.len() + 2);
        assert_eq!(told, format!("{place}: expected a list, found keys"), "{list}");
    }
}

#[test]
fn hostile_texts_are_bounded() {
    let deep = format!("name: {}{}", "[".repeat(100), "]".repeat(100));
    let wide = format!("name: [{}]", "1,".repeat(200_000));
    let long = format!("name: {}", "x".repeat(2 << 20));
    for (text, told) in [
        (deep, "nested deeper than 32 levels"),
        (wide, "more than 100000 values"),
        (long, "the text has 2097158 bytes, but a scenario has at most 1048576"),
        (
            "--- a\n--- b\n".to_owned(),
            "a second document begins here, but a file holds one scenario",
        ),
        (String::new(), "expected the keys `name`"),
        ("a: &a [x]\nb: *a\n".to_owned(), "anchors and aliases are not part"),
    ] {
        let errors = parse(&text).expect_err(told);
        assert!(errors.problems()[0].message.starts_with(told), "{}", listed(&errors));
    }
}

#[test]
fn a_text_full_of_mistakes_is_told_of_up_to_a_bound() {
    let keys: Vec<String> = (0..20_000).map(|n| format!("key{n}: {n}")).collect();
    let text = keys.join("\n");
    assert_eq!(parse(&text).expect_err("unknown keys").problems().len(), 100);
    let text = "same: 1\n".repeat(20_000);
    assert_eq!(parse(&text).expect_err("one key").problems().len(), 100);
}

#[test]
fn a_file_that_is_no_scenario_is_told_by_name_with_a_way_out() {
    let told = |path: &std::path::Path| {
        let errors = scenarios::load(path, &[]).expect_err("no scenario");
        let [problem] = errors.problems() else { panic!("{errors}") };
        (problem.message.clone(), problem.help.clone().unwrap_or_default())
    };
    let (message, help) = told(&fixtures().join("nowhere.yaml"));
    assert!(message.starts_with("cannot be read: "), "{message}");
    assert_eq!(help, "check the path; it is relative to the current directory");
    let (_directory, path) = file("bytes.yaml", b"name: x\n\xff\xfe\n");
    assert_eq!(told(&path).0, "not text in UTF-8: line 2 holds other bytes");
    let (_directory, path) = file("large.yaml", &vec![b'x'; (1 << 20) + 1]);
    assert_eq!(told(&path).0, "larger than the 1048576 bytes that a scenario may have");
    assert!(told(&fixtures()).1.starts_with("name a file in it"));
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let text = changed(&[("name: a\n", "name: \"\\e[2Ja\"\n"), ("gpu: L4", "gpu: \"H\\a100\"")]);
    let errors = parse(&text).expect_err("control characters");
    for rendering in [Rendering::Plain, Rendering::Framed] {
        let shown = errors.render(rendering);
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_text_is_refused_and_never_panics(text in "\\PC{0,400}") {
        let _ = parse(&text);
    }

    #[test]
    fn arbitrary_structure_is_refused_and_never_panics(
        text in "([a-z_]{1,8}: |- |\\[|\\]|\\{|\\}|, |\n|  |name|pools|&a |\\*a|!!x |'|\"|#|[0-9.-]{1,4}|/s|\u{e4}){0,60}"
    ) {
        let _ = parse(&text);
    }

    #[test]
    fn a_valid_scenario_with_one_piece_exchanged_never_panics(
        at in 0..SMALLEST.len(),
        length in 0_usize..12,
        piece in "[ -~\n]{0,8}",
    ) {
        let mut text = SMALLEST.to_owned();
        text.replace_range(at..(at + length).min(text.len()), &piece);
        let _ = parse(&text);
    }

    #[test]
    fn an_arbitrary_override_never_panics(path in "[a-z0-9.\\[\\]]{1,12}", value in "\\PC{0,20}") {
        if let Ok(set) = format!("{path}={value}").parse() {
            let _ = scenarios::parse("test.yaml", SMALLEST, &fixtures(), &[set]);
        }
    }
}

/// `line:column key: message (help)`, one line per problem.
fn problems(text: &str) -> String {
    listed(&parse(text).err().unwrap_or_else(|| panic!("accepted:\n{text}")))
}

fn listed(errors: &Diagnostics) -> String {
    let line = |problem: &scenarios::Problem| {
        let position =
            problem.position.map_or(String::new(), |p| format!("{}:{} ", p.line, p.column));
        let key = if problem.key.is_empty() { String::new() } else { format!("{}: ", problem.key) };
        let help = problem.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
        format!("{position}{key}{}{help}", problem.message)
            .replace(&fixtures().display().to_string(), "FIXTURES")
    };
    errors.problems().iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The smallest scenario with replacements.
fn changed(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(SMALLEST.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "`{from}` is not in the scenario");
        text.replace(from, to)
    })
}
