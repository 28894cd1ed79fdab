//! Nodes of a cluster as processes.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Engine, Persistence, ask, free_port, wait_for};

const SLOTS: usize = 16_384;

/// A node of a cluster, and the port of its bus.
fn node(program: &str) -> (Engine, String) {
    let bus = free_port().to_string();
    let flags = [
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        &bus,
        "--cluster-config-file",
        "nodes.conf",
        "--cluster-node-timeout",
        "5000",
    ];
    let engine = Engine::start_with(program, Persistence::None, &flags);
    (engine, bus)
}

/// A cluster of masters, each with as many slots.
pub(crate) fn cluster<const COUNT: usize>(program: &str) -> [Engine; COUNT] {
    let nodes = [(); COUNT].map(|()| node(program));
    for (index, (engine, bus)) in nodes.iter().enumerate() {
        let (first, after) = (SLOTS * index / COUNT, SLOTS * (index + 1) / COUNT);
        let (first, last) = (first.to_string(), (after - 1).to_string());
        let () = engine.ask(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        // Of two with the same one each may be taken for the owner of a slot that is moved.
        let epoch = (index + 1).to_string();
        let () = engine.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
        if index > 0 {
            meet(&nodes[0].0, engine, bus);
        }
    }
    let engines = nodes.map(|(engine, _)| engine);
    for engine in &engines {
        wait_for("the cluster", || {
            let info: String = engine.ask(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok").then_some(())
        });
    }
    wait_for_agreement(&engines);
    engines
}

/// Waits until all nodes know the present epochs of all. One that does not takes no newer epoch
/// for a slot that it gets, and loses the slot again.
pub(crate) fn wait_for_agreement(engines: &[Engine]) {
    wait_for("the cluster's agreement", || {
        let epochs = engines.iter().map(known_epochs);
        let epochs: BTreeSet<_> = epochs.collect();
        (epochs.len() == 1).then_some(())
    });
}

/// The id and the epoch of each node, as this one knows them.
fn known_epochs(engine: &Engine) -> BTreeMap<String, String> {
    let nodes: String = engine.ask(&["CLUSTER", "NODES"]);
    let fields = nodes.lines().map(|line| line.split(' '));
    let epochs = fields.filter_map(|mut fields| {
        let id = fields.next()?.to_owned();
        Some((id, fields.nth(5)?.to_owned()))
    });
    epochs.collect()
}

fn meet(engine: &Engine, other: &Engine, bus: &str) {
    let port = other.port().to_string();
    let () = engine.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
}

/// A replica of one of these masters, which all of them know.
pub(crate) fn replica(program: &str, engines: &[Engine], master: usize) -> Engine {
    let (replica, bus) = node(program);
    meet(&engines[0], &replica, &bus);
    let master: String = engines[master].ask(&["CLUSTER", "MYID"]);
    wait_for("the master to be known", || {
        let command = ["CLUSTER", "REPLICATE", &master];
        ask::<()>(&mut replica.connect(), &command).ok()
    });
    wait_for("the link to the master", || {
        let info: String = replica.ask(&["INFO", "replication"]);
        info.contains("master_link_status:up").then_some(())
    });
    let own: String = replica.ask(&["CLUSTER", "MYID"]);
    for engine in engines {
        wait_for("the replica to be known", || {
            let nodes: String = engine.ask(&["CLUSTER", "NODES"]);
            let mut lines = nodes.lines().filter(|line| line.starts_with(&own));
            lines.any(|line| line.contains("slave")).then_some(())
        });
    }
    replica
}

/// Whether the node answers for the slot of the history.
pub(crate) fn has_slot(engine: &Engine) -> bool {
    ask::<Option<String>>(&mut engine.connect(), &["GET", "{test}:none"]).is_ok()
}
