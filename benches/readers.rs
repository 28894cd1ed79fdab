//! The server as a whole, over loopback: memory per idle reader, whether 1,000
//! readers lose anything at 200 messages a second, and publishing without
//! readers over 32 connections.
//!
//! `cargo bench --bench readers` runs it: the server on processor 0, the load
//! on the others, 30 seconds of messages. Wall time on a shared machine is
//! noisy; the server's own processor time is the figure to compare.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sse_chat::sse::{Decoder, Item};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const READERS: usize = 1000;
const MESSAGES_PER_SECOND: u64 = 200;
const SECONDS: u64 = 30;
const CONNECTIONS: usize = 32;
/// How long a reader waits for what it has not seen, before that is lost.
const PATIENCE: Duration = Duration::from_secs(20);
const REQUESTS: usize = 500_000;

fn main() -> io::Result<()> {
    // `cargo bench` passes `--bench`; `cargo test --benches` does not, and only
    // wants to know that this builds.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    rlimit::increase_nofile_limit(u64::MAX)?;
    leave_processor_0()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        fan_out().await?;
        publish().await
    })
}

/// Moves this process, which is the load, off the server's processor.
fn leave_processor_0() -> io::Result<()> {
    let last = std::thread::available_parallelism()?.get() - 1;
    if last == 0 {
        println!("there is one processor: the load and the server share it");
        return Ok(());
    }
    let others = format!("1-{last}");
    let me = std::process::id().to_string();
    let moved = Command::new("taskset")
        .args(["-pc", &others, &me])
        .stdout(Stdio::null())
        .status()?;
    match moved.success() {
        true => Ok(()),
        false => Err(io::Error::other("taskset can't move the load")),
    }
}

/// A server of this build, pinned to processor 0. Killed when dropped.
struct Pinned {
    child: Child,
    address: String,
}

