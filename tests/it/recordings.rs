//! Runs that are recorded, and run again from the recording.

use std::path::{Path, PathBuf};

use adapters::recording::{self, Ending};
use harpoon::{
    drive::Watch,
    experiment::{
        ExperimentError, Outcome, replay,
        taping::{self, Taping},
    },
};
use scenarios::Scenario;
use tempfile::TempDir;

use crate::{
    binary::{Desk, Running, SMALL},
    determinism::RICH,
};

/// Shipped scenarios in which much goes wrong, and how long they are run.
const SHIPPED: [(&str, &str); 8] = [
    ("quickstart", "30s"),
    ("ghost-allocations", "120s"),
    ("partition-heal", "120s"),
    ("spot-reclaim", "300s"),
    ("retry-storm", "120s"),
    ("hedging-tail", "60s"),
    ("tenant-flood", "60s"),
    ("vram-thrash", "60s"),
];

fn shipped(name: &str, duration: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.yaml"));
    let cut = [format!("duration={duration}"), "warm_up=0s".to_owned()];
    let cut = cut.map(|text| text.parse().unwrap());
    scenarios::load(&path, &cut).unwrap_or_else(|errors| panic!("{name}: {errors:?}"))
}

fn parsed(text: &str) -> Scenario {
    scenarios::parse("scenario", text, Path::new("."), &[]).expect("a valid scenario")
}

/// A directory with a recording in it.
struct Recorded {
    _directory: TempDir,
    path: PathBuf,
}

fn record(scenario: &Scenario, seed: u64) -> (Recorded, Outcome) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("run.jsonl.zst");
    let taping = Taping { path: path.clone(), texts: false };
    let watch = Watch::default();
    let (outcome, ()) = taping::simulate(scenario, seed, None, &taping, (), &watch).unwrap();
    (Recorded { _directory: directory, path }, outcome)
}

fn replay(scenario: &Scenario, seed: u64, recorded: &Recorded) -> Result<Outcome, ExperimentError> {
    let recording = recording::read_file(&recorded.path).expect("a recording");
    let watch = Watch::default();
    replay::strict(scenario, seed, recording, None, (), &watch).map(|(outcome, ())| outcome)
}

fn digest(outcome: &Outcome) -> String {
    outcome.summary.header.digest.expect("a run that ended").to_string()
}

fn assert_replays(name: &str, scenario: &Scenario, seed: u64) {
    let (recorded, first) = record(scenario, seed);
    let again = replay(scenario, seed, &recorded).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(digest(&again), digest(&first), "{name}, seed {seed}");
    assert_eq!(again.summary.to_json(), first.summary.to_json(), "{name}, seed {seed}");
    assert_eq!(again.warnings, first.warnings, "{name}, seed {seed}");
}

#[test]
fn a_recorded_run_replayed_is_the_same_run() {
    let rich = parsed(RICH);
    for seed in [11, 12, 13] {
        assert_replays("rich", &rich, seed);
    }
    for (name, duration) in SHIPPED {
        assert_replays(name, &shipped(name, duration), 5);
    }
}

#[test]
fn a_recorded_run_is_the_run_that_it_would_have_been() {
    let scenario = parsed(RICH);
    let (recorded, outcome) = record(&scenario, 11);
    let plain = harpoon::experiment::simulate(&scenario, 11, None, &Watch::default()).unwrap();
    assert_eq!(digest(&outcome), digest(&plain));
    let read = recording::read_file(&recorded.path).unwrap();
    assert_eq!(read.ending, Ending::Complete { digest: Some(digest(&plain)) });
    let (same, _) = record(&scenario, 11);
    let bytes = |recorded: &Recorded| std::fs::read(&recorded.path).unwrap();
    assert!(bytes(&recorded) == bytes(&same), "the same run makes the same bytes");
}

#[test]
fn a_run_that_goes_another_way_is_told_where_it_did() {
    let scenario = parsed(RICH);
    let (recorded, _) = record(&scenario, 11);
    let other_seed = replay(&scenario, 12, &recorded).unwrap_err().to_string();
    assert!(other_seed.contains("the recording: operation "), "{other_seed}");
    assert!(other_seed.contains("but in the recording it is #"), "{other_seed}");
    let (short, _) = record(&parsed(SMALL), 3);
    let longer = parsed(&SMALL.replace("duration: 20s", "duration: 30s"));
    let beyond = replay(&longer, 3, &short).unwrap_err().to_string();
    assert!(beyond.contains("but "), "{beyond}");
    let renamed = parsed(&RICH.replace("gemma-2b", "gemma-270m"));
    let names = replay(&renamed, 11, &recorded).unwrap_err().to_string();
    let said =
        "of other models than the scenario: gemma-2b, mistral-7b, not gemma-270m, mistral-7b";
    assert!(names.contains(said), "{names}");
}

