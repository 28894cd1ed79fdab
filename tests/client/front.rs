//! A server in front of another one: it takes connections over TLS or HTTP/2, and
//! passes each request on in clear over HTTP/1.1. Its certificate is made by the test.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sse_chat::client::{Client, ClientOptions, RootCertificates, Trust};
use sse_chat::config::{Config, Scheme, TlsPair};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// How clients connect to a front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tls,
    Http2,
    TlsHttp2,
}

pub(crate) const TRANSPORTS: [Transport; 3] =
    [Transport::Tls, Transport::Http2, Transport::TlsHttp2];

impl Transport {
    fn is_tls(self) -> bool {
        self != Self::Http2
    }

    fn is_http2(self) -> bool {
        self != Self::Tls
    }

    /// A client of whatever listens at `address`, with a certificate of `identity`.
    pub(crate) fn client(self, address: SocketAddr, identity: &Identity) -> Client {
        let scheme = if self.is_tls() { "https" } else { "http" };
        let options = ClientOptions {
            http2: self.is_http2(),
            trust: Trust::Roots(identity.roots()),
        };
        let url = format!("{scheme}://{address}").parse().unwrap();
        Client::with_options(url, &options).unwrap()
    }
}

/// A certificate with its key, and what a client has to trust.
pub(crate) struct Identity {
    root: String,
    certificate: String,
    key_pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// A certificate for 127.0.0.1, issued by a root.
    pub(crate) fn new() -> Self {
        Self::with(&["127.0.0.1"], |_| {})
    }

    /// A certificate for these names that a root has issued.
    pub(crate) fn with(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut root = params(&[]);
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_key = KeyPair::generate().unwrap();
        let root_pem = root.self_signed(&root_key).unwrap().pem();
        let issuer = Issuer::new(root, root_key);
        let key = KeyPair::generate().unwrap();
        let mut leaf = params(names);
        change(&mut leaf);
        let leaf = leaf.signed_by(&key, &issuer).unwrap();
        Self {
            root: root_pem,
            certificate: leaf.pem(),
            key_pem: key.serialize_pem(),
            chain: vec![leaf.der().clone()],
            key: key.into(),
        }
    }

    /// A certificate for these names that has issued itself, as `openssl req -x509`
    /// makes it.
    pub(crate) fn self_signed(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut own = params(names);
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut own);
        let own = own.self_signed(&key).unwrap();
        Self {
            root: own.pem(),
            certificate: own.pem(),
            key_pem: key.serialize_pem(),
            chain: vec![own.der().clone()],
            key: key.into(),
        }
    }

    /// The settings of the real server with this certificate, whose files begin with
    /// `name`.
    pub(crate) fn listen(&self, transport: Transport, name: &str, config: &mut Config) {
        if !transport.is_tls() {
            return;
        }
        let write = |kind: &str, text: &str| {
            let name = format!("{name}-{}-{kind}.pem", std::process::id());
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        config.tls.pairs = vec![TlsPair {
            certificate: write("certificate", &self.certificate),
            key: write("key", &self.key_pem),
        }];
        config.listen[0].scheme = Scheme::Https;
    }

    pub(crate) fn roots(&self) -> RootCertificates {
        RootCertificates::from_pem(self.root.as_bytes()).unwrap()
    }

    pub(crate) fn acceptor(&self, protocols: &[&str]) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|&name| name.into()).collect();
        Arc::new(config).into()
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_after = date_time_ymd(2100, 1, 1);
    params
}

/// The running front.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    pub(crate) identity: Identity,
    transport: Transport,
    /// Connections so far.
    connections: Arc<AtomicUsize>,
    /// Counts shutdowns of the connections that are open.
    shutdowns: watch::Sender<u64>,
    _running: AbortOnDropHandle<()>,
}

impl Front {
    pub(crate) async fn start(to: SocketAddr, transport: Transport) -> Self {
        Self::with_max_streams(to, transport, 100).await
    }

    /// A front that allows this number of streams on an HTTP/2 connection.
    pub(crate) async fn with_max_streams(
        to: SocketAddr,
        transport: Transport,
        max_streams: u32,
    ) -> Self {
        let identity = Identity::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let protocol = if transport.is_http2() {
            "h2"
        } else {
            "http/1.1"
        };
        let acceptor = transport.is_tls().then(|| identity.acceptor(&[protocol]));
        let (shutdowns, shutdown) = watch::channel(0);
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let running = tokio::spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                let mut shutdown = shutdown.clone();
                shutdown.mark_unchanged();
                let acceptor = acceptor.clone();
                open.spawn(async move {
                    match acceptor {
                        None => serve(socket, to, transport, max_streams, shutdown).await,
                        Some(acceptor) => {
                            if let Ok(socket) = acceptor.accept(socket).await {
                                serve(socket, to, transport, max_streams, shutdown).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            identity,
            transport,
            connections,
            shutdowns,
            _running: AbortOnDropHandle::new(running),
        }
    }

    pub(crate) fn client(&self) -> Client {
        self.transport.client(self.address, &self.identity)
    }

    /// The connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Lets all open connections take no more requests: over HTTP/2 by GOAWAY.
    pub(crate) fn shut_down_connections(&self) {
        self.shutdowns.send_modify(|count| *count += 1);
    }
}

async fn serve(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    to: SocketAddr,
    transport: Transport,
    max_streams: u32,
    mut shutdown: watch::Receiver<u64>,
) {
    let socket = TokioIo::new(socket);
    let service = service_fn(move |request| pass_on(request, to));
    if !transport.is_http2() {
        let builder = hyper::server::conn::http1::Builder::new();
        // Its error is the client's or the proxy's.
        let _ = builder.serve_connection(socket, service).await;
        return;
    }
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder.max_concurrent_streams(max_streams);
    let mut connection = std::pin::pin!(builder.serve_connection(socket, service));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = shutdown.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn pass_on(
    mut request: Request<Incoming>,
    to: SocketAddr,
) -> Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    let socket = TcpStream::connect(to).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
    *request.version_mut() = hyper::Version::HTTP_11;
    let host = to.to_string().parse()?;
    request.headers_mut().insert(HOST, host);
    Ok(sender.send_request(request).await?)
}
