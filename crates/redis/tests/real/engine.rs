//! A Redis or Valkey server as a process on a free port.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use redis::{Connection, FromRedisValue, RedisError};

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
/// The wait before something is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// The programs that play the server.
pub(crate) fn programs() -> Vec<String> {
    let listed = std::env::var("SSE_CHAT_REDIS_SERVERS");
    let listed = listed.unwrap_or_else(|_| "redis-server".to_owned());
    listed.split(':').map(str::to_owned).collect()
}

/// A running server. Dropping it kills it and removes its folder.
pub(crate) struct Engine {
    program: String,
    folder: PathBuf,
    port: u16,
    flags: Vec<String>,
    process: Child,
}

/// How a server keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persistence {
    None,
    /// A snapshot, when it is asked for.
    Snapshot,
    /// A log of all commands, on the disk before each answer. With `everysec` even a kill
    /// loses what was answered: a write waits for the last sync, for up to 2 s.
    CommandLog,
}

impl Engine {
    pub(crate) fn start(program: &str, persistence: Persistence) -> Self {
        Self::start_with(program, persistence, &[])
    }

    /// With more flags.
    pub(crate) fn start_with(program: &str, persistence: Persistence, more: &[&str]) -> Self {
        let command_log = match persistence {
            Persistence::CommandLog => "yes",
            Persistence::None | Persistence::Snapshot => "no",
        };
        let flags = [
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            command_log,
            "--repl-diskless-sync-delay",
            "0",
            "--appendfsync",
            "always",
        ];
        let flags = flags.iter().chain(more).map(|&flag| flag.to_owned());
        let flags: Vec<_> = flags.collect();
        // Another program may take the port meanwhile: then the server ends.
        let engine = || Self::try_start(program, &flags);
        std::iter::repeat_with(engine)
            .take(10)
            .flatten()
            .next()
            .unwrap()
    }

    fn try_start(program: &str, flags: &[String]) -> Option<Self> {
        let port = free_port();
        let folder = format!("sse-chat-redis-{}-{port}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        let process = spawn(program, &folder, port, flags);
        let mut engine = Self {
            program: program.to_owned(),
            folder,
            port,
            flags: flags.to_owned(),
            process,
        };
        let is_up = wait_for("the server", || match engine.process.try_wait().unwrap() {
            Some(_) => Some(false),
            None => engine.try_connect().map(|_| true),
        });
        is_up.then_some(engine)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn client(&self) -> redis::Client {
        redis::Client::open(("127.0.0.1", self.port)).unwrap()
    }

    /// A connection, once the server has loaded its data.
    pub(crate) fn connect(&self) -> Connection {
        wait_for("the server", || self.try_connect())
    }

    fn try_connect(&self) -> Option<Connection> {
        let mut connection = self.client().get_connection().ok()?;
        let pong: Result<String, _> = redis::cmd("PING").query(&mut connection);
        pong.ok().map(|_| connection)
    }

    /// Ends the process at once.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Sends it a signal: `STOP` freezes it.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.process.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Starts it again on its folder and port.
    pub(crate) fn restart(&mut self) {
        self.process = spawn(&self.program, &self.folder, self.port, &self.flags);
        drop(self.connect());
    }

    /// Makes it a replica of `master`, and waits until it has all of its data and gets
    /// what is written from now on.
    pub(crate) fn follow(&self, master: &Self) {
        let () = self.ask(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]);
        wait_for("the link to the master", || {
            let info: String = self.ask(&["INFO", "replication"]);
            info.contains("master_link_status:up").then_some(())
        });
        // The master holds commands back until the replica has acknowledged its data.
        let () = master.ask(&["SET", "probe", "sent"]);
        wait_for("a write on the replica", || {
            let probe: Option<String> = self.ask(&["GET", "probe"]);
            probe.map(drop)
        });
    }

    pub(crate) fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        ask(&mut self.connect(), command).unwrap()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn ask<T: FromRedisValue>(
    connection: &mut Connection,
    command: &[&str],
) -> Result<T, RedisError> {
    redis::cmd(command[0]).arg(&command[1..]).query(connection)
}

/// Tries until there is an answer.
pub(crate) fn wait_for<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(ready) = ready() {
            return ready;
        }
        assert!(begun.elapsed() < DEADLINE, "{what} did not come");
        thread::sleep(PAUSE);
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn spawn(program: &str, folder: &Path, port: u16, flags: &[String]) -> Child {
    Command::new(program)
        .args(["--port", &port.to_string()])
        .args(["--dir", folder.to_str().unwrap()])
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}
