//! `sse-chat bench`: load for any server of event streams, and a report that can
//! be believed: what was lost, doubled or out of order stands beside every time.
//!
//! One thread publishes (`publisher`), a few read (`readers`), and the one that
//! was called walks through the phases (`drive`), which end in a report.

mod assemble;
mod drive;
mod flags;
mod found;
mod ledger;
mod limits;
mod mark;
mod numbers;
mod order;
mod outstanding;
mod pace;
mod plan;
mod progress;
mod published;
mod publisher;
mod readers;
mod report;
mod response;
#[cfg(test)]
mod sample;
mod schedule;
mod series;
mod shared;
mod sockets;
mod spawned;
mod stop;
mod subscriber;
mod tally;
mod target;
mod typed;
mod usage;
mod worker;

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::time::Duration;

pub(super) use flags::Bench;

use self::drive::Drive;
use self::plan::Plan;
use self::progress::Progress;
use self::report::{Machine, Report, Run};
use self::spawned::Spawned;
use self::stop::Stop;
use self::target::Place;
use super::exit::{End, Failure, Outcome};
use crate::client::ServerUrl;

/// How long the server has to take the first connection.
const REACH_TIMEOUT: Duration = Duration::from_secs(3);

impl Bench {
    /// Runs it all: the load, the report, the gates.
    pub(super) async fn run(self) -> Outcome {
        let plan = self.plan()?;
        let outputs = Outputs::open(&self)?;
        let open_files = limits::make_room(&plan).map_err(|why| End::Failed.because(why))?;
        let mut report = self.empty_report(&plan, open_files);
        let mut stop = Stop::new()?;
        let progress = Progress::new();
        let mut failed = None;
        for &subscribers in &plan.subscribers {
            let run = self.measure(&plan, subscribers, &mut stop, &progress).await;
            match run {
                Ok((run, url)) => {
                    report.runs.push(run);
                    report.url = url.to_string();
                }
                Err(failure) => {
                    failed = Some(failure);
                    break;
                }
            }
            if stop.is_interrupted() {
                break;
            }
        }
        progress.clear();
        if let Some(failure) = failed {
            // What the runs before it found is not thrown away.
            if !report.runs.is_empty() {
                outputs.write(&report)?;
            }
            return Err(failure);
        }
        report.interrupted = stop.is_interrupted();
        report.gates = self
            .fail_if
            .iter()
            .map(|gate| gate.judge(&report))
            .collect();
        outputs.write(&report)?;
        ending(&report)
    }

    async fn measure(
        &self,
        plan: &Plan,
        subscribers: usize,
        stop: &mut Stop,
        progress: &Progress,
    ) -> Result<(Run, ServerUrl), Failure> {
        let spawned = match self.spawn {
            true => Some(Spawned::start(&self.serve_flags)?),
            false => None,
        };
        let url = spawned.as_ref().map_or(&self.url, Spawned::url).clone();
        let pids = match &spawned {
            Some(spawned) => vec![spawned.pid()],
            None => self.pid.clone(),
        };
        let place = reach(&url)?;
        let drive = Drive::start(plan.clone(), place, subscribers, pids, stop, progress)
            .map_err(|error| End::Failed.because(format_args!("can't start a thread: {error}")))?;
        let found = drive.run().await?;
        Ok((assemble::run(found, stop.is_interrupted()), url))
    }

    fn empty_report(&self, plan: &Plan, open_files: u64) -> Report {
        Report {
            schema: 1,
            version: env!("CARGO_PKG_VERSION"),
            started_at: jiff::Timestamp::now().strftime("%FT%TZ").to_string(),
            command: command_line(),
            machine: machine(open_files),
            url: self.url.to_string(),
            mode: plan.mode.name(),
            load: plan.describe(),
            runs: Vec::new(),
            gates: Vec::new(),
            interrupted: false,
        }
    }
}

/// Finds the server's address, and whether anybody is there.
fn reach(url: &ServerUrl) -> Result<Place, Failure> {
    let unreachable =
        |why: String| End::Unreachable.because(format_args!("can't reach {url}: {why}"));
    let addresses = (url.host(), url.port())
        .to_socket_addrs()
        .map_err(|error| unreachable(error.to_string()))?;
    let mut why = "the name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, REACH_TIMEOUT) {
            Ok(_) => {
                return Ok(Place {
                    address,
                    host: url.authority().to_owned(),
                    prefix: url.path(""),
                });
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(unreachable(why))
}

/// The command line, without the path of the program.
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

/// A report is for others to see, and what a header says may not be.
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

fn machine(open_files: u64) -> Machine {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let processor = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    Machine {
        system: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
        processor: processor.to_owned(),
        processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        open_files,
    }
}

/// The exit code that a report ends with.
fn ending(report: &Report) -> Outcome {
    if report.interrupted {
        return Err(End::Interrupted.silently());
    }
    match report.gates.iter().any(|gate| gate.failed) {
        true => Err(End::Gate.silently()),
        false => Ok(()),
    }
}

/// The files that the report goes to, opened before the load begins: it would be
/// a pity to find out afterwards.
struct Outputs {
    json: Option<Output>,
    csv: Option<Output>,
    svg: Option<Output>,
}

enum Output {
    Standard,
    File(File, String),
}

impl Outputs {
    fn open(flags: &Bench) -> Result<Self, Failure> {
        Ok(Self {
            json: flags.json.as_deref().map(Output::open).transpose()?,
            csv: flags.csv.as_deref().map(Output::open).transpose()?,
            svg: flags.svg.as_deref().map(Output::open).transpose()?,
        })
    }

    fn write(self, report: &Report) -> Outcome {
        let mut summary = true;
        if let Some(json) = self.json {
            summary &= json.is_file();
            json.write(|out| report::json::write(report, out))?;
        }
        if let Some(csv) = self.csv {
            summary &= csv.is_file();
            csv.write(|out| report::csv::write(report, out))?;
        }
        if let Some(svg) = self.svg {
            summary &= svg.is_file();
            svg.write(|out| report::svg::write(report, out))?;
        }
        if summary {
            let paint = io::stdout().is_terminal() && super::is_colour_wanted();
            Output::Standard.write(|out| report::text::write(report, out, paint))?;
        }
        Ok(())
    }
}

impl Output {
    fn open(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Self::Standard);
        }
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Ok(Self::File(file, name)),
            Err(error) => Err(End::Failed.because(format_args!("can't write {name}: {error}"))),
        }
    }

    fn is_file(&self) -> bool {
        matches!(self, Self::File(..))
    }

    /// Renders it whole, and then writes it.
    fn write(self, render: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> Outcome {
        let mut bytes = Vec::new();
        let rendered = render(&mut bytes);
        let (name, written) = match self {
            Self::Standard => {
                let mut out = io::stdout();
                let written = out.write_all(&bytes).and_then(|()| out.flush());
                ("standard output".to_owned(), written)
            }
            Self::File(mut file, name) => (name, file.write_all(&bytes)),
        };
        match rendered.and(written) {
            // Who closed it has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(End::Failed.because(format_args!("can't write {name}: {error}"))),
            Ok(()) => Ok(()),
        }
    }
}
