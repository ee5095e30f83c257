//! TLS, client certificates and tokens, over real sockets.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::Code;
use tracemesh_collector::serve::{
    AdminAccess, CollectError, CollectOptions, SecurityFiles, TlsFiles, collect,
};

use crate::harness::{Collector, Raw, framed, get, http};

/// An authority, and the certificates that it gives.
struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
struct Identity {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    fn identity(&self) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        Identity {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// A client that trusts this authority.
    fn client(&self, identity: Option<Identity>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes());
                let chain = chain.collect::<Result<_, _>>().unwrap();
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        TlsConnector::from(Arc::new(config))
    }
}

/// Files of a receiver, which may change under it.
struct Files(TempDir);

impl Files {
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        // As secrets are replaced: never half a file.
        let new = self.0.path().join(format!("{name}.new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &path).unwrap();
        path
    }

    fn tls(&self, identity: &Identity, client_ca: Option<&Authority>) -> SecurityFiles {
        SecurityFiles {
            tls: Some(TlsFiles {
                certificate: self.write("crt", &identity.certificate),
                key: self.write("key", &identity.key),
                client_ca: client_ca.map(|ca| self.write("ca", &ca.certificate)),
            }),
            tokens: None,
        }
    }
}

fn files() -> Files {
    Files(TempDir::new().unwrap())
}

async fn start(security: SecurityFiles) -> Collector {
    Collector::start_with(CollectOptions {
        security,
        security_interval: Duration::from_millis(20),
        ..CollectOptions::default()
    })
    .await
}

/// Posts over HTTP/1 and TLS; the status line, or nothing when the connection fails.
async fn post(collector: &Collector, client: &TlsConnector) -> Option<String> {
    let request = "POST /v1/traces HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    ask(collector.addresses.http, client, request).await
}

/// The same for any request.
async fn ask(address: SocketAddr, client: &TlsConnector, request: &str) -> Option<String> {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = client.connect(name, stream).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    Some(String::from_utf8_lossy(&answer).lines().next()?.to_owned())
}

#[tokio::test]
async fn tls_is_spoken_on_both_ports_and_clear_text_is_not() {
    let (authority, files) = (Authority::new(), files());
    let collector = start(files.tls(&authority.identity(), None)).await;
    let client = authority.client(None);
    assert_eq!(post(&collector, &client).await.unwrap(), "HTTP/1.1 200 OK");
    let mut grpc = Raw::connect_tls(collector.addresses.grpc, client)
        .await
        .unwrap();
    assert_eq!(grpc.export(&[], framed(0, b"")).await.code, Code::Ok);
    // Others are not trusted by this client, and clear text ends in the handshake.
    assert!(
        post(&collector, &Authority::new().client(None))
            .await
            .is_none()
    );
    let mut clear = TcpStream::connect(collector.addresses.http).await.unwrap();
    clear.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _end = clear.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    drop(grpc);
    let (summary, _store) = collector.stop().await;
    assert_eq!(
        (summary.totals.requests, summary.connections.tls_failed),
        (2, 2)
    );
}

#[tokio::test]
async fn mutual_tls_takes_the_right_certificate_and_neither_a_wrong_one_nor_none() {
    let (authority, senders, files) = (Authority::new(), Authority::new(), files());
    let collector = start(files.tls(&authority.identity(), Some(&senders))).await;
    let right = authority.client(Some(senders.identity()));
    assert_eq!(post(&collector, &right).await.unwrap(), "HTTP/1.1 200 OK");
    let mut grpc = Raw::connect_tls(collector.addresses.grpc, right)
        .await
        .unwrap();
    assert_eq!(grpc.export(&[], framed(0, b"")).await.code, Code::Ok);
    drop(grpc);
    for identity in [None, Some(authority.identity())] {
        let wrong = authority.client(identity);
        assert!(post(&collector, &wrong).await.is_none());
        // TLS 1.3 tells a client late that it is not welcome.
        if let Some(mut grpc) = Raw::connect_tls(collector.addresses.grpc, wrong).await {
            assert!(grpc.try_export(&[], framed(0, b"")).await.is_none());
        }
    }
    let (summary, _store) = collector.stop().await;
    assert_eq!(summary.totals.requests, 2);
    assert!(summary.connections.tls_failed >= 4, "{summary:?}");
}

/// Waits until `check` holds.
async fn eventually(mut check: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), holds)
        .await
        .expect("it holds in the end");
}

