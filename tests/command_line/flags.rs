//! Flags and variables of the server: their defaults, and what refuses a start.

use crate::server_process::{ServerProcess, assert_fails, program, run};

#[test]
fn settings_come_from_variables_and_flags_win() {
    let mut command = program();
    command
        .env("SSE_CHAT_LISTEN", "127.0.0.1:0")
        .env("SSE_CHAT_PING", "7s")
        .env("SSE_CHAT_RETRY", "1s..1s");
    let server = ServerProcess::spawn(command.args(["--ping", "9s"]));
    let (_, hello) = server.stream("", "}\n\n");
    assert!(hello.contains("\"ping_ms\":9000"), "{hello}");
    assert!(hello.contains("retry: 1000\n"), "{hello}");
}

/// Every flag of the server, with the default that help shows or "".
const FLAGS: &[(&str, &str)] = &[
    ("listen", "127.0.0.1:8080"),
    ("history", "1000"),
    ("history-bytes", "4MiB"),
    ("fanout-queue", "4096"),
    ("fanout-large", "4MiB"),
    ("history-budget", "256MiB"),
    ("history-age", ""),
    ("data", ""),
    ("sync", "full"),
    ("data-history", ""),
    ("data-history-budget", "1GiB"),
    ("data-read-budget", "64MiB"),
    ("commit-queue", "16MiB"),
    ("data-check", ""),
    ("new-generation", ""),
    ("redis", ""),
    ("redis-user", ""),
    ("redis-password-file", ""),
    ("redis-ca", ""),
    ("redis-namespace", "sse-chat"),
    ("redis-wait", "0"),
    ("redis-wait-timeout", "1s"),
    ("redis-timeout", "3s"),
    ("redis-connections", "2"),
    ("redis-log", "100000"),
    ("redis-log-bytes", "256MiB"),
    ("ping", "15s"),
    ("retry", "2s..5s"),
    ("max-message-bytes", "4096"),
    ("max-event-bytes", "65536"),
    ("open-events", ""),
    ("default-room", "lobby"),
    ("max-rooms", "10000"),
    ("room-idle", "1h"),
    ("list-rooms", ""),
    ("no-demo", ""),
    ("assets-dir", ""),
    ("grace", "10s"),
    ("tls-cert", ""),
    ("tls-key", ""),
    ("tls-handshake-timeout", "10s"),
    ("max-handshakes", "1000"),
    ("redirect-http", ""),
    ("acme-webroot", ""),
    ("hsts", ""),
    ("max-connections", "10000"),
    ("max-connections-per-address", "200"),
    ("ipv6-56-factor", "4"),
    ("ipv6-48-factor", "8"),
    ("max-streams", "10000"),
    ("max-streams-per-address", "100"),
    ("max-rooms-per-address", "1000"),
    ("request-rate", "50/s"),
    ("request-burst", "1000"),
    ("stream-rate", "10/s"),
    ("stream-burst", "200"),
    ("busy-retry", "30s..1m"),
    ("max-members", "100000"),
    ("max-typing-members", "50"),
    ("presence-rate", "1MiB"),
    ("presence-rate-total", "8MiB"),
    ("publish-rate", "5/s"),
    ("publish-burst", "60"),
    ("room-rate", "50/s"),
    ("room-burst", "200"),
    ("replay-rate", "2MiB"),
    ("replay-burst", "32MiB"),
    ("limit-loopback", ""),
    ("max-head-bytes", "81920"),
    ("head-budget", "8MiB"),
    ("max-body-bytes", "enough for the largest message"),
    ("first-byte-timeout", "10s"),
    ("head-timeout", "10s"),
    ("body-timeout", "10s"),
    ("answer-timeout", "1m"),
    ("idle-timeout", "30s"),
    ("stall", "30s"),
    ("send-buffer", "65536"),
    ("accept-queue", "4096"),
    ("http2-max-streams", "128"),
    ("trusted-proxy", ""),
    ("forwarded-header", "x-forwarded-for"),
    ("allowed-host", ""),
    ("allow-origin", ""),
    ("token-key", ""),
    ("jwks", ""),
    ("token-issuer", ""),
    ("token-audience", ""),
    ("anonymous", ""),
    ("metrics", ""),
    ("access-log", ""),
    ("log-format", "text"),
    ("log-level", "info"),
    ("log-queue", "4MiB"),
];

