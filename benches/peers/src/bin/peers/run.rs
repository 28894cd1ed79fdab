//! The rounds: measures every work on every server in turn and writes the results.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use crate::arguments::Arguments;
use crate::bench;
use crate::certificate::Certificate;
use crate::column::{columns, figure};
use crate::cores::Cores;
use crate::plot;
use crate::report::Run;
use crate::results::Results;
use crate::running::Running;
use crate::server::Server;
use crate::table::{self, Facts};
use crate::versions;
use crate::work::{Scale, Work};

/// Open files of a process apart from its readers' sockets.
const OTHER_FILES: u64 = 250;

/// Runs all rounds and writes the results. Fails if a measurement failed.
pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let mut runner = Runner::new(arguments).await?;
    // A missing program fails before the rounds.
    let versions = versions::of(arguments).await?;
    let results = runner.rounds(arguments).await?;
    runner.write(arguments, versions, &results)?;
    let failures = results.failures();
    for failure in &failures {
        eprintln!("peers: {failure}");
    }
    match failures.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => Err(format!("{} measurements failed", failures.len())),
    }
}

/// The state that all measurements share.
#[derive(Debug)]
struct Runner {
    sse_chat: PathBuf,
    cores: Cores,
    certificate: Certificate,
    servers: Vec<Server>,
    works: Vec<Work>,
    quick: bool,
    out: PathBuf,
    /// The folder `out` if no results are kept.
    _temporary: Option<TempDir>,
}

/// One measurement and its position in the rounds.
#[derive(Debug, Clone, Copy)]
struct Step {
    work: Work,
    server: Server,
    scale: Scale,
    /// 0 for the round of warm-up.
    round: usize,
}

impl Runner {
    async fn new(arguments: &Arguments) -> Result<Self, String> {
        let cores = Cores::choose().await?;
        eprintln!("peers: {cores}");
        let (out, temporary) = match arguments.out() {
            Some(folder) => (folder, None),
            None => {
                let folder = TempDir::with_prefix("sse-chat-peers-")
                    .map_err(|error| format!("no temporary folder: {error}"))?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        let raw = out.join("raw");
        fs::create_dir_all(&raw).map_err(|error| format!("{}: {error}", raw.display()))?;
        let runner = Self {
            sse_chat: arguments.sse_chat.clone(),
            cores,
            certificate: Certificate::make().await?,
            servers: arguments.servers(),
            works: arguments.works(),
            quick: arguments.quick,
            out,
            _temporary: temporary,
        };
        runner.need_open_files()?;
        Ok(runner)
    }

    /// Raises the limit on open files; children inherit it.
    fn need_open_files(&self) -> Result<(), String> {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        setrlimit(Resource::Nofile, raised).map_err(|error| format!("open files: {error}"))?;
        let scale = if self.quick {
            Scale::Quick
        } else {
            Scale::Full
        };
        let readers = self.works.iter().map(|work| work.readers(scale)).max();
        // A proxy has two connections for each.
        let sockets = match self.servers.contains(&Server::Nginx) {
            true => 2,
            false => 1,
        };
        let needed = u64::from(readers.unwrap_or(0)) * sockets + OTHER_FILES;
        match limit.maximum {
            Some(most) if most < needed => Err(format!(
                "{needed} open files are needed, {most} are allowed: raise the hard limit (ulimit -Hn)"
            )),
            _ => Ok(()),
        }
    }

    async fn rounds(&mut self, arguments: &Arguments) -> Result<Results, String> {
        let mut results = Results::default();
        let rounds = arguments.rounds();
        // Round 0 is warm-up. A smoke test has none.
        let first = usize::from(self.quick);
        for round in first..=rounds {
            let scale = match (self.quick, round) {
                (true, _) => Scale::Quick,
                (false, 0) => Scale::Short,
                (false, _) => Scale::Full,
            };
            for work in self.works.clone() {
                for server in self.servers.iter().copied().filter(|one| one.can(work)) {
                    let step = Step {
                        work,
                        server,
                        scale,
                        round,
                    };
                    self.step(arguments, step, &mut results).await?;
                }
            }
            // The rotation lets another server start in each round.
            self.servers.rotate_left(1);
        }
        Ok(results)
    }

    /// Runs one measurement. A failed server is recorded, and the others go on; an
    /// error while writing a result ends the rounds.
    async fn step(
        &self,
        arguments: &Arguments,
        step: Step,
        results: &mut Results,
    ) -> Result<(), String> {
        let build = arguments.build(step.server)?;
        let measured = self.measure(build, step).await;
        let Step { work, server, .. } = step;
        let place = format!(
            "round {}  {:19}  {:10}",
            step.round,
            work.name(),
            server.name()
        );
        let (raw, report) = match measured {
            Ok(measured) => measured,
            Err(why) => {
                eprintln!("{place}  FAILED: {why}");
                results.add(work, server, Err(why));
                return Ok(());
            }
        };
        let [run] = report.runs;
        eprintln!("{place}  {}", in_short(work, &run));
        if step.round > 0 {
            let name = format!("raw/{}-{}-{}.json", work.name(), server.name(), step.round);
            self.keep(&name, &raw)?;
            results.machine = results.machine.take().or(report.machine);
            results.add(work, server, self.judged(step, run));
        }
        Ok(())
    }

    async fn measure(
        &self,
        build: &Path,
        step: Step,
    ) -> Result<(Vec<u8>, crate::report::Report), String> {
        let cores = match step.work.shares_cores() {
            true => Cores::Shared,
            false => self.cores,
        };
        let what = (build, step.work.over());
        let running = Running::start(step.server, what, cores, &self.certificate).await?;
        let what = (step.work, step.server, step.scale);
        let measured = bench::measure(&self.sse_chat, cores, &running, what).await;
        running.stop().await;
        measured
    }

    /// In a smoke test, a run with a fault is an error.
    fn judged(&self, step: Step, run: Run) -> Result<Run, String> {
        if !self.quick || run.is_whole(step.work.readers(step.scale)) {
            return Ok(run);
        }
        Err(format!(
            "deliveries are not complete: {} lost, {} doubled, {} other faults",
            run.lost(),
            run.doubled(),
            run.other_faults()
        ))
    }

    fn write(
        &self,
        arguments: &Arguments,
        versions: Vec<String>,
        results: &Results,
    ) -> Result<(), String> {
        let facts = Facts {
            command: arguments.command(),
            date: jiff::Zoned::now().date().to_string(),
            rounds: arguments.rounds(),
            quick: arguments.quick,
            cores: self.cores,
            versions,
        };
        let table = table::markdown(&facts, results, &arguments.works(), &arguments.servers());
        self.keep("table.md", table.as_bytes())?;
        print!("{table}");
        let works: Vec<_> = arguments
            .works()
            .into_iter()
            .filter(|work| work.is_fanout())
            .collect();
        let plot = plot::svg(results, &works, &arguments.servers())?;
        if let Some(plot) = plot {
            self.keep("plot.svg", plot.as_bytes())?;
        }
        if arguments.out().is_some() {
            eprintln!("peers: results are in {}", self.out.display());
        }
        Ok(())
    }

    fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let file: &Path = &self.out.join(name);
        fs::write(file, bytes).map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// The first figures of a run, for the progress output.
fn in_short(work: Work, run: &Run) -> String {
    let mut words = Vec::new();
    for column in columns(work) {
        if let Some(value) = (column.of)(run) {
            words.push(format!("{} {}", figure(value), column.title));
        }
    }
    let lost = run.lost();
    if lost > 0 {
        words.push(format!("{lost} LOST"));
    }
    words.join("  ")
}
