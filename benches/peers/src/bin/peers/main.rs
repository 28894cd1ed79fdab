//! `peers`: compares sse-chat with other servers under the same loads.
//!
//! A measurement runs one server process on one core and one load generator on
//! another. Each round measures all works and servers in turn, so that changes of
//! the machine over time affect all of them.

mod arguments;
mod bench;
mod certificate;
mod column;
mod cores;
mod plot;
mod report;
mod results;
mod run;
mod running;
mod server;
mod table;
mod versions;
mod work;

use std::process::ExitCode;

use arguments::Arguments;
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The other branch is dropped, which kills every child that is still running.
    let done = tokio::select! {
        done = run::run(&arguments) => done,
        stopped = interrupted() => stopped.map(|()| ExitCode::from(130)),
    };
    done.unwrap_or_else(|why| {
        eprintln!("peers: {why}");
        ExitCode::FAILURE
    })
}

async fn interrupted() -> Result<(), String> {
    let listen = |kind| signal(kind).map_err(|error| format!("can't wait for signals: {error}"));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    eprintln!("peers: interrupted");
    Ok(())
}
