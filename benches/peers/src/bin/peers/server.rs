//! The servers: their names, their command lines, and the works that they do not
//! support. All serve `GET /rooms/{room}/events` and `POST /rooms/{room}/messages`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::certificate::Certificate;
use crate::work::{Over, Work};

/// The folder of better-sse and its packages, relative to the project's folder.
pub(crate) const BETTER_SSE: &str = "benches/peers/better-sse";
const NCHAN_CONF: &str = include_str!("../../../nchan/nginx.conf");
const NGINX_CONF: &str = include_str!("../../../nginx/nginx.conf");
/// Starts sse-chat ($1) on a port ($2), then what follows in place of the shell, whose
/// child it stays.
const BOTH: &str = r#""$1" serve --listen "127.0.0.1:$2" --log-level warn & shift 2; exec "$@""#;

/// A server of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Server {
    /// A loop of non-blocking writes: the minimum cost of a server
    Floor,
    /// This project
    SseChat,
    /// An earlier build of this project; needs --before
    Before,
    /// nginx with TLS and HTTP/2 in front of this project's clear port
    Nginx,
    /// nginx with the module nchan
    Nchan,
    /// axum's Sse on a tokio broadcast channel
    Axum,
    /// better-sse with express on node
    BetterSse,
}

/// What a server is started with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'a> {
    /// The port in clear.
    pub(crate) port: u16,
    /// The port with TLS. The servers of works in clear may not listen on it.
    pub(crate) tls_port: u16,
    /// The port of the server behind a proxy.
    pub(crate) upstream: u16,
    pub(crate) certificate: &'a Certificate,
    /// An empty folder for its files.
    pub(crate) scratch: &'a Path,
}

/// A program and its arguments.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
}

impl Server {
    /// All of them, in the order of the tables.
    pub(crate) const ALL: [Self; 7] = [
        Self::Floor,
        Self::SseChat,
        Self::Before,
        Self::Nginx,
        Self::Nchan,
        Self::Axum,
        Self::BetterSse,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::SseChat => "sse-chat",
            Self::Before => "before",
            Self::Nginx => "nginx",
            Self::Nchan => "nchan",
            Self::Axum => "axum",
            Self::BetterSse => "better-sse",
        }
    }

    /// Whether it supports this work.
    pub(crate) fn can(self, work: Work) -> bool {
        match work {
            _ if !self.speaks(work.over()) => false,
            // The others have no history.
            Work::Resume => matches!(self, Self::SseChat | Self::Before | Self::Nchan),
            // better-sse needs more than a second per message.
            Work::Sender => self != Self::BetterSse,
            // The floor sends chunks in every version of HTTP.
            Work::IdleHttp10 => self != Self::Floor,
            // It is nginx, too.
            Work::TlsHandshakes => self != Self::Nchan,
            _ => true,
        }
    }

    fn speaks(self, over: Over) -> bool {
        match over {
            Over::Clear => self != Self::Nginx,
            Over::Tls => matches!(
                self,
                Self::SseChat | Self::Before | Self::Nginx | Self::Nchan
            ),
            // nchan fails over HTTP/2 (its issue 576).
            Over::Http2 => matches!(self, Self::SseChat | Self::Before | Self::Nginx),
        }
    }

    /// The command that starts it at `site`. `sse_chat` is the build to start.
    pub(crate) fn invocation(
        self,
        sse_chat: &Path,
        over: Over,
        site: Site<'_>,
    ) -> Result<Invocation, String> {
        let port = site.port;
        let (program, arguments) = match self {
            Self::Floor => (beside_this_program("floor")?, port.to_string()),
            Self::Axum => (beside_this_program("axum_sse")?, port.to_string()),
            // The load generator is the same program: a copy shares no memory pages
            // with it.
            Self::SseChat | Self::Before => (
                copy(sse_chat, site.scratch)?,
                format!("serve --log-level warn {}", listeners(over, site)),
            ),
            Self::BetterSse => ("node".into(), format!("{BETTER_SSE}/server.mjs {port}")),
            Self::Nchan => return nginx(NCHAN_CONF, site),
            Self::Nginx => return both(&copy(sse_chat, site.scratch)?, site),
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

/// The flags for sse-chat's listeners. A clear one accepts the first message.
fn listeners(over: Over, site: Site<'_>) -> String {
    let Site {
        port,
        tls_port,
        certificate,
        ..
    } = site;
    let clear = format!("--listen 127.0.0.1:{port}");
    match over {
        Over::Clear => clear,
        Over::Tls | Over::Http2 => format!(
            "{clear} --listen https://127.0.0.1:{tls_port} --tls-cert {} --tls-key {}",
            certificate.chain.display(),
            certificate.key.display()
        ),
    }
}

/// sse-chat and nginx in front of it.
fn both(sse_chat: &Path, site: Site<'_>) -> Result<Invocation, String> {
    let nginx = nginx(NGINX_CONF, site)?;
    let mut arguments = vec![
        "-c".to_owned(),
        BOTH.to_owned(),
        "sh".to_owned(),
        sse_chat.display().to_string(),
        site.upstream.to_string(),
        nginx.program.display().to_string(),
    ];
    arguments.extend(nginx.arguments);
    Ok(Invocation {
        program: "sh".into(),
        arguments,
    })
}

fn nginx(conf: &str, site: Site<'_>) -> Result<Invocation, String> {
    let folder = site.scratch.display().to_string();
    let text = conf
        .replace("{port}", &site.port.to_string())
        .replace("{tls_port}", &site.tls_port.to_string())
        .replace("{upstream}", &site.upstream.to_string())
        .replace(
            "{certificate}",
            &site.certificate.chain.display().to_string(),
        )
        .replace("{key}", &site.certificate.key.display().to_string())
        .replace("{scratch}", &folder);
    let file = site.scratch.join("nginx.conf");
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
