//! One call of a load generator against a running server.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::time::timeout;

use crate::cores::{Cores, Role};
use crate::report::Report;
use crate::running::Running;
use crate::server::{Server, beside_this_program};
use crate::work::{Generator, Over, Scale, Work};

/// The time limit of one measurement.
const LIMIT: Duration = Duration::from_secs(120);

/// Measures a work. Returns the report as written and as parsed.
pub(crate) async fn measure(
    sse_chat: &Path,
    cores: Cores,
    running: &Running,
    (work, server, scale): (Work, Server, Scale),
) -> Result<(Vec<u8>, Report), String> {
    let (program, first) = match work.generator() {
        Generator::Bench => (sse_chat.to_owned(), Some("bench")),
        Generator::Plain => (beside_this_program("plain")?, None),
    };
    let url = match work.over() {
        Over::Clear => format!("http://127.0.0.1:{}", running.port),
        Over::Tls | Over::Http2 => format!("https://127.0.0.1:{}", running.tls_port),
    };
    let mut command = cores.command(Role::Generator, &program);
    command
        .args(first)
        .args(["--url", &url])
        .args(["--pid", &running.pids().join(",")])
        .args(work.flags(scale))
        .args(["--publish-body", server.publish_body()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let output = timeout(LIMIT, command.output())
        .await
        .map_err(|_| format!("not done after {} s", LIMIT.as_secs()))?
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let report = read(&output).map_err(|why| {
        let line = running.last_log_line();
        format!("{why} (the server: {line})")
    })?;
    Ok((output.stdout, report))
}

fn read(output: &Output) -> Result<Report, String> {
    if !output.status.success() {
        let talk = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}", output.status, talk.trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("its report: {error}"))
}
