//! Standard error or standard output is a full pipe that is not read.

use std::io::{BufRead as _, BufReader, PipeReader, Read as _, Write as _, pipe};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, ChildStderr, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::server_process::{ServerProcess, program, read_until, send_signal};

const DEADLINE: Duration = Duration::from_secs(60);
const FREE: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// A full pipe: writes block until its reader is read.
fn full_pipe() -> (PipeReader, Stdio) {
    let (reader, mut writer) = pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while writer.write(&[b'x'; 4096]).is_ok() {}
    while writer.write(b"x").is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    (reader, writer.into())
}

/// The exit code of a process whose output is not read.
fn exit_code(mut child: Child) -> Option<i32> {
    let _unread = (child.stdout.take(), child.stderr.take());
    let pid = child.id();
    let (ended, end) = mpsc::channel();
    thread::spawn(move || drop(ended.send(child.wait())));
    match end.recv_timeout(DEADLINE) {
        Ok(status) => status.unwrap().code(),
        Err(_) => {
            std::process::Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .status()
                .unwrap();
            panic!("the process did not end within {DEADLINE:?}");
        }
    }
}

/// Stops a server by SIGTERM while its output is not read.
fn exit_code_after_term(server: ServerProcess) -> Option<i32> {
    server.signal("TERM");
    exit_code(server.into_child())
}

/// Pipelines `count` requests on one connection and counts the responses 200.
fn pipeline_requests(server: &ServerProcess, count: usize) -> usize {
    let mut stream = server.connect();
    let mut writer = stream.try_clone().unwrap();
    let sending = thread::spawn(move || {
        let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
        for _ in 1..count {
            writer.write_all(request.as_bytes()).unwrap();
        }
        let last = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        writer.write_all(last).unwrap();
    });
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    sending.join().unwrap();
    answers.matches("HTTP/1.1 200").count()
}

/// The value of `sse_chat_log_lines_dropped_total`.
fn dropped(metrics: SocketAddr) -> u64 {
    let mut stream = TcpStream::connect(metrics).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let name = "sse_chat_log_lines_dropped_total ";
    let value = page.lines().find_map(|line| line.strip_prefix(name));
    value.unwrap_or_else(|| panic!("{page}")).parse().unwrap()
}

/// The address of the metrics in the first line of the log.
fn metrics_address(started: &str) -> SocketAddr {
    let rest = started.split("metrics=\"").nth(1).unwrap();
    rest.split('"').next().unwrap().parse().unwrap()
}

#[test]
fn requests_and_a_shutdown_continue_while_the_access_log_is_not_read() {
    let mut server = ServerProcess::start(
        &[
            &FREE[..],
            &["--access-log", "--log-queue=16KiB", "--metrics=127.0.0.1:0"],
        ]
        .concat(),
    );
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    let mut started = String::new();
    log.read_line(&mut started).unwrap();
    // The pipe holds 64 KiB and the queue 16; the lines have about 400 KiB.
    assert_eq!(pipeline_requests(&server, 3000), 3000);
    assert!(server.request("GET /healthz", "").ends_with("ok"));
    let lost = dropped(metrics_address(&started));
    assert!((1..=3001).contains(&lost), "{lost}");
    assert_eq!(exit_code_after_term(server), Some(0));
    drop(log);
}

#[test]
fn the_log_reports_the_number_of_dropped_lines_once_it_is_read_again() {
    let mut server = ServerProcess::start(
        &[
            &FREE[..],
            &["--access-log", "--log-queue=16KiB"],
            &["--log-format=json", "--log-level=off"],
        ]
        .concat(),
    );
    let log = server.child.stderr.take().unwrap();
    assert_eq!(pipeline_requests(&server, 3000), 3000);
    let log = lines_of(log);
    let next = || {
        let line = log.recv_timeout(DEADLINE).unwrap();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()["fields"].clone()
    };
    let (mut answered, mut reported) = (0, 0);
    while answered + reported < 3000 {
        let fields = next();
        match fields["lines"].as_u64() {
            Some(lines) => reported += lines,
            None => answered += u64::from(fields["message"] == "answered"),
        }
    }
    assert_eq!(answered + reported, 3000);
    assert!(reported > 0);
    server.request("GET /after", "");
    assert_eq!(next()["path"], "/after", "the log continues");
}

