//! A shipped scenario says what it expects, else it can never fail.

use std::path::Path;

use super::{
    none, one,
    workspace::{TextFile, text_files},
};

#[test]
fn every_shipped_scenario_states_objectives() {
    let shipped = |file: &&TextFile| {
        let path = Path::new(&file.path);
        path.parent() == Some(Path::new("scenarios"))
            && path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
    };
    let scenarios: Vec<_> = text_files().iter().filter(shipped).collect();
    assert!(!scenarios.is_empty(), "no scenario in scenarios/: say where they went");
    none(&scenarios.into_iter().filter_map(without_objectives).collect::<Vec<_>>());
}

#[test]
fn a_scenario_without_objectives_is_found() {
    for text in [
        "name: a\n",
        "objectives:\n",
        "objectives: []\n",
        "objectives:\n# - error_rate < 1%\n",
        "objectives:\nname: a\n",
        "traffic:\n  objectives:\n    - error_rate < 1%\n",
    ] {
        let offence = without_objectives(&TextFile::new("scenarios/a.yaml", text));
        one(&Vec::from_iter(offence), &["scenarios/a.yaml", "objectives"]);
    }
}

#[test]
fn objectives_are_seen_in_either_notation() {
    for text in [
        "name: a\nobjectives:\n  # Why.\n  - error_rate < 1%\n",
        "objectives:\n- error_rate < 1%\n",
        "objectives: [error_rate < 1%]\n",
    ] {
        none(&Vec::from_iter(without_objectives(&TextFile::new("scenarios/a.yaml", text))));
    }
}

fn without_objectives(file: &TextFile) -> Option<String> {
    let mut lines = file
        .text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty())
        .skip_while(|line| !line.starts_with("objectives:"));
    let inline = lines.next().and_then(|line| line.strip_prefix("objectives:")).map(str::trim);
    let stated = match inline {
        None | Some("[]") => false,
        Some("") => lines.next().is_some_and(|line| line.trim_start().starts_with("- ")),
        Some(_) => true,
    };
    (!stated).then(|| {
        format!("{}: states no objectives: add `objectives:` with at least one", file.path)
    })
}
