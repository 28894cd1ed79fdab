//! Each example serves a chat until it is interrupted, and then drains.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::deadline::DEADLINE;

/// An example that runs on a free port.
struct Example {
    process: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Example {
    fn start(name: &str) -> Self {
        let mut command = Command::new(path(name));
        command.arg("127.0.0.1:0").stdout(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| {
            panic!("{error}: `cargo test` builds the examples, `--test` alone does not")
        });
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().to_owned();
        Self {
            process,
            output,
            address,
        }
    }

    /// Sends a request over a connection of its own.
    fn request(&self, request: &str) -> TcpStream {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        connection.set_read_timeout(Some(DEADLINE)).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        connection
    }

    fn get(&self, path: &str) -> TcpStream {
        self.request(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It has ended unless the test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// cargo builds the examples for a run of the tests, beside them.
fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    profile.join("examples").join(name)
}

/// Reads until `wanted` has come.
fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    while !String::from_utf8_lossy(&read).contains(wanted) {
        let length = stream.read(&mut piece).unwrap();
        assert!(length > 0, "{wanted}: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..length]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

fn serves_a_chat_and_drains(name: &str, own_path: &str, own_answer: &str) {
    let mut example = Example::start(name);
    read_until(&mut example.get("/"), "<!doctype html>");
    let mut own = example.get(own_path);
    read_until(&mut own, own_answer);
    drop(own);
    let mut reader = example.get("/rooms/a/events");
    read_until(&mut reader, "event: hello");
    let form = "name=Ada&message=Hello";
    let posted = read_until(
        &mut example.request(&format!(
            "POST /rooms/a/messages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        )),
        "\"message\":\"Hello\"",
    );
    assert!(posted.starts_with("HTTP/1.1 201"), "{posted}");
    read_until(&mut reader, "\"message\":\"Hello\"");
    let pid = Pid::from_raw(example.process.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    read_until(&mut reader, "event: bye");
    let mut rest = String::new();
    example.output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "Whole\n");
    assert!(example.process.wait().unwrap().success());
}

#[test]
fn the_hyper_example_serves_a_chat_and_drains() {
    serves_a_chat_and_drains("embed", "/time", "tv_sec");
}

#[test]
fn a_stream_of_the_axum_example_resumes() {
    let example = Example::start("axum");
    let text = read_until(&mut example.get("/ticker"), "event: update");
    let mut ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
    let last = ids.next_back().unwrap();
    let mut stream = example.request(&format!(
        "GET /ticker HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: {last}\r\n\r\n"
    ));
    let text = read_until(&mut stream, "event: update");
    let hello = text.lines().find_map(|line| line.strip_prefix("id: "));
    assert_eq!(hello, Some(last), "the hello has the cursor of the client");
    assert!(!text.contains("event: gap"), "{text}");
}

#[test]
fn the_axum_example_serves_a_chat_and_drains() {
    serves_a_chat_and_drains("axum", "/ticker", "event: update");
}