#[test]
fn nothing_is_dropped_while_the_log_is_read() {
    let mut server = ServerProcess::start(&[&FREE[..], &["--access-log"]].concat());
    let log = lines_of(server.child.stderr.take().unwrap());
    assert_eq!(pipeline_requests(&server, 3000), 3000);
    assert_eq!(exit_code_after_term(server), Some(0));
    let log: Vec<String> = log.iter().collect();
    let answered = log.iter().filter(|line| line.contains(" answered "));
    assert_eq!(answered.count(), 3000);
    assert!(!log.iter().any(|line| line.contains("dropped")));
    assert!(log.last().unwrap().contains(" drained "), "{log:?}");
}

/// The lines of a log until its end, read by a thread.
fn lines_of(log: ChildStderr) -> mpsc::Receiver<String> {
    let (line, lines) = mpsc::channel();
    thread::spawn(move || {
        for read in BufReader::new(log).lines().map_while(Result::ok) {
            let _ = line.send(read);
        }
    });
    lines
}

#[test]
fn a_shutdown_at_the_default_level_ends_although_the_pipe_is_full() {
    let (unread, stderr) = full_pipe();
    let server = ServerProcess::spawn(program().args(FREE).stderr(stderr));
    let (mut stream, _) = server.stream("", "}\n\n");
    server.signal("TERM");
    read_until(&mut stream, "event: bye\n");
    assert_eq!(exit_code(server.into_child()), Some(0));
    drop(unread);
}

#[test]
fn a_second_signal_ends_the_server_at_once_although_the_pipe_is_full() {
    let (unread, stderr) = full_pipe();
    let server = ServerProcess::spawn(program().args(FREE).arg("--grace=1h").stderr(stderr));
    let _stuck = server.begin_request();
    let (mut stream, _) = server.stream("", "}\n\n");
    server.signal("TERM");
    read_until(&mut stream, "event: bye\n");
    server.signal("TERM");
    assert_eq!(exit_code(server.into_child()), Some(130));
    drop(unread);
}

#[test]
fn the_server_serves_although_standard_output_is_not_read() {
    let (unread, stdout) = full_pipe();
    let mut child = program().args(FREE).stdout(stdout).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut started = String::new();
    log.read_line(&mut started).unwrap();
    let address = started.split("listen=\"").nth(1).unwrap();
    let server = ServerProcess {
        child,
        line: String::new(),
        address: address.split('"').next().unwrap().parse().unwrap(),
    };
    assert!(server.request("GET /healthz", "").ends_with("ok"));
    assert_eq!(exit_code_after_term(server), Some(0));
    drop(unread);
}

#[test]
fn a_failed_start_ends_although_standard_error_is_not_read() {
    for wrong in ["--max-rooms=0", "--ping=soon"] {
        let (unread, stderr) = full_pipe();
        let child = program().arg(wrong).stderr(stderr).spawn().unwrap();
        assert_eq!(exit_code(child), Some(1), "{wrong}");
        drop(unread);
    }
}

#[test]
fn a_closed_pipe_loses_only_log_lines() {
    let mut server = ServerProcess::start(&[&FREE[..], &["--access-log"]].concat());
    drop(server.child.stderr.take());
    assert_eq!(pipeline_requests(&server, 100), 100);
    assert_eq!(exit_code_after_term(server), Some(0));
}

#[test]
fn requests_and_a_shutdown_continue_while_the_service_manager_does_not_read() {
    let name = format!("sse-chat-{}-unread.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let unread = UnixDatagram::bind(&path).unwrap();
    // A watchdog timeout of 2 ms makes one notification per millisecond; the
    // socket's queue holds a few hundred.
    let mut command = program();
    command.args(FREE).env("NOTIFY_SOCKET", &path);
    let server = ServerProcess::spawn(command.env("WATCHDOG_USEC", "2000"));
    fill(&path);
    assert!(server.request("GET /healthz", "").ends_with("ok"));
    let (mut stream, _) = server.stream("", "}\n\n");
    send_signal(&server.child, "TERM");
    read_until(&mut stream, "event: bye\n");
    assert_eq!(exit_code(server.into_child()), Some(0));
    drop(unread);
    std::fs::remove_file(&path).unwrap();
}

/// Fills the queue of a datagram socket.
fn fill(path: &std::path::Path) {
    let socket = UnixDatagram::unbound().unwrap();
    socket.set_nonblocking(true).unwrap();
    while socket.send_to(b"STATUS=full", path).is_ok() {}
}
