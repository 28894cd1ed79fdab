//! Metrics that are counted in prometheus-client's own types: they are registered
//! once. Values that are read at each scrape are in `collected`.

use prometheus_client::registry::Registry;

use crate::server::context::ServerContext;

pub(super) fn register(registry: &mut Registry, context: &ServerContext) {
    register_connections(registry, context);
    register_requests(registry, context);
    register_fanout(registry, context);
    #[cfg(feature = "https")]
    if let Some(tls) = &context.tls {
        registry.register(
            "sse_chat_tls_handshakes",
            "TLS handshakes that ended, by their outcome",
            tls.handshakes().counts.clone(),
        );
    }
}

fn register_connections(registry: &mut Registry, context: &ServerContext) {
    let connections = &context.connections;
    registry.register(
        "sse_chat_connections_accepted",
        "Accepted connections",
        connections.accepted.clone(),
    );
    registry.register(
        "sse_chat_unheard_connections",
        "Connections closed without an answer, since too many others were waiting to be refused",
        connections.unanswered.clone(),
    );
    registry.register(
        "sse_chat_timeouts",
        "Connections closed because their client was too slow, by what was waited for",
        connections.timeouts.clone(),
    );
    registry.register(
        "sse_chat_malformed_requests",
        "Requests that are not HTTP or have too large a head, and connections of HTTP/2 that break its rules",
        connections.malformed.clone(),
    );
}

fn register_requests(registry: &mut Registry, context: &ServerContext) {
    let requests = &context.app.counts;
    registry.register(
        "sse_chat_refusals",
        "Refused requests, by the code of the answer",
        requests.refusals.clone(),
    );
    registry.register(
        "sse_chat_busy",
        "Streams that got a busy event instead of a subscription, by the limit that was reached",
        requests.busy.clone(),
    );
    registry.register(
        "sse_chat_publish_seconds",
        "Time from the head of a request that publishes a message to its answer",
        requests.publish_time.clone(),
    );
}

fn register_fanout(registry: &mut Registry, context: &ServerContext) {
    let fanout = context.fanout.counters();
    registry.register(
        "sse_chat_deliveries",
        "Messages written to readers, each once for each reader",
        fanout.deliveries.clone(),
    );
    registry.register(
        "sse_chat_delivered_bytes",
        "Bytes written to readers: messages, and everything else in their streams",
        fanout.delivered_bytes.clone(),
    );
    registry.register(
        "sse_chat_lags",
        "How often a reader's socket was full, or a worker missed events, and history took over",
        fanout.lags.clone(),
    );
    registry.register(
        "sse_chat_fanout_seconds",
        "Time from a message's publication until a worker has written it to the last of its readers",
        fanout.fan_out_time.clone(),
    );
    registry.register(
        "sse_chat_worker_busy_seconds",
        "Time in which each worker had something to do",
        fanout.busy.clone(),
    );
}
