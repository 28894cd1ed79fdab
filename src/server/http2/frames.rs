//! Reads the heads of the frames that a client sends, before h2 gets them. h2 bounds
//! what they cost in memory; here it is bounded how many there are, and how long a
//! header block takes.

use std::sync::atomic::Ordering;

use super::progress::ConnectionState;

/// What every client sends first (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEADER_BYTES: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// A frame of data with fewer bytes counts. h2 counts those without any.
const SMALL_DATA: u32 = 256;

/// Too many frames that cause nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flood;

/// Follows the frames in what a client sends.
#[derive(Debug)]
pub(super) struct FrameReader {
    /// Bytes of the preface that are still to come.
    preface: usize,
    header: [u8; HEADER_BYTES],
    /// Bytes of `header` that have come.
    length: usize,
    /// Bytes of the frame's payload that are still to come.
    payload: usize,
    /// The frame in progress ends a header block.
    ends_head: bool,
}

impl FrameReader {
    pub(super) fn new() -> Self {
        Self {
            preface: PREFACE.len(),
            header: [0; HEADER_BYTES],
            length: 0,
            payload: 0,
            ends_head: false,
        }
    }

    /// Follows the next bytes.
    ///
    /// # Errors
    ///
    /// [`Flood`] when the client has used up its credit.
    pub(super) fn read(&mut self, mut bytes: &[u8], state: &ConnectionState) -> Result<(), Flood> {
        let preface = self.preface.min(bytes.len());
        self.preface -= preface;
        bytes = &bytes[preface..];
        while !bytes.is_empty() {
            if self.payload > 0 {
                let count = self.payload.min(bytes.len());
                self.payload -= count;
                bytes = &bytes[count..];
            } else {
                let count = (HEADER_BYTES - self.length).min(bytes.len());
                self.header[self.length..self.length + count].copy_from_slice(&bytes[..count]);
                self.length += count;
                bytes = &bytes[count..];
                if self.length < HEADER_BYTES {
                    break;
                }
                self.length = 0;
                self.begin_frame(state)?;
            }
            if self.payload == 0 && std::mem::take(&mut self.ends_head) {
                state.head.clear();
            }
        }
        Ok(())
    }

    fn begin_frame(&mut self, state: &ConnectionState) -> Result<(), Flood> {
        let [a, b, c, kind, flags, stream @ ..] = self.header;
        let length = u32::from_be_bytes([0, a, b, c]);
        self.payload = length as usize;
        if matches!(kind, HEADERS | CONTINUATION) {
            state.head.begin(state);
            self.ends_head = flags & END_HEADERS != 0;
        }
        if kind == HEADERS {
            let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
            state.last_stream.fetch_max(stream, Ordering::Relaxed);
        }
        let is_free = kind == DATA && length >= SMALL_DATA;
        match is_free || state.credit.take(|| state.now()) {
            true => Ok(()),
            false => Err(Flood),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_block_is_followed_in_pieces_of_any_size() {
        let all = [
            PREFACE.to_vec(),
            frame(4, 0, 0, &[0; 12]),
            frame(HEADERS, 0, 5, b"abc"),
            frame(CONTINUATION, 0, 5, b""),
            frame(CONTINUATION, END_HEADERS, 5, b"de"),
        ]
        .concat();
        let begins = PREFACE.len() + HEADER_BYTES + 12 + HEADER_BYTES;
        for step in 1..all.len() {
            let state = ConnectionState::new();
            let mut reader = FrameReader::new();
            let mut read = 0;
            for piece in all.chunks(step) {
                reader.read(piece, &state).unwrap();
                read += piece.len();
                let is_within = (begins..all.len()).contains(&read);
                assert_eq!(!state.head.is_never(), is_within, "{step}, {read}");
            }
            assert_eq!(state.last_stream.load(Ordering::Relaxed), 5);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_uses_up_its_credit_and_time_gives_some_back() {
        let state = ConnectionState::new();
        let mut reader = FrameReader::new();
        reader.read(PREFACE, &state).unwrap();
        let ping = frame(6, 0, 0, &[0; 8]);
        let mut most = || {
            (0..)
                .take_while(|_| reader.read(&ping, &state).is_ok())
                .count()
        };
        assert_eq!(most(), 4096);
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        // What was taken in vain counts, too.
        assert_eq!(most(), 63);
        state.credit.answered();
        assert_eq!(most(), 31);
        // The first frame after the pause is taken before it is known.
        tokio::time::advance(std::time::Duration::from_secs(9999)).await;
        assert_eq!(most(), 4097);
    }

    #[tokio::test(start_paused = true)]
    async fn data_and_what_answers_cause_is_free() {
        let state = ConnectionState::new();
        let mut reader = FrameReader::new();
        reader.read(PREFACE, &state).unwrap();
        let data = frame(DATA, 0, 1, &[0; 256]);
        for _ in 0..9999 {
            reader.read(&data, &state).unwrap();
        }
        let update = frame(8, 0, 1, &[0, 0, 1, 0]);
        for _ in 0..9999 {
            state.credit.wrote();
            (0..32).for_each(|_| reader.read(&update, &state).unwrap());
        }
    }
}
