use proptest::prelude::*;

use super::properties::Seen;
use super::*;

fn decode_in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Seen>, String) {
    let mut decoder = Decoder::default();
    let mut seen = Vec::new();
    for piece in pieces {
        decoder.feed(piece, |item| seen.push(item.into())).unwrap();
    }
    (seen, decoder.last_event_id().into_owned())
}

fn decode(stream: &str) -> Vec<Seen> {
    decode_in_pieces([stream.as_bytes()]).0
}

fn message(data: &str) -> Seen {
    Seen::Event("message".into(), data.into(), String::new())
}

#[test]
fn lines_end_in_lf_cr_or_crlf() {
    let expected = vec![message("a\nb")];
    for end in ["\n", "\r", "\r\n"] {
        assert_eq!(decode(&format!("data: a{end}data: b{end}{end}")), expected);
    }
    assert_eq!(decode("data:a\r\rdata:b\n\ndata:c\r\n\r\n").len(), 3);
}

#[test]
fn one_byte_order_mark_is_skipped_and_a_second_is_data() {
    assert_eq!(decode("\u{FEFF}data: a\n\n"), [message("a")]);
    assert_eq!(
        decode("\u{FEFF}\u{FEFF}data: a\n\ndata: b\n\n"),
        [message("b")]
    );
    assert_eq!(decode("data: a\n\n\u{FEFF}data: b\n\n"), [message("a")]);
}

#[test]
fn exactly_one_space_after_the_colon_is_dropped() {
    assert_eq!(decode("data:  a\n\n"), [message(" a")]);
    assert_eq!(decode("data:\ta\n\n"), [message("\ta")]);
}

#[test]
fn an_event_needs_a_data_field_but_no_data() {
    assert_eq!(decode("data:\n\n"), [message("")]);
    assert_eq!(decode("data\ndata\n\n"), [message("\n")]);
    assert_eq!(decode("event: x\n\n"), []);
    assert_eq!(decode("data: never ended"), []);
    assert_eq!(decode("data: not ended\n"), []);
}

#[test]
fn field_names_are_case_sensitive_and_unknown_ones_are_ignored() {
    assert_eq!(
        decode("Data: a\ndata : b\nfoo\nfoo: c\ndata: d\n\n"),
        [message("d")]
    );
}

#[test]
fn an_event_name_applies_to_one_event() {
    let expected = [
        Seen::Event("x".into(), "a".into(), String::new()),
        message("b"),
    ];
    assert_eq!(decode("event: x\ndata: a\n\ndata: b\n\n"), expected);
}

#[test]
fn an_id_persists_until_the_next_and_ignores_nul() {
    let stream = "id: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\nid\ndata: d\n\n";
    let ids: Vec<String> = decode(stream)
        .into_iter()
        .filter_map(|seen| match seen {
            Seen::Event(_, _, id) => Some(id),
            _ => None,
        })
        .collect();
    assert_eq!(ids, ["1", "1", "1", ""]);
}

#[test]
fn an_id_without_data_moves_the_cursor_only_at_the_empty_line() {
    assert_eq!(decode_in_pieces([&b"id: 7\n\n"[..]]), (vec![], "7".into()));
    assert_eq!(decode_in_pieces([&b"id: 7\n"[..]]), (vec![], String::new()));
}

#[test]
fn retry_is_digits_only() {
    assert_eq!(decode("retry: 3000\n"), [Seen::Retry(3000)]);
    assert_eq!(decode("retry: 1000x\nretry\nretry: -1\nretry: 1.5\n"), []);
    assert_eq!(
        decode("retry: 99999999999999999999999\n"),
        [Seen::Retry(u64::MAX)]
    );
}

#[test]
fn comments_are_decoded() {
    assert_eq!(
        decode(": hi\n:\n"),
        [Seen::Comment(" hi".into()), Seen::Comment(String::new())]
    );
}

#[test]
fn nul_in_data_is_kept_and_invalid_utf8_is_replaced() {
    assert_eq!(decode("data: a\0b\n\n"), [message("a\0b")]);
    let (seen, _) = decode_in_pieces([&b"data: a\xFFb\n\n"[..]]);
    assert_eq!(seen, [message("a\u{FFFD}b")]);
}

#[test]
fn a_line_or_an_event_over_the_limit_is_an_error() {
    let limit = TooLong { limit: 8 };
    let ignore = |_: Item<'_>| {};
    assert_eq!(Decoder::with_limit(8).feed(b"12345678", ignore), Ok(()));
    assert_eq!(
        Decoder::with_limit(8).feed(b"123456789", ignore),
        Err(limit)
    );
    assert_eq!(
        Decoder::with_limit(8).feed(b"data:abcd\n", ignore),
        Err(limit)
    );
    let mut decoder = Decoder::with_limit(8);
    assert_eq!(decoder.feed(b"data:ab\ndata:cd\n", ignore), Ok(()));
    assert_eq!(decoder.feed(b"data:efg\n", ignore), Err(limit));
}

proptest! {
    #[test]
    fn pieces_of_any_size_decode_like_the_whole_stream(
        lines in prop::collection::vec(
            prop::sample::select(vec![
                "data: a", "data:", "data", "id: 1", "id", "id: \0", "event: x", "retry: 5",
                ": c", "", "", "\u{FEFF}data: é😀", "nonsense",
            ]),
            0..24,
        ),
        ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r", "\r\n"]), 24),
        cuts in prop::collection::vec(0usize..200, 0..12),
    ) {
        let stream: String = lines.iter().zip(&ends).map(|(l, e)| format!("{l}{e}")).collect();
        let bytes = stream.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(decode_in_pieces(pieces), decode_in_pieces([bytes]));
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)) {
        decode_in_pieces(pieces.iter().map(Vec::as_slice));
    }

    #[test]
    fn an_encoded_event_is_decoded_as_it_was(text in any::<String>(), id in "[a-z0-9]{1,16}-[0-9]{1,9}") {
        let bytes = crate::sse::Event::with_capacity(0).id(&id).event("update").json(&text).text();
        let (seen, last) = decode_in_pieces([&bytes[..]]);
        prop_assert_eq!(&last, &id);
        let data = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(seen, vec![Seen::Event("update".into(), data, id)]);
    }
}
