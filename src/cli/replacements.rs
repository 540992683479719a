use std::path::{Path, PathBuf};

use clap::Args;
use scenarios::{Override, Scenario};

use super::Failure;

/// What is replaced in a scenario before it is used.
#[derive(Debug, Args)]
pub(super) struct Replacements {
    /// Replace values of the scenario by those of this file, such as `harpoon calibrate` writes: YAML of
    /// paths and values. --set comes after it.
    #[arg(long = "overlay", value_name = "FILE")]
    overlays: Vec<PathBuf>,
    /// Replace a value of the scenario, such as `provider.pools.0.count=8`.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    overrides: Vec<Override>,
}

impl Replacements {
    /// Reads a scenario and replaces what is to be replaced.
    ///
    /// # Errors
    /// If an overlay or the scenario is not right.
    pub(super) fn load(&self, path: &Path) -> Result<Scenario, Failure> {
        scenarios::load(path, &self.read()?).map_err(Failure::Scenario)
    }

    /// Overlays and single values, in the order in which they come.
    ///
    /// # Errors
    /// If an overlay is not right.
    pub(super) fn read(&self) -> Result<Vec<Override>, Failure> {
        let mut all = Vec::new();
        for overlay in &self.overlays {
            all.extend(scenarios::load_overlay(overlay).map_err(Failure::Scenario)?);
        }
        all.extend_from_slice(&self.overrides);
        Ok(all)
    }
}
