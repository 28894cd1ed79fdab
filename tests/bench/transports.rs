//! The same over TLS and over HTTP/2: what a server does wrong is counted as over
//! HTTP/1.1 in clear.

use serde_json::Value;

use crate::called::{assert_wrongs, call, delivery, report_on_url};
use crate::front::{CertificateFiles, Front, Speaks};
use crate::server::{Cheat, CheatingServer, Lost};

const MESSAGES: u64 = 70;
const SUBSCRIBERS: u64 = 3;
/// 70 messages of one publisher to 3 subscribers, without a warm-up.
const LOAD: &str = "--subscribers 3 --messages 70 --rate 500 --publishers 1 --warmup 0s";

/// What the server speaks, and the flags for it.
const TRANSPORTS: [(Speaks, &str); 5] = [
    (Speaks::Https1, ""),
    (Speaks::ClearHttp2, "--http2"),
    (Speaks::Https2, "--http2"),
    // Two connections.
    (Speaks::Https2, "--http2 --streams-per-connection 2"),
    (Speaks::ClearHttp2, "--http2 --streams-per-connection 10"),
];

/// The report of the load on a server with a fault, behind a proxy.
#[track_caller]
fn report(cheat: Cheat, transport: (Speaks, &str), drain: &str) -> Value {
    let server = CheatingServer::start(cheat);
    let front = Front::start(server.address, transport.0);
    report_with(&front, transport.1, &format!("{LOAD} --drain {drain}"))
}

#[track_caller]
fn report_with(front: &Front, flags: &str, load: &str) -> Value {
    let certificate = front.files.certificate.to_str().unwrap();
    let mut args = vec!["--ca", certificate];
    args.extend(flags.split_whitespace());
    args.extend(load.split_whitespace());
    let (called, report) = report_on_url(&front.url, &args);
    assert_eq!(called.code, Some(0), "{called:#?}");
    report
}

#[test]
fn the_report_on_a_correct_server_has_no_faults_over_any_transport() {
    for transport in TRANSPORTS {
        let report = report(Cheat::None, transport, "20s");
        assert_wrongs(&report, &[]);
        assert_eq!(delivery(&report, "received"), MESSAGES * SUBSCRIBERS);
        let run = &report["runs"][0];
        assert_eq!(run["publish"]["accepted"], MESSAGES, "{transport:?}");
        for time in ["answered", "first_event"] {
            assert_eq!(run["connect"][time]["count"], SUBSCRIBERS, "{transport:?}");
        }
    }
}

#[test]
fn lost_messages_are_counted_over_any_transport() {
    for transport in TRANSPORTS {
        let how = Lost::Openly;
        let report = report(Cheat::Lose { every: 7, how }, transport, "3s");
        assert_wrongs(&report, &[("lost", 10), ("number_holes", 9)]);
    }
}

#[test]
fn doubled_messages_are_counted_over_any_transport() {
    for transport in TRANSPORTS {
        let report = report(Cheat::Double(5), transport, "20s");
        assert_wrongs(&report, &[("doubled", MESSAGES / 5 * SUBSCRIBERS)]);
        assert_eq!(delivery(&report, "received"), MESSAGES * SUBSCRIBERS);
    }
}

#[test]
fn a_cut_stream_resumes_over_any_transport_and_the_others_stay() {
    for transport in TRANSPORTS {
        let cut = Cheat::Cut {
            after: 20,
            resume: true,
        };
        let report = report(cut, transport, "20s");
        assert_wrongs(&report, &[("disconnected", 1)]);
        assert_eq!(delivery(&report, "received"), MESSAGES * SUBSCRIBERS);
    }
}

#[test]
fn refused_messages_are_no_losses_over_any_transport() {
    for transport in TRANSPORTS {
        let report = report(Cheat::Refuse(10), transport, "20s");
        assert_wrongs(&report, &[]);
        assert_eq!(report["runs"][0]["publish"]["refused"], MESSAGES / 10);
    }
}

#[test]
fn long_messages_arrive_whole_over_any_transport() {
    let load = "--subscribers 2 --messages 5 --size 200000 --publishers 1 --warmup 0s --drain 20s";
    for (speaks, flags) in TRANSPORTS {
        let server = CheatingServer::start(Cheat::None);
        let front = Front::start(server.address, speaks);
        let report = report_with(&front, flags, load);
        assert_wrongs(&report, &[]);
        assert_eq!(delivery(&report, "received"), 10, "{speaks:?}");
    }
}

#[test]
fn the_streams_of_a_group_share_one_connection() {
    let server = CheatingServer::start(Cheat::None);
    let front = Front::start(server.address, Speaks::Https2);
    let load = "--subscribers 100 --messages 5 --publishers 1 --warmup 0s --drain 20s --threads 1";
    let flags = "--http2 --streams-per-connection 50";
    let report = report_with(&front, flags, load);
    assert_wrongs(&report, &[]);
    assert_eq!(delivery(&report, "received"), 500);
    // One more to try the address, one that publishes, two with streams.
    assert_eq!(front.connections(), 4);
}

#[test]
fn subscribers_resume_what_they_missed_over_any_transport() {
    let load = "--mode resume --subscribers 6 --missed 30 --threads 1";
    let resuming = Cheat::Cut {
        after: 0,
        resume: true,
    };
    for (speaks, flags) in TRANSPORTS {
        let server = CheatingServer::start(resuming);
        let front = Front::start(server.address, speaks);
        let report = report_with(&front, flags, load);
        assert_wrongs(&report, &[]);
        let resume = &report["runs"][0]["resume"];
        assert_eq!(resume["whole"], 6, "{speaks:?}: {report:#}");
    }
}

