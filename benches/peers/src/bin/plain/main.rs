//! `plain`: a second load generator, which knows nothing of the first. It sends
//! every server the same requests, counts one byte of each message, and reads
//! either as soon as there is something or, with `--nap`, at fixed intervals: a
//! generator that never sleeps in a poll needs no wake-up, so no server pays for
//! one. It speaks HTTP/1.0 as well. Its flags and its report are a part of those
//! of `sse-chat bench`.

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
