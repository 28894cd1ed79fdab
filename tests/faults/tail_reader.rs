//! A reader process: `sse-chat tail --json`. It prints no hello, so it reads from
//! the first message on.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::notes::Page;
use crate::record::Seen;
use crate::server_process::send_signal;

/// A running `sse-chat tail`. Dropping it kills the process.
pub(crate) struct TailReader {
    child: Child,
}

impl TailReader {
    pub(crate) fn start(url: &str, page: &Page) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sse-chat"));
        command.args(["tail", "--json", "--backlog", "all", "--url", url]);
        for room in page.look(|reading| reading.rooms.clone()) {
            command.args(["--room", &room]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut notices = BufReader::new(child.stderr.take().unwrap()).lines();
        let page = page.clone();
        tokio::spawn(async move {
            loop {
                let seen = tokio::select! {
                    Ok(Some(line)) = out.next_line() => Some(parse_line(&line).unwrap_or_else(Seen::Invalid)),
                    Ok(Some(line)) = notices.next_line() => parse_notice(&line),
                    else => return,
                };
                if let Some(seen) = seen {
                    page.saw(seen);
                }
            }
        });
        Self { child }
    }

    pub(crate) async fn signal(&self, name: &str) {
        send_signal(&self.child, name).await;
    }
}

/// Parses a line: a message, or a change in an object of its own.
fn parse_line(line: &str) -> Result<Seen, String> {
    let change = line.strip_prefix("{\"change\":");
    match change.and_then(|rest| rest.strip_suffix('}')) {
        Some(json) => Seen::change(None, json),
        None => Seen::update(line),
    }
}

/// Parses a notice. Only a loss of the connection is expected: these tests lose no
/// messages.
fn parse_notice(line: &str) -> Option<Seen> {
    match line.trim_start_matches("sse-chat: ") {
        line if line.starts_with("disconnected: ") => Some(Seen::Cut),
        "reconnected" => None,
        odd => Some(Seen::Invalid(odd.to_owned())),
    }
}
