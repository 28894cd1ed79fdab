//! The binary: all it does is in [`sse_chat::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    sse_chat::cli::run()
}
