//! Fake destinations on loopback addresses, and the clients that call them through a sidecar.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A listening fake; it lives as long as the process.
pub(super) struct Fake {
    connections: Arc<AtomicU32>,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Fake {
    /// Answers whatever it understands: HTTP/1, HTTP/2, else a pong. With `greets` it speaks first.
    pub(super) fn start(ip: Ipv4Addr, port: u16, greets: bool) -> Self {
        let listener = TcpListener::bind((ip, port)).unwrap();
        let connections = Arc::new(AtomicU32::new(0));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (counter, ear) = (Arc::clone(&connections), Arc::clone(&heard));
        thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                counter.fetch_add(1, Ordering::Relaxed);
                let ear = Arc::clone(&ear);
                thread::spawn(move || drop(serve(stream, greets, &ear)));
            }
        });
        Self { connections, heard }
    }

    /// Connections so far.
    pub(super) fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Whether the last client spoke the same protocol: a proxy may change all but the first word.
    pub(super) fn heard(&self, speech: &Speech<'_>) -> bool {
        let first_word = speech.bytes().into_iter().take(4).collect::<Vec<u8>>();
        self.heard.lock().unwrap().starts_with(&first_word)
    }
}

fn serve(mut stream: TcpStream, greets: bool, ear: &Mutex<Vec<u8>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    if greets {
        stream.write_all(b"220 hello\r\n")?;
        return stream.shutdown(Shutdown::Write);
    }
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer)?;
    *ear.lock().unwrap() = buffer[..length].to_vec();
    match &buffer[..length] {
        [] => {}
        bytes if bytes.starts_with(b"GET ") => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
        }
        bytes if bytes.starts_with(b"PRI ") => {
            answer_http2(&mut stream, &buffer[..length])?;
        }
        _ => stream.write_all(b"+PONG\r\n")?,
    }
    stream.shutdown(Shutdown::Write)
}

/// Answers every stream with `:status: 200` until the peer closes; closing first could cut an answer off. `start` is what
/// has been read.
fn answer_http2(stream: &mut TcpStream, start: &[u8]) -> std::io::Result<()> {
    const PREFACE: usize = 24;
    const ACKNOWLEDGED: u8 = 1;
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])?;
    let mut reader = std::io::Cursor::new(start.to_vec()).chain(stream.try_clone()?);
    reader.read_exact(&mut [0; PREFACE])?;
    loop {
        let mut head = [0; 9];
        reader.read_exact(&mut head)?;
        let [high, middle, low, kind, flags, id @ ..] = head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        reader.read_exact(&mut payload)?;
        match kind {
            1 => stream.write_all(&[&[0, 0, 1, 1, 5][..], &id, &[0x88]].concat())?,
            4 if flags & ACKNOWLEDGED == 0 => {
                stream.write_all(&[0, 0, 0, 4, ACKNOWLEDGED, 0, 0, 0, 0])?;
            }
            6 if flags & ACKNOWLEDGED == 0 => {
                let head = [0, 0, 8, 6, ACKNOWLEDGED, 0, 0, 0, 0];
                stream.write_all(&[&head[..], &payload].concat())?;
            }
            _ => {}
        }
    }
}

/// What a client says after it has connected.
pub(super) enum Speech<'a> {
    /// HTTP/1.1 with this Host header.
    Http1(&'a str),
    /// gRPC over HTTP/2 in clear text with this authority.
    Grpc(&'a str),
    /// A TLS handshake with this server name.
    Tls(&'a str),
    /// Bytes of no known protocol.
    Opaque,
    /// Nothing: the server speaks first.
    Silent,
}

impl Speech<'_> {
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Http1(host) => {
                format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into_bytes()
            }
            Self::Grpc(authority) => grpc_request(authority),
            Self::Tls(name) => client_hello(name),
            Self::Opaque => b"PING\r\n".to_vec(),
            Self::Silent => Vec::new(),
        }
    }

    /// Whether an answer shows that the whole way works.
    fn is_answered_by(&self, answer: &[u8]) -> bool {
        match self {
            Self::Http1(_) => answer.starts_with(b"HTTP/1.1 200"),
            // HEADERS of stream 1 with the indexed field `:status: 200`; the proxy may add fields behind it.
            Self::Grpc(_) => answer
                .windows(6)
                .any(|window| window == [5, 0, 0, 0, 1, 0x88] || window == [4, 0, 0, 0, 1, 0x88]),
            Self::Tls(_) | Self::Opaque => answer.starts_with(b"+PONG"),
            Self::Silent => answer.starts_with(b"220 hello"),
        }
    }
}

