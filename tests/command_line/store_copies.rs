//! Copies of a stored history while a server has it open.

use std::io::pipe;
use std::path::PathBuf;
use std::process::Stdio;
use std::{env, fs};

use super::server_process::{ServerProcess, assert_fails, program, run};

/// A folder that is removed on drop.
struct Folder(PathBuf);

impl Folder {
    /// The name is that of one test.
    fn new(name: &str) -> Self {
        let id = std::process::id();
        let path = env::temp_dir().join(format!("sse-chat-copies-{name}-{id}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn join(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn serve(data: &str) -> ServerProcess {
    ServerProcess::start(&["--listen", "127.0.0.1:0", "--data", data])
}

/// The history of the room.
fn history(server: &ServerProcess) -> String {
    let answer = server.request("GET /rooms/lobby/messages", "");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn a_backup_and_an_import_have_the_history_of_a_running_server() {
    let folder = Folder::new("copied");
    let (data, backup, import) = (folder.join("a"), folder.join("b"), folder.join("c"));
    let server = serve(&data);
    for text in ["one", "two"] {
        let body = format!(r#"{{"name":"Ada","message":"{text}"}}"#);
        let answer = server.request("POST /rooms/lobby/messages", &body);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    let shown = history(&server);
    assert!(shown.contains("two"), "{shown}");
    let output = run(&["backup", "--data", &data, &backup]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{error}"
    );
    assert!(
        error.starts_with(&format!("sse-chat: {backup} has ")),
        "{error}"
    );
    let lines = run(&["export", "--data", &data]);
    assert!(lines.status.success() && lines.stderr.is_empty());
    assert!(lines.stdout.starts_with(b"{\"store\":"));
    let file = folder.join("lines");
    fs::write(&file, &lines.stdout).unwrap();
    let lines = || Stdio::from(fs::File::open(&file).unwrap());
    let imported = program()
        .args(["import", "--data", &import])
        .stdin(lines())
        .output();
    assert!(imported.unwrap().status.success());
    for copy in [&backup, &import] {
        assert_eq!(history(&serve(copy)), shown);
    }
    assert_fails(
        &run(&["backup", "--data", &data, &backup]),
        1,
        &[&backup, "another folder"],
    );
    assert_fails(
        &run(&["export", "--data", &folder.join("d")]),
        1,
        &["there is no store"],
    );
    let again = program()
        .args(["import", "--data", &data])
        .stdin(lines())
        .output();
    assert_fails(&again.unwrap(), 1, &["there is a store"]);
    let empty = run(&["import", "--data", &folder.join("e")]);
    assert_fails(&empty, 1, &["sse-chat: standard input: line 1: "]);
}

#[test]
fn an_export_that_fails_names_standard_output() {
    let folder = Folder::new("unwritten");
    let data = folder.join("a");
    drop(serve(&data));
    let (reader, closed) = pipe().unwrap();
    drop(reader);
    let full = fs::File::create("/dev/full").unwrap();
    for (output, why) in [
        (Stdio::from(full), "No space left on device"),
        (Stdio::from(closed), "Broken pipe"),
    ] {
        let export = program()
            .args(["export", "--data", &data])
            .stdout(output)
            .output();
        let line = format!("sse-chat: standard output: {why}");
        assert_fails(&export.unwrap(), 1, &[&line]);
    }
}

/// The log of a server on a store, until its shutdown.
fn log_of_start(data: &str, flags: &[&str]) -> String {
    let args = [&["--listen", "127.0.0.1:0", "--data", data], flags].concat();
    let server = ServerProcess::start(&args);
    server.signal("TERM");
    server.wait().1
}

#[test]
fn a_start_logs_how_much_is_stored_and_how_much_exceeds_the_bounds() {
    let folder = Folder::new("bounds");
    let data = folder.join("a");
    let server = serve(&data);
    for _ in 0..5 {
        let body = r#"{"name":"Ada","message":"x"}"#;
        let answer = server.request("POST /rooms/lobby/messages", body);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));
    for (flags, entries, excess) in [
        (&["--history", "1", "--data-history", "5"][..], 5, 0),
        (&["--history", "1", "--data-history", "3"], 3, 2),
        (&["--history", "1"], 1, 2),
        (&["--history", "1"], 1, 0),
    ] {
        let log = log_of_start(&data, flags);
        let loaded = log.lines().find(|line| line.contains("history loaded"));
        let loaded = loaded.expect(&log);
        assert!(loaded.contains(&format!(" entries={entries} ")), "{log}");
        let warnings: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
        match excess {
            0 => assert!(warnings.is_empty(), "{log}"),
            _ => {
                assert_eq!(warnings.len(), 1, "{log}");
                assert!(warnings[0].contains(&format!("entries={excess}")), "{log}");
                assert!(warnings[0].contains("deleted"), "{log}");
            }
        }
    }
}

#[test]
fn a_backup_of_a_damaged_store_names_the_store() {
    let folder = Folder::new("damaged");
    let (data, target) = (folder.join("a"), folder.join("b"));
    drop(serve(&data));
    let file = folder.0.join("a/history.sqlite3");
    let mut bytes = fs::read(&file).unwrap();
    // Behind the header, by which the file is known as a store.
    bytes[100..].fill(b'x');
    fs::write(&file, bytes).unwrap();
    let output = run(&["backup", "--data", &data, &target]);
    let line = format!("sse-chat: {data}: the store is damaged");
    assert_fails(&output, 1, &[&line]);
    assert!(!fs::exists(&target).unwrap());
}
