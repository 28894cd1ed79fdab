//! Notifications to the service manager that started the server: sd_notify(3).
//! Without `NOTIFY_SOCKET` nothing is sent.
//!
//! Notifications are sent by their own thread, because a send blocks if the
//! service manager does not read. A notification that finds the queue full is
//! dropped, since a later one replaces it.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use sd_notify::NotifyState::{Ready, Status, Stopping, Watchdog};

use crate::http::App;

/// Interval of the status line without a watchdog.
const PERIOD: Duration = Duration::from_secs(10);
/// Notifications queued for the thread.
const MAX_QUEUED: usize = 4;

/// The connection to the service manager. Without one, every call does nothing.
#[derive(Debug, Clone)]
pub(super) struct ServiceManager(Option<SyncSender<Notification>>);

#[derive(Debug)]
enum Notification {
    Ready,
    Stopping(String),
    Status(String),
    Watchdog(String),
    /// Answered after everything before it is sent.
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
        let (notifications, queued) = sync_channel(MAX_QUEUED);
        thread::Builder::new()
            .name("notify".to_owned())
            .spawn(move || send_all(&queued))?;
        Ok(Self(Some(notifications)))
    }

    /// Notifies that the server listens and answers.
    pub(super) fn ready(&self) {
        self.send(Notification::Ready);
    }

    /// Notifies that the server no longer accepts connections and ends its streams.
    pub(super) fn stopping(&self, app: &App) {
        let readers = app.hub.readers();
        self.send(Notification::Stopping(format!(
            "shutting down, readers: {readers}"
        )));
    }

    /// Sends the number of readers and rooms, and the watchdog's keep-alive, for as
    /// long as it is polled.
    ///
    /// It runs on the runtime that answers requests and takes the hub's lock, so
    /// the keep-alive stops if either is stuck.
    pub(super) async fn keep_sending(self, app: Arc<App>) {
        let watchdog = sd_notify::watchdog_enabled();
        // Half of the watchdog's timeout, as sd_watchdog_enabled(3) recommends.
        let period = watchdog.map_or(PERIOD, |wait| PERIOD.min(wait / 2));
        let mut ticks = tokio::time::interval(period.max(Duration::from_millis(1)));
        loop {
            ticks.tick().await;
            let (readers, rooms) = (app.hub.readers(), app.hub.room_count());
            let status = format!("readers: {readers}, rooms: {rooms}");
            self.send(match watchdog {
                Some(_) => Notification::Watchdog(status),
                None => Notification::Status(status),
            });
        }
    }

    /// Waits at most `timeout` until everything is sent.
    pub(super) fn flush(&self, timeout: Duration) {
        let (done, flushed) = mpsc::channel();
        self.send(Notification::Flush(done));
        // Disconnected if there is no service manager or the queue is full.
        let _ = flushed.recv_timeout(timeout);
    }

    fn send(&self, notification: Notification) {
        if let Some(notifications) = &self.0 {
            let _ = notifications.try_send(notification);
        }
    }
}

/// Sends notifications until the last [`ServiceManager`] is dropped.
fn send_all(queued: &Receiver<Notification>) {
    for notification in queued {
        let is_ready = matches!(notification, Notification::Ready);
        let sent = match notification {
            Notification::Ready => sd_notify::notify(&[Ready, Status("ready")]),
            Notification::Stopping(status) => sd_notify::notify(&[Stopping, Status(&status)]),
            Notification::Status(status) => sd_notify::notify(&[Status(&status)]),
            Notification::Watchdog(status) => sd_notify::notify(&[Watchdog, Status(&status)]),
            Notification::Flush(done) => done.send(()).map_err(io::Error::other),
        };
        match sent {
            Err(error) if is_ready => tracing::warn!(%error, "can't notify the service manager"),
            Err(error) => tracing::debug!(%error, "can't notify the service manager"),
            Ok(()) => {}
        }
    }
}
