//! Hubs that exchange their members through one list, as servers do through a shared log:
//! with any delay of each, lost changes, late snapshots, and nodes that die. Each hub always
//! shows what it was given, and in the end all show the same.

mod exchange;
mod node;

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use tokio::runtime::Runtime;

use self::exchange::Exchange;
use self::node::Node;

const NODES: usize = 3;

/// One step, most of them at one node.
#[derive(Debug, Clone)]
enum ExchangeStep {
    /// A stream of a name begins in one of the rooms, or in both.
    Open(usize, usize, usize),
    /// One of the node's streams ends.
    Close(usize, Index),
    /// A reader of presence events begins.
    Watch(usize),
    /// Time passes at all nodes.
    Wait(u64),
    /// The node sends at most `.1` changes.
    Send(usize, usize),
    /// The node reads at most `.1` changes.
    Read(usize, usize),
    /// The node reads snapshots of rooms. They may arrive only after later changes.
    Load(usize, usize, bool),
    /// Snapshots that were late arrive.
    Arrive(usize),
    /// The node misses changes.
    Miss(usize),
    /// The lease of a node is over, while it lives.
    LoseLease(usize),
    /// The node dies, and another one starts. Its lease is over later.
    Die(usize),
    /// The leases of dead nodes are over.
    EndLeases,
    /// The shared list has lost everything, and its numbers begin anew.
    LoseList,
}

fn step() -> impl Strategy<Value = ExchangeStep> {
    let node = || 0..NODES;
    prop_oneof![
        6 => (node(), 0..3_usize, 0..4_usize).prop_map(|(n, r, m)| ExchangeStep::Open(n, r, m)),
        4 => (node(), any::<Index>()).prop_map(|(n, i)| ExchangeStep::Close(n, i)),
        1 => node().prop_map(ExchangeStep::Watch),
        4 => (0..7_u64).prop_map(ExchangeStep::Wait),
        5 => (node(), 1..4_usize).prop_map(|(n, m)| ExchangeStep::Send(n, m)),
        6 => (node(), 1..5_usize).prop_map(|(n, m)| ExchangeStep::Read(n, m)),
        3 => (node(), 1..3_usize, any::<bool>()).prop_map(|(n, m, l)| ExchangeStep::Load(n, m, l)),
        2 => node().prop_map(ExchangeStep::Arrive),
        1 => node().prop_map(ExchangeStep::Miss),
        1 => node().prop_map(ExchangeStep::LoseLease),
        1 => node().prop_map(ExchangeStep::Die),
        1 => Just(ExchangeStep::EndLeases),
        1 => Just(ExchangeStep::LoseList),
    ]
}

/// The nodes and what is between them.
struct Cluster {
    runtime: Runtime,
    exchange: Exchange,
    nodes: Vec<Node>,
}

impl Cluster {
    fn new(runtime: Runtime) -> Self {
        let mut exchange = Exchange::default();
        let nodes = (0..NODES).map(|_| Node::start(&mut exchange)).collect();
        Self {
            runtime,
            exchange,
            nodes,
        }
    }

    fn play(&mut self, step: &ExchangeStep) {
        let exchange = &mut self.exchange;
        match step {
            ExchangeStep::Open(node, rooms, name) => self.nodes[*node].open(*rooms, *name),
            ExchangeStep::Close(node, which) => self.nodes[*node].close(*which),
            ExchangeStep::Watch(node) => self.nodes[*node].watch(),
            ExchangeStep::Wait(seconds) => self.wait(*seconds),
            ExchangeStep::Send(node, most) => {
                self.nodes[*node].send(exchange, *most);
            }
            ExchangeStep::Read(node, most) => {
                self.nodes[*node].read(exchange, *most);
            }
            ExchangeStep::Load(node, most, is_late) => {
                self.nodes[*node].load(exchange, *most);
                if !is_late {
                    self.nodes[*node].arrive();
                }
            }
            ExchangeStep::Arrive(node) => {
                self.nodes[*node].arrive();
            }
            ExchangeStep::Miss(node) => self.nodes[*node].miss(exchange),
            ExchangeStep::LoseLease(node) => {
                let name = self.nodes[*node].name().to_owned();
                exchange.end_lease(&name);
            }
            ExchangeStep::Die(node) => {
                exchange.dead.push(self.nodes[*node].name().to_owned());
                self.nodes[*node] = Node::start(exchange);
            }
            ExchangeStep::EndLeases => exchange.end_dead_leases(),
            ExchangeStep::LoseList => {
                exchange.lose();
                self.nodes.iter_mut().for_each(|node| node.miss(exchange));
            }
        }
        self.nodes.iter_mut().for_each(Node::check);
    }

    fn wait(&mut self, seconds: u64) {
        let time = tokio::time::advance(Duration::from_secs(seconds));
        self.runtime.block_on(time);
        self.nodes.iter_mut().for_each(Node::tick);
    }

    /// Everything is carried everywhere: then all nodes have the members of all.
    fn settle(&mut self) {
        self.exchange.end_dead_leases();
        self.wait(6);
        for _ in 0..100 {
            let mut is_done = true;
            for node in &mut self.nodes {
                let has_sent = node.send(&mut self.exchange, 3);
                let has_read = node.read(&self.exchange, 3);
                node.load(&self.exchange, 2);
                is_done &= !has_sent && !has_read && !node.arrive();
            }
            if is_done {
                break;
            }
        }
        self.wait(2);
        let all = self.exchange.members(&self.nodes);
        for node in &mut self.nodes {
            node.check();
            node.check_all(&all);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn hubs_that_exchange_their_members_have_the_same_in_the_end(
        steps in prop::collection::vec(step(), 0..60)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let handle = runtime.handle().clone();
        // The hubs' clock is the runtime's.
        let _context = handle.enter();
        let mut cluster = Cluster::new(runtime);
        for step in &steps {
            cluster.play(step);
        }
        cluster.settle();
    }
}
