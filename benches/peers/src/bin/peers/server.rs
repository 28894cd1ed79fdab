//! The servers: their names, their command lines, and the works that they do not
//! support. All serve `GET /rooms/{room}/events` and `POST /rooms/{room}/messages`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::work::Work;

/// The folder of better-sse and its packages, relative to the project's folder.
pub(crate) const BETTER_SSE: &str = "benches/peers/better-sse";
const NGINX_CONF: &str = include_str!("../../../nchan/nginx.conf");

/// A server of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Server {
    /// A loop of non-blocking writes: the minimum cost of a server
    Floor,
    /// This project
    SseChat,
    /// An earlier build of this project; needs --before
    Before,
    /// nginx with the module nchan
    Nchan,
    /// axum's Sse on a tokio broadcast channel
    Axum,
    /// better-sse with express on node
    BetterSse,
}

/// A program and its arguments.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
}

impl Server {
    /// All of them, in the order of the tables.
    pub(crate) const ALL: [Self; 6] = [
        Self::Floor,
        Self::SseChat,
        Self::Before,
        Self::Nchan,
        Self::Axum,
        Self::BetterSse,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::SseChat => "sse-chat",
            Self::Before => "before",
            Self::Nchan => "nchan",
            Self::Axum => "axum",
            Self::BetterSse => "better-sse",
        }
    }

    /// Whether it supports this work.
    pub(crate) fn can(self, work: Work) -> bool {
        match work {
            // The others have no history.
            Work::Resume => matches!(self, Self::SseChat | Self::Before | Self::Nchan),
            // better-sse needs more than a second per message.
            Work::Sender => self != Self::BetterSse,
            // The floor sends chunks in every version of HTTP.
            Work::IdleHttp10 => self != Self::Floor,
            _ => true,
        }
    }

    /// The command that starts it on `port`. `sse_chat` is the build to start, `scratch`
    /// an empty folder for its files.
    pub(crate) fn invocation(
        self,
        sse_chat: &Path,
        port: u16,
        scratch: &Path,
    ) -> Result<Invocation, String> {
        let (program, arguments) = match self {
            Self::Floor => (beside_this_program("floor")?, port.to_string()),
            Self::Axum => (beside_this_program("axum_sse")?, port.to_string()),
            // The load generator is the same program: a copy shares no memory pages
            // with it.
            Self::SseChat | Self::Before => (
                copy(sse_chat, scratch)?,
                format!("serve --listen 127.0.0.1:{port} --log-level warn"),
            ),
            Self::BetterSse => ("node".into(), format!("{BETTER_SSE}/server.mjs {port}")),
            Self::Nchan => return nginx(port, scratch),
        };
        let arguments = arguments.split(' ').map(str::to_owned).collect();
        Ok(Invocation { program, arguments })
    }

    /// The body of a message; readers search events for `{payload}`. nchan forwards a
    /// body unchanged, so its body is the JSON that the others create.
    pub(crate) fn publish_body(self) -> &'static str {
        match self {
            Self::Nchan => {
                r#"{"id":"peer00000000-1","room":"bench-0","number":1,"name":"bench","message":"{payload}","created_at":"2026-01-01T00:00:00.000Z"}"#
            }
            _ => r#"{"name":"bench","message":"{payload}"}"#,
        }
    }
}

fn copy(program: &Path, scratch: &Path) -> Result<PathBuf, String> {
    let copy = scratch.join("sse-chat");
    match fs::copy(program, &copy) {
        Ok(_) => Ok(copy),
        Err(error) => Err(format!("{}: {error}", program.display())),
    }
}

/// The path of another program of this crate, which is built into the same folder.
pub(crate) fn beside_this_program(name: &str) -> Result<PathBuf, String> {
    let this = std::env::current_exe()
        .map_err(|error| format!("the path of this program is unknown: {error}"))?;
    let program = this.with_file_name(name);
    match program.is_file() {
        true => Ok(program),
        false => Err(format!("{name} is not built: run benches/peers/run.sh")),
    }
}

fn nginx(port: u16, scratch: &Path) -> Result<Invocation, String> {
    let folder = scratch.display().to_string();
    let text = NGINX_CONF
        .replace("{port}", &port.to_string())
        .replace("{scratch}", &folder);
    let file = scratch.join("nginx.conf");
    fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(Invocation {
        program: nginx_program(),
        arguments: vec!["-p".into(), folder, "-c".into(), file.display().to_string()],
    })
}

/// Debian installs it in a folder that is only in root's `PATH`.
pub(crate) fn nginx_program() -> PathBuf {
    let debian = PathBuf::from("/usr/sbin/nginx");
    match debian.is_file() {
        true => debian,
        false => "nginx".into(),
    }
}
