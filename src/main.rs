//! The `harpoon` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    harpoon::cli::main()
}
