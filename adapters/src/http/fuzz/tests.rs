//! Readers against mutations of the corpus, without feedback of coverage: what can be done with a stable
//! toolchain alone, in every run of the tests.
//!
//! Runs are a function of the seed. By default a test breeds a few thousand inputs; with
//! `HARPOON_FUZZ_SECONDS` it breeds until the time is over, from a seed that it tells. An input that fails is
//! printed, escaped, to be added to the corpus.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use rand::SeedableRng as _;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{TARGETS, Target, mutate};

/// Inputs of each target where no time is given.
const INPUTS: u64 = 2_000;

#[test]
fn no_reader_is_upset_by_what_is_bred_from_its_corpus() {
    let seconds = std::env::var("HARPOON_FUZZ_SECONDS").ok();
    let seconds = seconds.map(|text| text.parse::<u64>().expect("a whole number of seconds"));
    let seed = match seconds {
        // Another one each time: the longer it is run, the more is tried.
        Some(_) => SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
        None => 1,
    };
    for target in TARGETS {
        let corpus = corpus(target.name);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let share = seconds.map(|all| Duration::from_secs(all) / TARGETS.len() as u32);
        let until = share.map(|share| Instant::now() + share);
        let mut tried = 0_u64;
        while until.map_or(tried < INPUTS, |until| Instant::now() < until) {
            let input = mutate::breed(&mut random, &corpus);
            hold(target, &input, seed);
            tried += 1;
        }
        assert!(tried > 0, "{} was not tried", target.name);
        for input in &corpus {
            hold(target, input, seed);
        }
    }
}

#[test]
fn every_corpus_has_a_target() {
    for folder in fs::read_dir(folder()).expect("the corpus is there") {
        let name = folder.expect("it can be listed").file_name();
        let known = TARGETS.iter().any(|target| name == target.name);
        assert!(known, "{} has no target", name.display());
    }
}

#[test]
fn every_target_has_a_program() {
    let fuzz = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("it can be read");
    for Target { name, .. } in TARGETS {
        let program = format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n");
        assert!(manifest.contains(&program), "{name} is no program of adapters/fuzz");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}

/// A check that finds nothing may look for nothing.
#[test]
fn a_reader_that_panics_is_found() {
    let upset = Target { name: "sse", check: |bytes| assert!(!bytes.contains(&b'\0')) };
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let corpus = corpus("sse");
    let found = (0..INPUTS).any(|_| {
        let input = mutate::breed(&mut random, &corpus);
        catch_unwind(AssertUnwindSafe(|| (upset.check)(&input))).is_err()
    });
    assert!(found, "no input with a zero byte among {INPUTS}");
}

fn hold(target: &Target, input: &[u8], seed: u64) {
    let held = catch_unwind(AssertUnwindSafe(|| (target.check)(input)));
    assert!(
        held.is_ok(),
        "{} fails, with seed {seed}, on b\"{}\"",
        target.name,
        input.escape_ascii()
    );
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// In the order of names, so that runs of one seed are alike.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder().join(target)).expect("every target has a corpus");
    let mut paths: Vec<_> = files.map(|file| file.expect("it can be listed").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "the corpus of {target} is empty");
    paths.iter().map(|path| fs::read(path).expect("it can be read")).collect()
}
