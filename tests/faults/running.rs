//! The server as a process of its own: started, killed, stopped, told to end,
//! started again on the same port, and looked at from outside.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use procfs::process::Process;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::within;

/// A pause between two looks at what says by itself of no change.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// Files that may be open once more: a writer's pool may have two connections.
pub(crate) const WRITERS: usize = 4;

/// How the server is started.
#[derive(Debug, Clone)]
enum Start {
    Plainly,
    /// With so many file descriptors at most.
    WithFiles(usize),
    /// With a clock that goes as this file says.
    WithClock(PathBuf),
}

/// A running server. It is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
    start: Start,
    flags: Vec<String>,
    log: Log,
}

/// All that a process wrote to standard error.
#[derive(Clone)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Sender<usize>,
}

impl Running {
    /// On a free port. Readers come back soon, and hear from it often.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self::start_as(Start::Plainly, flags).await
    }

    /// With so many file descriptors at most.
    pub(crate) async fn start_with_files(files: usize, flags: &[&str]) -> Self {
        Self::start_as(Start::WithFiles(files), flags).await
    }

    /// With a clock of its own: the file holds how far that is from ours, in
    /// seconds.
    pub(crate) async fn start_with_clock(offset: &Path, flags: &[&str]) -> Self {
        Self::start_as(Start::WithClock(offset.to_owned()), flags).await
    }

    async fn start_as(start: Start, flags: &[&str]) -> Self {
        let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        let log = Log::new();
        let address = "127.0.0.1:0".parse().unwrap();
        let started = run(start.command(), address, &flags, &log);
        let (child, address) = within(started).await.unwrap();
        Self {
            child,
            address,
            start,
            flags,
            log,
        }
    }

    /// Starts it again, on the port that it had before.
    pub(crate) async fn start_again(&mut self) {
        // A client that knocks while nobody listens may have got this very
        // port for its own side, and keep it for a moment.
        let started = within(async {
            loop {
                match run(self.start.command(), self.address, &self.flags, &self.log).await {
                    Some((child, _)) => return child,
                    None => tokio::time::sleep(LOOK).await,
                }
            }
        });
        self.child = started.await;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn kill(&mut self) {
        within(self.child.kill()).await.unwrap();
    }

    /// Asks it to end, and waits until it has. It must say that all went well.
    pub(crate) async fn terminate(&mut self) {
        self.signal("TERM").await;
        let status = within(self.child.wait()).await.unwrap();
        assert!(status.success(), "{status}: {:?}", self.log.lines());
    }

    pub(crate) async fn signal(&self, name: &str) {
        send_signal(&self.child, name).await;
    }

    /// It runs, or has ended with this.
    #[track_caller]
    pub(crate) fn assert_runs(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert_eq!(ended, None, "{:?}", self.log.lines());
        let lines = self.log.lines();
        let is_bad = |line: &&String| line.contains("panic") || line.contains("ERROR");
        assert_eq!(lines.iter().find(is_bad), None);
    }

    /// Waits until its log has said this so many times.
    pub(crate) async fn until_it_says(&self, words: &str, times: usize) {
        let mut count = self.log.count.subscribe();
        within(async {
            while self.log.count_of(words) < times {
                count.changed().await.unwrap();
            }
        })
        .await;
    }

    /// One request, and the whole answer.
    pub(crate) async fn get(&self, path: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        self.ask(&format!("{head}\r\n")).await
    }

    /// One request as it is sent, which asks for the end of its connection, and
    /// the whole answer.
    pub(crate) async fn ask(&self, request: &str) -> String {
        let asked = async {
            let mut client = TcpStream::connect(self.address).await?;
            client.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            client.read_to_string(&mut answer).await?;
            io::Result::Ok(answer)
        };
        within(asked).await.unwrap()
    }

    /// The time for which it has kept a core busy.
    pub(crate) fn cpu_time(&self) -> Duration {
        let stat = self.process().stat().unwrap();
        let ticks = (stat.utime + stat.stime) as f64;
        Duration::from_secs_f64(ticks / procfs::ticks_per_second() as f64)
    }

    /// The most memory that it ever used, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = self.process().status().unwrap();
        status.vmhwm.expect("Linux tells it") * 1024
    }

    /// The memory that it uses, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = self.process().status().unwrap();
        status.vmrss.expect("Linux tells it") * 1024
    }

    pub(crate) fn open_files(&self) -> usize {
        self.process().fd_count().unwrap()
    }

    /// Waits until it has no more open files than this.
    pub(crate) async fn until_open_files(&self, most: usize) {
        within(async {
            while self.open_files() > most {
                tokio::time::sleep(LOOK).await;
            }
        })
        .await;
    }

    fn process(&self) -> Process {
        let id = self.child.id().expect("it runs");
        Process::new(i32::try_from(id).unwrap()).unwrap()
    }
}

impl Start {
    fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_sse-chat");
        match self {
            Self::Plainly => Command::new(program),
            Self::WithFiles(files) => {
                let mut shell = Command::new("sh");
                let limit = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
                shell
                    .args(["-c", &limit, program])
                    // No limit of its own comes before that one.
                    .env("SSE_CHAT_MAX_CONNECTIONS", "10000");
                shell
            }
            Self::WithClock(offset) => {
                let mut command = Command::new(program);
                command
                    .env("LD_PRELOAD", faketime())
                    .env("FAKETIME_TIMESTAMP_FILE", offset)
                    .env("FAKETIME_NO_CACHE", "1")
                    // No kernel lets that one jump.
                    .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
                command
            }
        }
    }
}

/// The library that fakes the time, where Debian puts it.
fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let libraries = folders.map(|folder| {
        let folder = folder.unwrap().path();
        folder.join("faketime/libfaketimeMT.so.1")
    });
    let mut found = libraries.filter(|library| library.exists());
    found.next().expect("libfaketime is installed")
}

/// Runs `command` and waits for its one line with the address; none if it ends
/// without.
async fn run(
    mut command: Command,
    address: SocketAddr,
    flags: &[String],
    log: &Log,
) -> Option<(Child, SocketAddr)> {
    let mut child = command
        .arg("serve")
        .args(["--listen", &address.to_string()])
        .args(flags)
        // Flags win over these.
        .env("SSE_CHAT_RETRY", "50ms..100ms")
        .env("SSE_CHAT_PING", "200ms")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    log.follow(child.stderr.take().unwrap());
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).await.unwrap();
    let (_, address) = line.trim_end().rsplit_once("http://")?;
    Some((child, address.parse().unwrap()))
}

/// Sends a signal by its name without `SIG`.
pub(crate) async fn send_signal(child: &Child, name: &str) {
    let id = child.id().expect("it runs").to_string();
    let mut kill = Command::new("kill");
    let sent = kill.args([&format!("-{name}"), &id]).status().await;
    assert!(sent.unwrap().success());
}

impl Log {
    fn new() -> Self {
        Self {
            lines: Arc::default(),
            count: watch::Sender::new(0),
        }
    }

    fn follow(&self, errors: impl AsyncRead + Unpin + Send + 'static) {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(errors).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                log.lines.lock().unwrap().push(line);
                log.count.send_modify(|count| *count += 1);
            }
        });
    }

    fn count_of(&self, words: &str) -> usize {
        let lines = self.lines();
        lines.iter().filter(|line| line.contains(words)).count()
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}
