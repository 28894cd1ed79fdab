//! `sse-chat bench`: the flags, signals and output files of the load generator. The
//! generator itself is crates/load.

mod flags;
mod interrupts;
mod outputs;
mod spawned;
mod typed;

use sse_chat_load::report::{Report, Run};
use sse_chat_load::{self as load, LoadError, LoadErrorKind, Plan, Progress, Server};

pub(super) use flags::Bench;

use self::interrupts::Interrupts;
use self::outputs::Outputs;
use self::spawned::Spawned;
use super::exit::{CommandError, CommandResult, ExitKind};
use crate::client::ServerUrl;

impl Bench {
    /// Runs the load, writes the report, and checks the conditions.
    pub(super) async fn run(self) -> CommandResult {
        let plan = self.plan()?;
        let outputs = Outputs::open(&self)?;
        let open_files =
            load::raise_limits(&plan).map_err(|why| ExitKind::Failed.with_message(why))?;
        let mut report = Report::new(&plan, command_line(), env!("CARGO_PKG_VERSION"), open_files);
        report.url = self.url.to_string();
        let mut interrupts = Interrupts::new()?;
        let progress = Progress::new();
        let mut failed = None;
        for &subscribers in &plan.subscribers {
            let run = self.measure(&plan, subscribers, &mut interrupts, &progress);
            match run.await {
                Ok((run, url)) => {
                    report.runs.push(run);
                    report.url = url.to_string();
                }
                Err(failure) => {
                    failed = Some(failure);
                    break;
                }
            }
            if interrupts.stop().is_cancelled() {
                break;
            }
        }
        progress.clear();
        if let Some(failure) = failed {
            // The results of earlier runs are kept.
            if !report.runs.is_empty() {
                outputs.write(&report)?;
            }
            return Err(failure);
        }
        report.interrupted = interrupts.stop().is_cancelled();
        report.gates = self
            .fail_if
            .iter()
            .map(|condition| condition.judge(&report))
            .collect();
        outputs.write(&report)?;
        ending(&report)
    }

    async fn measure(
        &self,
        plan: &Plan,
        subscribers: usize,
        interrupts: &mut Interrupts,
        progress: &Progress,
    ) -> Result<(Run, ServerUrl), CommandError> {
        let spawned = match self.spawn {
            true => Some(Spawned::start(&self.serve_flags)?),
            false => None,
        };
        let url = spawned.as_ref().map_or(&self.url, Spawned::url).clone();
        let pids = match &spawned {
            Some(spawned) => vec![spawned.pid()],
            None => self.pid.clone(),
        };
        let server = Server {
            url: url.clone(),
            pids,
        };
        let stop = interrupts.stop().clone();
        tokio::select! {
            run = load::measure(plan, server, subscribers, &stop, progress) => {
                Ok((run.map_err(|error| failure(&error))?, url))
            }
            () = interrupts.second() => Err(ExitKind::Interrupted.without_message()),
        }
    }
}

fn failure(error: &LoadError) -> CommandError {
    let end = match error.kind() {
        LoadErrorKind::InvalidPlan => ExitKind::Usage,
        LoadErrorKind::Failed => ExitKind::Failed,
        LoadErrorKind::Unreachable => ExitKind::Unreachable,
        LoadErrorKind::Refused => ExitKind::Refused,
        LoadErrorKind::Interrupted => ExitKind::Interrupted,
    };
    end.with_message(error)
}

/// The command line without the path of the program, for the report.
fn command_line() -> String {
    let words = std::env::args_os().skip(1).map(|word| {
        let word = word.to_string_lossy().into_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,%=".contains(c);
        match !word.is_empty() && word.chars().all(plain) {
            true => word,
            false => format!("'{}'", word.replace('\'', r"'\''")),
        }
    });
    let mut words: Vec<String> = words.collect();
    mask_headers(&mut words);
    format!("sse-chat {}", words.join(" "))
}

/// Masks the values of headers: they may be secrets, and reports are shared.
fn mask_headers(words: &mut [String]) {
    let mut is_value = false;
    for word in words {
        let is_flag = word.as_str() == "-H" || word.as_str() == "--header";
        let is_both = word.starts_with("-H") || word.trim_start_matches('\'').starts_with("-H");
        if is_value || (is_both && !is_flag) || word.contains("--header=") {
            "'…'".clone_into(word);
        }
        is_value = is_flag;
    }
}

/// The exit code of a report.
fn ending(report: &Report) -> CommandResult {
    if report.interrupted {
        return Err(ExitKind::Interrupted.without_message());
    }
    match report.gates.iter().any(|gate| gate.failed) {
        true => Err(ExitKind::GateFailed.without_message()),
        false => Ok(()),
    }
}
