//! `peers`: the same work on sse-chat and on other servers, side by side.
//!
//! Each measurement is one server process on one core, one `sse-chat bench` on
//! another, and its report. Rounds go over all works and servers in turn, so
//! that what changes on the machine meanwhile meets them all.

mod arguments;
mod bench;
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
    // Whichever loses is dropped, and with it every child that still runs.
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
