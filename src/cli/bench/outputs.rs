//! Where the report goes: standard output and files.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use sse_chat_load::report::{self, Report};

use super::flags::Bench;
use crate::cli::exit::{CommandError, CommandResult, ExitKind};
use crate::cli::terminal::is_colour_allowed;

/// The outputs of the report, opened before the load, so that a path that can't be
/// written fails at once.
pub(super) struct Outputs {
    json: Option<ReportTarget>,
    csv: Option<ReportTarget>,
    svg: Option<ReportTarget>,
}

/// One destination of the report.
enum ReportTarget {
    Standard,
    /// A file and its path for errors.
    File(File, String),
}

impl Outputs {
    pub(super) fn open(flags: &Bench) -> Result<Self, CommandError> {
        Ok(Self {
            json: flags.json.as_deref().map(ReportTarget::open).transpose()?,
            csv: flags.csv.as_deref().map(ReportTarget::open).transpose()?,
            svg: flags.svg.as_deref().map(ReportTarget::open).transpose()?,
        })
    }

    pub(super) fn write(self, report: &Report) -> CommandResult {
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
            let paint = io::stdout().is_terminal() && is_colour_allowed();
            ReportTarget::Standard.write(|out| report::text::write(report, out, paint))?;
        }
        Ok(())
    }
}

impl ReportTarget {
    fn open(path: &Path) -> Result<Self, CommandError> {
        if path.as_os_str() == "-" {
            return Ok(Self::Standard);
        }
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Ok(Self::File(file, name)),
            Err(error) => {
                Err(ExitKind::Failed.with_message(format_args!("can't write {name}: {error}")))
            }
        }
    }

    fn is_file(&self) -> bool {
        matches!(self, Self::File(..))
    }

    /// Renders the whole output, then writes it.
    fn write(self, render: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> CommandResult {
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
            // The reader of a closed pipe needs no more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => {
                Err(ExitKind::Failed.with_message(format_args!("can't write {name}: {error}")))
            }
            Ok(()) => Ok(()),
        }
    }
}
