//! Standard output of `sse-chat token`.

use std::io::{self, Write as _};

use crate::cli::exit::{CommandResult, stdout_result};

/// Prints `text` as it is.
pub(super) fn print(text: &str) -> CommandResult {
    let mut out = io::stdout();
    stdout_result(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}
