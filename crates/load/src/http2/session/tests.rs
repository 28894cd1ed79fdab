//! A session against frames that are written by hand.

use super::*;

/// The frames that a session has sent, without their heads' lengths.
fn sent(session: &mut Http2Session) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let out = std::mem::take(session.out());
    let mut rest = out.strip_prefix(PREFACE).unwrap_or(&out);
    let mut frames = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk() {
        let head = FrameHead::parse(head);
        let (payload, after) = after.split_at(head.length);
        frames.push((head.kind, head.flags, head.stream, payload.to_vec()));
        rest = after;
    }
    frames
}

/// A session with streams of these owners, and the server's first settings.
fn session(owners: &[usize]) -> (Http2Session, Vec<u8>) {
    let mut session = Http2Session::new();
    for owner in owners {
        session.request(*owner, b"\x82", b"");
    }
    session.out().clear();
    let mut input = Vec::new();
    frame::write(&mut input, kind::SETTINGS, 0, 0, &[]);
    (session, input)
}

/// A part whose data is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Head(usize, u16),
    Body(usize, Vec<u8>),
    End(usize),
    Reset(usize, u32),
}

/// Reads `input` in pieces of `size`; neighbouring pieces of a body are one.
fn read(session: &mut Http2Session, input: &[u8], size: usize) -> Result<Vec<Seen>, NotHttp2> {
    let mut seen: Vec<Seen> = Vec::new();
    for mut piece in input.chunks(size) {
        loop {
            let part = match session.next(&mut piece)? {
                Http2Part::Wait => break,
                Http2Part::Head { owner, head } => Seen::Head(owner, head.status),
                Http2Part::Body { owner, data } => {
                    if let Some(Seen::Body(before, body)) = seen.last_mut()
                        && *before == owner
                    {
                        body.extend_from_slice(data);
                        continue;
                    }
                    Seen::Body(owner, data.to_vec())
                }
                Http2Part::End { owner } => Seen::End(owner),
                Http2Part::Reset { owner, code } => Seen::Reset(owner, code),
            };
            seen.push(part);
        }
    }
    Ok(seen)
}

#[test]
fn the_first_output_is_the_preface_with_settings_and_a_window() {
    let mut session = Http2Session::new();
    assert!(session.out().starts_with(PREFACE));
    let frames = sent(&mut session);
    assert_eq!((frames[0].0, frames[0].3.len()), (kind::SETTINGS, 18));
    assert_eq!(frames[1].0, kind::WINDOW_UPDATE);
}

#[test]
fn responses_of_several_streams_are_read_in_pieces_of_any_size() {
    for size in [1, 2, 5, 10_000] {
        let (mut session, mut input) = session(&[70, 80]);
        frame::write(&mut input, kind::HEADERS, flag::END_HEADERS, 3, b"\x88");
        // The first one's block is in two frames, with padding and a priority.
        let flags = flag::PADDED | flag::PRIORITY;
        frame::write(
            &mut input,
            kind::HEADERS,
            flags,
            1,
            b"\x01\0\0\0\0\0\x08\x03\0",
        );
        let end = flag::END_HEADERS;
        frame::write(&mut input, kind::CONTINUATION, end, 1, b"503");
        frame::write(&mut input, kind::DATA, 0, 3, b"data: 1\n");
        frame::write(&mut input, kind::DATA, flag::PADDED, 3, b"\x02\n\0\0");
        frame::write(&mut input, kind::PING, 0, 0, b"12345678");
        let flags = flag::PADDED | flag::END_STREAM;
        frame::write(&mut input, kind::DATA, flags, 1, b"\x00bye");
        // Of a stream that is over.
        frame::write(&mut input, kind::DATA, 0, 1, b"more");
        frame::write(&mut input, kind::RST_STREAM, 0, 3, &[0, 0, 0, 8]);
        let seen = read(&mut session, &input, size).unwrap();
        let expected = [
            Seen::Head(80, 200),
            Seen::Head(70, 503),
            Seen::Body(80, b"data: 1\n\n".to_vec()),
            Seen::Body(70, b"bye".to_vec()),
            Seen::End(70),
            Seen::Reset(80, CANCEL),
        ];
        assert_eq!(seen, expected, "{size}");
        let acks: Vec<_> = sent(&mut session);
        assert_eq!(acks[0], (kind::SETTINGS, flag::ACK, 0, vec![]));
        assert_eq!(acks[1], (kind::PING, flag::ACK, 0, b"12345678".to_vec()));
        assert_eq!((acks.len(), session.owners().count()), (2, 0));
    }
}

