//! A TLS session without buffers of its own, over rustls' unbuffered interface:
//! records are decrypted in the buffer that they were read into, and only an
//! incomplete one is kept.

use std::io;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError,
    UnbufferedStatus,
};

use super::tls_peer::TlsPeer;
use crate::trust::explain;

/// A first size for what is encrypted at once: a request fits.
const OUT_BYTES: usize = 512;

/// A TLS session.
pub(super) struct Session {
    tls: UnbufferedClientConnection,
    /// The bytes of a record that is incomplete.
    rest: Vec<u8>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Handshake,
    Established,
    /// The server has sent its last byte.
    Over,
}

/// Why received bytes were not processed.
#[derive(Debug)]
pub(super) enum Failure<E> {
    Tls(String),
    Sink(E),
}

impl<E> Failure<E> {
    pub(super) fn reason(self) -> String {
        match self {
            Self::Tls(reason) => reason,
            Self::Sink(_) => "the answer is invalid".to_owned(),
        }
    }
}

impl Session {
    pub(super) fn new(peer: &TlsPeer) -> io::Result<Self> {
        let tls = UnbufferedClientConnection::new(peer.config.clone(), peer.name.clone())
            .map_err(|error| io::Error::other(explain(&error)))?;
        Ok(Self {
            tls,
            rest: Vec::new(),
            phase: Phase::Handshake,
        })
    }

    pub(super) fn is_established(&self) -> bool {
        self.phase != Phase::Handshake
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Puts the incomplete record at the front of `buffer`, and returns its length.
    pub(super) fn restore(&mut self, buffer: &mut [u8]) -> usize {
        let kept = self.rest.len();
        if kept > 0 {
            buffer[..kept].copy_from_slice(&self.rest);
            self.rest.clear();
        }
        kept
    }

    /// Keeps an incomplete record for the next read.
    pub(super) fn keep(&mut self, rest: &[u8]) {
        match rest.is_empty() {
            // Thousands of sessions should not keep a record each.
            true if self.rest.capacity() > 0 => self.rest = Vec::new(),
            _ => self.rest.extend_from_slice(rest),
        }
    }

    /// Processes `bytes`, which begin with the incomplete record: calls `sink` with
    /// each decrypted piece, and appends what has to be sent to `out`.
    pub(super) fn receive<E>(
        &mut self,
        bytes: &mut [u8],
        out: &mut Vec<u8>,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), Failure<E>> {
        let mut from = 0;
        loop {
            let UnbufferedStatus { mut discard, state } =
                self.tls.process_tls_records(&mut bytes[from..]);
            let waits = match state {
                Err(error) => {
                    self.send_alert(out);
                    return Err(Failure::Tls(explain(&error)));
                }
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|error| Failure::Tls(explain(&error)))?;
                        discard += record.discard;
                        sink(record.payload).map_err(Failure::Sink)?;
                    }
                    false
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    let encoded = encode(&mut data, out);
                    encoded.map_err(|error| Failure::Tls(error.to_string()))?;
                    false
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    // The caller sends `out`.
                    data.done();
                    false
                }
                Ok(ConnectionState::WriteTraffic(_)) => {
                    self.phase = match self.phase {
                        Phase::Handshake => Phase::Established,
                        phase => phase,
                    };
                    true
                }
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
                    self.phase = Phase::Over;
                    true
                }
                Ok(_) => true,
            };
            from += discard;
            if waits {
                break;
            }
        }
        self.keep(&bytes[from..]);
        Ok(())
    }

    /// Encrypts `bytes` into `out`.
    pub(super) fn send(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let UnbufferedStatus { state, .. } = self.tls.process_tls_records(&mut []);
            match state.map_err(|error| io::Error::other(explain(&error)))? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    return append(out, |out| match traffic.encrypt(bytes, out) {
                        Ok(written) => Ok(written),
                        Err(EncryptError::InsufficientSize(size)) => Err(Some(size)),
                        Err(EncryptError::EncryptExhausted) => Err(None),
                    });
                }
                // The answer to an update of the server's keys.
                ConnectionState::EncodeTlsData(mut data) => encode(&mut data, out)?,
                ConnectionState::TransmitTlsData(data) => data.done(),
                state => return Err(io::Error::other(format!("TLS can't send in {state:?}"))),
            }
        }
    }

    /// Appends the alert that tells the server of an error, if there is one.
    fn send_alert(&mut self, out: &mut Vec<u8>) {
        let UnbufferedStatus { state, .. } = self.tls.process_tls_records(&mut []);
        if let Ok(ConnectionState::EncodeTlsData(mut alert)) = state {
            // Without it the server sees the end of the connection.
            let _ = encode(&mut alert, out);
        }
    }
}

fn encode(data: &mut EncodeTlsData<'_, ClientConnectionData>, out: &mut Vec<u8>) -> io::Result<()> {
    append(out, |out| match data.encode(out) {
        Ok(written) => Ok(written),
        Err(EncodeError::InsufficientSize(size)) => Err(Some(size)),
        Err(EncodeError::AlreadyEncoded) => Err(None),
    })
}

/// Calls `encode` with the room behind `out`, and again with more if it needs more.
fn append(
    out: &mut Vec<u8>,
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, Option<InsufficientSizeError>>,
) -> io::Result<()> {
    let before = out.len();
    let mut room = OUT_BYTES;
    loop {
        out.resize(before + room, 0);
        match encode(&mut out[before..]) {
            Ok(written) => {
                out.truncate(before + written);
                return Ok(());
            }
            Err(Some(InsufficientSizeError { required_size })) if required_size > room => {
                room = required_size;
            }
            Err(_) => {
                out.truncate(before);
                return Err(io::Error::other("TLS has no more keys for this session"));
            }
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("phase", &self.phase)
            .field("rest", &self.rest.len())
            .finish_non_exhaustive()
    }
}
