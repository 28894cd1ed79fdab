//! A server that runs: started, awaited, and ended with all its processes, in
//! whichever way this value goes away.

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

use crate::cores::{Cores, Role};
use crate::server::Server;

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How long it may take to end by itself.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// A server process, in a process group of its own.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    group: Pid,
    pub(crate) port: u16,
    /// Its folder: what it says on standard error, and nginx's files.
    scratch: TempDir,
}

impl Running {
    /// Starts a server, and waits until it accepts a message.
    pub(crate) async fn start(
        server: Server,
        sse_chat: &Path,
        cores: Cores,
    ) -> Result<Self, String> {
        let mut running = Self::spawn(server, sse_chat, cores)
            .await
            .map_err(|why| format!("{} does not start: {why}", server.name()))?;
        let answers = timeout(START_LIMIT, running.answers(server)).await;
        match answers.unwrap_or_else(|_| Err("it accepts no message".into())) {
            Ok(()) => Ok(running),
            Err(why) => {
                let words = running.last_words();
                Err(format!("{} does not start: {why}: {words}", server.name()))
            }
        }
    }

    async fn spawn(server: Server, sse_chat: &Path, cores: Cores) -> Result<Self, String> {
        let scratch = TempDir::with_prefix("sse-chat-peers-").map_err(|error| error.to_string())?;
        let port = free_port().await.map_err(|error| error.to_string())?;
        let invocation = server.invocation(sse_chat, port, scratch.path())?;
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
            scratch,
        })
    }

    /// Waits until it accepts a message, or has ended.
    async fn answers(&mut self, server: Server) -> Result<(), String> {
        let body = server.publish_body().replace("{payload}", "ready");
        while !accepts(self.port, &body).await {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(status.to_string());
            }
            sleep(ASK_EVERY).await;
        }
        Ok(())
    }

    /// Its process and the children of that: nginx has a worker.
    pub(crate) fn pids(&self) -> Vec<String> {
        let pid = self.group.as_raw_pid().to_string();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let mut pids = vec![pid];
        pids.extend(children.split_whitespace().map(str::to_owned));
        pids
    }

    /// The last line that it wrote to standard error.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read(self.scratch.path().join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let last = log.lines().rev().find(|line| !line.trim().is_empty());
        last.unwrap_or("it says nothing").to_owned()
    }

    /// Ends it, and waits until it is gone. It is asked first, so that nginx's
    /// master can see its worker off.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::TERM);
        let _ = timeout(STOP_LIMIT, self.child.wait()).await;
        // What still runs then is killed by the drop.
    }

    /// To the whole group: nginx's worker outlives a master that is killed. One
    /// that is gone already needs no signal.
    fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once the child has been awaited, its id may belong to somebody else.
        if self.child.id().is_some() {
            self.signal(Signal::KILL);
        }
    }
}

async fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    Ok(listener.local_addr()?.port())
}

/// Whether a message is accepted, in a room that nobody reads.
async fn accepts(port: u16, body: &str) -> bool {
    let length = body.len();
    let request = format!(
        "POST /rooms/ready/messages HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut answer = [0; 10];
    let asked = async {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
        socket.write_all(request.as_bytes()).await?;
        socket.read_exact(&mut answer).await
    };
    asked.await.is_ok() && answer.starts_with(b"HTTP/1.1 2")
}
