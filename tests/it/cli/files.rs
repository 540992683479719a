use std::fs;

use crate::binary::{Desk, Ran, Running, SMALL};

const FILES: [&str; 8] = [
    "scenario.yaml",
    "summary.json",
    "requests.csv",
    "usage.csv",
    "leases.csv",
    "statement.csv",
    "timeline.csv",
    "timeline.svg",
];

#[test]
fn every_file_begins_with_the_header_and_its_digest_is_that_of_the_run() {
    let desk = Desk::with_scenario(SMALL);
    let ran = run(&desk, &[]);
    assert_eq!(ran.code, Some(0));
    let digest = digest(ran.stdout.lines().next().unwrap());
    for file in FILES {
        let text = desk.read(&format!("out/{file}"));
        let first = text.lines().next().unwrap();
        assert!(first.contains("harpoon") && first.contains(digest), "{file}: {first}");
        assert!(!text.contains("unfinished..."), "{file}");
    }
    let rows = desk.read("out/requests.csv").lines().count() - 2;
    let offered = format!("\"offered\": {rows},");
    assert!(desk.read("out/summary.json").contains(&offered), "one row per request");
}

#[test]
fn own_files_are_replaced_and_foreign_ones_only_by_force() {
    let desk = Desk::with_scenario(SMALL);
    assert_eq!(run(&desk, &[]).code, Some(0));
    assert_eq!(run(&desk, &["--seed", "9"]).code, Some(0));
    desk.put("out/timeline.csv", "my own notes\n");
    let refused = run(&desk, &[]);
    insta::assert_snapshot!(refused.refusal(), @r"
    error: `out/timeline.csv` is in the way and was not written by harpoon
    help: choose another directory with --out, move the file, or replace it with --force
    exit code 1
    ");
    assert_eq!(desk.read("out/timeline.csv"), "my own notes\n");
    assert_eq!(run(&desk, &["--force"]).code, Some(0));
    assert!(desk.read("out/timeline.csv").starts_with("# harpoon "));
}

#[test]
fn force_without_a_directory_is_refused() {
    let desk = Desk::with_scenario(SMALL);
    let ran = desk.harpoon(&["run", "scenario.yaml", "--force"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("--out <DIR>"), "{}", ran.stderr);
}

#[test]
fn every_replication_has_a_directory_of_its_own() {
    let desk = Desk::with_scenario(SMALL);
    assert_eq!(run(&desk, &["--replications", "2"]).code, Some(0));
    for file in FILES {
        for index in 0..2 {
            let text = desk.read(&format!("out/replication-{index}/{file}"));
            assert!(!text.contains("unfinished..."), "{file} of {index}");
        }
    }
    assert!(desk.read("out/replications.json").starts_with("{\"harpoon\":"));
}

#[test]
fn a_foreign_file_is_refused_before_replications_take_their_time() {
    for file in ["replications.json", "replication-2/requests.csv"] {
        let desk = Desk::with_scenario(SMALL);
        desk.put(&format!("out/{file}"), "my own notes\n");
        let refused = run(&desk, &["--replications", "3"]).refusal();
        let told = format!("error: `out/{file}` is in the way and was not written by harpoon\n");
        assert!(refused.starts_with(&told) && refused.ends_with("exit code 1"), "{refused}");
        assert!(!desk.path("out/replication-0").exists(), "nothing was begun");
    }
}

#[test]
fn results_of_an_earlier_run_that_stay_are_named() {
    let desk = Desk::with_scenario(SMALL);
    let told = |further: &[&str]| run(&desk, further).stderr;
    assert_eq!(told(&["--replications", "3"]), "");
    insta::assert_snapshot!(
        told(&["--replications", "2"]),
        @"warning: `out` still holds results of an earlier run: replication-2"
    );
    insta::assert_snapshot!(
        told(&[]),
        @"warning: `out` still holds results of an earlier run: replication-0, replication-1, replication-2, ..."
    );
    assert_eq!(run(&desk, &[]).code, Some(0));
}

#[test]
fn a_directory_that_cannot_be_is_refused() {
    let desk = Desk::with_scenario(SMALL);
    desk.put("out", "a file\n");
    insta::assert_snapshot!(run(&desk, &[]).refusal(), @r"
    error: cannot create `out`: File exists (os error 17)
    help: choose another directory with --out, one that can be written to and has room
    exit code 1
    ");
    fs::create_dir_all(desk.path("other/requests.csv")).unwrap();
    let ran = desk.harpoon(&["run", "scenario.yaml", "--out", "other", "--quiet"]);
    insta::assert_snapshot!(ran.refusal(), @r"
    error: cannot read `other/requests.csv`: Is a directory (os error 21)
    help: choose another directory with --out, one that can be written to and has room
    exit code 1
    ");
}

/// What was measured is told, whatever became of the files.
#[cfg(unix)]
#[test]
fn files_that_outgrow_the_disk_fail_a_run_after_its_summary() {
    let desk = Desk::with_scenario(SMALL);
    let long = ["--set", "duration=2000s"];
    let ran = run_with_little_room(&desk, &long);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("offered"), "{}", ran.stdout);
    insta::assert_snapshot!(ran.stderr, @r"
    error: cannot write `out/usage.csv`: File too large (os error 27)
    help: choose another directory with --out, one that can be written to and has room
    ");
    let ran = run_with_little_room(&desk, &[&long[..], &["--replications", "2"]].concat());
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("\n2 replications\n"), "{}", ran.stdout);
    assert!(ran.stderr.contains("out/replication-0/usage.csv`: File too large"), "{ran:?}");
}

/// No file may grow beyond 256 or 512 KiB, as the shell counts.
#[cfg(unix)]
fn run_with_little_room(desk: &Desk, further: &[&str]) -> Ran {
    let limited = "trap '' XFSZ; ulimit -f 512; exec \"$@\"";
    let arguments = [&["run", "scenario.yaml", "--quiet", "--out", "out"], further].concat();
    let direct = desk.command(&arguments);
    Running::start(&mut desk.shell(limited, &direct)).finish()
}

fn run(desk: &Desk, further: &[&str]) -> Ran {
    let arguments = ["run", "scenario.yaml", "--quiet", "--out", "out"];
    desk.harpoon(&[&arguments, further].concat())
}

fn digest(line: &str) -> &str {
    line.split("digest=").nth(1).unwrap().split_whitespace().next().unwrap()
}
