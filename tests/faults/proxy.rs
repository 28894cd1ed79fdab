//! A proxy that does to connections what networks do: each gets a fate by
//! chance, and with it the bytes after which that comes, in the head or later.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// How long a delayed piece waits.
const DELAY: Duration = Duration::from_millis(2);

/// What happens to a connection, in each direction.
#[derive(Debug, Clone, Copy)]
struct Fate {
    up: Way,
    down: Way,
}

/// How one direction of a connection goes.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// How many bytes come through.
    most: usize,
    /// What happens then: the connection is cut, or nothing comes ever again
    /// and nobody is told.
    is_cut: bool,
    /// The size of the pieces, if they come late.
    piece: Option<usize>,
}

/// What fates there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Everybody gets through the hello of a stream, and is cut some time after.
    Mild,
    /// Any.
    Bad,
    /// All goes well.
    Kind,
}

/// A proxy, mild at first. It ends when it is dropped, with all its connections.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    ended: Arc<AtomicUsize>,
    mood: watch::Sender<Mood>,
    _running: AbortOnDropHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(to: SocketAddr, random: fastrand::Rng) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, ended) = (watch::Sender::new(Mood::Mild), Arc::default());
        let accepting = accept_all(listener, to, random, mood.subscribe(), Arc::clone(&ended));
        Self {
            address,
            ended,
            mood,
            _running: AbortOnDropHandle::new(tokio::spawn(accepting)),
        }
    }

    /// How many connections were cut, or given up by one side.
    pub(crate) fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }

    /// From now on anything may happen.
    pub(crate) fn be_bad(&self) {
        self.mood.send_replace(Mood::Bad);
    }

    /// From now on all goes well. What does not is cut, and can come again.
    pub(crate) fn be_kind(&self) {
        self.mood.send_replace(Mood::Kind);
    }
}

async fn accept_all(
    listener: TcpListener,
    to: SocketAddr,
    mut random: fastrand::Rng,
    mood: watch::Receiver<Mood>,
    ended: Arc<AtomicUsize>,
) {
    let mut open = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let now = *mood.borrow();
        let forwarded = forward(client, to, Fate::drawn(now, &mut random), random.bool());
        let (mut mood, ended) = (mood.clone(), Arc::clone(&ended));
        open.spawn(async move {
            let kind = async { mood.wait_for(|mood| *mood == Mood::Kind).await.is_ok() };
            tokio::select! {
                () = forwarded => drop(ended.fetch_add(1, Ordering::Relaxed)),
                true = kind, if now != Mood::Kind => {}
            }
        });
    }
}

impl Fate {
    const GOOD: Self = Self {
        up: Way::FREE,
        down: Way::FREE,
    };

    /// A head is of some 100 to 300 bytes, a message in a stream of as many.
    fn drawn(mood: Mood, random: &mut fastrand::Rng) -> Self {
        // None but the best lasts, so that everybody meets many.
        let mut fate = Self {
            down: Way::cut_after(random.usize(2000..10_000)),
            ..Self::GOOD
        };
        let most = if random.bool() { 300 } else { 6000 };
        let bytes = random.usize(0..most);
        match (mood, random.u8(0..20)) {
            (Mood::Kind, _) => return Self::GOOD,
            (Mood::Mild, _) => {}
            (Mood::Bad, 0..=4) => fate.up = Way::cut_after(bytes),
            (Mood::Bad, 5..=15) => fate.down = Way::cut_after(bytes),
            (Mood::Bad, 16) => fate.up = Way::swallow_after(bytes),
            (Mood::Bad, 17) => fate.down = Way::swallow_after(bytes),
            (Mood::Bad, _) => {
                let piece = Some(random.usize(1..200));
                (fate.up.piece, fate.down.piece) = (piece, piece);
            }
        }
        fate
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

async fn forward(mut client: TcpStream, to: SocketAddr, fate: Fate, has_reset: bool) {
    let Ok(mut server) = TcpStream::connect(to).await else {
        return;
    };
    {
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        tokio::select! {
            () = copy(&mut from_client, &mut to_server, fate.up) => {}
            () = copy(&mut from_server, &mut to_client, fate.down) => {}
        }
    }
    if has_reset {
        let _ = client.set_zero_linger();
        let _ = server.set_zero_linger();
    }
}

/// Copies until the end, or until it is cut.
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
