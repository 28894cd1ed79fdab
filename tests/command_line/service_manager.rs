//! A service manager that passes its sockets and receives notifications.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::server_process::{ServerProcess, assert_fails, program, read_until};

const DEADLINE: Duration = Duration::from_secs(30);

/// The program with `socket` as descriptor 3. A shell moves it there from its
/// standard input and then executes the program, so that the process has the
/// `LISTEN_PID` that the shell has set.
fn with_passed_socket(socket: impl Into<OwnedFd>, listen_pid: &str) -> Command {
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

/// A listener that a service manager keeps open.
fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn with_passed_copy(socket: &TcpListener) -> Command {
    with_passed_socket(socket.try_clone().unwrap(), "$$")
}

/// The service manager's end of sd_notify(3). Dropping it removes its file.
struct NotifySocket {
    socket: UnixDatagram,
    path: PathBuf,
}

impl NotifySocket {
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

    /// Reads until a notification has this line.
    fn wait_for(&self, line: &str) -> String {
        std::iter::repeat_with(|| self.next())
            .find(|notification| notification.lines().any(|found| found == line))
            .unwrap()
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[test]
fn a_passed_socket_replaces_listen() {
    let socket = listener();
    let server = ServerProcess::spawn(with_passed_copy(&socket).args(["--listen", "127.0.0.1:1"]));
    assert_eq!(server.address, socket.local_addr().unwrap());
    assert!(server.request("GET /healthz", "").ends_with("ok"));
}

#[test]
fn a_socket_for_another_process_is_not_used() {
    let socket = listener();
    let mut command = with_passed_socket(socket.try_clone().unwrap(), "1");
    let server = ServerProcess::spawn(command.args(["--listen", "127.0.0.1:0"]));
    assert_ne!(server.address, socket.local_addr().unwrap());
    // A number of sockets for another process is not checked.
    let mut command = program();
    let server = ServerProcess::spawn(
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
fn a_descriptor_that_is_no_tcp_listener_is_reported_in_one_line() {
    let listener = listener();
    let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (unix, _) = UnixDatagram::pair().unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    for wrong in [connection.into(), unix.into(), file.into()] {
        let wrong: OwnedFd = wrong;
        let output = with_passed_socket(wrong, "$$").output().unwrap();
        assert_fails(&output, 1, &["LISTEN_FDS", "TCP", "fd 3"]);
    }
}

#[test]
fn the_service_manager_is_notified_of_the_start_and_of_the_shutdown() {
    let manager = NotifySocket::new("lifecycle");
    let mut command = with_passed_copy(&listener());
    let server = ServerProcess::spawn(command.env("NOTIFY_SOCKET", &manager.path));
    manager.wait_for("READY=1");
    let (mut stream, _) = server.stream("", "}\n\n");
    server.signal("TERM");
    let notification = manager.wait_for("STOPPING=1");
    assert!(
        notification.contains("STATUS=shutting down, readers: 1"),
        "{notification}"
    );
    read_until(&mut stream, "event: bye\n");
    assert_eq!(server.wait().0, Some(0));
}

#[test]
fn a_failed_start_is_never_ready() {
    let manager = NotifySocket::new("failed");
    let mut command = with_passed_copy(&listener());
    let output = command
        .arg("--ping=0s")
        .env("NOTIFY_SOCKET", &manager.path)
        .output()
        .unwrap();
    assert_fails(&output, 1, &["--ping"]);
    manager.socket.set_nonblocking(true).unwrap();
    assert!(manager.socket.recv(&mut [0]).is_err());
}

#[test]
fn a_watchdog_gets_keep_alives_and_the_number_of_readers() {
    let manager = NotifySocket::new("watchdog");
    let mut command = with_passed_copy(&listener());
    let server = ServerProcess::spawn(
        command
            .env("NOTIFY_SOCKET", &manager.path)
            .env("WATCHDOG_USEC", "100000"),
    );
    let (_stream, _) = server.stream("", "}\n\n");
    manager.wait_for("STATUS=readers: 1, rooms: 1");
    for _ in 0..3 {
        manager.wait_for("WATCHDOG=1");
    }
}

#[test]
fn the_watchdog_of_another_process_gets_no_keep_alive() {
    let manager = NotifySocket::new("other-watchdog");
    let mut command = with_passed_copy(&listener());
    let _server = ServerProcess::spawn(
        command
            .env("NOTIFY_SOCKET", &manager.path)
            .env("WATCHDOG_USEC", "100000")
            .env("WATCHDOG_PID", "1"),
    );
    manager.wait_for("READY=1");
    assert_eq!(manager.next(), "STATUS=readers: 0, rooms: 0\n");
}

#[test]
fn a_connection_between_two_servers_is_answered_by_the_second() {
    let socket = listener();
    let first = ServerProcess::spawn(&mut with_passed_copy(&socket));
    let (mut stream, _) = first.stream("", "}\n\n");
    first.signal("TERM");
    read_until(&mut stream, "event: bye\n");
    // The draining server may still accept this one.
    let mut during = first.connect();
    write!(
        during,
        "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let address = first.address;
    assert_eq!(first.wait().0, Some(0));
    let mut between = TcpStream::connect(address).unwrap();
    between.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(
        between,
        "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let _second = ServerProcess::spawn(&mut with_passed_copy(&socket));
    for mut pending in [during, between] {
        let mut answer = String::new();
        pending.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    }
}

#[test]
fn the_server_serves_although_the_service_manager_is_unreachable() {
    let mut command = with_passed_copy(&listener());
    let server = ServerProcess::spawn(command.env("NOTIFY_SOCKET", "/nowhere"));
    assert!(server.request("GET /healthz", "").ends_with("ok"));
    server.signal("TERM");
    let (code, log) = server.wait();
    assert_eq!(code, Some(0));
    assert_eq!(log.matches("can't notify the service manager").count(), 1);
}
