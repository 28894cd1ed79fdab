//! Logs panics. The standard hook writes to standard error from the panicking
//! thread, which may block that thread forever.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::thread;

/// Target of these log lines.
pub(super) const TARGET: &str = "panic";

/// Logs every panic of this process from now on.
pub(super) fn install_hook() {
    panic::set_hook(Box::new(log_panic));
}

/// Logs one panic, and a line per frame if backtraces are enabled.
fn log_panic(panic: &PanicHookInfo<'_>) {
    tracing::error!(
        target: TARGET,
        thread = thread::current().name(),
        location = panic.location().map(tracing::field::display),
        "panicked: {}",
        message_of(panic.payload())
    );
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        for line in backtrace.to_string().lines() {
            tracing::error!(target: TARGET, "{line}");
        }
    }
}

/// The payload of `panic!` is a `&str` for a literal, and a `String` otherwise.
fn message_of(payload: &dyn Any) -> &str {
    match (
        payload.downcast_ref::<&str>(),
        payload.downcast_ref::<String>(),
    ) {
        (Some(message), _) => message,
        (None, Some(message)) => message,
        (None, None) => "no message",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _, pipe};
    use std::process::{Command, Stdio};
    use std::sync::mpsc;
    use std::time::Duration;

    use super::super::log::{Log, LogFlags};
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(60);

    #[test]
    fn the_message_of_a_panic_is_a_literal_or_a_formatted_string() {
        assert_eq!(message_of(&"a literal"), "a literal");
        assert_eq!(message_of(&String::from("formatted")), "formatted");
        assert_eq!(message_of(&7), "no message");
    }

    /// Run by the next test in a separate process.
    #[test]
    #[ignore = "it replaces the panic hook and the log of its process"]
    fn a_process_that_panics() {
        let log = Log::start(&LogFlags::off_as_json()).unwrap();
        let panicking = thread::spawn(|| panic!("a bug\u{202e} {}", "in a thread"));
        assert!(panicking.join().is_err());
        log.flush(Duration::from_millis(100));
    }

    fn panicking_process(stderr: Stdio) -> mpsc::Receiver<bool> {
        let name = "cli::serve::panics::tests::a_process_that_panics";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--ignored"])
            .env_remove("RUST_BACKTRACE")
            .env_remove("RUST_LIB_BACKTRACE")
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let (ended, end) = mpsc::channel();
        thread::spawn(move || {
            let _ = ended.send(child.wait().unwrap().success());
        });
        end
    }

    #[test]
    fn a_panic_is_a_line_of_the_log_and_does_not_wait_for_standard_error() {
        let (mut read, stderr) = pipe().unwrap();
        let ended = panicking_process(stderr.into());
        let mut log = String::new();
        read.read_to_string(&mut log).unwrap();
        assert_eq!(ended.recv_timeout(DEADLINE), Ok(true));
        let line: serde_json::Value = serde_json::from_str(&log).unwrap();
        assert_eq!(line["level"], "ERROR");
        assert_eq!(
            line["fields"]["message"],
            "panicked: a bug\u{202e} in a thread"
        );
        let location = line["fields"]["location"].as_str().unwrap();
        assert!(location.starts_with("src/cli/serve/panics.rs:"), "{log}");

        let (unread, mut stderr) = pipe().unwrap();
        rustix::io::ioctl_fionbio(&stderr, true).unwrap();
        while stderr.write(&[b'x'; 4096]).is_ok() {}
        rustix::io::ioctl_fionbio(&stderr, false).unwrap();
        assert_eq!(
            panicking_process(stderr.into()).recv_timeout(DEADLINE),
            Ok(true)
        );
        drop(unread);
    }
}