impl Pinned {
    fn start() -> io::Result<Self> {
        let program = env!("CARGO_BIN_EXE_sse-chat");
        let mut child = Command::new("taskset")
            .args(["-c", "0", program, "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child
            .stdout
            .as_mut()
            .ok_or_else(|| io::Error::other("no standard output"))?;
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line
            .trim_end()
            .rsplit("http://")
            .next()
            .unwrap_or_default()
            .to_owned();
        Ok(Self { child, address })
    }

    /// Processor time so far. The kernel counts it in ticks of 10 ms.
    fn cpu(&self) -> io::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks: u64 = [11, 12]
            .iter()
            .filter_map(|&field| fields.get(field)?.parse::<u64>().ok())
            .sum();
        Ok(Duration::from_millis(ticks * 10))
    }

    /// Proportional memory in KiB.
    fn pss(&self) -> io::Result<u64> {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let line = rollup
            .lines()
            .find_map(|line| line.strip_prefix("Pss:"))
            .unwrap_or_default();
        Ok(line.trim().trim_end_matches(" kB").parse().unwrap_or(0))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn fan_out() -> io::Result<()> {
    let server = Pinned::start()?;
    let before = server.pss()?;
    let mut readers = JoinSet::new();
    let (ready, mut are_ready) = mpsc::channel(READERS);
    for _ in 0..READERS {
        let stream = TcpStream::connect(&server.address).await?;
        readers.spawn(read(stream, ready.clone()));
        are_ready.recv().await;
    }
    let idle = (server.pss()? - before) as f64 / READERS as f64;
    println!("idle: {idle:.1} KiB a reader, {READERS} readers");

    let (cpu, begun) = (server.cpu()?, Instant::now());
    let mut sender = Sender::connect(&server.address).await?;
    let mut due = tokio::time::interval(Duration::from_nanos(1_000_000_000 / MESSAGES_PER_SECOND));
    let messages = MESSAGES_PER_SECOND * SECONDS;
    for _ in 0..messages {
        due.tick().await;
        sender.send().await?;
    }
    let mut seen = 0;
    while let Some(read) = readers.join_next().await {
        seen += read.map_err(io::Error::other)??;
    }
    let (cpu, expected) = (server.cpu()? - cpu, messages * READERS as u64);
    println!(
        "fan-out: {seen} of {expected} deliveries in {:.1} s, lost {}, server {:.2} us a delivery, {:.0} % of a core",
        begun.elapsed().as_secs_f64(),
        expected - seen,
        cpu.as_secs_f64() * 1e6 / seen as f64,
        cpu.as_secs_f64() * 100.0 / begun.elapsed().as_secs_f64(),
    );
    Ok(())
}

/// Reads a stream to the last message; counts those in order.
async fn read(mut stream: TcpStream, ready: mpsc::Sender<()>) -> io::Result<u64> {
    stream
        .write_all(b"GET /rooms/lobby/events HTTP/1.0\r\n\r\n")
        .await?;
    let (mut decoder, mut in_head, mut seen) = (Decoder::default(), true, 0);
    let mut ready = Some(ready);
    let mut piece = vec![0; 16 * 1024];
    loop {
        let read = match tokio::time::timeout(PATIENCE, stream.read(&mut piece)).await {
            Ok(read) => read?,
            Err(_) => return Ok(seen),
        };
        if read == 0 {
            return Ok(seen);
        }
        let mut bytes = &piece[..read];
        if std::mem::take(&mut in_head) {
            // Over HTTP/1.0 the head and the first event come in one piece.
            let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
            bytes = &bytes[end.ok_or_else(|| io::Error::other("no head"))? + 4..];
        }
        let each = |item: Item<'_>| {
            if let Item::Event(event) = item
                && event.event == "update"
            {
                // A number that is not the next one is a loss or a double: not seen.
                seen += u64::from(event.data.contains(&format!("\"number\":{},", seen + 1)));
            }
        };
        decoder.feed(bytes, each).map_err(io::Error::other)?;
        if let Some(ready) = ready.take() {
            let _ = ready.send(()).await;
        }
        if seen == MESSAGES_PER_SECOND * SECONDS {
            return Ok(seen);
        }
    }
}

/// Publishes on a connection that is kept.
struct Sender {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Sender {
    async fn connect(address: &str) -> io::Result<Self> {
        let body = format!(r#"{{"name":"Alice","message":"{}"}}"#, "x".repeat(128));
        let head = format!(
            "POST /rooms/lobby/messages HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            request: (head + &body).into_bytes(),
            answer: vec![0; 4096],
        })
    }

    async fn send(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.request).await?;
        // The answer is far smaller than a segment, so it comes in one piece.
        let read = self.stream.read(&mut self.answer).await?;
        match self.answer[..read].starts_with(b"HTTP/1.1 201 ")
            && self.answer[..read].ends_with(b"}")
        {
            true => Ok(()),
            false => Err(io::Error::other(
                String::from_utf8_lossy(&self.answer[..read]).into_owned(),
            )),
        }
    }
}

async fn publish() -> io::Result<()> {
    let server = Pinned::start()?;
    let (cpu, begun) = (server.cpu()?, Instant::now());
    let mut senders = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut sender = Sender::connect(&server.address).await?;
        senders.spawn(async move {
            for _ in 0..REQUESTS / CONNECTIONS {
                sender.send().await?;
            }
            io::Result::Ok(())
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent.map_err(io::Error::other)??;
    }
    let (cpu, seconds) = (server.cpu()? - cpu, begun.elapsed().as_secs_f64());
    println!(
        "publish: {REQUESTS} requests over {CONNECTIONS} connections, {:.0} a second, {:.2} us of the server each ({:.0} a second of its processor time)",
        REQUESTS as f64 / seconds,
        cpu.as_secs_f64() * 1e6 / REQUESTS as f64,
        REQUESTS as f64 / cpu.as_secs_f64(),
    );
    Ok(())
}
