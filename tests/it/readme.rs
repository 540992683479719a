//! What the README shows is what the product does.

use std::{fs, path::Path};

use crate::binary::Desk;

#[test]
fn the_run_that_the_readme_shows_gives_the_same_to_the_letter() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let (_, shown) = readme.split_once("```text\n# harpoon").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let scenario = root.join("scenarios/quickstart.yaml");
    let ran = Desk::empty().harpoon(&["run", scenario.to_str().unwrap(), "--quiet"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout, format!("# harpoon{shown}"));
}