#[test]
fn help_shows_every_flag_with_its_default_and_variable() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for (flag, default) in FLAGS {
        let start = help
            .find(&format!("\n      --{flag} "))
            .or_else(|| help.find(&format!("\n      --{flag}\n")))
            .unwrap_or_else(|| panic!("no --{flag}"));
        let part = help[start + 1..].split("\n      --").next().unwrap();
        assert!(
            part.contains(&format!(
                "SSE_CHAT_{}",
                flag.to_uppercase().replace('-', "_")
            )),
            "{part}"
        );
        assert!(
            default.is_empty() || part.contains(&format!("[default: {default}]")),
            "{part}"
        );
    }
}

/// Invalid values of flags, and a word of what the error says.
const INVALID: &[(&str, &str, &str)] = &[
    ("--listen", "8080", "127.0.0.1:8080"),
    ("--listen", "localhost:http", "127.0.0.1:8080"),
    ("--listen", "https://0.0.0.0:443/chat", "path"),
    ("--listen", "ftp://0.0.0.0:21", "https://"),
    ("--listen", "https://0.0.0.0:443", "--tls-key"),
    ("--tls-cert", "cert.pem", "1 certificates and 0 keys"),
    ("--tls-key", "key.pem", "0 certificates and 1 keys"),
    ("--acme-webroot", "/nowhere", "No such file"),
    ("--hsts", "365d", "no --listen is https"),
    ("--hsts", "soon", "15s"),
    ("--max-handshakes", "0", "zero"),
    ("--history", "many", "digit"),
    ("--history", "-1", "digit"),
    ("--history-bytes", "4 cats", "4MiB"),
    ("--history-budget", "", "4MiB"),
    ("--history-age", "0s", "more than 0s"),
    ("--history-age", "old", "15s"),
    ("--data", "/proc/nowhere", "/proc/nowhere"),
    ("--sync", "sometimes", "batch=100ms"),
    ("--sync", "batch=0s", "--data DIR"),
    ("--sync", "off", "--data DIR"),
    ("--data-history", "5", "--data DIR"),
    ("--data-history", "1m", "a whole number such as 1000000"),
    ("--data-history-budget", "much", "4MiB"),
    ("--data-history-budget", "2GiB", "--data DIR"),
    ("--data-read-budget", "much", "4MiB"),
    ("--data-read-budget", "1GiB", "--data DIR"),
    ("--commit-queue", "1KiB", "--data DIR"),
    ("--commit-queue", "1MiB", "--data DIR"),
    ("--redis", "127.0.0.1", "redis://"),
    ("--redis", "redis://127.0.0.1:1", "refused"),
    ("--redis-user", "a", "--redis URL"),
    ("--redis-password-file", "/nowhere", "No such file"),
    ("--redis-password-file", "/dev/null", "--redis URL"),
    ("--redis-ca", "a.pem", "--redis URL"),
    ("--redis-namespace", "a", "--redis URL"),
    ("--redis-wait", "1", "--redis URL"),
    ("--redis-wait", "one", "digit"),
    ("--redis-wait-timeout", "2s", "--redis URL"),
    ("--redis-timeout", "soon", "15s"),
    ("--redis-timeout", "5s", "--redis URL"),
    ("--redis-connections", "3", "--redis URL"),
    ("--redis-log", "5000", "--redis URL"),
    ("--redis-log-bytes", "much", "4MiB"),
    ("--redis-log-bytes", "2MiB", "--redis URL"),
    ("--ping", "15", "15s"),
    ("--ping", "0s", "1ms"),
    ("--retry", "2s", "2s..5s"),
    ("--retry", "5s..2s", "longer"),
    ("--max-message-bytes", "0", "at least 1"),
    ("--max-message-bytes", "1GiB", "1 MiB"),
    ("--default-room", "a b", "letters"),
    ("--max-rooms", "0", "at least 1"),
    ("--assets-dir", "/nowhere", "index.html"),
    ("--room-idle", "-1s", "1h"),
    ("--grace", "soon", "15s"),
    ("--head-timeout", "0s", "more than 0s"),
    ("--body-timeout", "0s", "more than 0s"),
    ("--head-budget", "8KiB", "--max-head-bytes"),
    ("--stall", "0s", "1ms"),
    ("--token-key", "/nowhere", "No such file"),
    ("--jwks", "/nowhere", "No such file"),
    ("--jwks", "ftp://a.example/", "https://"),
    ("--token-issuer", "a", "--jwks"),
    ("--token-audience", "a", "--jwks"),
    ("--anonymous", "none", "--jwks"),
    ("--anonymous", "some", "write"),
    ("--log-format", "xml", "json"),
    ("--log-level", "loud", "debug"),
    ("--log-queue", "1KiB", "16KiB"),
];