#[test]
fn a_recording_that_breaks_off_is_replayed_until_there() {
    let scenario = parsed(RICH);
    let (recorded, _) = record(&scenario, 11);
    let bytes = std::fs::read(&recorded.path).unwrap();
    std::fs::write(&recorded.path, &bytes[..bytes.len() / 2]).unwrap();
    let cut = replay(&scenario, 11, &recorded).unwrap_err().to_string();
    assert!(cut.contains("but the recording breaks off before it"), "{cut}");
}

#[test]
fn the_nearest_answers_come_out_like_the_recorded_ones_and_always_the_same() {
    let scenario = parsed(SMALL);
    let (recorded, first) = record(&scenario, 3);
    let nearest = |seed| {
        let recording = recording::read_file(&recorded.path).unwrap();
        let watch = Watch::default();
        let ran = replay::nearest(&scenario, seed, &recording, None, (), &watch);
        ran.map(|(outcome, ())| outcome).unwrap()
    };
    let (again, other) = (nearest(3), nearest(4));
    assert_eq!(digest(&again), digest(&nearest(3)));
    assert!(again.warnings.is_empty() && other.warnings.is_empty(), "{:?}", again.warnings);
    let figures = |outcome: &Outcome| {
        let json: serde_json::Value = serde_json::from_str(&outcome.summary.to_json()).unwrap();
        let requests = &json["requests"];
        (requests["offered"].clone(), requests["completed"].clone())
    };
    assert_eq!(figures(&again), figures(&first));
    let (offered, completed) = figures(&other);
    assert_eq!(offered, completed, "no errors were recorded");
}

#[test]
fn a_run_is_recorded_and_replayed_from_the_command_line() {
    let desk = Desk::with_scenario(SMALL);
    let recorded = desk.harpoon(&["run", "scenario.yaml", "--quiet", "--record", "run.zst"]);
    assert_eq!((recorded.code, recorded.stderr.as_str()), (Some(0), ""));
    let replayed = desk.harpoon(&["run", "scenario.yaml", "--quiet", "--replay", "run.zst"]);
    assert_eq!((replayed.code, replayed.stderr.as_str()), (Some(0), ""));
    assert_eq!(replayed.stdout, recorded.stdout);
    let another = ["run", "scenario.yaml", "--quiet", "--seed", "4", "--replay", "run.zst"];
    let refused = desk.harpoon(&another).refusal();
    assert!(
        refused.contains("the recording: operation ") && refused.contains("exit code 1"),
        "{refused}"
    );
    let nearest = desk.harpoon(&[&another[..], &["--replay-mode", "nearest"]].concat());
    assert_eq!(nearest.code, Some(0), "{}", nearest.stderr);
    desk.put("letter", "a letter");
    for (arguments, said, code) in [
        (&["--record", "letter"][..], "letter is there already, and is no recording", 1),
        (&["--replay", "letter"], "letter: no recording: the first line is not that of one", 2),
        (&["--replications", "2", "--record", "run.zst"], "--record is for one run, but 2", 2),
    ] {
        let refused = desk.harpoon(&[&["run", "scenario.yaml"], arguments].concat()).refusal();
        assert!(
            refused.contains(said) && refused.contains(&format!("exit code {code}")),
            "{refused}"
        );
    }
}

#[test]
fn a_live_run_is_recorded_without_its_key_and_replayed_by_the_nearest() {
    const KEY: &str = "a-key-of-some-length";
    let desk = Desk::with_scenario(SMALL);
    let mut mock = desk.command(&["mock", "scenario.yaml", "--listen", "127.0.0.1:0"]);
    let mut mock = Running::start(mock.env("HOSTED_AI_API_KEY", KEY));
    let line = mock.line_with("serving");
    let url = line.rsplit(' ').next().unwrap();
    let arguments = [
        "run",
        "scenario.yaml",
        "--set=duration=1s",
        "--quiet",
        "--live",
        url,
        "--record",
        "live.zst",
    ];
    let mut command = desk.command(&arguments);
    let ran = Running::start(command.env("HOSTED_AI_API_KEY", KEY)).finish();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    mock.interrupt();
    assert_eq!(mock.finish().code, Some(0));
    let read = recording::read_file(&desk.path("live.zst")).unwrap();
    assert!(read.header.live && read.entries.len() > 4, "{:?}", read.header);
    assert!(matches!(read.ending, Ending::Complete { digest: Some(_) }));
    let text = zstd::decode_all(std::fs::File::open(desk.path("live.zst")).unwrap()).unwrap();
    assert!(!String::from_utf8(text).unwrap().contains(KEY));
    let again = [
        "run",
        "scenario.yaml",
        "--set=duration=1s",
        "--quiet",
        "--replay",
        "live.zst",
        "--replay-mode=nearest",
    ];
    let ran = desk.harpoon(&again);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
}
