//! `--spawn`: a private server on a free port, for one run.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use crate::cli::exit::{CommandError, ExitKind};
use crate::client::ServerUrl;

/// A server of this very program. It is killed when it is dropped.
#[derive(Debug)]
pub(super) struct Spawned {
    child: Child,
    url: ServerUrl,
}

impl Spawned {
    /// Starts `sse-chat serve` with `flags`, and waits until it says where it is.
    pub(super) fn start(flags: &[String]) -> Result<Self, CommandError> {
        let failed =
            |error| ExitKind::Failed.with_message(format_args!("can't start a server: {error}"));
        let program = std::env::current_exe().map_err(failed)?;
        let mut child = Command::new(program)
            .arg("serve")
            .args(flags)
            // Flags win over these.
            .env("SSE_CHAT_LISTEN", "127.0.0.1:0")
            .env("SSE_CHAT_LOG_LEVEL", "warn")
            // What a service manager is told, the benchmark would tell it.
            .env_remove("NOTIFY_SOCKET")
            // Ctrl-C is for the benchmark, which then stops the server itself.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut line = String::new();
        let stdout = child.stdout.take();
        if let Some(stdout) = stdout {
            BufReader::new(stdout)
                .read_line(&mut line)
                .map_err(failed)?;
        }
        let url = line.split_whitespace().find(|word| word.contains("://"));
        match url.and_then(|url| url.parse().ok()) {
            Some(url) => Ok(Self { child, url }),
            None => {
                let _ = child.wait();
                // Where something is wrong, its own line has said what.
                Err(ExitKind::Failed.with_message("the server that --spawn starts did not start"))
            }
        }
    }

    /// Where it is.
    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// Its process.
    pub(super) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
