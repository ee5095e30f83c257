//! gRPC without its rules: any bytes as the body of a call, and HTTP/2 frame by frame.

use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Status};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// How a connection of HTTP/2 begins.
pub(crate) const MAGIC: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Longer than anything takes.
const LONG: Duration = Duration::from_secs(30);

/// A message of gRPC with this flag.
pub(crate) fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![flag];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    frame
}

/// A client that sends any body.
pub(crate) struct Raw(Channel);

/// What it is answered.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) http: u16,
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) has_details: bool,
    pub(crate) accept_encoding: Option<String>,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self(endpoint.connect().await.unwrap())
    }

    /// `None` when the handshake fails.
    pub(crate) async fn connect_tls(address: SocketAddr, tls: TlsConnector) -> Option<Self> {
        let endpoint = Endpoint::from_static("http://localhost");
        let connector = TlsTo { address, tls };
        endpoint
            .connect_with_connector(connector)
            .await
            .ok()
            .map(Self)
    }

    pub(crate) async fn export(&mut self, headers: &[(&str, &str)], body: Vec<u8>) -> RawAnswer {
        self.try_export(headers, body).await.unwrap()
    }

    /// `None` when no answer comes.
    pub(crate) async fn try_export(
        &mut self,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Option<RawAnswer> {
        self.send(EXPORT, headers, body).await
    }

    pub(crate) async fn call(&mut self, path: &str, body: Vec<u8>) -> RawAnswer {
        self.send(path, &[], body).await.unwrap()
    }

    async fn send(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Option<RawAnswer> {
        let mut request = http::Request::post(path)
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Body::new(http_body_util::Full::new(prost::bytes::Bytes::from(body)));
        std::future::poll_fn(|context| self.0.poll_ready(context))
            .await
            .ok()?;
        let response = self.0.call(request.body(body).unwrap()).await.ok()?;
        let (head, body) = response.into_parts();
        let header = |name: &str| Some(head.headers.get(name)?.to_str().ok()?.to_owned());
        let accept_encoding = header("grpc-accept-encoding");
        let mut status = Status::from_header_map(&head.headers);
        // An answer with a message has its status behind it.
        let collected = http_body_util::BodyExt::collect(body).await.ok()?;
        if let Some(trailers) = collected.trailers() {
            status = Status::from_header_map(trailers);
        }
        let by_http = if head.status == 404 {
            Code::Unimplemented
        } else {
            Code::Unknown
        };
        let status = status.unwrap_or_else(|| Status::new(by_http, ""));
        let is_ok = status.code() == Code::Ok;
        Some(RawAnswer {
            http: head.status.as_u16(),
            code: status.code(),
            message: status.message().to_owned(),
            has_details: !status.details().is_empty(),
            accept_encoding: accept_encoding.filter(|_| !is_ok),
        })
    }
}

/// Connects to one address, whatever is asked for.
struct TlsTo {
    address: SocketAddr,
    tls: TlsConnector,
}

impl Service<Uri> for TlsTo {
    type Response = TokioIo<tokio_rustls::client::TlsStream<TcpStream>>;
    type Error = std::io::Error;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let (address, tls) = (self.address, self.tls.clone());
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            let name = ServerName::try_from("localhost").unwrap();
            Ok(TokioIo::new(tls.connect(name, stream).await?))
        })
    }
}

/// A connection of HTTP/2 written frame by frame.
pub(crate) struct Frames(TcpStream);

impl Frames {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let mut frames = Self(TcpStream::connect(address).await.unwrap());
        frames.0.write_all(MAGIC).await.unwrap();
        frames.frame(4, 0, 0, &[]).await;
        frames
    }

    async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write_all(&frame).await.unwrap();
    }

    /// The head of a call of `Export`, which leaves the stream open.
    pub(crate) async fn begin_export(&mut self, stream: u32) {
        let mut block = Vec::new();
        for (name, value) in [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", EXPORT),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ] {
            // A literal without indexing and without Huffman coding.
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend(text.as_bytes());
            }
        }
        self.frame(1, 4, stream, &block).await;
    }

    pub(crate) async fn data(&mut self, stream: u32, bytes: &[u8]) {
        self.frame(0, 0, stream, bytes).await;
    }

    /// Waits for the settings of the server, which it sends once it speaks HTTP/2.
    pub(crate) async fn read_settings(&mut self) {
        while self.read_frame().await != (4, 0) {}
    }

    /// Waits for the head of an answer.
    pub(crate) async fn read_headers_of(&mut self, stream: u32) {
        while self.read_frame().await != (1, stream) {}
    }

    async fn read_frame(&mut self) -> (u8, u32) {
        let read = async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).await.unwrap();
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            (head[3], stream)
        };
        tokio::time::timeout(LONG, read)
            .await
            .expect("the server answers")
    }
}
