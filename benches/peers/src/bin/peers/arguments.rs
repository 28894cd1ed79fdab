//! The command line, and the choices that follow from it.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};

use crate::server::Server;
use crate::work::{Over, Work};

const DEFAULT_ROUNDS: usize = 3;

/// Compares sse-chat with other servers under the same loads. Run it in the project's
/// folder, with benches/peers/run.sh.
#[derive(Debug, Parser)]
#[command(name = "peers", version)]
pub(crate) struct Arguments {
    /// Smoke test: small loads, one round; fails if a server loses a message
    #[arg(long)]
    pub(crate) quick: bool,

    /// Servers to measure [default: all; `before` only with --before]
    #[arg(long, value_name = "SERVER", value_enum, value_delimiter = ',')]
    servers: Vec<Server>,

    /// Works to measure [default: all]
    #[arg(long, value_name = "WORK", value_enum, value_delimiter = ',')]
    works: Vec<Work>,

    /// Measure only works over these [default: all]
    #[arg(long, value_name = "TRANSPORT", value_enum, value_delimiter = ',')]
    over: Vec<Over>,

    /// Measured rounds, after one for warm-up [default: 3; with --quick 1]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=99))]
    rounds: Option<u16>,

    /// Folder for the results [default: benches/runs/<date>; with --quick none]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// The sse-chat program: server and load generator
    #[arg(
        long,
        value_name = "PATH",
        env = "SSE_CHAT_BIN",
        default_value = "target/release/sse-chat"
    )]
    pub(crate) sse_chat: PathBuf,

    /// An earlier build, measured as the server `before` by the same load
    /// generator
    #[arg(long, value_name = "PATH")]
    before: Option<PathBuf>,
}

impl Arguments {
    /// The servers, in the order of the tables.
    pub(crate) fn servers(&self) -> Vec<Server> {
        let works = self.works();
        let asked = |server: &Server| match self.servers.is_empty() {
            true => {
                let is_given = *server != Server::Before || self.before.is_some();
                is_given && works.iter().any(|work| server.can(*work))
            }
            false => self.servers.contains(server),
        };
        Server::ALL.into_iter().filter(asked).collect()
    }

    /// The build of this project that `server` runs. An error if `before` is measured
    /// without `--before`.
    pub(crate) fn build(&self, server: Server) -> Result<&Path, String> {
        match (server, &self.before) {
            (Server::Before, Some(before)) => Ok(before),
            (Server::Before, None) => Err("the server `before` needs --before PATH".into()),
            _ => Ok(&self.sse_chat),
        }
    }

    /// The works, in the order of the tables.
    pub(crate) fn works(&self) -> Vec<Work> {
        let asked = |work: &Work| {
            (self.works.is_empty() || self.works.contains(work))
                && (self.over.is_empty() || self.over.contains(&work.over()))
        };
        Work::ALL.into_iter().filter(asked).collect()
    }

    pub(crate) fn rounds(&self) -> usize {
        let default = if self.quick { 1 } else { DEFAULT_ROUNDS };
        self.rounds.map_or(default, usize::from)
    }

    /// The folder for results; `None` if they are only printed.
    pub(crate) fn out(&self) -> Option<PathBuf> {
        let dated = || {
            let today = jiff::Zoned::now().date();
            PathBuf::from(format!("benches/runs/{today}"))
        };
        match (&self.out, self.quick) {
            (Some(folder), _) => Some(folder.clone()),
            (None, false) => Some(dated()),
            (None, true) => None,
        }
    }

    /// The command that repeats this run, without local paths.
    pub(crate) fn command(&self) -> String {
        let mut command = String::from("bash benches/peers/run.sh");
        if self.quick {
            command.push_str(" --quick");
        }
        if let Some(rounds) = self.rounds {
            command.push_str(&format!(" --rounds {rounds}"));
        }
        if !self.servers.is_empty() {
            let names: Vec<_> = self.servers().iter().map(|one| one.name()).collect();
            command.push_str(&format!(" --servers {}", names.join(",")));
        }
        if self.before.is_some() {
            command.push_str(" --before PATH");
        }
        if !self.over.is_empty() {
            let names = self.over.iter().filter_map(ValueEnum::to_possible_value);
            let names: Vec<_> = names.map(|one| one.get_name().to_owned()).collect();
            command.push_str(&format!(" --over {}", names.join(",")));
        }
        if !self.works.is_empty() {
            let names: Vec<_> = self.works().iter().map(|one| one.name()).collect();
            command.push_str(&format!(" --works {}", names.join(",")));
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_build_is_measured_only_when_it_is_named() {
        let parse = |typed: &str| Arguments::try_parse_from(typed.split(' ')).expect("valid");
        assert!(!parse("peers").servers().contains(&Server::Before));
        let named = parse("peers --before /a/b");
        assert!(named.servers().contains(&Server::Before));
        assert_eq!(named.build(Server::Before), Ok(Path::new("/a/b")));
        assert_eq!(named.command(), "bash benches/peers/run.sh --before PATH");
        let missing = parse("peers --servers before");
        assert!(missing.build(Server::Before).is_err());
    }

    #[test]
    fn works_over_tls_are_measured_on_the_servers_that_speak_it() {
        let typed = "peers --over tls,http2";
        let arguments = Arguments::try_parse_from(typed.split(' ')).expect("valid");
        let servers = [Server::SseChat, Server::Nginx, Server::Nchan];
        assert_eq!(arguments.servers(), servers);
        assert!(
            arguments
                .works()
                .iter()
                .all(|work| work.over() != Over::Clear)
        );
        let command = "bash benches/peers/run.sh --over tls,http2";
        assert_eq!(arguments.command(), command);
    }

    #[test]
    fn the_command_has_no_paths() {
        let typed = "peers --servers nchan,floor --rounds 2 --out /a/b --sse-chat /c/d";
        let arguments = Arguments::try_parse_from(typed.split(' ')).expect("valid");
        assert_eq!(
            arguments.command(),
            "bash benches/peers/run.sh --rounds 2 --servers floor,nchan"
        );
    }
}
