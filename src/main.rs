//! The binary: allocator and entry point. Everything else is in [`sse_chat::cli`].

use std::process::ExitCode;

/// Chosen by measurement: see docs/memory.md.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[cfg(all(feature = "mimalloc", not(feature = "jemalloc")))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sse_chat::cli::run()
}
