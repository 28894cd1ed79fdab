//! The texts of error pages, in each language of the chat page.

use crate::http::language::Language;
use crate::protocol::ProblemCode;

impl Language {
    /// The title and the text of an error page.
    pub(super) fn refusal(self, code: ProblemCode) -> (&'static str, &'static str) {
        match self {
            Self::English => english(code),
            Self::Chinese => chinese(code),
        }
    }

    pub(super) fn try_again(self, seconds: u64) -> String {
        match self {
            Self::English if seconds == 1 => "Try again in 1 second".to_owned(),
            Self::English => format!("Try again in {seconds} seconds"),
            Self::Chinese => format!("请在 {seconds} 秒后重试"),
        }
    }

    pub(super) fn go_to(self, room: &str) -> String {
        match self {
            Self::English => format!("Go to the room {room}"),
            Self::Chinese => format!("进入房间 {room}"),
        }
    }
}

fn english(code: ProblemCode) -> (&'static str, &'static str) {
    match code {
        ProblemCode::InvalidRoom => (
            "This is not the name of a room",
            "A room’s name is 1 to 64 letters, digits, “-”, “_” or “.”, without spaces.",
        ),
        ProblemCode::NotFound => (
            "There is no such page",
            "Check the address, or go to a room.",
        ),
        ProblemCode::MethodNotAllowed => (
            "This does not work here",
            "The address exists, but it takes another kind of request.",
        ),
        ProblemCode::CrossOrigin | ProblemCode::InvalidHost => (
            "The server does not answer here",
            "It does not know this host name, or does not take requests from this site.",
        ),
        ProblemCode::TokenRequired | ProblemCode::TokenInvalid | ProblemCode::TokenExpired => (
            "A link with a token is needed",
            "This server lets in only people with a token. Open your link again, or ask for a new one.",
        ),
        ProblemCode::Forbidden => (
            "You may not do this",
            "Your session does not permit it, or you are banned here.",
        ),
        ProblemCode::UriTooLong | ProblemCode::HeadersTooLarge => (
            "The request is too long",
            "Shorten the address. If it is short, delete the cookies of this site.",
        ),
        ProblemCode::RateLimited => (
            "Too many requests",
            "Too much has come from your network in a short time.",
        ),
        ProblemCode::TooManyRooms | ProblemCode::TooManyConnections => {
            ("The server is full", "It has as much to do as it can take.")
        }
        ProblemCode::Draining => ("The server is restarting", "It will be back in a moment."),
        ProblemCode::HistoryUnavailable => (
            "History is not available",
            "The server can't store or read messages at present.",
        ),
        _ => (
            "The request was refused",
            "The server could not accept what was sent.",
        ),
    }
}

fn chinese(code: ProblemCode) -> (&'static str, &'static str) {
    match code {
        ProblemCode::InvalidRoom => (
            "房间名称无效",
            "名称须为 1 到 64 个文字、数字、“-”“_”或“.”，不能有空格。",
        ),
        ProblemCode::NotFound => ("页面不存在", "请检查地址，或进入一个房间。"),
        ProblemCode::MethodNotAllowed => ("此处不支持这种请求", "地址存在，但需要另一种请求方式。"),
        ProblemCode::CrossOrigin | ProblemCode::InvalidHost => (
            "无法通过此地址访问",
            "服务器不认识这个主机名，或不接受来自该网站的请求。",
        ),
        ProblemCode::TokenRequired | ProblemCode::TokenInvalid | ProblemCode::TokenExpired => (
            "需要带令牌的链接",
            "此服务器只允许持有令牌的人进入。请重新打开你的链接，或索取新的链接。",
        ),
        ProblemCode::Forbidden => ("没有权限", "你没有权限进行此操作，或者你在这里被封禁。"),
        ProblemCode::UriTooLong | ProblemCode::HeadersTooLarge => (
            "请求过长",
            "请缩短地址。如果地址不长，请删除此网站的 Cookie。",
        ),
        ProblemCode::RateLimited => ("请求过多", "你的网络在短时间内发送了太多请求。"),
        ProblemCode::TooManyRooms | ProblemCode::TooManyConnections => {
            ("服务器已满", "服务器暂时无法处理更多请求。")
        }
        ProblemCode::Draining => ("服务器正在重启", "很快就会恢复。"),
        ProblemCode::HistoryUnavailable => ("历史记录不可用", "服务器暂时无法存取消息。"),
        _ => ("请求被拒绝", "服务器无法接受所发送的内容。"),
    }
}