#[test]
fn slow_and_transient_subscribers_read_over_any_transport() {
    let load = "--subscribers 10 --duration 1500ms --rate 50 --warmup 0s --publishers 1 \
                --slow 20%:1KiB/s --churn 10/s --drain 20s";
    let one_each = TRANSPORTS.into_iter().take(3);
    for (speaks, flags) in one_each {
        let server = CheatingServer::start(Cheat::None);
        let front = Front::start(server.address, speaks);
        let report = report_with(&front, flags, load);
        assert_wrongs(&report, &[]);
        assert_eq!(delivery(&report, "received"), 8 * 75, "{speaks:?}");
        assert_eq!(report["runs"][0]["slow"]["subscribers"], 2);
    }
}

/// The report on a private server that listens with TLS.
#[track_caller]
fn report_on_tls(load: &str) -> Value {
    let files = CertificateFiles::of("127.0.0.1", Speaks::Https1);
    let mut args = vec!["--spawn", "--json", "-", "--warmup", "0s"];
    let (certificate, key) = (files.certificate.to_str(), files.key.to_str());
    args.extend(["--ca", certificate.unwrap()]);
    args.extend(load.split_whitespace());
    args.extend(["--", "--listen", "https://127.0.0.1:0"]);
    args.extend([
        "--tls-cert",
        certificate.unwrap(),
        "--tls-key",
        key.unwrap(),
    ]);
    let called = call(&args);
    assert_eq!(called.code, Some(0), "{called:#?}");
    called.report()
}

#[test]
fn this_server_delivers_every_message_over_tls_and_http2() {
    for flags in ["", "--http2", "--http2 --streams-per-connection 8"] {
        let load = "--subscribers 20 --messages 50 --in-flight 4";
        let report = report_on_tls(&format!("{load} {flags}"));
        assert_wrongs(&report, &[]);
        assert_eq!(delivery(&report, "received"), 20 * 50, "{flags}");
        let run = &report["runs"][0];
        assert!(run["connect"]["tls"]["count"].as_u64().unwrap() > 0);
        let load = "--mode idle --subscribers 20 --duration 100ms";
        let report = report_on_tls(&format!("{load} {flags}"));
        let server = &report["runs"][0]["server"];
        assert!(server["memory_per_subscriber"].is_f64(), "{report:#}");
        let load = "--mode resume --subscribers 10 --missed 30";
        let report = report_on_tls(&format!("{load} {flags}"));
        assert_wrongs(&report, &[]);
        assert_eq!(report["runs"][0]["resume"]["whole"], 10, "{flags}");
    }
}

#[test]
fn handshakes_are_counted_with_their_cost() {
    let load = "--mode handshakes --connect-concurrency 4 --threads 1 --duration 500ms";
    let report = report_on_tls(load);
    let run = &report["runs"][0];
    let connect = &run["connect"];
    let answered = connect["ok"].as_u64().unwrap();
    assert!(answered > 0, "{report:#}");
    assert_eq!(connect["failed"], 0, "{report:#}");
    assert_eq!(connect["answered"]["count"], answered);
    assert!(connect["tls"]["count"].as_u64().unwrap() >= answered);
    assert!(run["server"]["cpu_us_per_handshake"].is_f64(), "{report:#}");
    assert!(run["server"]["memory_per_subscriber"].is_null());
}

#[test]
fn a_page_that_is_not_there_is_a_refusal_of_each_connection() {
    let load = "--spawn --mode handshakes --duration 300ms --warmup 0s --probe-path /no/page";
    let args: Vec<&str> = load.split_whitespace().collect();
    call(&args).assert_fails(4, &["no connection was given", "404"]);
}

#[test]
fn a_certificate_that_is_not_trusted_or_of_another_name_is_an_error() {
    let server = CheatingServer::start(Cheat::None);
    let front = Front::start(server.address, Speaks::Https1);
    let other = Front::start_as(server.address, Speaks::Https1, "other.example");
    let certificate = other.files.certificate.to_str().unwrap();
    let of_another = ["--url", &front.url, "--ca", certificate];
    call(&of_another).assert_fails(3, &["can't reach", "not trusted", "--ca FILE"]);
    let of_other_name = ["--url", &other.url, "--ca", certificate];
    call(&of_other_name).assert_fails(3, &["can't reach", "certificate"]);
    let no_file = ["--url", &front.url, "--ca", "/nowhere/ca.pem"];
    call(&no_file).assert_fails(1, &["/nowhere/ca.pem"]);
    let flags = "--insecure --subscribers 2 --messages 5 --warmup 0s";
    let report = report_with(&other, flags, "");
    assert_eq!(delivery(&report, "received"), 10);
}

#[test]
fn a_server_without_the_protocol_is_an_error() {
    let server = CheatingServer::start(Cheat::None);
    let front = Front::start(server.address, Speaks::Https1);
    let http2 = ["--url", &front.url, "--http2", "--insecure"];
    call(&http2).assert_fails(3, &["can't reach", "version of HTTP"]);
    let clear = front.url.replace("https", "http");
    call(&["--url", &clear, "--timeout", "20s"]).assert_fails(3, &["no stream could be opened"]);
    let tls = format!("https://{}", server.address);
    call(&["--url", &tls, "--insecure"]).assert_fails(3, &["can't reach"]);
    let clear = format!("http://{}", server.address);
    let no_http2 = ["--url", &clear, "--http2", "--timeout", "20s"];
    call(&no_http2).assert_fails(3, &["no stream could be opened"]);
}