#[tokio::test]
async fn a_certificate_that_changes_is_taken_over_and_a_bad_one_is_not() {
    let (old, new, files) = (Authority::new(), Authority::new(), files());
    let collector = start(files.tls(&old.identity(), None)).await;
    let (trusts_old, trusts_new) = (old.client(None), new.client(None));
    assert!(post(&collector, &trusts_old).await.is_some());
    // For a moment the certificate does not fit the key; the old pair stays.
    let identity = new.identity();
    files.write("crt", &identity.certificate);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(post(&collector, &trusts_old).await.is_some());
    files.write("key", &identity.key);
    eventually(async || post(&collector, &trusts_new).await.is_some()).await;
    assert!(post(&collector, &trusts_old).await.is_none());
    std::fs::remove_file(files.0.path().join("key")).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(post(&collector, &trusts_new).await.is_some());
    collector.stop().await;
}

#[tokio::test]
async fn tokens_are_asked_for_over_both_protocols_and_reloaded() {
    let files = files();
    let collector = start(SecurityFiles {
        tls: None,
        tokens: Some(files.write("tokens", "first-0123456789\nother-0123456789\n")),
    })
    .await;
    let export = async |token: &str| {
        let mut grpc = Raw::connect(collector.addresses.grpc).await;
        let authorization = format!("Bearer {token}");
        let answer = grpc
            .export(&[("authorization", &authorization)], framed(0, b""))
            .await;
        answer.code
    };
    assert_eq!(export("first-0123456789").await, Code::Ok);
    assert_eq!(export("other-0123456789").await, Code::Ok);
    assert_eq!(export("third-0123456789").await, Code::Unauthenticated);
    let answer = http(
        collector.addresses.http,
        "application/json",
        "identity",
        b"{}",
    )
    .await;
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (401, "bearer")
    );
    assert_eq!(
        answer.text(),
        r#"{"code":16,"message":"the request has no valid bearer token"}"#
    );
    files.write("tokens", "third-0123456789\n");
    eventually(async || export("third-0123456789").await == Code::Ok).await;
    assert_eq!(export("first-0123456789").await, Code::Unauthenticated);
    // A file without tokens would lock everybody out, or let everybody in.
    files.write("tokens", "# none\n");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(export("third-0123456789").await, Code::Ok);
    let (summary, _store) = collector.stop().await;
    assert!(summary.totals.refused_by["unauthenticated"] >= 3);
}

/// What was sent before the answer came still arrives, and is thrown away; the windows of HTTP/2 must not fill with it.
#[tokio::test]
async fn refused_bodies_do_not_use_up_a_connection() {
    let files = files();
    let collector = start(SecurityFiles {
        tls: None,
        tokens: Some(files.write("tokens", "first-0123456789")),
    })
    .await;
    let mut grpc = Raw::connect(collector.addresses.grpc).await;
    let mebibyte = framed(0, &vec![0; 1 << 20]);
    for _ in 0..40 {
        let answer = grpc.try_export(&[], mebibyte.clone()).await;
        // The stream may be reset behind the answer.
        assert!(answer.is_none_or(|answer| answer.code == Code::Unauthenticated));
    }
    let authorization = [("authorization", "Bearer first-0123456789")];
    let exported = grpc.export(&authorization, framed(0, b""));
    let answer = tokio::time::timeout(Duration::from_secs(30), exported).await;
    assert_eq!(answer.expect("the connection lives").code, Code::Ok);
    let (summary, _store) = collector.stop().await;
    assert_eq!(summary.totals.refused_by["unauthenticated"], 40);
}

