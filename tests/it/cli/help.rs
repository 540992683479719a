use crate::binary::Desk;

/// The help of every verb, as a terminal of 100 columns shows it.
#[test]
fn every_verb_explains_itself() {
    let desk = Desk::empty();
    for verb in [
        "",
        "run",
        "sweep",
        "compare",
        "mock",
        "calibrate",
        "place",
        "bill",
        "bill reconcile",
        "check",
        "explain",
        "schema",
        "trace",
        "trace describe",
        "completions",
    ] {
        let arguments: Vec<&str> = verb.split_whitespace().chain(["--help"]).collect();
        let ran = desk.harpoon(&arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{verb}");
        let name = if verb.is_empty() { "harpoon".to_owned() } else { verb.replace(' ', "_") };
        insta::assert_snapshot!(format!("help_{name}"), ran.stdout);
    }
}

#[test]
fn the_version_is_told() {
    let ran = Desk::empty().harpoon(&["--version"]);
    assert_eq!(ran.stdout, concat!("harpoon ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(ran.code, Some(0));
}

#[test]
fn without_a_verb_help_goes_to_stderr_as_bad_input() {
    let ran = Desk::empty().harpoon(&[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("Usage: harpoon <COMMAND>"), "{}", ran.stderr);
}

#[test]
fn an_unknown_flag_is_refused_with_the_nearest_one() {
    let ran = Desk::empty().harpoon(&["run", "scenario.yaml", "--replication", "3"]);
    insta::assert_snapshot!(ran.refusal(), @r"
    error: unexpected argument '--replication' found

      tip: a similar argument exists: '--replications'

    Usage: harpoon run --replications <N> <SCENARIO>

    For more information, try '--help'.
    exit code 2
    ");
}

#[test]
fn an_unknown_verb_is_refused_with_the_nearest_one() {
    insta::assert_snapshot!(Desk::empty().harpoon(&["rum"]).refusal(), @r"
    error: unrecognized subcommand 'rum'

      tip: a similar subcommand exists: 'run'

    Usage: harpoon <COMMAND>

    For more information, try '--help'.
    exit code 2
    ");
}

#[test]
fn numbers_out_of_range_are_refused_with_their_range() {
    let desk = Desk::empty();
    for (arguments, range) in [
        (["run", "x.yaml", "--replications", "0"], "0 is not in 1..=10000"),
        (["run", "x.yaml", "--threads", "0"], "0 is not in 1..=1024"),
        (["run", "x.yaml", "--seed", "-1"], "invalid value '-1' for '--seed <SEED>'"),
        (["mock", "x.yaml", "--seed", "-1"], "invalid value '-1' for '--seed <SEED>'"),
        (["mock", "x.yaml", "--speed", "0"], "the speed must be between 0.001 and 1000000"),
        (["mock", "x.yaml", "--speed", "NaN"], "the speed must be between 0.001 and 1000000"),
        (["mock", "x.yaml", "--listen", "8080"], "invalid socket address syntax"),
        (["run", "x.yaml", "--set", "seed"], "`seed` is not of the form path=value"),
        (
            ["trace", "describe", "x.csv", "--format=csv"],
            "`csv` is not one of azure, mooncake, own",
        ),
    ] {
        let ran = desk.harpoon(&arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}");
        assert!(ran.stderr.contains(range), "{arguments:?}: {}", ran.stderr);
    }
}
