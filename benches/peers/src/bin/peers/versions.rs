//! The measured versions, one line per server.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::arguments::Arguments;
use crate::server::{BETTER_SSE, Server, nginx_program};

const CARGO_LOCK: &str = include_str!("../../../Cargo.lock");
const NPM_LOCK: &str = include_str!("../../../better-sse/package-lock.json");

/// The versions of all servers. An error if a program is missing.
pub(crate) async fn of(arguments: &Arguments) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for server in arguments.servers() {
        let build = arguments.build(server)?;
        lines.push(match server {
            Server::Floor => "floor: a bare loop of non-blocking writes (src/bin/floor)".into(),
            Server::SseChat => of_ours(build).await?,
            Server::Before => format!("before: {}, an earlier build", version(build).await?),
            Server::Nginx => of_nginx().await?,
            Server::Nchan => of_nchan().await?,
            Server::Axum => of_axum(),
            Server::BetterSse => of_better_sse().await?,
        });
    }
    Ok(lines)
}

async fn version(sse_chat: &Path) -> Result<String, String> {
    said(Command::new(sse_chat).arg("--version")).await
}

async fn of_ours(sse_chat: &Path) -> Result<String, String> {
    let version = version(sse_chat).await?;
    // A source tree without git history has no commit.
    let commit = said(Command::new("git").args(["describe", "--always", "--dirty"])).await;
    Ok(match commit {
        Ok(commit) if !commit.is_empty() => format!("sse-chat: {version}, commit {commit}"),
        _ => format!("sse-chat: {version}"),
    })
}

async fn of_nginx() -> Result<String, String> {
    let nginx = said(Command::new(nginx_program()).arg("-v")).await?;
    let openssl = said(Command::new("openssl").arg("version")).await?;
    Ok(format!("nginx: {nginx}, {openssl}, in front of sse-chat"))
}

async fn of_nchan() -> Result<String, String> {
    let nginx = said(Command::new(nginx_program()).arg("-v")).await?;
    let package = ["--show", "--showformat=${Version}", "libnginx-mod-nchan"];
    let nchan = said(Command::new("dpkg-query").args(package)).await?;
    Ok(format!("nchan: {nchan}, {nginx}"))
}

fn of_axum() -> String {
    let crates = ["axum", "tokio", "tokio-stream", "hyper"]
        .map(|name| format!("{name} {}", locked(name).unwrap_or("?")));
    format!("axum: {}", crates.join(", "))
}

/// The version of a crate in the lock file that this program was built with.
fn locked(name: &str) -> Option<&'static str> {
    let (_, rest) = CARGO_LOCK.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    rest.split('"').next()
}

async fn of_better_sse() -> Result<String, String> {
    let node = said(Command::new("node").arg("--version")).await?;
    let lock: Value = serde_json::from_str(NPM_LOCK)
        .map_err(|error| format!("{BETTER_SSE}/package-lock.json: {error}"))?;
    let version = |name: &str| {
        let version = &lock["packages"][format!("node_modules/{name}")]["version"];
        version.as_str().unwrap_or("?").to_owned()
    };
    let (better_sse, express) = (version("better-sse"), version("express"));
    Ok(format!(
        "better-sse: {better_sse}, express {express}, node {node}"
    ))
}

/// The first line of a program's output or standard error, where nginx prints its
/// version.
async fn said(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().await;
    let output =
        output.map_err(|error| format!("{}: {error}", command.as_std().get_program().display()))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Ok(said.lines().next().unwrap_or("").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_that_is_named_is_locked() {
        assert!(of_axum().starts_with("axum: axum 0.8."), "{}", of_axum());
        assert!(!of_axum().contains('?'), "{}", of_axum());
    }
}
