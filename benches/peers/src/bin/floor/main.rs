//! The peer `floor`: the minimum cost of a server. One thread encodes a message once
//! and writes it to every reader in a loop of non-blocking writes. There is no
//! history, no ping and no queue: a reader whose socket does not take a whole frame
//! is dropped, with a line on standard error.

mod request;
mod server;

use std::process::ExitCode;

fn main() -> ExitCode {
    let port = match sse_chat_peers::port_argument() {
        Ok(port) => port,
        Err(why) => {
            eprintln!("floor: {why}");
            return ExitCode::from(2);
        }
    };
    match server::run(port) {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}
