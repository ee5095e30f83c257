//! The files that say who may send, and how: certificates, keys and tokens.
//!
//! They are read at the start, where every fault is told, and again when they change. Nothing that stands in them
//! ends up in a message: neither a key, nor a token, nor a line that is thought to be one.

mod reload;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::receiver::{TokenFault, Tokens};
pub(super) use reload::Reloader;

/// Longest file read: certificates of a whole company fit.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Protocols offered in the TLS handshake, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Files for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate of the receiver with those that vouch for it, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// Certificates of the authorities one of which must vouch for a sender, in PEM. Without it any sender may connect.
    pub client_ca: Option<PathBuf>,
}

/// Who may send, and how. By default anybody who can connect, in clear text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecurityFiles {
    /// TLS on both ports.
    pub tls: Option<TlsFiles>,
    /// Bearer tokens, one per line; requests must bring one of them.
    pub tokens: Option<PathBuf>,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {cause}", path.display())]
pub struct SecurityFault {
    path: PathBuf,
    cause: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("it cannot be read: {0}")]
    Read(io::Error),
    #[error("it is longer than {MAX_FILE_BYTES} bytes")]
    Long,
    #[error("it holds no certificate in PEM, or a damaged one")]
    Certificate,
    #[error("it holds no private key in PEM (PKCS#8, PKCS#1 or SEC1)")]
    Key,
    #[error("it does not fit the certificate: {0}")]
    Pair(tokio_rustls::rustls::Error),
    #[error("it holds no certificate that can vouch for senders")]
    Authority,
    #[error("it is not text")]
    Text,
    #[error(transparent)]
    Tokens(#[from] TokenFault),
}

impl Cause {
    fn at(self, path: &Path) -> SecurityFault {
        SecurityFault {
            path: path.to_owned(),
            cause: self,
        }
    }
}

/// What the files say.
#[derive(Debug)]
pub(super) struct Security {
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) tokens: Option<Tokens>,
}

/// The bytes of the files at one moment.
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Vec<u8>,
    tokens: Vec<u8>,
}

impl SecurityFiles {
    /// Reads and checks all files, with the digest of what they hold.
    ///
    /// # Errors
    /// Every file that cannot be used.
    pub(super) fn load(&self) -> Result<(Security, Stamp), Vec<SecurityFault>> {
        let contents = self.read()?;
        let stamp = contents.stamp();
        Ok((self.understand(&contents)?, stamp))
    }

    fn read(&self) -> Result<Contents, Vec<SecurityFault>> {
        let mut faults = Vec::new();
        let mut read = |path: Option<&PathBuf>| {
            path.map(|path| read_file(path).map_err(|cause| cause.at(path)))
                .transpose()
                .unwrap_or_else(|fault| {
                    faults.push(fault);
                    None
                })
                .unwrap_or_default()
        };
        let tls = self.tls.as_ref();
        let contents = Contents {
            certificate: read(tls.map(|tls| &tls.certificate)),
            key: read(tls.map(|tls| &tls.key)),
            client_ca: read(tls.and_then(|tls| tls.client_ca.as_ref())),
            tokens: read(self.tokens.as_ref()),
        };
        if faults.is_empty() {
            Ok(contents)
        } else {
            Err(faults)
        }
    }

    fn understand(&self, contents: &Contents) -> Result<Security, Vec<SecurityFault>> {
        let tls = self.tls.as_ref().map(|files| files.understand(contents));
        let tokens = self
            .tokens
            .as_ref()
            .map(|path| tokens(&contents.tokens).map_err(|cause| cause.at(path)));
        match (tls.transpose(), tokens.transpose()) {
            (Ok(tls), Ok(tokens)) => Ok(Security { tls, tokens }),
            (tls, tokens) => Err([tls.err(), tokens.err()].into_iter().flatten().collect()),
        }
    }
}

impl TlsFiles {
    fn understand(&self, contents: &Contents) -> Result<Arc<ServerConfig>, SecurityFault> {
        let chain = certificates(&contents.certificate)
            .ok_or(Cause::Certificate)
            .map_err(|cause| cause.at(&self.certificate))?;
        // The parser's own words may quote the file.
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|_error| Cause::Key.at(&self.key))?;
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Cause::Pair(error).at(&self.key))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = roots(&contents.client_ca).ok_or(Cause::Authority.at(path))?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .build()
                    .map_err(|_error| Cause::Authority.at(path))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| Cause::Pair(error).at(&self.key))?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Arc::new(config))
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, Cause> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Cause::Read)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(Cause::Read)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Cause::Long);
    }
    Ok(bytes)
}

fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    all.ok().filter(|all| !all.is_empty())
}

fn roots(pem: &[u8]) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).ok()?;
    }
    Some(roots)
}

fn tokens(bytes: &[u8]) -> Result<Tokens, Cause> {
    let text = std::str::from_utf8(bytes).map_err(|_error| Cause::Text)?;
    Ok(Tokens::parse(text)?)
}

/// A digest of all files: another one means that something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp([u8; 32]);

impl Contents {
    fn stamp(&self) -> Stamp {
        let mut hasher = Sha256::new();
        for part in [&self.certificate, &self.key, &self.client_ca, &self.tokens] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Stamp(hasher.finalize().into())
    }
}

#[cfg(test)]
mod tests;
