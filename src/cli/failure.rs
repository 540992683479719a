//! What is told on stderr when a verb does not end well.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use adapters::{SetupError, recording::RecordError};
use connector::ErrorKind;
use reports::FilesError;
use scenarios::{Diagnostics, Dialect, Rendering};

use crate::{
    drive::RunError,
    experiment::{
        ExperimentError,
        live::{ConfigError, LiveError},
    },
};

/// Why a verb did not do what was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// What was given cannot be worked with.
    BadInput {
        /// What, where, with the value received.
        message: String,
        /// The way out.
        help: Option<String>,
    },
    /// The scenario has mistakes.
    Scenario(Diagnostics),
    /// What was given is fine, but the world is not.
    Failed {
        /// What happened.
        error: anyhow::Error,
        /// The way out.
        help: Option<String>,
    },
}

impl Failure {
    /// Input that cannot be worked with.
    pub(super) fn bad_input(message: impl Into<String>) -> Self {
        Self::BadInput { message: message.into(), help: None }
    }

    /// The world is not as it should be.
    pub(super) fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self::Failed { error: error.into(), help: None }
    }

    /// The same failure with a way out.
    #[must_use]
    pub(super) fn with_help(self, way_out: impl Into<String>) -> Self {
        match self {
            Self::BadInput { message, .. } => {
                Self::BadInput { message, help: Some(way_out.into()) }
            }
            Self::Failed { error, .. } => Self::Failed { error, help: Some(way_out.into()) },
            Self::Scenario(diagnostics) => Self::Scenario(diagnostics),
        }
    }

    /// The same failure with a way out, if there is one.
    #[must_use]
    pub(super) fn helped_by(self, way_out: Option<String>) -> Self {
        match way_out {
            Some(way_out) => self.with_help(way_out),
            None => self,
        }
    }

    /// Prints the failure; returns its exit code.
    pub(super) fn report(self) -> ExitCode {
        let mut stderr = std::io::stderr().lock();
        let (text, help, code) = match self {
            Self::BadInput { message, help } => (message, help, 2),
            Self::Failed { error, help } => (in_one_line(&error), help, 1),
            Self::Scenario(diagnostics) => {
                let rendering = rendering(std::io::stderr().is_terminal());
                let _ = write!(stderr, "{}", diagnostics.render(rendering));
                return ExitCode::from(2);
            }
        };
        // Nothing can be done when stderr is closed.
        let _ = writeln!(stderr, "error: {text}");
        if let Some(help) = help {
            let _ = writeln!(stderr, "help: {help}");
        }
        ExitCode::from(code)
    }
}

/// An error and its causes; some errors quote their cause, which is then not said again.
fn in_one_line(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| {
        match (said.is_empty(), said.ends_with(&cause)) {
            (true, _) => cause,
            (false, true) => said,
            (false, false) => format!("{said}: {cause}"),
        }
    })
}

fn rendering(terminal: bool) -> Rendering {
    let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if terminal && colour { Rendering::Colored } else { Rendering::Plain }
}

impl From<ExperimentError> for Failure {
    fn from(error: ExperimentError) -> Self {
        match &error {
            ExperimentError::Provider(_) | ExperimentError::Platform(_) => {
                Self::bad_input(error.to_string())
            }
            ExperimentError::Run(RunError::Traffic(traffic)) => {
                Self::bad_input(traffic.to_string()).helped_by(traffic.help())
            }
            ExperimentError::Live(LiveError::Setup(setup)) => {
                Self::bad_input(setup.to_string()).helped_by(way_in(setup))
            }
            ExperimentError::Live(LiveError::Unusable { error: answer, endpoint }) => {
                let help = way_to_an_answer(answer.kind, endpoint.dialect);
                Self::failed(error).with_help(help)
            }
            ExperimentError::Record(_) => {
                Self::failed(error).with_help("choose another file with --record")
            }
            ExperimentError::Replay(_) => Self::failed(error).with_help(
                "a strict replay takes the recorded scenario, seed and version; try --replay-mode nearest",
            ),
            ExperimentError::Run(RunError::Stuck { .. } | RunError::NoTimer(_))
            | ExperimentError::Live(LiveError::Runtime(_)) => Self::failed(error),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::bad_input(error.to_string())
            .with_help("docs/live.md shows every key of a target's configuration")
    }
}

impl From<FilesError> for Failure {
    fn from(error: FilesError) -> Self {
        let help = match &error {
            FilesError::Io { .. } => {
                "choose another directory with --out, one that can be written to and has room"
            }
            FilesError::Foreign { .. } => {
                "choose another directory with --out, move the file, or replace it with --force"
            }
        };
        Self::failed(error).with_help(help)
    }
}

/// The way out of an endpoint that cannot be addressed as asked.
fn way_in(error: &SetupError) -> Option<String> {
    let help = match error {
        SetupError::NotAUrl { .. } | SetupError::UnsuitableUrl { .. } => {
            "write the endpoint as https://host, https://host:port or https://host/prefix"
        }
        SetupError::CredentialsInUrl => "put the key into the environment as HOSTED_AI_API_KEY",
        SetupError::PlaintextKey { .. } => {
            "use https, or add --allow-plaintext-key where the way there is encrypted otherwise"
        }
        SetupError::UnusableKey => {
            "set the key again, without line breaks: HOSTED_AI_API_KEY or OPENAI_API_KEY"
        }
        SetupError::Gpuaas(_) => {
            "set HOSTED_AI_TEAM_ID; docs/live/gpuaas.md has the settings of this dialect"
        }
        SetupError::CaFile { .. } => {
            "put the certificates of the authorities into that file, in PEM"
        }
        SetupError::KeyFile { .. } => "put the key, and nothing else, into that file",
        SetupError::ZeroLimit { .. } | SetupError::Client { .. } => return None,
    };
    Some(help.to_owned())
}

/// The way out of a first question that was not answered as hoped.
fn way_to_an_answer(kind: ErrorKind, dialect: Dialect) -> &'static str {
    match kind {
        ErrorKind::Unauthorized if dialect == Dialect::OpenAi => {
            "put the right key into the environment as OPENAI_API_KEY; it is never shown"
        }
        ErrorKind::Unauthorized => {
            "put the right key into the environment as HOSTED_AI_API_KEY; it is never shown"
        }
        ErrorKind::PolicyRefused => "ask the provider for access with this key",
        ErrorKind::CreditExhausted => "pay for the account behind this key",
        ErrorKind::Timeout | ErrorKind::Unavailable { .. } => {
            "check the address and that the endpoint is up; `harpoon mock` serves one to try with"
        }
        ErrorKind::RateLimited { .. } | ErrorKind::CapacityExhausted => "try again later",
        ErrorKind::Preempted
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Invalid
        | ErrorKind::Protocol => {
            "check that the address is that of an endpoint which speaks this dialect"
        }
    }
}

macro_rules! failed_by {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::failed(error)
            }
        }
    )*};
}

failed_by!(std::io::Error, rayon::ThreadPoolBuildError, RecordError);
