//! A server with metrics, and its series.

use std::collections::{BTreeMap, BTreeSet};

use sse_chat::config::Config;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::{Response, TestServer, read_to_close, within};

/// A server with a listener for metrics.
pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start_with(|config| {
        config.metrics = Some("127.0.0.1:0".parse().unwrap());
        change(config);
    })
}

/// One request to the listener for metrics.
pub(crate) async fn ask(server: &TestServer, request: &str) -> Response {
    ask_by(server, request, "localhost").await
}

/// The same with another Host.
pub(crate) async fn ask_by(server: &TestServer, request: &str, host: &str) -> Response {
    let mut stream = within(TcpStream::connect(server.metrics_address()))
        .await
        .unwrap();
    let text = format!("{request} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    within(stream.write_all(text.as_bytes())).await.unwrap();
    Response::parse(&read_to_close(&mut stream).await)
}

/// The series of a scrape, each by name and labels.
pub(crate) struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    pub(crate) async fn of(server: &TestServer) -> Self {
        Self::parse(&ask(server, "GET /metrics").await.text())
    }

    /// Scrapes until `holds`: a worker counts after its write.
    pub(crate) async fn when(server: &TestServer, holds: impl Fn(&Self) -> bool) -> Self {
        within(async {
            loop {
                let scrape = Self::of(server).await;
                if holds(&scrape) {
                    return scrape;
                }
            }
        })
        .await
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let series = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        Self(series.collect())
    }

    #[track_caller]
    pub(crate) fn get(&self, name: &str) -> f64 {
        *self
            .0
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:#?}", self.0))
    }

    /// The names of all families, as docs and queries use them.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let name = |series: &'_ str| series.split('{').next().unwrap().len();
        self.0
            .keys()
            .map(|series| &series[..name(series)])
            .collect()
    }
}
