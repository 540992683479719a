//! What the repository consists of: its text files, and its packages as cargo sees them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use ignore::WalkBuilder;
use serde_json::Value;

/// A text file of the repository.
pub(super) struct TextFile {
    /// Relative to the root of the workspace, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl TextFile {
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub(super) fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }
}

/// Every text file that is not ignored by version control.
pub(super) fn text_files() -> &'static [TextFile] {
    static FILES: LazyLock<Vec<TextFile>> = LazyLock::new(|| {
        let outside_of_git = |entry: &ignore::DirEntry| entry.file_name() != ".git";
        let walk = WalkBuilder::new(root())
            .hidden(false)
            .parents(false)
            .require_git(false)
            .filter_entry(outside_of_git)
            .sort_by_file_path(Path::cmp)
            .build();
        walk.map(|entry| entry.expect("the repository can be read"))
            .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
            .filter_map(|entry| text_file(entry.path()))
            .collect()
    });
    assert!(FILES.len() > 100, "only {} text files in {}", FILES.len(), root().display());
    &FILES
}

/// `None` for binary files.
fn text_file(path: &Path) -> Option<TextFile> {
    let relative = path.strip_prefix(root()).expect("the walk stays below the root");
    let text = String::from_utf8(fs::read(path).expect("a file that was listed")).ok()?;
    Some(TextFile { path: relative.to_string_lossy().replace('\\', "/"), text })
}

pub(super) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The packages and the resolved dependencies of all platforms.
///
/// Cargo asks the registry only for a package that this machine has never downloaded, such as one
/// that another operating system needs.
pub(super) fn metadata() -> &'static Value {
    static METADATA: LazyLock<Value> = LazyLock::new(|| {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(root())
            .output()
            .expect("cargo runs the tests, so it is there");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo metadata failed: {complaint}");
        serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
    });
    &METADATA
}

pub(super) fn packages(metadata: &Value) -> &[Value] {
    array(&metadata["packages"])
}

/// The packages of this repository.
pub(super) fn members(metadata: &Value) -> impl Iterator<Item = &Value> {
    let members = array(&metadata["workspace_members"]);
    packages(metadata).iter().filter(move |package| members.contains(&package["id"]))
}

pub(super) fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
