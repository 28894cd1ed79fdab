//! A Sentinel as a process.

use std::fs;
use std::process::{Child, Command, Stdio};

use crate::engine::{Engine, Persistence, ask, wait_for};

/// A Sentinel that watches one master. Dropping it kills it.
pub(crate) struct Sentinel {
    process: Child,
    port: u16,
}

impl Sentinel {
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A Sentinel that knows the master and its replica.
    pub(crate) fn watch(master: &Engine) -> Self {
        let sentinel = Self::start(master, master.port(), "");
        wait_for("the Sentinel's replica", || {
            let mut connection = sentinel.connect()?;
            let info: String = ask(&mut connection, &["INFO", "sentinel"]).ok()?;
            info.contains("slaves=1").then_some(())
        });
        sentinel
    }

    /// A Sentinel with more lines in its file, for a master at this port.
    pub(crate) fn start(master: &Engine, master_port: u16, more: &str) -> Self {
        // A Sentinel is a server in another mode; it gets its port like one.
        let lent = Engine::start("redis-server", Persistence::None);
        let (port, folder) = (lent.port(), master.folder().to_owned());
        drop(lent);
        let file = folder.join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor chat 127.0.0.1 {master_port} 1\n\
             sentinel down-after-milliseconds chat 1500\nsentinel failover-timeout chat 3000\n\
             {more}",
        );
        fs::write(&file, text).unwrap();
        let process = Command::new("redis-sentinel")
            .arg(&file)
            .args(["--dir", folder.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let sentinel = Self { process, port };
        wait_for("the Sentinel", || sentinel.connect());
        sentinel
    }

    fn connect(&self) -> Option<redis::Connection> {
        let client = redis::Client::open(("127.0.0.1", self.port)).unwrap();
        client.get_connection().ok()
    }

    pub(crate) fn master_port(&self) -> Option<u16> {
        let command = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "chat"];
        let address: (String, u16) = ask(&mut self.connect()?, &command).ok()?;
        Some(address.1)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
