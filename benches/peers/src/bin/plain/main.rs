//! `plain`: a second load generator, independent of the first. It sends every server
//! the same requests and counts one marker byte per message. It reads as soon as data
//! arrives or, with `--nap`, at fixed intervals: a generator that never sleeps in a
//! poll needs no wake-up, so no server spends time on one. It supports HTTP/1.0 too.
//! Its flags and its report are a subset of those of `sse-chat bench`.

mod arguments;
mod load;
mod publish;
mod readers;
mod report;
mod usage;

use std::io;
use std::process::ExitCode;

use arguments::Arguments;
use clap::Parser as _;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plain: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let found = load::run(arguments)?;
    println!("{}", report::json(arguments, &found));
    Ok(())
}
