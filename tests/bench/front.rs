//! A small proxy that puts TLS, HTTP/2 or both before a server of HTTP/1.1.

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

/// What the proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Speaks {
    Https1,
    Https2,
    ClearHttp2,
}

/// The files of a self-signed certificate. They are removed with the value.
pub(crate) struct CertificateFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    config: Arc<ServerConfig>,
}

/// A proxy before another server. Its threads end with the test's process.
pub(crate) struct Front {
    pub(crate) url: String,
    pub(crate) files: CertificateFiles,
    connections: Arc<AtomicUsize>,
}

impl Front {
    /// Puts a proxy before `upstream`. Its certificate is for 127.0.0.1.
    pub(crate) fn start(upstream: SocketAddr, speaks: Speaks) -> Self {
        Self::start_as(upstream, speaks, "127.0.0.1")
    }

    /// The same with a certificate for `name`.
    pub(crate) fn start_as(upstream: SocketAddr, speaks: Speaks, name: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = match speaks {
            Speaks::Https1 | Speaks::Https2 => "https",
            Speaks::ClearHttp2 => "http",
        };
        let files = CertificateFiles::of(name, speaks);
        let acceptor = TlsAcceptor::from(Arc::clone(&files.config));
        let connections = Arc::new(AtomicUsize::new(0));
        let front = Self {
            url: format!("{scheme}://{address}"),
            files,
            connections: Arc::clone(&connections),
        };
        std::thread::spawn(move || {
            runtime.block_on(async {
                while let Ok((tcp, _)) = listener.accept().await {
                    let acceptor = acceptor.clone();
                    let connections = Arc::clone(&connections);
                    tokio::spawn(async move {
                        connections.fetch_add(1, Relaxed);
                        serve(tcp, upstream, speaks, &acceptor).await;
                    });
                }
            });
        });
        front
    }

    /// How many connections it has accepted.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }
}

impl CertificateFiles {
    /// A certificate for `name`.
    pub(crate) fn of(name: &str, speaks: Speaks) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let own = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let number = COUNT.fetch_add(1, Relaxed);
        let pid = std::process::id();
        let path = |what: &str| {
            std::env::temp_dir().join(format!("sse-chat-bench-{pid}-{number}-{what}.pem"))
        };
        let files = Self {
            certificate: path("certificate"),
            key: path("key"),
            config: config(own.cert.der().clone(), &own.signing_key, speaks),
        };
        fs::write(&files.certificate, own.cert.pem()).unwrap();
        fs::write(&files.key, own.signing_key.serialize_pem()).unwrap();
        files
    }
}

impl Drop for CertificateFiles {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.certificate);
        let _ = fs::remove_file(&self.key);
    }
}

fn config(
    certificate: CertificateDer<'static>,
    key: &rcgen::KeyPair,
    speaks: Speaks,
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = match speaks {
        Speaks::Https2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Speaks::Https1 | Speaks::ClearHttp2 => vec![b"http/1.1".to_vec()],
    };
    Arc::new(config)
}

async fn serve(tcp: TcpStream, upstream: SocketAddr, speaks: Speaks, acceptor: &TlsAcceptor) {
    tcp.set_nodelay(true).unwrap();
    if speaks == Speaks::ClearHttp2 {
        return serve_http2(tcp, upstream).await;
    }
    // A client that does not trust the certificate ends the handshake.
    let Ok(mut tls) = acceptor.accept(tcp).await else {
        return;
    };
    if speaks == Speaks::Https2 {
        return serve_http2(tls, upstream).await;
    }
    if let Ok(mut upstream) = TcpStream::connect(upstream).await {
        // Either side may cut.
        let _ = copy_bidirectional(&mut tls, &mut upstream).await;
    }
}

async fn serve_http2(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    upstream: SocketAddr,
) {
    let service = service_fn(move |request| async move {
        let answer = forward(request, upstream).await;
        Ok::<_, Infallible>(answer.unwrap_or_else(|_| {
            let empty = http_body_util::Either::Right(http_body_util::Empty::new());
            let mut answer = Response::new(empty);
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            answer
        }))
    });
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _ = server.serve_connection(TokioIo::new(socket), service).await;
}

type ForwardedBody = http_body_util::Either<Incoming, http_body_util::Empty<bytes::Bytes>>;

/// Sends a request over HTTP/1.1, on a connection of its own.
async fn forward(
    mut request: Request<Incoming>,
    upstream: SocketAddr,
) -> Result<Response<ForwardedBody>, Box<dyn std::error::Error + Send + Sync>> {
    let authority = request.uri().authority().ok_or("no authority")?.to_string();
    let path = request.uri().path().to_owned();
    *request.uri_mut() = path.parse()?;
    *request.version_mut() = hyper::Version::HTTP_11;
    request.headers_mut().insert(HOST, authority.parse()?);
    let socket = TcpStream::connect(upstream).await?;
    socket.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let (mut head, body) = answer.into_parts();
    head.headers.remove("transfer-encoding");
    Ok(Response::from_parts(
        head,
        http_body_util::Either::Left(body),
    ))
}
