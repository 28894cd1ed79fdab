//! The flags of [`Limits`]. docs/operating.md explains each of them.

use std::num::NonZeroU32;

use clap::{ArgAction, Args};

use super::super::values::{
    RateOrNone, Size, SizeOrNone, Time, TimeRange, parse_rate, parse_size, parse_size_or_none,
    parse_switch, parse_time, parse_time_range,
};
use crate::config::{self, Limits};

/// The limits on connections, rates, memory and time.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitFlags {
    /// Connections in total; beyond, a stream gets a busy event, all else is refused
    #[arg(long, env = "SSE_CHAT_MAX_CONNECTIONS", value_name = "COUNT", default_value_t = config::DEFAULT_MAX_CONNECTIONS)]
    max_connections: usize,

    /// Connections per address, or per /64 of IPv6 (see --ipv6-56-factor)
    #[arg(long, env = "SSE_CHAT_MAX_CONNECTIONS_PER_ADDRESS", value_name = "COUNT",
          default_value_t = config::DEFAULT_MAX_CONNECTIONS_PER_ADDRESS)]
    max_connections_per_address: usize,

    /// Multiple of all limits per address for a /56 of IPv6
    #[arg(long, env = "SSE_CHAT_IPV6_56_FACTOR", value_name = "FACTOR", default_value_t = config::DEFAULT_IPV6_56_FACTOR)]
    ipv6_56_factor: NonZeroU32,

    /// Multiple of all limits per address for a /48 of IPv6
    #[arg(long, env = "SSE_CHAT_IPV6_48_FACTOR", value_name = "FACTOR", default_value_t = config::DEFAULT_IPV6_48_FACTOR)]
    ipv6_48_factor: NonZeroU32,

    /// Event streams in total, over HTTP/1 and HTTP/2; beyond, a stream gets a busy event
    #[arg(long, env = "SSE_CHAT_MAX_STREAMS", value_name = "COUNT", default_value_t = config::DEFAULT_MAX_STREAMS)]
    max_streams: usize,

    /// Event streams per address
    #[arg(long, env = "SSE_CHAT_MAX_STREAMS_PER_ADDRESS", value_name = "COUNT",
          default_value_t = config::DEFAULT_MAX_STREAMS_PER_ADDRESS)]
    max_streams_per_address: usize,

    /// Rooms of all streams of one address
    #[arg(long, env = "SSE_CHAT_MAX_ROOMS_PER_ADDRESS", value_name = "COUNT",
          default_value_t = config::DEFAULT_MAX_ROOMS_PER_ADDRESS)]
    max_rooms_per_address: usize,

    /// Requests for history, members and rooms per address, such as 50/s or 600/m; none for no limit
    #[arg(long, env = "SSE_CHAT_REQUEST_RATE", value_name = "RATE", value_parser = parse_rate,
          default_value_t = RateOrNone(Some(config::DEFAULT_REQUEST_RATE)))]
    request_rate: RateOrNone,

    /// Burst of --request-rate
    #[arg(long, env = "SSE_CHAT_REQUEST_BURST", value_name = "COUNT", default_value_t = config::DEFAULT_REQUEST_BURST)]
    request_burst: NonZeroU32,

    /// New event streams per address, such as 10/s or 600/m; none for no limit
    #[arg(long, env = "SSE_CHAT_STREAM_RATE", value_name = "RATE", value_parser = parse_rate,
          default_value_t = RateOrNone(Some(config::DEFAULT_STREAM_RATE)))]
    stream_rate: RateOrNone,

    /// Burst of --stream-rate
    #[arg(long, env = "SSE_CHAT_STREAM_BURST", value_name = "COUNT", default_value_t = config::DEFAULT_STREAM_BURST)]
    stream_burst: NonZeroU32,

    /// Range from which the reconnection time of a refused stream is drawn
    #[arg(long, env = "SSE_CHAT_BUSY_RETRY", value_name = "FROM..TO", value_parser = parse_time_range,
          default_value_t = TimeRange(config::DEFAULT_BUSY_RETRY))]
    busy_retry: TimeRange,

    /// Members of all rooms together
    #[arg(long, env = "SSE_CHAT_MAX_MEMBERS", value_name = "COUNT", default_value_t = config::DEFAULT_MAX_MEMBERS)]
    max_members: usize,

    /// Members of a room that shows which of them type; 0 for no room
    #[arg(long, env = "SSE_CHAT_MAX_TYPING_MEMBERS", value_name = "COUNT",
          default_value_t = config::DEFAULT_MAX_TYPING_MEMBERS)]
    max_typing_members: usize,

    /// Bytes per second of presence events per room, over all its readers; in rooms with more readers
    /// they come less often
    #[arg(long, env = "SSE_CHAT_PRESENCE_RATE", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_PRESENCE_RATE))]
    presence_rate: Size,

    /// Bytes per second of presence events of all rooms together
    #[arg(long, env = "SSE_CHAT_PRESENCE_RATE_TOTAL", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_PRESENCE_RATE_TOTAL))]
    presence_rate_total: Size,

    /// Messages per address, such as 5/s or 100/m; none for no limit
    #[arg(long, env = "SSE_CHAT_PUBLISH_RATE", value_name = "RATE", value_parser = parse_rate,
          default_value_t = RateOrNone(Some(config::DEFAULT_PUBLISH_RATE)))]
    publish_rate: RateOrNone,

    /// Burst of --publish-rate
    #[arg(long, env = "SSE_CHAT_PUBLISH_BURST", value_name = "COUNT", default_value_t = config::DEFAULT_PUBLISH_BURST)]
    publish_burst: NonZeroU32,

    /// Messages per room, from all limited addresses together; none for no limit
    #[arg(long, env = "SSE_CHAT_ROOM_RATE", value_name = "RATE", value_parser = parse_rate,
          default_value_t = RateOrNone(Some(config::DEFAULT_ROOM_RATE)))]
    room_rate: RateOrNone,

    /// Burst of --room-rate
    #[arg(long, env = "SSE_CHAT_ROOM_BURST", value_name = "COUNT", default_value_t = config::DEFAULT_ROOM_BURST)]
    room_burst: NonZeroU32,

    /// Bytes per second of replays and history pages per address, such as 2MiB; none for no limit
    #[arg(long, env = "SSE_CHAT_REPLAY_RATE", value_name = "SIZE", value_parser = parse_size_or_none,
          default_value_t = SizeOrNone(Some(config::DEFAULT_REPLAY_RATE)))]
    replay_rate: SizeOrNone,

    /// Burst of --replay-rate, in bytes
    #[arg(long, env = "SSE_CHAT_REPLAY_BURST", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_REPLAY_BURST))]
    replay_burst: Size,

    /// Apply the limits per address and on messages to clients on this machine, too
    #[arg(long, env = "SSE_CHAT_LIMIT_LOOPBACK", action = ArgAction::SetTrue, value_parser = parse_switch)]
    limit_loopback: bool,

    /// Bytes of a request's head
    #[arg(long, env = "SSE_CHAT_MAX_HEAD_BYTES", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_MAX_HEAD_BYTES))]
    max_head_bytes: Size,

    /// Bytes of all request heads over 16 KiB together; beyond, such a request is asked to retry later
    #[arg(long, env = "SSE_CHAT_HEAD_BUDGET", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_HEAD_BUDGET))]
    head_budget: Size,

    /// Bytes of a request's body [default: enough for the largest message]
    #[arg(long, env = "SSE_CHAT_MAX_BODY_BYTES", value_name = "SIZE", value_parser = parse_size)]
    max_body_bytes: Option<Size>,

    /// Time until the first byte of a new connection
    #[arg(long, env = "SSE_CHAT_FIRST_BYTE_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_FIRST_BYTE_TIMEOUT))]
    first_byte_timeout: Time,

    /// Time to receive a request's head
    #[arg(long, env = "SSE_CHAT_HEAD_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_HEAD_TIMEOUT))]
    head_timeout: Time,

    /// Time to receive a request's body
    #[arg(long, env = "SSE_CHAT_BODY_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_BODY_TIMEOUT))]
    body_timeout: Time,

    /// Time to send a response other than a stream
    #[arg(long, env = "SSE_CHAT_ANSWER_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_ANSWER_TIMEOUT))]
    answer_timeout: Time,

    /// Time between two requests on a connection
    #[arg(long, env = "SSE_CHAT_IDLE_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_IDLE_TIMEOUT))]
    idle_timeout: Time,

    /// Time without progress until a slow client is disconnected
    #[arg(long, env = "SSE_CHAT_STALL", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_STALL))]
    stall: Time,

    /// Bytes of the socket's send buffer; 0 for the kernel's default
    #[arg(long, env = "SSE_CHAT_SEND_BUFFER", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_SEND_BUFFER))]
    send_buffer: Size,

    /// Connections waiting to be accepted; the kernel may lower it
    #[arg(long, env = "SSE_CHAT_ACCEPT_QUEUE", value_name = "COUNT", default_value_t = config::DEFAULT_ACCEPT_QUEUE)]
    accept_queue: u32,
}

