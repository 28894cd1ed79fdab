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
fn wait_for_agreement(engines: &[Engine]) {
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

/// A move of the history's slot from one node of a cluster to the other, key by key.
pub(crate) struct SlotMove<'a> {
    engines: &'a [Engine; 2],
    pub(crate) from: &'a Engine,
    pub(crate) to: &'a Engine,
    to_id: String,
    slot: String,
}

impl<'a> SlotMove<'a> {
    pub(crate) fn begin(engines: &'a [Engine; 2]) -> Self {
        let (from, to) = match has_slot(&engines[0]) {
            true => (&engines[0], &engines[1]),
            false => (&engines[1], &engines[0]),
        };
        let slot: u16 = from.ask(&["CLUSTER", "KEYSLOT", "{test}"]);
        let slot = slot.to_string();
        let id = |engine: &Engine| engine.ask::<String>(&["CLUSTER", "MYID"]);
        let (from_id, to_id) = (id(from), id(to));
        let () = to.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
        let () = from.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
        Self {
            engines,
            from,
            to,
            to_id,
            slot,
        }
    }

    pub(crate) fn move_key(&self, key: &str) {
        let port = self.to.port().to_string();
        let _: String = (self.from).ask(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
    }

    /// Moves the other keys in random order, and the slot.
    pub(crate) fn end(self, random: &mut fastrand::Rng) {
        loop {
            let mut keys: Vec<String> = self.from.ask(&["KEYS", "*"]);
            if keys.is_empty() {
                break;
            }
            random.shuffle(&mut keys);
            self.move_key(&keys[0]);
        }
        for engine in [self.to, self.from] {
            let () = engine.ask(&["CLUSTER", "SETSLOT", &self.slot, "NODE", &self.to_id]);
        }
        wait_for_agreement(self.engines);
    }
}