/// Connects to a destination as if the kernel had redirected the connection to the sidecar.
pub(super) fn dial(sidecar: u16, destination: SocketAddrV4) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", sidecar))?;
    let preamble = format!(
        "PROXY TCP4 127.0.0.1 {} 40000 {}\r\n",
        destination.ip(),
        destination.port()
    );
    stream.write_all(preamble.as_bytes())?;
    Ok(stream)
}

/// Dials a destination through the sidecar and says something; panics without an answer.
pub(super) fn call(sidecar: u16, destination: SocketAddrV4, speech: &Speech<'_>) {
    if let Err(fault) = answered(sidecar, destination, speech) {
        panic!("{fault}");
    }
}

/// The same with what went wrong as a text.
pub(super) fn answered(
    sidecar: u16,
    destination: SocketAddrV4,
    speech: &Speech<'_>,
) -> Result<(), String> {
    let answer = answer_to(sidecar, destination, speech);
    let text = match &answer {
        Ok(answer) if speech.is_answered_by(answer) => return Ok(()),
        Ok(answer) => String::from_utf8_lossy(answer).into_owned(),
        Err(error) => error.to_string(),
    };
    Err(format!("{destination}: {text:?}"))
}

fn answer_to(
    sidecar: u16,
    destination: SocketAddrV4,
    speech: &Speech<'_>,
) -> std::io::Result<Vec<u8>> {
    let mut stream = dial(sidecar, destination)?;
    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    stream.write_all(&speech.bytes())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    for _ in 0..50 {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => answer.extend(&buffer[..length]),
            Err(_) if speech.is_answered_by(&answer) => break,
            Err(_) => {}
        }
    }
    Ok(answer)
}

/// Preface, SETTINGS and one HEADERS frame.
fn grpc_request(authority: &str) -> Vec<u8> {
    // :method POST, :scheme http, :path /, then literals: :authority and content-type.
    let mut fields = vec![0x83, 0x86, 0x84, 0x01];
    push_string(&mut fields, authority);
    fields.extend([0x0f, 0x10]);
    push_string(&mut fields, "application/grpc");
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    bytes.extend([0, 0, u8::try_from(fields.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    bytes.extend(fields);
    bytes
}

fn push_string(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(u8::try_from(text.len()).unwrap());
    bytes.extend(text.as_bytes());
}

/// A TLS 1.2 ClientHello with a server name, and ALPN like that of browsers and gRPC clients.
pub(super) fn client_hello(name: &str) -> Vec<u8> {
    let mut host = vec![0];
    push_sized(&mut host, name.as_bytes());
    let mut extensions = Vec::new();
    push_extension(&mut extensions, 0, &sized(&host));
    push_extension(&mut extensions, 16, &sized(b"\x02h2\x08http/1.1"));
    // Version, random, no session id, one cipher suite, no compression.
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    push_sized(&mut body, &extensions);
    let mut handshake = vec![1, 0];
    push_sized(&mut handshake, &body);
    let mut record = vec![0x16, 3, 1];
    push_sized(&mut record, &handshake);
    record
}

fn push_extension(bytes: &mut Vec<u8>, kind: u8, content: &[u8]) {
    bytes.extend([0, kind]);
    push_sized(bytes, content);
}

fn sized(content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_sized(&mut bytes, content);
    bytes
}

fn push_sized(bytes: &mut Vec<u8>, content: &[u8]) {
    bytes.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    bytes.extend(content);
}
