//! A service manager that hands over its socket, and is told how it goes.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::running::{Running, assert_fails, program, read_until};

const DEADLINE: Duration = Duration::from_secs(30);

/// The program with `socket` as descriptor 3. The shell first moves it there
/// from its standard input, and becomes the program, so that the process is
/// the one that `LISTEN_PID` names.
fn handed(socket: impl Into<OwnedFd>, listen_pid: &str) -> Command {
    let script =
        format!("export LISTEN_FDS=1 LISTEN_PID={listen_pid}; exec \"$0\" \"$@\" 3<&0 0</dev/null");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, env!("CARGO_BIN_EXE_sse-chat")])
        .stdin(Stdio::from(socket.into()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A listener such as a service manager keeps.
fn kept() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn handed_copy(socket: &TcpListener) -> Command {
    handed(socket.try_clone().unwrap(), "$$")
}

/// The service manager's end of sd_notify(3). Its file is gone when it is.
struct Notices {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Notices {
    fn new(name: &str) -> Self {
        let name = format!("sse-chat-{}-{name}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, path }
    }

    fn next(&self) -> String {
        let mut bytes = [0; 4096];
        let size = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..size].to_vec()).unwrap()
    }

    /// Reads until one has this line.
    fn until(&self, line: &str) -> String {
        std::iter::repeat_with(|| self.next())
            .find(|notice| notice.lines().any(|found| found == line))
            .unwrap()
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[test]
fn a_socket_that_is_handed_over_replaces_listen() {
    let socket = kept();
    let server = Running::spawn(handed_copy(&socket).args(["--listen", "127.0.0.1:1"]));
    assert_eq!(server.address, socket.local_addr().unwrap());
    assert!(server.request("GET /healthz", "").ends_with("ok"));
}

#[test]
fn a_socket_for_another_process_is_left_alone() {
    let socket = kept();
    let mut command = handed(socket.try_clone().unwrap(), "1");
    let server = Running::spawn(command.args(["--listen", "127.0.0.1:0"]));
    assert_ne!(server.address, socket.local_addr().unwrap());
    // Nor is it ours to say that there are too many.
    let mut command = program();
    let server = Running::spawn(
        command
            .args(["--listen", "127.0.0.1:0"])
            .env("LISTEN_PID", "1")
            .env("LISTEN_FDS", "5000"),
    );
    assert!(server.request("GET /healthz", "").ends_with("ok"));
    for listen_pid in [None, Some("")] {
        let mut command = program();
        command
            .env("LISTEN_FDS", "5000")
            .envs(listen_pid.map(|id| ("LISTEN_PID", id)));
        let output = command.output().unwrap();
        assert_fails(&output, 1, &["LISTEN_FDS", "at most 1024"]);
    }
}

#[test]
fn what_is_no_tcp_listener_is_one_clear_line() {
    let listener = kept();
    let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (unix, _) = UnixDatagram::pair().unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    for wrong in [connection.into(), unix.into(), file.into()] {
        let wrong: OwnedFd = wrong;
        let output = handed(wrong, "$$").output().unwrap();
        assert_fails(&output, 1, &["LISTEN_FDS", "TCP", "fd 3"]);
    }
}

#[test]
fn the_service_manager_is_told_of_the_start_and_of_the_end() {
    let notices = Notices::new("told");
    let mut command = handed_copy(&kept());
    let server = Running::spawn(command.env("NOTIFY_SOCKET", &notices.path));
    notices.until("READY=1");
    let (mut stream, _) = server.stream("", "}\n\n");
    server.signal("TERM");
    let notice = notices.until("STOPPING=1");
    assert!(
        notice.contains("STATUS=shutting down, readers: 1"),
        "{notice}"
    );
    read_until(&mut stream, "event: bye\n");
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn a_start_that_fails_is_never_ready() {
    let notices = Notices::new("failed");
    let mut command = handed_copy(&kept());
    let output = command
        .arg("--ping=0s")
        .env("NOTIFY_SOCKET", &notices.path)
        .output()
        .unwrap();
    assert_fails(&output, 1, &["--ping"]);
    notices.socket.set_nonblocking(true).unwrap();
    assert!(notices.socket.recv(&mut [0]).is_err());
}

#[test]
fn a_watchdog_that_is_wanted_is_fed_and_told_who_is_here() {
    let notices = Notices::new("watchdog");
    let mut command = handed_copy(&kept());
    let server = Running::spawn(
        command
            .env("NOTIFY_SOCKET", &notices.path)
            .env("WATCHDOG_USEC", "100000"),
    );
    let (_stream, _) = server.stream("", "}\n\n");
    notices.until("STATUS=readers: 1, rooms: 1");
    for _ in 0..3 {
        notices.until("WATCHDOG=1");
    }
}

#[test]
fn nobody_feeds_a_watchdog_that_is_another_process_s() {
    let notices = Notices::new("other-watchdog");
    let mut command = handed_copy(&kept());
    let _server = Running::spawn(
        command
            .env("NOTIFY_SOCKET", &notices.path)
            .env("WATCHDOG_USEC", "100000")
            .env("WATCHDOG_PID", "1"),
    );
    notices.until("READY=1");
    assert_eq!(notices.next(), "STATUS=readers: 0, rooms: 0\n");
}

#[test]
fn who_connects_between_two_servers_is_answered_by_the_second() {
    let socket = kept();
    let first = Running::spawn(&mut handed_copy(&socket));
    let (mut stream, _) = first.stream("", "}\n\n");
    first.signal("TERM");
    read_until(&mut stream, "event: bye\n");
    // While the first drains: it may be the last that the first accepts.
    let mut during = first.connect();
    write!(
        during,
        "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let address = first.address;
    assert_eq!(first.ended().0, Some(0));
    let mut between = TcpStream::connect(address).unwrap();
    between.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(
        between,
        "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let _second = Running::spawn(&mut handed_copy(&socket));
    for mut waiting in [during, between] {
        let mut answer = String::new();
        waiting.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    }
}

#[test]
fn a_service_manager_that_does_not_hear_is_no_reason_not_to_serve() {
    let mut command = handed_copy(&kept());
    let server = Running::spawn(command.env("NOTIFY_SOCKET", "/nowhere"));
    assert!(server.request("GET /healthz", "").ends_with("ok"));
    server.signal("TERM");
    let (code, log) = server.ended();
    assert_eq!(code, Some(0));
    assert_eq!(log.matches("can't notify the service manager").count(), 1);
}
