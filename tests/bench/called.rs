//! The benchmark as a child process.

use std::io::Read as _;
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// What a call of the benchmark did.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) talk: String,
}

/// `sse-chat bench` with these words, ready to be run.
pub(crate) fn bench(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sse-chat"));
    command
        .arg("bench")
        .args(args)
        .env_remove("SSE_CHAT_URL")
        .env_remove("SSE_CHAT_CA")
        .env_remove("SSE_CHAT_HTTP2")
        .env_remove("SSE_CHAT_INSECURE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs it to its end.
#[track_caller]
pub(crate) fn call(args: &[&str]) -> Called {
    finish(bench(args).spawn().unwrap())
}

/// Runs it against the server at `address`, with its report as JSON.
#[track_caller]
pub(crate) fn report_on(address: SocketAddr, args: &[&str]) -> (Called, Value) {
    report_on_url(&format!("http://{address}"), args)
}

/// Runs it against the server at `url`, with its report as JSON.
#[track_caller]
pub(crate) fn report_on_url(url: &str, args: &[&str]) -> (Called, Value) {
    let mut all = vec!["--url", url, "--json", "-"];
    all.extend_from_slice(args);
    let called = call(&all);
    let report = called.report();
    (called, report)
}

/// Waits for its end, under the deadline.
#[track_caller]
pub(crate) fn finish(mut child: Child) -> Called {
    let mut out = child.stdout.take().unwrap();
    let mut talk = child.stderr.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    let id = child.id();
    std::thread::spawn(move || {
        let talking = std::thread::spawn(move || {
            let mut text = String::new();
            talk.read_to_string(&mut text).map(|_| text)
        });
        let mut text = String::new();
        let read = out.read_to_string(&mut text).map(|_| text);
        let _ = sender.send((read, talking.join(), child.wait()));
    });
    let Ok((out, talk, status)) = receiver.recv_timeout(DEADLINE) else {
        let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
        panic!("the benchmark did not end within {DEADLINE:?}");
    };
    let status: ExitStatus = status.unwrap();
    Called {
        code: status.code(),
        out: out.unwrap(),
        talk: talk.unwrap().unwrap(),
    }
}

impl Called {
    /// Its report, which it wrote to standard output.
    #[track_caller]
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Checks that it failed with this code and one line that contains these words.
    #[track_caller]
    pub(crate) fn assert_fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert_eq!(self.talk.lines().count(), 1, "{self:#?}");
        assert!(self.out.is_empty(), "{self:#?}");
        for word in words {
            assert!(self.talk.contains(word), "{word:?} in {self:#?}");
        }
    }
}

/// A field of the first run's deliveries, which is a count.
#[track_caller]
pub(crate) fn delivery(report: &Value, field: &str) -> u64 {
    let value = &report["runs"][0]["delivery"][field];
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{field}: {report:#}"))
}

/// Checks all counts of wrong deliveries; those that are not named are 0.
#[track_caller]
pub(crate) fn assert_wrongs(report: &Value, named: &[(&str, u64)]) {
    for field in [
        "lost",
        "doubled",
        "out_of_order",
        "announced_lost",
        "number_holes",
        "disconnected",
    ] {
        let expected = named.iter().find(|(name, _)| *name == field);
        let expected = expected.map_or(0, |(_, count)| *count);
        assert_eq!(delivery(report, field), expected, "{field} in {report:#}");
    }
}