impl From<LimitFlags> for Limits {
    fn from(flags: LimitFlags) -> Self {
        Self {
            max_connections: flags.max_connections,
            max_connections_per_address: flags.max_connections_per_address,
            ipv6_56_factor: flags.ipv6_56_factor,
            ipv6_48_factor: flags.ipv6_48_factor,
            max_streams: flags.max_streams,
            max_streams_per_address: flags.max_streams_per_address,
            max_rooms_per_address: flags.max_rooms_per_address,
            request_rate: flags.request_rate.0,
            request_burst: flags.request_burst,
            stream_rate: flags.stream_rate.0,
            stream_burst: flags.stream_burst,
            busy_retry: flags.busy_retry.0,
            max_members: flags.max_members,
            max_typing_members: flags.max_typing_members,
            presence_rate: flags.presence_rate.0,
            presence_rate_total: flags.presence_rate_total.0,
            publish_rate: flags.publish_rate.0,
            publish_burst: flags.publish_burst,
            room_rate: flags.room_rate.0,
            room_burst: flags.room_burst,
            replay_rate: flags.replay_rate.0,
            replay_burst: flags.replay_burst.0,
            limit_loopback: flags.limit_loopback,
            max_head_bytes: flags.max_head_bytes.0,
            head_budget: flags.head_budget.0,
            max_body_bytes: flags.max_body_bytes.map(|size| size.0),
            first_byte_timeout: flags.first_byte_timeout.0,
            head_timeout: flags.head_timeout.0,
            body_timeout: flags.body_timeout.0,
            answer_timeout: flags.answer_timeout.0,
            idle_timeout: flags.idle_timeout.0,
            stall: flags.stall.0,
            send_buffer: flags.send_buffer.0,
            accept_queue: flags.accept_queue,
        }
    }
}
