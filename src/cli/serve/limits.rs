//! The flags of [`Limits`].

use std::num::NonZeroU32;

use clap::{ArgAction, Args};

use super::super::values::{
    RateOrNone, Size, SizeOrNone, Time, Times, parse_rate, parse_size, parse_size_or_none,
    parse_switch, parse_time, parse_times,
};
use crate::config::{self, Limits};

/// What is given away at the most.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitFlags {
    /// Connections in all; beyond them a stream is told to come back later, and the rest is refused
    #[arg(long, env = "SSE_CHAT_MAX_CONNECTIONS", value_name = "COUNT", default_value_t = config::DEFAULT_MAX_CONNECTIONS)]
    max_connections: usize,

    /// Connections of one address; of IPv6, of one /64 (see --ipv6-56-factor)
    #[arg(long, env = "SSE_CHAT_MAX_CONNECTIONS_PER_ADDRESS", value_name = "COUNT",
          default_value_t = config::DEFAULT_MAX_CONNECTIONS_PER_ADDRESS)]
    max_connections_per_address: usize,

    /// How many times as much as one address a /56 of IPv6 gets, of all limits by address
    #[arg(long, env = "SSE_CHAT_IPV6_56_FACTOR", value_name = "FACTOR", default_value_t = config::DEFAULT_IPV6_56_FACTOR)]
    ipv6_56_factor: NonZeroU32,

    /// The same for a /48 of IPv6
    #[arg(long, env = "SSE_CHAT_IPV6_48_FACTOR", value_name = "FACTOR", default_value_t = config::DEFAULT_IPV6_48_FACTOR)]
    ipv6_48_factor: NonZeroU32,

    /// Event streams of one address
    #[arg(long, env = "SSE_CHAT_MAX_STREAMS_PER_ADDRESS", value_name = "COUNT",
          default_value_t = config::DEFAULT_MAX_STREAMS_PER_ADDRESS)]
    max_streams_per_address: usize,

    /// Rooms that the streams of one address are in
    #[arg(long, env = "SSE_CHAT_MAX_ROOMS_PER_ADDRESS", value_name = "COUNT",
          default_value_t = config::DEFAULT_MAX_ROOMS_PER_ADDRESS)]
    max_rooms_per_address: usize,

    /// Requests of one address for history, members and rooms, such as 50/s or 600/m; none for any
    /// number
    #[arg(long, env = "SSE_CHAT_REQUEST_RATE", value_name = "RATE", value_parser = parse_rate,
          default_value_t = RateOrNone(Some(config::DEFAULT_REQUEST_RATE)))]
    request_rate: RateOrNone,

    /// How many of them at once
    #[arg(long, env = "SSE_CHAT_REQUEST_BURST", value_name = "COUNT", default_value_t = config::DEFAULT_REQUEST_BURST)]
    request_burst: NonZeroU32,

    /// Event streams that one address may begin, such as 10/s or 600/m; none for any number
    #[arg(long, env = "SSE_CHAT_STREAM_RATE", value_name = "RATE", value_parser = parse_rate,
          default_value_t = RateOrNone(Some(config::DEFAULT_STREAM_RATE)))]
    stream_rate: RateOrNone,

    /// How many of them at once
    #[arg(long, env = "SSE_CHAT_STREAM_BURST", value_name = "COUNT", default_value_t = config::DEFAULT_STREAM_BURST)]
    stream_burst: NonZeroU32,

    /// How long a stream waits that found the server full; drawn for each from this range
    #[arg(long, env = "SSE_CHAT_BUSY_RETRY", value_name = "FROM..TO", value_parser = parse_times,
          default_value_t = Times(config::DEFAULT_BUSY_RETRY))]
    busy_retry: Times,

    /// Members over all rooms
    #[arg(long, env = "SSE_CHAT_MAX_MEMBERS", value_name = "COUNT", default_value_t = config::DEFAULT_MAX_MEMBERS)]
    max_members: usize,

    /// Bytes per second for the presence events of one room, counted once for each reader; a room with more readers gets them less often
    #[arg(long, env = "SSE_CHAT_PRESENCE_RATE", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_PRESENCE_RATE))]
    presence_rate: Size,

    /// Bytes per second for the presence events of all rooms together
    #[arg(long, env = "SSE_CHAT_PRESENCE_RATE_TOTAL", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_PRESENCE_RATE_TOTAL))]
    presence_rate_total: Size,

    /// Messages that one address may say, such as 5/s or 100/m; none for any number
    #[arg(long, env = "SSE_CHAT_PUBLISH_RATE", value_name = "RATE", value_parser = parse_rate,
          default_value_t = RateOrNone(Some(config::DEFAULT_PUBLISH_RATE)))]
    publish_rate: RateOrNone,

    /// How many of them at once
    #[arg(long, env = "SSE_CHAT_PUBLISH_BURST", value_name = "COUNT", default_value_t = config::DEFAULT_PUBLISH_BURST)]
    publish_burst: NonZeroU32,

    /// Messages that may be said in one room by all who are limited; none for any number
    #[arg(long, env = "SSE_CHAT_ROOM_RATE", value_name = "RATE", value_parser = parse_rate,
          default_value_t = RateOrNone(Some(config::DEFAULT_ROOM_RATE)))]
    room_rate: RateOrNone,

    /// How many of them at once
    #[arg(long, env = "SSE_CHAT_ROOM_BURST", value_name = "COUNT", default_value_t = config::DEFAULT_ROOM_BURST)]
    room_burst: NonZeroU32,

    /// Bytes a second of replay and history pages that one address may draw, such as 2MiB; none for any number
    #[arg(long, env = "SSE_CHAT_REPLAY_RATE", value_name = "SIZE", value_parser = parse_size_or_none,
          default_value_t = SizeOrNone(Some(config::DEFAULT_REPLAY_RATE)))]
    replay_rate: SizeOrNone,

    /// How many of them at once
    #[arg(long, env = "SSE_CHAT_REPLAY_BURST", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_REPLAY_BURST))]
    replay_burst: Size,

    /// Limit clients on this machine, too: by address, and what they publish
    #[arg(long, env = "SSE_CHAT_LIMIT_LOOPBACK", action = ArgAction::SetTrue, value_parser = parse_switch)]
    limit_loopback: bool,

    /// Bytes of a request's head
    #[arg(long, env = "SSE_CHAT_MAX_HEAD_BYTES", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_MAX_HEAD_BYTES))]
    max_head_bytes: Size,

    /// Bytes of all heads over 16 KiB together; beyond them such a request is told to come back
    #[arg(long, env = "SSE_CHAT_HEAD_BUDGET", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_HEAD_BUDGET))]
    head_budget: Size,

    /// Bytes of a request's body [default: what the largest message needs]
    #[arg(long, env = "SSE_CHAT_MAX_BODY_BYTES", value_name = "SIZE", value_parser = parse_size)]
    max_body_bytes: Option<Size>,

    /// How long a new connection may say nothing
    #[arg(long, env = "SSE_CHAT_FIRST_BYTE_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_FIRST_BYTE_TIMEOUT))]
    first_byte_timeout: Time,

    /// How long a request's head may take
    #[arg(long, env = "SSE_CHAT_HEAD_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_HEAD_TIMEOUT))]
    head_timeout: Time,

    /// How long a request's body may take
    #[arg(long, env = "SSE_CHAT_BODY_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_BODY_TIMEOUT))]
    body_timeout: Time,

    /// How long an answer that is no stream may take to be taken
    #[arg(long, env = "SSE_CHAT_ANSWER_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_ANSWER_TIMEOUT))]
    answer_timeout: Time,

    /// How long a connection may wait for its next request
    #[arg(long, env = "SSE_CHAT_IDLE_TIMEOUT", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_IDLE_TIMEOUT))]
    idle_timeout: Time,

    /// How long a client may leave no room for more of what is sent to it
    #[arg(long, env = "SSE_CHAT_STALL", value_name = "TIME", value_parser = parse_time,
          default_value_t = Time(config::DEFAULT_STALL))]
    stall: Time,

    /// Bytes that the kernel keeps for one slow client; 0 leaves it to the kernel
    #[arg(long, env = "SSE_CHAT_SEND_BUFFER", value_name = "SIZE", value_parser = parse_size,
          default_value_t = Size(config::DEFAULT_SEND_BUFFER))]
    send_buffer: Size,

    /// Connections that wait to be accepted; the kernel may hold it to less
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
            max_streams_per_address: flags.max_streams_per_address,
            max_rooms_per_address: flags.max_rooms_per_address,
            request_rate: flags.request_rate.0,
            request_burst: flags.request_burst,
            stream_rate: flags.stream_rate.0,
            stream_burst: flags.stream_burst,
            busy_retry: flags.busy_retry.0,
            max_members: flags.max_members,
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