#[tokio::test]
async fn files_that_cannot_be_used_keep_the_collector_from_starting() {
    let store = TempDir::new().unwrap();
    let options = CollectOptions {
        grpc_address: "127.0.0.1:0".parse().unwrap(),
        http_address: "127.0.0.1:0".parse().unwrap(),
        store: tracemesh_collector::store::Location::from(store.path()),
        security: SecurityFiles {
            tls: None,
            tokens: Some(Path::new("/nowhere/tokens").to_owned()),
        },
        ..CollectOptions::default()
    };
    let error = collect(options, std::future::pending()).await.unwrap_err();
    assert!(matches!(error, CollectError::Security(_)));
    assert!(
        error
            .to_string()
            .starts_with("`/nowhere/tokens`: it cannot be read"),
        "{error}"
    );
}

async fn start_secured(security: SecurityFiles) -> Collector {
    Collector::start_with(CollectOptions {
        security,
        admin_address: Some("127.0.0.1:0".parse().unwrap()),
        admin_access: AdminAccess::Secured,
        debug_pages: true,
        ..CollectOptions::default()
    })
    .await
}

/// Probes have no tokens, and nothing to hide; whatever names services or options wants one.
#[tokio::test]
async fn secured_pages_want_a_token_and_health_does_not() {
    let files = files();
    let collector = start_secured(SecurityFiles {
        tls: None,
        tokens: Some(files.write("tokens", "first-0123456789")),
    })
    .await;
    let admin = collector.addresses.admin.unwrap();
    for page in [
        "/metrics",
        "/api/v1/graph",
        "/debug/state",
        "/debug/config",
        "/",
    ] {
        let answer = get(admin, page, "").await;
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (401, "bearer"),
            "{page}"
        );
    }
    for page in ["/healthz", "/readyz"] {
        assert_eq!(get(admin, page, "").await.status, 200, "{page}");
    }
    let right = "authorization: Bearer first-0123456789\r\n";
    assert_eq!(get(admin, "/metrics", right).await.status, 200);
    let wrong = "authorization: Bearer other-0123456789\r\n";
    assert_eq!(get(admin, "/metrics", wrong).await.status, 401);
    let (summary, _store) = collector.stop().await;
    // Operators are no senders.
    assert_eq!(summary.totals.refused, 0);
}

#[tokio::test]
async fn secured_pages_speak_the_tls_of_the_receiver() {
    let (authority, senders, files) = (Authority::new(), Authority::new(), files());
    let collector = start_secured(files.tls(&authority.identity(), Some(&senders))).await;
    let admin = collector.addresses.admin.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let known = authority.client(Some(senders.identity()));
    assert_eq!(
        ask(admin, &known, request).await.unwrap(),
        "HTTP/1.1 200 OK"
    );
    assert!(ask(admin, &authority.client(None), request).await.is_none());
    let mut clear = TcpStream::connect(admin).await.unwrap();
    clear.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _end = clear.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    collector.stop().await;
}

/// Metrics and the graph name every service: nobody opens them to a network by giving an address.
#[tokio::test]
async fn pages_that_others_could_reach_are_refused_before_anything_is_made() {
    let place = TempDir::new().unwrap();
    let store = place.path().join("data");
    let refused = async |admin: &str, admin_access| {
        let options = CollectOptions {
            grpc_address: "127.0.0.1:0".parse().unwrap(),
            http_address: "127.0.0.1:0".parse().unwrap(),
            admin_address: Some(admin.parse().unwrap()),
            admin_access,
            store: tracemesh_collector::store::Location::from(store.as_path()),
            ..CollectOptions::default()
        };
        collect(options, std::future::pending()).await.unwrap_err()
    };
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9464"] {
        let error = refused(address, AdminAccess::Local).await;
        assert!(matches!(error, CollectError::AdminExposed(_)), "{error}");
        assert!(error.hint().unwrap().contains("--admin-access"));
    }
    let error = refused("127.0.0.1:0", AdminAccess::Secured).await;
    assert!(matches!(error, CollectError::AdminUnsecured), "{error}");
    assert!(!store.exists());
}
