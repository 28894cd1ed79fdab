//! One HTTP/2 connection, and how many streams it has. Which connection a request
//! takes is in `http2_pool`.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::dial::ServerSocket;

/// The most streams of a connection, also if the server allows more.
const MOST_STREAMS: usize = 128;
/// What the server may send of one stream before it is read. A subscription that is
/// not read holds that much and no more.
const STREAM_WINDOW: u32 = 256 << 10;
/// The windows of all streams together, so that those that are not read do not stop
/// the others.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MOST_STREAMS as u32;
/// How often a PING is sent while there are streams.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How long its answer may take.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type Sender = http2::SendRequest<Full<Bytes>>;
type Driver = http2::Connection<TokioIo<ServerSocket>, Full<Bytes>, TokioExecutor>;

/// A connection. It closes when all clones and streams are gone.
#[derive(Clone)]
pub(super) struct SharedConnection {
    sender: Sender,
    /// A task polls it to its end; here only the server's limit is read. At its end it
    /// is dropped, and with it the requests that it has not sent.
    driver: Arc<Mutex<Option<Driver>>>,
    usage: Arc<Usage>,
}

#[derive(Debug, Default)]
struct Usage {
    streams: AtomicUsize,
    is_retired: AtomicBool,
}

/// The place of one stream on its connection. It is free again on drop.
#[derive(Debug)]
pub(super) struct StreamSlot(Arc<Usage>);

impl SharedConnection {
    pub(super) async fn open(socket: ServerSocket) -> Result<Self, hyper::Error> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        let (sender, driver) = builder.handshake(TokioIo::new(socket)).await?;
        let driver = Arc::new(Mutex::new(Some(driver)));
        let driven = Arc::clone(&driver);
        tokio::spawn(std::future::poll_fn(move |cx| poll(&driven, cx)));
        Ok(Self {
            sender,
            driver,
            usage: Arc::default(),
        })
    }

    pub(super) fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Whether it can take requests, if there is a slot.
    pub(super) fn is_usable(&self) -> bool {
        !self.sender.is_closed() && !self.usage.is_retired.load(Ordering::Relaxed)
    }

    /// A slot, if the connection has fewer streams than it may have.
    pub(super) fn slot(&self) -> Option<StreamSlot> {
        let most = lock(&self.driver).as_ref()?.current_max_send_streams();
        let most = most.min(MOST_STREAMS);
        let add = |streams: usize| (streams < most).then_some(streams + 1);
        let streams = &self.usage.streams;
        let added = streams.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        added.is_ok().then(|| StreamSlot(Arc::clone(&self.usage)))
    }

    /// The slot of a connection's first stream.
    pub(super) fn first_slot(&self) -> StreamSlot {
        self.usage.streams.fetch_add(1, Ordering::Relaxed);
        StreamSlot(Arc::clone(&self.usage))
    }
}

impl StreamSlot {
    /// The connection takes no more requests. Its streams go on.
    pub(super) fn retire(&self) {
        self.0.is_retired.store(true, Ordering::Relaxed);
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Polls a connection, and drops it at its end. Its streams get its error, too.
fn poll(driver: &Mutex<Option<Driver>>, cx: &mut Context<'_>) -> Poll<()> {
    let mut driver = lock(driver);
    if let Some(running) = driver.as_mut() {
        ready!(Pin::new(running).poll(cx)).ok();
    }
    *driver = None;
    Poll::Ready(())
}

fn lock(driver: &Mutex<Option<Driver>>) -> MutexGuard<'_, Option<Driver>> {
    driver.lock().unwrap_or_else(PoisonError::into_inner)
}
