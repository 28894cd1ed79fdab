//! A reader that is a process: `sse-chat tail --json`. It shows no hello, so it
//! reads from the very first message on.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::notes::Page;
use crate::record::Seen;
use crate::running::send_signal;

/// A running `sse-chat tail`. It is killed when it is dropped.
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
        let mut talk = BufReader::new(child.stderr.take().unwrap()).lines();
        let page = page.clone();
        tokio::spawn(async move {
            loop {
                let seen = tokio::select! {
                    Ok(Some(line)) = out.next_line() => Some(Seen::update(&line).unwrap_or_else(Seen::Odd)),
                    Ok(Some(line)) = talk.next_line() => talked(&line),
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

/// It tells of a loss only when there was one; these tests let it lose nothing.
fn talked(line: &str) -> Option<Seen> {
    match line.trim_start_matches("sse-chat: ") {
        line if line.starts_with("disconnected: ") => Some(Seen::Cut),
        "reconnected" => None,
        odd => Some(Seen::Odd(odd.to_owned())),
    }
}
