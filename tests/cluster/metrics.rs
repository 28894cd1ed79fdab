//! The metrics of a shared history.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use sse_chat::client::fetch;

use crate::cluster::Cluster;
use crate::engine::{Engine, Persistence, free_port, programs};
use crate::{random, run, within};

/// The names of series in a text.
fn names_in(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_part(c));
    let of_redis = words.filter(|word| word.starts_with("sse_chat_redis_"));
    of_redis.collect()
}

#[test]
#[ignore = "needs Redis"]
fn the_docs_and_the_dashboard_have_every_series_and_no_other() {
    run(async {
        for program in programs() {
            let mut random = random("the_docs_and_the_dashboard");
            let metrics = format!("127.0.0.1:{}", free_port());
            let engine = Engine::start(&program, Persistence::CommandLog);
            let mut cluster = Cluster::start(engine, 1, &["--metrics", &metrics]).await;
            let traffic = cluster.begin_traffic(&mut random).await;
            traffic.more(10).await;
            cluster.engine.kill();
            cluster.engine.restart();
            traffic.more(10).await;
            let (published, _) = traffic.end().await;
            let url = format!("http://{metrics}/metrics");
            let scraped = within(fetch(&url, 1 << 20)).await.unwrap();
            let scraped = std::str::from_utf8(&scraped).unwrap();
            let lines = scraped
                .lines()
                .filter(|line| line.starts_with("sse_chat_redis_"));
            let values: BTreeMap<&str, f64> = lines
                .filter_map(|line| line.rsplit_once(' '))
                .map(|(name, value)| (name, value.parse().unwrap()))
                .collect();
            let names: BTreeSet<&str> = values
                .keys()
                .map(|name| name.split('{').next().unwrap_or(name))
                .collect();
            for path in ["docs/metrics.md", "docs/grafana.json"] {
                let text = fs::read_to_string(path).unwrap();
                assert_eq!(names_in(&text), names, "{path}");
            }
            assert_eq!(values["sse_chat_redis_stale"], 0.0);
            assert_eq!(values["sse_chat_redis_generations_total"], 1.0);
            assert_eq!(values["sse_chat_redis_reloads_total"], 0.0);
            // And the item that begins the generation.
            let newest = published.len() as f64 + 1.0;
            assert_eq!(values["sse_chat_redis_shown"], newest);
            let answered = values["sse_chat_redis_calls_total{outcome=\"answered\"}"];
            assert!(answered >= published.len() as f64, "{answered}");
        }
    });
}
