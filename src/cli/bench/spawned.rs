//! `--spawn`: a private server on a free port, for one run.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use crate::cli::exit::{CommandError, ExitKind};
use crate::client::ServerUrl;

/// A server process of this executable. It is killed on drop.
#[derive(Debug)]
pub(super) struct Spawned {
    child: Child,
    url: ServerUrl,
}

impl Spawned {
    /// Starts `sse-chat serve` with `flags`, and waits until it prints its address.
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
            // A service manager must not take this server for the benchmark.
            .env_remove("NOTIFY_SOCKET")
            // Ctrl-C must not reach the server: the benchmark stops it.
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
                // The server has printed the reason itself.
                Err(ExitKind::Failed.with_message("the server that --spawn starts did not start"))
            }
        }
    }

    /// Its address.
    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// Its process id.
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