#[test]
fn an_invalid_value_is_reported_in_one_line_that_names_the_flag() {
    for &(flag, value, right) in INVALID {
        assert_fails(&run(&[&format!("{flag}={value}")]), 1, &[flag, right]);
    }
    for switch in ["--data-check", "--new-generation"] {
        assert_fails(&run(&[switch]), 1, &[switch, "--data DIR"]);
    }
    let with_folder = |args: &[&str], words: &[&str]| {
        assert_fails(
            &run(&[&["--data", "/proc/nowhere"], args].concat()),
            1,
            words,
        );
    };
    with_folder(&["--sync", "batch=0s"], &["--sync", "more than 0s"]);
    with_folder(
        &["--data-history", "10"],
        &["--data-history", "least --history"],
    );
    with_folder(&["--commit-queue", "1KiB"], &["--commit-queue", "64 KiB"]);
    for budget in ["--data-history-budget", "--data-read-budget"] {
        with_folder(&[budget, "1MiB"], &[budget, "--data-history COUNT"]);
    }
    let with_redis = |flag: &str, value: &str, right: &str| {
        let args = ["--redis", "redis://127.0.0.1:1", flag, value];
        assert_fails(&run(&args), 1, &[flag, right]);
    };
    with_redis("--data", "history", "not both");
    with_redis("--redis-ca", "/nowhere", "No such file");
    with_redis("--redis-namespace", "a{b}", "1 to 64 characters");
    with_redis("--redis-wait-timeout", "2m", "60s");
    with_redis("--redis-timeout", "1ms", "100ms");
    for connections in ["0", "65"] {
        with_redis("--redis-connections", connections, "from 1 to 64");
    }
    with_redis("--redis-log", "10", "at least 1000");
    with_redis("--redis-log-bytes", "1KiB", "1 MiB");
    assert_fails(
        &run(&["--redirect-http"]),
        1,
        &["--redirect-http", "https://0.0.0.0:443"],
    );
    assert_fails(&run(&["--history", "-1"]), 1, &["--history", "digit"]);
    assert_fails(
        &run(&["serve", "--history", "-1"]),
        1,
        &["--history", "digit"],
    );
    let output = program().env("SSE_CHAT_PING", "soon").output().unwrap();
    assert_fails(&output, 1, &["SSE_CHAT_PING", "soon"]);
}

#[test]
fn wrong_usage_is_exit_code_two() {
    for args in [&["--nope"][..], &["nope"], &["--ping"], &["serve", "extra"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty());
    }
    for args in [["--help"], ["--version"]] {
        assert_eq!(run(&args).status.code(), Some(0));
    }
}
