//! What the tests stand on: a smallest scenario, fixtures, and the shared traces where they are.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use scenarios::{Diagnostics, Override, Scenario};

/// The smallest scenario, one key per line where tests change something.
pub(crate) const SMALLEST: &str = "\
name: smallest
duration: 1min
provider:
  pools:
    - name: a
      gpu: L4
      count: 1
models: [gemma-2b]
traffic:
  - name: chat
    arrivals: { poisson: { rate: 1/s } }
    prompt_tokens: 10
    output_tokens: 10
";

/// Parses a text as a scenario beside the fixtures.
pub(crate) fn parse(text: &str) -> Result<Scenario, Diagnostics> {
    scenarios::parse("test.yaml", text, &fixtures(), &[])
}

/// The smallest scenario with other traffic.
pub(crate) fn with_traffic(traffic: &str) -> Scenario {
    let (before, _) = SMALLEST.split_once("traffic:").expect("has traffic");
    parse(&format!("{before}{traffic}")).unwrap_or_else(|errors| panic!("{errors}"))
}

pub(crate) fn overrides(texts: &[&str]) -> Vec<Override> {
    texts.iter().map(|text| text.parse().expect("an override")).collect()
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The public traces beside the repository, where they have been put.
pub(crate) fn shared_trace(name: &str) -> Option<PathBuf> {
    let path =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/traces")).join(name);
    if path.is_file() {
        return Some(path);
    }
    #[expect(clippy::print_stdout, reason = "a skipped test must not look like one that ran")]
    {
        println!("skipped: {} is not there", path.display());
    }
    None
}

/// A file of this content in a directory that goes away with the handle.
pub(crate) fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join(name);
    std::fs::write(&path, content).expect("a file can be written");
    (directory, path)
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("memory does not fail");
    encoder.finish().expect("memory does not fail")
}
