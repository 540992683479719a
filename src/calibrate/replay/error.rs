use std::path::PathBuf;

use sim::step_time::TableError as ProfileError;

use crate::tables::TableError;

/// Why a folder is not a measured run.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}:{line}: {message}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// The engine's settings cannot be served.
    #[error("{}: {message}", path.display())]
    Settings {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The profile has holes.
    #[error("the profile in {}: {source}", folder.display())]
    Profile {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        source: ProfileError,
    },
    /// A table cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The curves cannot be drawn.
    #[error("{}: {message}", path.display())]
    Draw {
        /// Where.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// Nobody knows how many layers the model has.
    #[error("the number of layers of `{model}` is not known")]
    Layers {
        /// The model's name in `meta.json`.
        model: String,
    },
}

impl ReplayError {
    /// The way out.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Read { .. } | Self::Table(TableError::Read { .. }) => Some(
                "a run is a folder with requests.jsonl, meta.json and profile_tp1_*.csv, as \
                 LLMServingSim writes them"
                    .to_owned(),
            ),
            Self::Layers { .. } => Some("state it with --layers".to_owned()),
            Self::Malformed { .. }
            | Self::Table(_)
            | Self::Settings { .. }
            | Self::Profile { .. }
            | Self::Draw { .. } => None,
        }
    }
}
