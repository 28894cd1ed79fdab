//! A proxy with network faults: each connection gets a random fault and the number
//! of bytes after which it happens, within the head or later.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// The delay of a delayed chunk.
const DELAY: Duration = Duration::from_millis(2);

/// The faults of a connection in each direction.
#[derive(Debug, Clone, Copy)]
struct ConnectionFaults {
    up: Way,
    down: Way,
}

/// The fault of one direction of a connection.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Bytes that are forwarded.
    most: usize,
    /// Afterwards the connection is cut; otherwise all bytes are dropped silently.
    is_cut: bool,
    /// The size of chunks that are delayed.
    piece: Option<usize>,
}

/// The severity of the faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    /// Cuts some time after the hello of a stream.
    Mild,
    /// All faults.
    Bad,
    /// No faults.
    Kind,
}

/// A proxy, mild at first. Dropping it closes all its connections.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    ended: Arc<AtomicUsize>,
    severity: watch::Sender<Severity>,
    _running: AbortOnDropHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(to: SocketAddr, random: fastrand::Rng) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (severity, ended) = (watch::Sender::new(Severity::Mild), Arc::default());
        let accepting = accept_all(
            listener,
            to,
            random,
            severity.subscribe(),
            Arc::clone(&ended),
        );
        Self {
            address,
            ended,
            severity,
            _running: AbortOnDropHandle::new(tokio::spawn(accepting)),
        }
    }

    /// The number of connections that were cut or closed by one side.
    pub(crate) fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }

    /// Enables all faults.
    pub(crate) fn enable_faults(&self) {
        self.severity.send_replace(Severity::Bad);
    }

    /// Disables faults, and cuts connections that have one.
    pub(crate) fn disable_faults(&self) {
        self.severity.send_replace(Severity::Kind);
    }
}

async fn accept_all(
    listener: TcpListener,
    to: SocketAddr,
    mut random: fastrand::Rng,
    severity: watch::Receiver<Severity>,
    ended: Arc<AtomicUsize>,
) {
    let mut open = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let now = *severity.borrow();
        let forwarded = forward(
            client,
            to,
            ConnectionFaults::drawn(now, &mut random),
            random.bool(),
        );
        let (mut severity, ended) = (severity.clone(), Arc::clone(&ended));
        open.spawn(async move {
            let kind = async {
                severity
                    .wait_for(|severity| *severity == Severity::Kind)
                    .await
                    .is_ok()
            };
            tokio::select! {
                () = forwarded => drop(ended.fetch_add(1, Ordering::Relaxed)),
                true = kind, if now != Severity::Kind => {}
            }
        });
    }
}

impl ConnectionFaults {
    const GOOD: Self = Self {
        up: Way::FREE,
        down: Way::FREE,
    };

    /// A head has 100 to 300 bytes, as has a message in a stream.
    fn drawn(severity: Severity, random: &mut fastrand::Rng) -> Self {
        // All but the mildest end, so that each client sees many.
        let mut faults = Self {
            down: Way::cut_after(random.usize(2000..10_000)),
            ..Self::GOOD
        };
        let most = if random.bool() { 300 } else { 6000 };
        let bytes = random.usize(0..most);
        match (severity, random.u8(0..20)) {
            (Severity::Kind, _) => return Self::GOOD,
            (Severity::Mild, _) => {}
            (Severity::Bad, 0..=4) => faults.up = Way::cut_after(bytes),
            (Severity::Bad, 5..=15) => faults.down = Way::cut_after(bytes),
            (Severity::Bad, 16) => faults.up = Way::swallow_after(bytes),
            (Severity::Bad, 17) => faults.down = Way::swallow_after(bytes),
            (Severity::Bad, _) => {
                let piece = Some(random.usize(1..200));
                (faults.up.piece, faults.down.piece) = (piece, piece);
            }
        }
        faults
    }
}

impl Way {
    const FREE: Self = Self::cut_after(usize::MAX);

    const fn cut_after(most: usize) -> Self {
        Self {
            most,
            is_cut: true,
            piece: None,
        }
    }

    const fn swallow_after(most: usize) -> Self {
        Self {
            is_cut: false,
            ..Self::cut_after(most)
        }
    }
}

async fn forward(mut client: TcpStream, to: SocketAddr, faults: ConnectionFaults, has_reset: bool) {
    let Ok(mut server) = TcpStream::connect(to).await else {
        return;
    };
    {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        tokio::select! {
            () = copy(&mut from_client, &mut to_server, faults.up) => {}
            () = copy(&mut from_server, &mut to_client, faults.down) => {}
        }
    }
    if has_reset {
        let _ = client.set_zero_linger();
        let _ = server.set_zero_linger();
    }
}

/// Copies until the end or the cut.
async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut way: Way,
) {
    let mut bytes = vec![0; way.piece.unwrap_or(4096)];
    while way.most > 0 {
        let most = bytes.len().min(way.most);
        let Ok(count @ 1..) = from.read(&mut bytes[..most]).await else {
            return;
        };
        if way.piece.is_some() {
            tokio::time::sleep(DELAY).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
        way.most -= count;
    }
    if !way.is_cut {
        std::future::pending::<()>().await;
    }
}