#[test]
fn a_response_without_a_body_ends_with_its_head() {
    let (mut session, mut input) = session(&[7]);
    let interim = b"\x08\x03103";
    frame::write(&mut input, kind::HEADERS, flag::END_HEADERS, 1, interim);
    let flags = flag::END_HEADERS | flag::END_STREAM;
    frame::write(&mut input, kind::HEADERS, flags, 1, b"\x89");
    let seen = read(&mut session, &input, 100).unwrap();
    assert_eq!(seen, [Seen::Head(7, 204), Seen::End(7)]);
}

#[test]
fn streams_after_the_last_one_of_a_goaway_are_refused() {
    let (mut session, mut input) = session(&[5, 6, 7]);
    frame::write(&mut input, kind::GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
    let seen = read(&mut session, &input, 100).unwrap();
    let refused = [7, 6].map(|owner| Seen::Reset(owner, REFUSED_STREAM));
    assert_eq!(seen, refused);
    assert!(session.is_going_away());
    assert_eq!(session.owners().collect::<Vec<_>>(), [5]);
}

#[test]
fn windows_are_granted_again_after_half_of_them() {
    let (mut session, mut input) = session(&[1]);
    let payload = [b'x'; MAX_PAYLOAD];
    let frames = STREAM_WINDOW as usize / 2 / MAX_PAYLOAD;
    for _ in 0..frames {
        frame::write(&mut input, kind::DATA, 0, 1, &payload);
    }
    read(&mut session, &input, 60_000).unwrap();
    let granted = sent(&mut session);
    let half = (STREAM_WINDOW / 2).to_be_bytes().to_vec();
    assert_eq!(granted[1], (kind::WINDOW_UPDATE, 0, 1, half));
    assert_eq!(granted.len(), 2, "that of the connection is larger");
}

#[test]
fn a_long_body_is_sent_as_the_windows_allow() {
    let (mut session, mut input) = session(&[]);
    let body: Vec<u8> = (0..100_000_u32).map(|at| at as u8).collect();
    session.request(1, b"\x83", &body);
    let mut frames = sent(&mut session);
    assert_eq!(frames[0].1, flag::END_HEADERS);
    let length = |frames: &[(u8, u8, u32, Vec<u8>)]| -> usize {
        let data = frames.iter().filter(|frame| frame.0 == kind::DATA);
        data.map(|frame| frame.3.len()).sum()
    };
    assert_eq!(length(&frames), DEFAULT_WINDOW as usize);
    // The stream's window grows by a setting, the connection's by a grant.
    let settings = [&[0, 4][..], &1_000_000_u32.to_be_bytes()].concat();
    frame::write(&mut input, kind::SETTINGS, 0, 0, &settings);
    let more = 50_000_u32.to_be_bytes();
    frame::write(&mut input, kind::WINDOW_UPDATE, 0, 0, &more);
    read(&mut session, &input, 100).unwrap();
    frames.extend(sent(&mut session));
    let data = frames.iter().filter(|frame| frame.0 == kind::DATA);
    let sent: Vec<u8> = data.flat_map(|frame| frame.3.clone()).collect();
    assert!(sent == body, "{} bytes", sent.len());
    assert_eq!(frames.last().unwrap().1, flag::END_STREAM);
}

#[test]
fn a_cancelled_stream_is_reset() {
    let (mut session, _) = session(&[4, 9]);
    session.cancel(9);
    session.cancel(10);
    let reset = (kind::RST_STREAM, 0, 3, vec![0, 0, 0, 8]);
    assert_eq!(sent(&mut session), [reset]);
    assert_eq!(session.owners().collect::<Vec<_>>(), [4]);
}

#[test]
fn another_protocol_and_invalid_frames_are_errors() {
    let http1 = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec();
    let mut large = Vec::new();
    frame::write(&mut large, kind::SETTINGS, 0, 0, &[0; MAX_PAYLOAD + 1]);
    let after_settings = |kind: u8, flags: u8, payload: &[u8]| {
        let mut bytes = Vec::new();
        frame::write(&mut bytes, kind::SETTINGS, 0, 0, &[]);
        frame::write(&mut bytes, kind, flags, 1, payload);
        frame::write(&mut bytes, kind::DATA, 0, 1, b"x");
        bytes
    };
    for input in [
        http1,
        large,
        after_settings(kind::DATA, flag::PADDED, b"\x09x"),
        after_settings(kind::HEADERS, 0, b"\x88"),
        after_settings(kind::HEADERS, flag::END_HEADERS, b"\xbe"),
        after_settings(kind::CONTINUATION, 0, b"\x88"),
        after_settings(kind::RST_STREAM, 0, b"1"),
        after_settings(kind::PUSH_PROMISE, 0, b"1234"),
    ] {
        let (mut session, _) = session(&[1]);
        let error = read(&mut session, &input, 7).unwrap_err().to_string();
        assert!(error.starts_with("the answer is not HTTP/2: "), "{error}");
    }
}
