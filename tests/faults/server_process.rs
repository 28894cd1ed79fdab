//! The server as a process: start, kill, stop, terminate, restart on the same
//! port, and its memory, files and CPU time.

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

use crate::transport::{Certificate, Transport};
use crate::within;

/// Interval of polling.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// Additional open files: the pool of a writer may have two connections.
pub(crate) const WRITERS: usize = 4;

/// The way to start the server.
#[derive(Debug, Clone)]
enum Start {
    Plainly,
    /// With at most this many file descriptors.
    WithFiles(usize),
    /// With a clock whose offset is in this file.
    WithClock(PathBuf),
}

/// A running server. Dropping it kills the process.
pub(crate) struct ServerProcess {
    child: Child,
    address: SocketAddr,
    /// That of its listener with TLS.
    secure: Option<SocketAddr>,
    start: Start,
    flags: Vec<String>,
    log: Log,
}

/// The standard error of a process.
#[derive(Clone)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Sender<usize>,
}

impl ServerProcess {
    /// On a free port, with a short reconnection time and frequent pings.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self::start_as(Start::Plainly, Transport::Clear, flags).await
    }

    /// One that readers reach over this transport. It listens in clear, too.
    pub(crate) async fn start_over(transport: Transport, flags: &[&str]) -> Self {
        Self::start_as(Start::Plainly, transport, flags).await
    }

    /// With at most this many file descriptors.
    pub(crate) async fn start_with_files(files: usize, flags: &[&str]) -> Self {
        Self::start_as(Start::WithFiles(files), Transport::Clear, flags).await
    }

    /// With a fake clock: the file holds its offset in seconds.
    pub(crate) async fn start_with_clock(offset: &Path, flags: &[&str]) -> Self {
        Self::start_as(Start::WithClock(offset.to_owned()), Transport::Clear, flags).await
    }

    async fn start_as(start: Start, transport: Transport, flags: &[&str]) -> Self {
        let mut flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        let log = Log::new();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut addresses = vec![any];
        if transport.is_https() {
            let made = Certificate::of_tests();
            for (flag, path) in [("--tls-cert", &made.certificate), ("--tls-key", &made.key)] {
                flags.extend([flag.to_owned(), path.to_str().unwrap().to_owned()]);
            }
            addresses.push(any);
        }
        let started = run(start.command(), &addresses, &flags, &log);
        let (child, addresses) = within(started).await.unwrap();
        Self {
            child,
            address: addresses[0],
            secure: addresses.get(1).copied(),
            start,
            flags,
            log,
        }
    }

    /// Restarts it on its previous ports.
    pub(crate) async fn start_again(&mut self) {
        let addresses: Vec<SocketAddr> = [self.address].into_iter().chain(self.secure).collect();
        // A client that connects while there is no listener may have got this
        // port as its local one, and keep it for a moment.
        let started = within(async {
            loop {
                match run(self.start.command(), &addresses, &self.flags, &self.log).await {
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

    /// Where readers reach it over the transport that it was started for.
    pub(crate) fn readers_address(&self) -> SocketAddr {
        self.secure.unwrap_or(self.address)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn kill(&mut self) {
        within(self.child.kill()).await.unwrap();
    }

    /// Terminates it and waits for exit code 0.
    pub(crate) async fn terminate(&mut self) {
        self.signal("TERM").await;
        let status = within(self.child.wait()).await.unwrap();
        assert!(status.success(), "{status}: {:?}", self.log.lines());
    }

    pub(crate) async fn signal(&self, name: &str) {
        send_signal(&self.child, name).await;
    }

    /// Asserts that it runs; otherwise shows how it ended.
    #[track_caller]
    pub(crate) fn assert_runs(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert_eq!(ended, None, "{:?}", self.log.lines());
        let lines = self.log.lines();
        let is_bad = |line: &&String| line.contains("panic") || line.contains("ERROR");
        assert_eq!(lines.iter().find(is_bad), None);
    }

    /// Waits until its log contains `words` at least `times` times.
    pub(crate) async fn until_logged(&self, words: &str, times: usize) {
        let mut count = self.log.count.subscribe();
        within(async {
            while self.log.count_of(words) < times {
                count.changed().await.unwrap();
            }
        })
        .await;
    }

    /// Sends one GET request and returns the whole response.
    pub(crate) async fn get(&self, path: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        self.ask(&format!("{head}\r\n")).await
    }

    /// Sends a request with `connection: close` as it is and returns the whole
    /// response.
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

    /// Its CPU time.
    pub(crate) fn cpu_time(&self) -> Duration {
        let stat = self.process().stat().unwrap();
        let ticks = (stat.utime + stat.stime) as f64;
        Duration::from_secs_f64(ticks / procfs::ticks_per_second() as f64)
    }

    /// Its peak memory, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = self.process().status().unwrap();
        status.vmhwm.expect("Linux tells it") * 1024
    }

    /// Its current memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = self.process().status().unwrap();
        status.vmrss.expect("Linux tells it") * 1024
    }

    pub(crate) fn open_files(&self) -> usize {
        self.process().fd_count().unwrap()
    }

    /// Waits until it has at most `most` open files.
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
                    // So that its own limit is not the lower one.
                    .env("SSE_CHAT_MAX_CONNECTIONS", "10000");
                shell
            }
            Self::WithClock(offset) => {
                let mut command = Command::new(program);
                command
                    .env("LD_PRELOAD", faketime())
                    .env("FAKETIME_TIMESTAMP_FILE", offset)
                    .env("FAKETIME_NO_CACHE", "1")
                    // The monotonic clock never jumps.
                    .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
                command
            }
        }
    }
}

/// The path of libfaketime on Debian.
fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let libraries = folders.map(|folder| {
        let folder = folder.unwrap().path();
        folder.join("faketime/libfaketimeMT.so.1")
    });
    let mut found = libraries.filter(|library| library.exists());
    found.next().expect("libfaketime is installed")
}

/// Starts `command` and waits for the line with its addresses; `None` if it ends
/// without one. The first address is in clear, the second over TLS.
async fn run(
    mut command: Command,
    addresses: &[SocketAddr],
    flags: &[String],
    log: &Log,
) -> Option<(Child, Vec<SocketAddr>)> {
    let listen = addresses
        .iter()
        .zip(["", "https://"])
        .flat_map(|(address, scheme)| ["--listen".to_owned(), format!("{scheme}{address}")]);
    let mut child = command
        .arg("serve")
        .args(listen)
        .args(flags)
        // Flags take precedence over these.
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
    let (_, urls) = line.trim_end().split_once(": open ")?;
    let address = |url: &str| url.split_once("://").unwrap().1.parse().unwrap();
    Some((child, urls.split(" or ").map(address).collect()))
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
