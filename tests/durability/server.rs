//! The server as a process on a folder: start, kill, stop, restart on the same port, and how
//! it ends by itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::within;

/// The wait before a start is repeated.
const PAUSE: Duration = Duration::from_millis(20);

/// Moves a socket from standard input to descriptor 3, as a service manager passes it.
const PASS: &str = "export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" \"$@\" 3<&0 0</dev/null";

/// A running server. Dropping it kills the process.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    setup: Setup,
    /// What it writes to standard error until it ends.
    log: JoinHandle<String>,
}

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    /// Its history; `None` is memory only.
    pub(crate) folder: Option<PathBuf>,
    flags: Vec<String>,
    variables: BTreeMap<String, String>,
    /// The program and arguments that run the server in another namespace.
    enter: Vec<String>,
    /// A socket that a service manager passes, in place of `--listen`.
    listener: Option<Listener>,
}

/// A listening socket that outlives servers. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Listener(Arc<std::net::TcpListener>);

/// How a server ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) log: String,
}

impl Setup {
    /// One with its history in this folder, and each commit on the disk before its answer.
    pub(crate) fn on(folder: &Path) -> Self {
        Self::synced(folder, "full")
    }

    /// With another mode of `--sync`.
    pub(crate) fn synced(folder: &Path, sync: &str) -> Self {
        let setup = Self {
            folder: Some(folder.to_owned()),
            ..Self::default()
        };
        setup.with(&["--sync", sync])
    }

    pub(crate) fn with(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|&flag| flag.to_owned()));
        self
    }

    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// On a socket that is passed to it.
    pub(crate) fn on_socket(mut self, listener: &Listener) -> Self {
        self.listener = Some(listener.clone());
        self
    }

    /// In a namespace: the program that enters it, with its arguments.
    pub(crate) fn within(mut self, enter: Vec<String>) -> Self {
        self.enter = enter;
        self
    }

    fn command(&self, address: SocketAddr) -> Command {
        let program = env!("CARGO_BIN_EXE_sse-chat");
        let mut command = match &self.enter[..] {
            [] if self.listener.is_some() => {
                let mut shell = Command::new("sh");
                shell.args(["-c", PASS, program]);
                shell
            }
            [] => Command::new(program),
            [enter, arguments @ ..] => {
                let mut command = Command::new(enter);
                command.args(arguments).arg(program);
                command
            }
        };
        command.args(["serve", "--listen", &address.to_string()]);
        if let Some(folder) = &self.folder {
            command.arg("--data").arg(folder);
        }
        command
            .args(&self.flags)
            .env("SSE_CHAT_RETRY", "20ms..50ms")
            .env("SSE_CHAT_PING", "200ms")
            .envs(&self.variables)
            .stdin(
                self.listener
                    .as_ref()
                    .map_or_else(Stdio::null, Listener::pass),
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts a server; an error is how it ended instead.
    pub(crate) async fn try_start(&self, address: SocketAddr) -> Result<Server, End> {
        let mut child = self.command(address).spawn().unwrap();
        let mut errors = child.stderr.take().unwrap();
        let log = tokio::spawn(async move {
            let mut log = Vec::new();
            let _ = errors.read_to_end(&mut log).await;
            String::from_utf8_lossy(&log).into_owned()
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = within(lines.next_line()).await.unwrap();
        let Some(line) = line else {
            let code = within(child.wait()).await.unwrap().code();
            let log = log.await.unwrap();
            return Err(End { code, log });
        };
        let (_, url) = line.split_once("://").expect("a line with the address");
        Ok(Server {
            child,
            address: url.trim_end().parse().unwrap(),
            setup: self.clone(),
            log,
        })
    }

    /// Starts a server on a free port.
    pub(crate) async fn start(&self) -> Server {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        match self.try_start(any).await {
            Ok(server) => server,
            Err(end) => panic!("it does not start: {end:?}"),
        }
    }
}

impl Listener {
    /// On a free port, with the queue of a service manager.
    pub(crate) fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        socket.bind(&any.into()).unwrap();
        socket.listen(4096).unwrap();
        Self(Arc::new(socket.into()))
    }

    fn pass(&self) -> Stdio {
        OwnedFd::from(self.0.try_clone().unwrap()).into()
    }
}

impl Server {
    /// Starts it again on its port, after it ended.
    pub(crate) async fn start_again(&mut self) {
        if let Err(end) = self.try_start_again().await {
            panic!("it does not start again: {end:?}");
        }
    }

    /// The same; an error is how it ended instead.
    pub(crate) async fn try_start_again(&mut self) -> Result<(), End> {
        let (setup, address) = (self.setup.clone(), self.address);
        // A client that connects while there is no listener may have got this port as its
        // local one, and keep it for a moment.
        let started = within(async move {
            loop {
                match setup.try_start(address).await {
                    Err(end) if end.is_for_the_port() => tokio::time::sleep(PAUSE).await,
                    started => return started,
                }
            }
        });
        *self = started.await?;
        Ok(())
    }

    /// The folder of the next start.
    pub(crate) fn set_folder(&mut self, folder: &Path) {
        self.setup.folder = Some(folder.to_owned());
    }

    /// A variable of the next start.
    pub(crate) fn set_variable(&mut self, name: &str, value: &str) {
        let setup = std::mem::take(&mut self.setup);
        self.setup = setup.with_variable(name, value);
    }

    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Starts it, and kills it after this time, which may be before it is ready.
    pub(crate) async fn start_and_kill(&self, after: Duration) {
        let mut child = self.setup.command(self.address).spawn().unwrap();
        // The time of the fault.
        tokio::time::sleep(after).await;
        within(child.kill()).await.unwrap();
    }

    pub(crate) async fn kill(&mut self) {
        within(self.child.kill()).await.unwrap();
        let End { log, .. } = self.ended().await;
        assert!(!log.contains("panicked"), "{log}");
    }

    /// Stops the process, as SIGSTOP does, for this time, and kills it then.
    pub(crate) async fn stop_and_kill(&mut self, after: Duration) {
        self.signal("STOP").await;
        // The time of the fault.
        tokio::time::sleep(after).await;
        self.kill().await;
    }

    /// Terminates it gracefully.
    pub(crate) async fn terminate(&mut self) {
        self.signal("TERM").await;
        let end = self.ended().await;
        assert_eq!(end.code, Some(0), "{end:?}");
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(&mut self) -> End {
        let code = within(self.child.wait()).await.unwrap().code();
        let log = within(&mut self.log).await.unwrap();
        self.log = tokio::spawn(async { String::new() });
        End { code, log }
    }

    /// Asserts that it runs.
    pub(crate) async fn assert_runs(&mut self) {
        if self.child.try_wait().unwrap().is_some() {
            panic!("it ended: {:?}", self.ended().await);
        }
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let mut kill = Command::new("kill");
        let sent = kill.args([&format!("-{name}"), &id]).status().await;
        assert!(sent.unwrap().success());
    }
}

impl End {
    fn is_for_the_port(&self) -> bool {
        self.log.contains("Address already in use") || self.log.contains("in use (os error")
    }
}
