//! A running server: started, awaited, and stopped with all of its processes, also
//! when the value is dropped.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Child;
use tokio::time::{sleep, timeout};

use crate::certificate::Certificate;
use crate::cores::{Cores, Role};
use crate::server::{Server, Site};
use crate::work::Over;

/// The time limit for a server to accept its first message.
const START_LIMIT: Duration = Duration::from_secs(20);
/// The time limit for it to exit after `SIGTERM`.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// The interval of the attempts to publish that first message.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// A server process, in a process group of its own.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    group: Pid,
    /// The port in clear.
    pub(crate) port: u16,
    /// The port with TLS, in works over TLS.
    pub(crate) tls_port: u16,
    /// Its folder: the log of its standard error, and nginx's files.
    scratch: TempDir,
}

impl Running {
    /// Starts a server and waits until it accepts a message.
    pub(crate) async fn start(
        server: Server,
        (sse_chat, over): (&Path, Over),
        cores: Cores,
        certificate: &Certificate,
    ) -> Result<Self, String> {
        let mut running = Self::spawn(server, (sse_chat, over), cores, certificate)
            .await
            .map_err(|why| format!("{} does not start: {why}", server.name()))?;
        let accepted = timeout(START_LIMIT, running.accept_first_message(server, over)).await;
        match accepted.unwrap_or_else(|_| Err("it accepts no message".into())) {
            Ok(()) => Ok(running),
            Err(why) => {
                let line = running.last_log_line();
                Err(format!("{} does not start: {why}: {line}", server.name()))
            }
        }
    }

    async fn spawn(
        server: Server,
        (sse_chat, over): (&Path, Over),
        cores: Cores,
        certificate: &Certificate,
    ) -> Result<Self, String> {
        let scratch = TempDir::with_prefix("sse-chat-peers-").map_err(|error| error.to_string())?;
        let [port, tls_port, upstream] = free_ports().await.map_err(|error| error.to_string())?;
        let site = Site {
            port,
            tls_port,
            upstream,
            certificate,
            scratch: scratch.path(),
        };
        let invocation = server.invocation(sse_chat, over, site)?;
        let log = File::create(scratch.path().join("log")).map_err(|error| error.to_string())?;
        let child = cores
            .command(Role::Server, &invocation.program)
            .args(&invocation.arguments)
            .env("NODE_ENV", "production")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{}: {error}", invocation.program.display()))?;
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self {
            child,
            group: id.ok_or("it ended at once")?,
            port,
            tls_port,
            scratch,
        })
    }

    /// Waits until it accepts a message. An error if it exits before.
    async fn accept_first_message(&mut self, server: Server, over: Over) -> Result<(), String> {
        let body = server.publish_body().replace("{payload}", "ready");
        while !(accepts(self.port, &body).await && self.listens(over).await) {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(status.to_string());
            }
            sleep(RETRY_INTERVAL).await;
        }
        Ok(())
    }

    /// Whether it listens on the port with TLS, in works that need it.
    async fn listens(&self, over: Over) -> bool {
        let address = ("127.0.0.1", self.tls_port);
        over == Over::Clear || TcpStream::connect(address).await.is_ok()
    }

    /// Its process and that process's children: nginx has a worker.
    pub(crate) fn pids(&self) -> Vec<String> {
        let pid = self.group.as_raw_pid().to_string();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let mut pids = vec![pid];
        pids.extend(children.split_whitespace().map(str::to_owned));
        pids
    }

    /// The last line of its standard error that is not empty.
    pub(crate) fn last_log_line(&self) -> String {
        let log = fs::read(self.scratch.path().join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let last = log.lines().rev().find(|line| !line.trim().is_empty());
        last.unwrap_or("its standard error is empty").to_owned()
    }

    /// Stops it and waits for its exit. `SIGTERM` comes first, so that nginx's master
    /// stops its worker.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::TERM);
        let _ = timeout(STOP_LIMIT, self.child.wait()).await;
        // The drop kills what is still running.
    }

    /// Signals the whole process group: nginx's worker survives a killed master. An
    /// error means that the group has no process left.
    fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After the child was awaited, another process may have its id.
        if self.child.id().is_some() {
            self.signal(Signal::KILL);
        }
    }
}

async fn free_ports() -> std::io::Result<[u16; 3]> {
    // All are bound before one is closed, so that they differ.
    let bind = || TcpListener::bind(("127.0.0.1", 0));
    let listeners = [bind().await?, bind().await?, bind().await?];
    let [first, second, third] = listeners.map(|listener| listener.local_addr());
    Ok([first?.port(), second?.port(), third?.port()])
}

/// Whether the server accepts a message, in a room without readers.
async fn accepts(port: u16, body: &str) -> bool {
    let length = body.len();
    let head_and_body = format!(
        "POST /rooms/ready/messages HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut answer = [0; 10];
    let request = async {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
        socket.write_all(head_and_body.as_bytes()).await?;
        socket.read_exact(&mut answer).await
    };
    request.await.is_ok() && answer.starts_with(b"HTTP/1.1 2")
}
