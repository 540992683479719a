//! Results of an earlier run in the output directory that the new ones do not replace.

use std::{fs, path::Path};

use super::{Run, note};

/// At most so many are named.
const NAMED: usize = 3;

impl Run {
    /// Says what of an earlier run stays beside the results of this one, whose replications are told
    /// by their numbers: whoever gathers a directory's results would gather both.
    pub(super) fn warn_of_leftovers(&self, replaced: impl Fn(usize) -> bool) {
        let Some(out) = &self.out else { return };
        let found = leftovers(out, replaced);
        if found.is_empty() {
            return;
        }
        let more = if found.len() > NAMED { ", ..." } else { "" };
        let names = found[..found.len().min(NAMED)].join(", ");
        let out = out.display();
        note(&format!("warning: `{out}` still holds results of an earlier run: {names}{more}"));
    }
}

fn leftovers(out: &Path, replaced: impl Fn(usize) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(out) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let of_another_kind = if replaced(0) { "summary.json" } else { "replications.json" };
    let is_left = |name: &String| match name.strip_prefix("replication-") {
        Some(number) => number.parse().is_ok_and(|number| !replaced(number)),
        None => name == of_another_kind,
    };
    let mut found: Vec<String> = names.filter(is_left).collect();
    found.sort_unstable_by_key(|name| (name.len(), name.clone()));
    found
}
