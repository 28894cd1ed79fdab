//! What the service manager is told that started the server: sd_notify(3).
//! Without `NOTIFY_SOCKET` nothing is sent.
//!
//! A thread of its own sends: the socket's queue is short, and where the service
//! manager does not read, the send blocks. What finds that thread busy is
//! dropped, since a later notice replaces it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use sd_notify::NotifyState::{Ready, Status, Stopping, Watchdog};

use crate::http::App;

/// How often the status line is sent where no watchdog waits for it.
const PERIOD: Duration = Duration::from_secs(10);
/// Notices that wait for the thread.
const MAX_WAITING: usize = 4;

/// The way to the service manager; without one, every call does nothing.
#[derive(Debug, Clone)]
pub(super) struct ServiceManager(Option<SyncSender<Notice>>);

#[derive(Debug)]
enum Notice {
    Ready,
    Stopping(String),
    Status(String),
    Watchdog(String),
    /// Everything before it has been sent.
    Flush(Sender<()>),
}

impl ServiceManager {
    /// The service manager that the environment names.
    ///
    /// # Errors
    ///
    /// When the thread can't be started.
    pub(super) fn from_env() -> io::Result<Self> {
        if std::env::var_os("NOTIFY_SOCKET").is_none_or(|path| path.is_empty()) {
            return Ok(Self(None));
        }
        let (notices, waiting) = sync_channel(MAX_WAITING);
        thread::Builder::new()
            .name("notify".to_owned())
            .spawn(move || send_all(&waiting))?;
        Ok(Self(Some(notices)))
    }

    /// The server listens and answers.
    pub(super) fn ready(&self) {
        self.send(Notice::Ready);
    }

    /// The server accepts no connection any more, and ends its streams.
    pub(super) fn stopping(&self, app: &App) {
        let readers = app.hub.readers();
        self.send(Notice::Stopping(format!(
            "shutting down, readers: {readers}"
        )));
    }

    /// Sends the number of readers and rooms, and that the server lives, for as
    /// long as it is polled.
    ///
    /// It is a task beside those that answer requests, and has had the lock that
    /// they take: where either is stuck, the service manager hears nothing more.
    pub(super) async fn keep_sending(self, app: Arc<App>) {
        let watchdog = sd_notify::watchdog_enabled();
        // Half of what the service manager waits, as sd_watchdog_enabled(3) has it.
        let period = watchdog.map_or(PERIOD, |wait| PERIOD.min(wait / 2));
        let mut ticks = tokio::time::interval(period.max(Duration::from_millis(1)));
        loop {
            ticks.tick().await;
            let (readers, rooms) = (app.hub.readers(), app.hub.room_count());
            let status = format!("readers: {readers}, rooms: {rooms}");
            self.send(match watchdog {
                Some(_) => Notice::Watchdog(status),
                None => Notice::Status(status),
            });
        }
    }

    /// Waits until everything is sent, or for `most`.
    pub(super) fn flush(&self, most: Duration) {
        let (done, flushed) = mpsc::channel();
        self.send(Notice::Flush(done));
        // Dropped where there is no service manager, or none that reads.
        let _ = flushed.recv_timeout(most);
    }

    fn send(&self, notice: Notice) {
        if let Some(notices) = &self.0 {
            let _ = notices.try_send(notice);
        }
    }
}

/// Sends until the last sender is gone.
fn send_all(waiting: &Receiver<Notice>) {
    for notice in waiting {
        let is_first = matches!(notice, Notice::Ready);
        let sent = match notice {
            Notice::Ready => sd_notify::notify(&[Ready, Status("ready")]),
            Notice::Stopping(status) => sd_notify::notify(&[Stopping, Status(&status)]),
            Notice::Status(status) => sd_notify::notify(&[Status(&status)]),
            Notice::Watchdog(status) => sd_notify::notify(&[Watchdog, Status(&status)]),
            Notice::Flush(done) => done.send(()).map_err(io::Error::other),
        };
        match sent {
            Err(error) if is_first => tracing::warn!(%error, "can't notify the service manager"),
            Err(error) => tracing::debug!(%error, "can't notify the service manager"),
            Ok(()) => {}
        }
    }
}
