//! A client of HTTP/1.1 that keeps its connection through the sidecar and loses nothing without saying so.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

use super::super::fakes::dial;

/// Time after which an answer counts as missing.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Head of a request or an answer.
pub(super) struct Head {
    /// Request or status line.
    pub first_line: String,
    /// Bytes of the body.
    pub length: usize,
    /// Whether the sender will close the connection.
    pub closes: bool,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

/// A request.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    /// Its method: `GET`, or `POST` for one that must not be repeated.
    pub method: &'a str,
    /// Its Host header.
    pub host: &'a str,
    /// Its body.
    pub body: &'a [u8],
}

/// A connection that is kept between requests.
pub(super) struct Connection {
    sidecar: u16,
    destination: SocketAddrV4,
    open: Option<BufReader<TcpStream>>,
}

impl Connection {
    /// A connection that is opened by its first request.
    pub(super) const fn to(sidecar: u16, destination: SocketAddrV4) -> Self {
        Self {
            sidecar,
            destination,
            open: None,
        }
    }

    /// Sends a request and waits for its answer. It is never sent twice: a connection that is closed although nobody
    /// announced it is an error.
    pub(super) fn ask(&mut self, request: Request<'_>) -> Result<Answer> {
        let mut reader = match self.open.take() {
            Some(reader) => reader,
            None => self.connect()?,
        };
        reader.get_mut().write_all(&bytes(request))?;
        let head = read_head(&mut reader)?
            .ok_or_else(|| Error::new(ErrorKind::UnexpectedEof, "closed without an answer"))?;
        let mut body = vec![0; head.length];
        reader.read_exact(&mut body)?;
        if !head.closes {
            self.open = Some(reader);
        }
        let status = head.first_line.split(' ').nth(1);
        let status = status
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| Error::new(ErrorKind::InvalidData, head.first_line.clone()))?;
        Ok(Answer { status, body })
    }

    /// Ends the connection; the next request opens another.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    fn connect(&self) -> Result<BufReader<TcpStream>> {
        let stream = dial(self.sidecar, self.destination)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }
}

fn bytes(request: Request<'_>) -> Vec<u8> {
    let Request { method, host, body } = request;
    let head = format!(
        "{method} / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Reads up to the empty line; `None` at the end of the connection.
pub(super) fn read_head(reader: &mut BufReader<TcpStream>) -> Result<Option<Head>> {
    let mut first_line = String::new();
    if reader.read_line(&mut first_line)? == 0 {
        return Ok(None);
    }
    let mut head = Head {
        first_line: first_line.trim_end().to_owned(),
        length: 0,
        closes: false,
    };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        match line.split_once(':') {
            None => return Ok(Some(head)),
            Some(("content-length", value)) => head.length = value.trim().parse().unwrap_or(0),
            Some(("connection", value)) => head.closes = value.trim() == "close",
            Some(_) => {}
        }
    }
}
