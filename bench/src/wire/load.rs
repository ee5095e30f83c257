//! Requests as they go over a connection: encoded, framed and compressed before anything is sent.

use axum::body::Bytes;
use libdeflater::{CompressionLvl, Compressor};

use super::Fault;
use super::recording::Recording;

/// How requests travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/gRPC, uncompressed.
    Grpc,
    /// OTLP/gRPC, gzip.
    GrpcGzip,
    /// OTLP/HTTP over HTTP/1.1, protobuf, uncompressed.
    Http,
    /// OTLP/HTTP over HTTP/1.1, protobuf, gzip.
    HttpGzip,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Grpc, Self::GrpcGzip, Self::Http, Self::HttpGzip];

    /// Name for people and for arguments.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::GrpcGzip => "grpc-gzip",
            Self::Http => "http",
            Self::HttpGzip => "http-gzip",
        }
    }

    /// Over HTTP/2 with the framing of gRPC.
    #[must_use]
    pub const fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc | Self::GrpcGzip)
    }

    /// Bodies are compressed.
    #[must_use]
    pub const fn is_gzip(self) -> bool {
        matches!(self, Self::GrpcGzip | Self::HttpGzip)
    }
}

/// One request.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// When it is to be sent, in milliseconds after the first.
    pub due_ms: u64,
    /// Spans in it.
    pub spans: u64,
    /// The body as it is sent.
    pub body: Bytes,
}

/// What a client sends.
#[derive(Debug)]
pub struct Load {
    /// How.
    pub protocol: Protocol,
    /// Requests in the order of their due times.
    pub parcels: Vec<Parcel>,
    /// Spans in all of them.
    pub spans: u64,
    /// Bytes of all bodies as sent.
    pub sent_bytes: u64,
}

/// What SDKs and the Collector compress with.
fn gzip_level() -> CompressionLvl {
    CompressionLvl::new(6).unwrap_or_default()
}

/// Flag and length before a message of gRPC.
const FRAME_BYTES: usize = 5;

impl Load {
    /// The requests of a recording, ready to be sent.
    ///
    /// # Errors
    /// When a request cannot be compressed or framed.
    pub fn new(recording: &Recording, protocol: Protocol) -> Result<Self, Fault> {
        let mut compressor = Compressor::new(gzip_level());
        let mut parcels = Vec::with_capacity(recording.requests.len());
        for request in &recording.requests {
            let body = match protocol.is_gzip() {
                true => gzip(&mut compressor, &request.bytes)?,
                false => request.bytes.clone(),
            };
            let body = match protocol.is_grpc() {
                true => framed(&body, protocol.is_gzip())?,
                false => body,
            };
            parcels.push(Parcel {
                due_ms: request.due_ms,
                spans: request.spans,
                body: Bytes::from(body),
            });
        }
        Ok(Self {
            protocol,
            spans: parcels.iter().map(|parcel| parcel.spans).sum(),
            sent_bytes: parcels.iter().map(|parcel| parcel.body.len() as u64).sum(),
            parcels,
        })
    }
}

fn gzip(compressor: &mut Compressor, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut out = vec![0; compressor.gzip_compress_bound(bytes.len())];
    let length = compressor.gzip_compress(bytes, &mut out)?;
    out.truncate(length);
    out.shrink_to_fit();
    Ok(out)
}

fn framed(message: &[u8], is_compressed: bool) -> Result<Vec<u8>, Fault> {
    let length = u32::try_from(message.len())?;
    let mut out = Vec::with_capacity(FRAME_BYTES + message.len());
    out.push(u8::from(is_compressed));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(message);
    Ok(out)
}
