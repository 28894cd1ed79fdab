//! The peer `floor`: the least that a server can cost. One thread; a message is
//! encoded once and written to every reader by a bare loop of non-blocking
//! writes. There is no history, no ping, no queue: a reader whose socket can't
//! take a whole frame is dropped, and standard error says so.

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
