//! `sse-chat token`: makes tokens and keys, and shows what is in a token.

mod args;
mod inspect;
mod make;
mod output;

pub(super) use args::TokenArgs;

use super::exit::{CommandResult, ExitKind};
use crate::tokens::new_secret;

/// Prints a key, a token, or what is in a token.
pub(super) async fn run(args: TokenArgs) -> CommandResult {
    if args.new_key {
        let secret = new_secret().map_err(|error| ExitKind::Failed.with_message(error))?;
        return output::print(&format!("{secret}\n"));
    }
    match args.inspect {
        Some(_) => inspect::inspect(args).await,
        None => make::make(&args),
    }
}
