//! The version of HTTP that a load speaks.

/// The version of HTTP that the load speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1: a connection for each stream.
    #[default]
    Http1,
    /// HTTP/2: by ALPN over TLS, with prior knowledge in clear.
    Http2 {
        /// How many event streams each connection has; at least 1.
        streams_per_connection: usize,
    },
}

impl HttpVersion {
    /// Its name in a TLS handshake (ALPN, RFC 7301).
    pub(crate) fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 { .. } => b"h2",
        }
    }

    pub(crate) fn is_http2(self) -> bool {
        self != Self::Http1
    }

    /// How many event streams a connection has.
    pub(crate) fn streams_per_connection(self) -> usize {
        match self {
            Self::Http1 => 1,
            Self::Http2 {
                streams_per_connection,
            } => streams_per_connection,
        }
    }
}
