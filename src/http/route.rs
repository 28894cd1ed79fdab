//! The paths of the server and their methods.

use hyper::Method;

use crate::config::Config;

/// A path of the server. Rooms stand as they were sent; their names are checked
/// after the method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// `/`
    Home,
    /// `/r/{room}`
    RoomPage(&'a str),
    /// `/r/{room}/`, which people type
    RoomPageWithSlash(&'a str),
    /// `/assets/{path}`
    Asset(&'a str),
    /// `/rooms/{room}/messages`
    Messages(&'a str),
    /// `/rooms/{room}/messages/{id}`
    Message(&'a str, &'a str),
    /// `/rooms/{room}/messages/{id}/reactions/{emoji}`
    Reaction(&'a str, &'a str, &'a str),
    /// `/rooms/{room}/bans`
    Bans(&'a str),
    /// `/rooms/{room}/events`
    Events(&'a str),
    /// `/rooms/{room}/typing`
    Typing(&'a str),
    /// `/events`
    ManyEvents,
    /// `/rooms/{room}/members`
    Members(&'a str),
    /// `/rooms`
    Rooms,
    /// `/tickets`
    Tickets,
    /// `/session`
    Session,
    /// `/healthz`
    Health,
    /// `/readyz`
    Ready,
    /// `/send.php`
    SendPhp,
    /// `/sse.php`
    SsePhp,
    /// `*`, only for OPTIONS
    Server,
}

const READ: &str = "GET, HEAD, OPTIONS";
const READ_AND_WRITE: &str = "GET, HEAD, POST, OPTIONS";
const CHANGE: &str = "PATCH, DELETE, OPTIONS";
const REACT: &str = "PUT, DELETE, OPTIONS";
const BAN: &str = "GET, HEAD, PUT, DELETE, OPTIONS";
const TICKETS: &str = "POST, OPTIONS";
const BEGIN_AND_END: &str = "POST, DELETE, OPTIONS";
const ALL: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

impl<'a> Route<'a> {
    /// The room of a request that is not for a page.
    pub(super) fn room(self) -> Option<&'a str> {
        match self {
            Self::Messages(room)
            | Self::Message(room, _)
            | Self::Reaction(room, ..)
            | Self::Bans(room)
            | Self::Events(room)
            | Self::Typing(room)
            | Self::Members(room) => Some(room),
            _ => None,
        }
    }

    pub(super) fn of(path: &'a str, config: &Config) -> Option<Self> {
        let route = Self::parse(path)?;
        match route {
            Self::Rooms if !config.list_rooms => None,
            Self::SendPhp | Self::SsePhp if !config.demo => None,
            Self::Tickets | Self::Session if !config.tokens.are_enabled() => None,
            _ => Some(route),
        }
    }

    fn parse(path: &'a str) -> Option<Self> {
        if path == "*" {
            return Some(Self::Server);
        }
        if let Some(path) = path.strip_prefix("/assets/") {
            return Some(Self::Asset(path));
        }
        let mut segments = path.strip_prefix('/')?.split('/');
        let first = segments.next()?;
        let mut next = || segments.next();
        Some(match (first, next(), next(), next()) {
            ("", None, ..) => Self::Home,
            ("r", Some(room), None, _) => Self::RoomPage(room),
            ("r", Some(room), Some(""), None) => Self::RoomPageWithSlash(room),
            ("rooms", Some(room), Some("messages"), None) => Self::Messages(room),
            ("rooms", Some(_), Some("messages"), Some("")) => return None,
            ("rooms", Some(room), Some("messages"), Some(id)) => match (next(), next(), next()) {
                (None, ..) => Self::Message(room, id),
                (Some("reactions"), Some(emoji), None) => Self::Reaction(room, id, emoji),
                _ => return None,
            },
            ("rooms", Some(room), Some("bans"), None) => Self::Bans(room),
            ("rooms", Some(room), Some("events"), None) => Self::Events(room),
            ("rooms", Some(room), Some("members"), None) => Self::Members(room),
            ("rooms", Some(room), Some("typing"), None) => Self::Typing(room),
            ("events", None, ..) => Self::ManyEvents,
            ("rooms", None, ..) => Self::Rooms,
            ("tickets", None, ..) => Self::Tickets,
            ("session", None, ..) => Self::Session,
            ("healthz", None, ..) => Self::Health,
            ("readyz", None, ..) => Self::Ready,
            ("send.php", None, ..) => Self::SendPhp,
            ("sse.php", None, ..) => Self::SsePhp,
            _ => return None,
        })
    }

    /// Whether it is a health probe.
    pub(super) fn is_probe(self) -> bool {
        matches!(self, Self::Health | Self::Ready)
    }

    /// Whether a request counts against the request rate. Publishing and streams
    /// have rates of their own, so that raising those is enough. The page and its
    /// files have none: a browser loads forty files at once on a first visit.
    pub(super) fn spends_request_rate(self, method: &Method) -> bool {
        match self {
            Self::Members(_)
            | Self::Rooms
            | Self::Bans(_)
            | Self::Typing(_)
            | Self::Tickets
            | Self::Session => true,
            Self::Messages(_) => method != Method::POST,
            Self::Events(_) | Self::ManyEvents | Self::SsePhp | Self::SendPhp => {
                method == Method::HEAD
            }
            // They spend the rate of publishing.
            Self::Message(..) | Self::Reaction(..) => false,
            Self::Home
            | Self::RoomPage(_)
            | Self::RoomPageWithSlash(_)
            | Self::Asset(_)
            | Self::Health
            | Self::Ready
            | Self::Server => false,
        }
    }

    /// Whether a request spends the rate of publishing.
    pub(super) fn spends_publish_rate(self, method: &Method) -> bool {
        match self {
            Self::Messages(_) | Self::Events(_) => method == Method::POST,
            Self::Message(..) | Self::Reaction(..) => true,
            // HEAD publishes nothing (RFC 9110, section 9.2.1).
            Self::SendPhp => method != Method::HEAD,
            _ => false,
        }
    }

    /// Whether a request with this method asks for an event stream.
    pub(super) fn is_stream(self, method: &Method) -> bool {
        matches!(self, Self::Events(_) | Self::ManyEvents | Self::SsePhp)
            && matches!(*method, Method::GET | Method::HEAD)
    }

    /// The value of `Allow`; for `*` the methods of all paths together (RFC 9110,
    /// section 9.3.7).
    pub(super) fn allow(self) -> &'static str {
        match self {
            Self::Messages(_) | Self::Events(_) | Self::SendPhp => READ_AND_WRITE,
            Self::Message(..) => CHANGE,
            Self::Reaction(..) => REACT,
            Self::Bans(_) => BAN,
            Self::Tickets => TICKETS,
            Self::Session | Self::Typing(_) => BEGIN_AND_END,
            Self::Server => ALL,
            _ => READ,
        }
    }

    /// The methods of the route itself.
    pub(super) fn takes_only(self) -> &'static str {
        match self {
            Self::Server => "OPTIONS",
            _ => self.allow(),
        }
    }

    /// Whether the path has this method, without a search in [`takes_only`].
    ///
    /// [`takes_only`]: Self::takes_only
    pub(super) fn takes(self, method: &Method) -> bool {
        match *method {
            Method::OPTIONS => true,
            Method::GET | Method::HEAD => !matches!(
                self,
                Self::Message(..)
                    | Self::Reaction(..)
                    | Self::Typing(_)
                    | Self::Tickets
                    | Self::Session
                    | Self::Server
            ),
            Method::POST => matches!(
                self,
                Self::Messages(_)
                    | Self::Events(_)
                    | Self::Typing(_)
                    | Self::SendPhp
                    | Self::Tickets
                    | Self::Session
            ),
            Method::PUT => matches!(self, Self::Reaction(..) | Self::Bans(_)),
            Method::PATCH => matches!(self, Self::Message(..)),
            Method::DELETE => matches!(
                self,
                Self::Message(..)
                    | Self::Reaction(..)
                    | Self::Bans(_)
                    | Self::Typing(_)
                    | Self::Session
            ),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TokenSettings;

    #[test]
    fn every_path_of_the_protocol_is_a_route() {
        let config = Config {
            list_rooms: true,
            tokens: TokenSettings {
                keys: vec!["key".into()],
                ..TokenSettings::default()
            },
            ..Config::default()
        };
        for (path, route) in [
            ("/", Route::Home),
            ("/r/lobby", Route::RoomPage("lobby")),
            ("/r/lobby/", Route::RoomPageWithSlash("lobby")),
            ("/assets/start.js", Route::Asset("start.js")),
            ("/assets/1a/b.js", Route::Asset("1a/b.js")),
            ("/rooms/a%20b/messages", Route::Messages("a%20b")),
            ("/rooms//events", Route::Events("")),
            ("/rooms/a/messages/e-7", Route::Message("a", "e-7")),
            (
                "/rooms/a/messages/e-7/reactions/%F0%9F%91%8D",
                Route::Reaction("a", "e-7", "%F0%9F%91%8D"),
            ),
            ("/rooms/a/bans", Route::Bans("a")),
            ("/rooms/a/members", Route::Members("a")),
            ("/rooms/a/typing", Route::Typing("a")),
            ("/events", Route::ManyEvents),
            ("/rooms", Route::Rooms),
            ("/tickets", Route::Tickets),
            ("/session", Route::Session),
            ("/healthz", Route::Health),
            ("/readyz", Route::Ready),
            ("/send.php", Route::SendPhp),
            ("/sse.php", Route::SsePhp),
            ("*", Route::Server),
        ] {
            assert_eq!(Route::of(path, &config), Some(route));
        }
    }

    #[test]
    fn a_route_takes_what_its_allow_says() {
        for route in [
            Route::Home,
            Route::Messages("a"),
            Route::SendPhp,
            Route::Events("a"),
            Route::Message("a", "e-7"),
            Route::Reaction("a", "e-7", "x"),
            Route::Bans("a"),
            Route::Typing("a"),
            Route::Tickets,
            Route::Session,
        ] {
            for method in [
                "GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT",
                "get",
            ] {
                let allowed = route.allow().split(", ").any(|allowed| allowed == method);
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                assert_eq!(route.takes(&method), allowed, "{route:?} {method}");
            }
        }
    }

    #[test]
    fn any_other_path_is_none() {
        let config = Config {
            demo: false,
            ..Config::default()
        };
        for path in [
            "",
            "//",
            "/x",
            "/rooms",
            "/rooms/",
            "/rooms/a",
            "/rooms/a/",
            "/rooms/a/messages/",
            "/rooms/a/messages/b/",
            "/rooms/a/messages/b/reactions",
            "/rooms/a/messages/b/reactions/c/d",
            "/rooms/a/bans/b",
            "/rooms/a/typing/b",
            "/events/",
            "/r",
            "/r/a//",
            "/r/a/b",
            "/assets",
            "/send.php",
            "/sse.php",
            "/metrics",
            "/tickets",
            "/session",
            "/%2e%2e/",
            "/..",
        ] {
            assert_eq!(Route::of(path, &config), None, "{path}");
        }
    }
}
