use std::path::PathBuf;

use super::Context;
use crate::document::NodeId;

/// A path of the scenario, which must be a file.
pub(super) fn existing(context: Context<'_>, at: NodeId, written: &str) -> Option<PathBuf> {
    context.names_files.set(true);
    let path = context.base_dir.join(written);
    if path.is_file() {
        return Some(path);
    }
    let reason = if path.exists() { "is not a file" } else { "does not exist" };
    context.report.problem_with_help(
        at,
        format!("{} {reason}", path.display()),
        "paths are relative to the scenario file; replace it with `--set <key>=<path>`",
    );
    None
}
