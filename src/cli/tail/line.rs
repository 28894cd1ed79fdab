//! A message as a person reads it: `14:03:05 Ada: hello`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::super::escape::escape_json;
use super::super::is_colour_wanted;
use crate::protocol::{Message, is_printable};

/// What the second line of a message begins with, and every one after it.
const INDENT: &str = "    ";
/// The colours of names: those that are readable on black and on white.
const COLOURS: [u8; 6] = [31, 32, 33, 34, 35, 36];

/// How messages are shown.
#[derive(Debug, Clone)]
pub(super) struct Style {
    /// Whether each line says its room.
    pub(super) rooms: bool,
    /// Whether names have colours.
    pub(super) colours: bool,
    /// Whether there is a terminal that a text could drive.
    pub(super) escapes: bool,
    /// Whose clock the times are of.
    pub(super) zone: TimeZone,
}

impl Style {
    /// As standard output wants it, and NO_COLOR (no-color.org).
    pub(super) fn of_stdout(rooms: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            rooms,
            colours: terminal && is_colour_wanted(),
            escapes: terminal,
            zone: TimeZone::system(),
        }
    }

    /// The message, with a line feed at its end.
    pub(super) fn show(&self, message: &Message<'_>) -> String {
        self.show_at(message, &Zoned::new(Timestamp::now(), self.zone.clone()))
    }

    /// The message's JSON as it came, with a line feed at its end. For a terminal
    /// what could drive it is written as JSON escapes: the same message still.
    pub(super) fn show_json(&self, json: &str) -> String {
        let mut line = match self.escapes {
            true => escape_json(json),
            false => json.to_owned(),
        };
        line.push('\n');
        line
    }

    fn show_at(&self, message: &Message<'_>, now: &Zoned) -> String {
        let mut line = self.time(&message.created_at, now);
        if self.rooms {
            let _ = write!(line, " [{}]", self.safe(&message.room, false));
        }
        let name = self.safe(&message.name, false);
        let _ = match self.colours {
            true => write!(line, " \u{1b}[{}m{name}\u{1b}[0m: ", colour_of(&name)),
            false => write!(line, " {name}: "),
        };
        let text = self.safe(&message.message, true);
        line.push_str(&text.replace('\n', &format!("\n{INDENT}")));
        line.push('\n');
        line
    }

    /// The time of day, with the date if it is another day's.
    fn time(&self, created_at: &str, now: &Zoned) -> String {
        let Ok(time) = created_at.parse::<Timestamp>() else {
            return "--:--:--".to_owned();
        };
        let time = time.to_zoned(self.zone.clone());
        let format = match time.date() == now.date() {
            true => "%H:%M:%S",
            false => "%Y-%m-%d %H:%M:%S",
        };
        time.strftime(format).to_string()
    }

    /// The text, with whatever could drive a terminal made visible.
    fn safe<'a>(&self, text: &'a str, lines: bool) -> Cow<'a, str> {
        let drives = |c: char| match c {
            '\n' | '\t' => !lines,
            _ => !is_printable(c),
        };
        if !self.escapes || !text.contains(drives) {
            return Cow::Borrowed(text);
        }
        let mut shown = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            match drives(c) {
                true => shown.extend(c.escape_unicode()),
                false => shown.push(c),
            }
        }
        Cow::Owned(shown)
    }
}

/// The same name has the same colour everywhere.
fn colour_of(name: &str) -> u8 {
    let sum = name
        .bytes()
        .fold(7_u32, |sum, byte| sum.wrapping_mul(31) ^ u32::from(byte));
    COLOURS[sum as usize % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(rooms: bool, colours: bool, escapes: bool) -> Style {
        Style {
            rooms,
            colours,
            escapes,
            zone: TimeZone::fixed(jiff::tz::offset(2)),
        }
    }

    fn message<'a>(name: &'a str, text: &'a str) -> Message<'a> {
        Message {
            id: "e-7".parse().unwrap(),
            room: "ops".into(),
            number: 3,
            name: name.into(),
            message: text.into(),
            created_at: "2026-11-23T22:02:03.004Z".into(),
            client_id: None,
        }
    }

    fn shown(style: &Style, message: &Message<'_>) -> String {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        style.show_at(message, &now.to_zoned(style.zone.clone()))
    }

    #[test]
    fn a_message_of_today_has_its_local_time_and_its_room_if_there_are_more() {
        let hi = message("Ada", "hi");
        assert_eq!(shown(&style(false, false, true), &hi), "00:02:03 Ada: hi\n");
        assert_eq!(
            shown(&style(true, false, true), &hi),
            "00:02:03 [ops] Ada: hi\n"
        );
    }

    #[test]
    fn a_message_of_another_day_has_its_date_and_one_without_a_time_has_none() {
        let mut hi = message("Ada", "hi");
        hi.created_at = "2026-11-23T21:59:59.999Z".into();
        assert_eq!(
            shown(&style(false, false, true), &hi),
            "2026-11-23 23:59:59 Ada: hi\n"
        );
        hi.created_at = "\u{1b}[2J".into();
        assert_eq!(shown(&style(false, false, true), &hi), "--:--:-- Ada: hi\n");
    }

    #[test]
    fn the_lines_of_a_message_stand_below_each_other() {
        assert_eq!(
            shown(&style(false, false, true), &message("Ada", "a\nb\n\nc")),
            "00:02:03 Ada: a\n    b\n    \n    c\n"
        );
    }

    #[test]
    fn nobody_drives_a_terminal() {
        let text = "a\u{1b}[2J\u{9b}1m\u{7f}\r\u{202e}b\tc\u{2028}";
        assert_eq!(
            shown(&style(false, false, true), &message("A\nB", text)),
            "00:02:03 A\\u{a}B: a\\u{1b}[2J\\u{9b}1m\\u{7f}\\u{d}\\u{202e}b\tc\\u{2028}\n"
        );
        let raw = shown(&style(false, false, false), &message("Ada", text));
        assert_eq!(raw, format!("00:02:03 Ada: {text}\n"));
    }

    #[test]
    fn a_name_has_one_colour() {
        let line = shown(&style(false, true, true), &message("Ada", "hi"));
        let colour = colour_of("Ada");
        assert_eq!(line, format!("00:02:03 \u{1b}[{colour}mAda\u{1b}[0m: hi\n"));
    }

    #[test]
    fn json_is_the_same_message_and_drives_no_terminal() {
        let json = "{\"message\":\"a\u{9b}31m\u{202e}é\"}";
        assert_eq!(
            style(false, false, false).show_json(json),
            format!("{json}\n")
        );
        let shown = style(false, false, true).show_json(json);
        assert_eq!(shown, "{\"message\":\"a\\u009b31m\\u202eé\"}\n");
        let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(
            value,
            serde_json::from_str::<serde_json::Value>(json).unwrap()
        );
    }
}
