//! The `harpoon` command.

use std::process::ExitCode;

/// A live run and the mock allocate some hundred times for each request; this one takes a tenth less of the
/// processor for it than the system's (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    harpoon::cli::main()
}
