//! A port that leads to one server and later to another, as a name does that is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::net::{TcpListener, TcpStream};

use crate::engine::{Engine, wait_for};

/// A port that leads to a server.
pub(crate) struct Switch {
    port: u16,
    target: Arc<AtomicU16>,
}

impl Switch {
    pub(crate) async fn to(engine: &Engine) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(AtomicU16::new(engine.port()));
        let present = Arc::clone(&target);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let port = present.load(Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    // It ends with an error if one side is killed.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { port, target }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// From now on it leads to this server. Connections to the other one stay.
    pub(crate) fn turn_to(&self, engine: &Engine) {
        self.target.store(engine.port(), Ordering::Relaxed);
    }
}

/// Ends the connection of the only reader of a server.
pub(crate) fn cut_reader(engine: &Engine) {
    let id = wait_for("the reader's connection", || {
        let clients: String = engine.ask(&["CLIENT", "LIST", "TYPE", "NORMAL"]);
        let is_reader = |line: &&str| line.contains(" cmd=hget ") || line.contains(" cmd=xread ");
        let line = clients.lines().find(is_reader)?;
        let id = line.strip_prefix("id=")?.split(' ').next()?;
        Some(id.to_owned())
    });
    let killed: usize = engine.ask(&["CLIENT", "KILL", "ID", &id]);
    assert_eq!(killed, 1);
}
