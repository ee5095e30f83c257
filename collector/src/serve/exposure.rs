//! What anybody on the network could do: refused for what operators ask, warned of for the receiver.
//!
//! Receivers must be reached from elsewhere, mostly within one cluster, so they may be open. Metrics and the graph name every
//! service of a company and who calls whom, and nobody notices who reads them.

use std::net::SocketAddr;

use super::CollectError;
use super::options::{AdminAccess, BoundAddresses, CollectOptions};
use super::security::SecurityFiles;

/// Looks at the address for operators before anything is bound.
///
/// # Errors
/// When others could reach it whom nobody allowed, or when it is to be secured and nothing says how.
pub(super) fn check_admin(options: &CollectOptions) -> Result<(), CollectError> {
    let Some(address) = options.admin_address else {
        return Ok(());
    };
    let is_secured = options.security.tls.is_some() || options.security.tokens.is_some();
    match options.admin_access {
        AdminAccess::Local if !address.ip().is_loopback() => {
            Err(CollectError::AdminExposed(address))
        }
        AdminAccess::Secured if !is_secured => Err(CollectError::AdminUnsecured),
        _ => Ok(()),
    }
}

/// Warns of what anybody on the network could do.
pub(super) fn tell_exposure(bound: BoundAddresses, access: AdminAccess, security: &SecurityFiles) {
    if let Some(exposure) = exposure(bound, security) {
        let (grpc, http) = (bound.grpc, bound.http);
        tracing::warn!(%grpc, %http, exposure, "receiving from beyond this machine");
    }
    if let Some(admin) = bound.admin.filter(is_beyond)
        && let Some(exposure) = admin_exposure(access, security)
    {
        tracing::warn!(%admin, exposure, "metrics and graph are reachable from beyond this machine");
    }
}

fn is_beyond(address: &SocketAddr) -> bool {
    !address.ip().is_loopback()
}

const fn admin_exposure(access: AdminAccess, security: &SecurityFiles) -> Option<&'static str> {
    match (access, &security.tls) {
        (AdminAccess::Secured, Some(_)) => None,
        (AdminAccess::Secured, None) => {
            Some("tokens cross the network in clear text: give a certificate")
        }
        (AdminAccess::Local | AdminAccess::Open, _) => Some(
            "whoever reaches this address can read them: `secured` asks for certificates and tokens",
        ),
    }
}

fn exposure(bound: BoundAddresses, security: &SecurityFiles) -> Option<&'static str> {
    let all = [Some(bound.grpc), Some(bound.http), bound.zipkin]
        .into_iter()
        .flatten();
    let is_beyond = all.into_iter().any(|address| is_beyond(&address));
    if !is_beyond || security.tls.is_some() {
        return None;
    }
    Some(match security.tokens {
        Some(_) => "tokens cross the network in clear text: give a certificate",
        None => {
            "whoever reaches these addresses can send spans: give a certificate, and tokens or client certificates"
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::security::TlsFiles;
    use super::*;

    #[test]
    fn listening_beyond_this_machine_without_tls_is_worth_a_warning() {
        let exposed = |grpc: &str, security: &SecurityFiles| {
            let bound = BoundAddresses {
                grpc: grpc.parse().unwrap(),
                http: "127.0.0.1:4318".parse().unwrap(),
                zipkin: None,
                admin: None,
            };
            exposure(bound, security).unwrap_or("no")
        };
        let open = SecurityFiles::default();
        let tokens = SecurityFiles {
            tokens: Some("tokens".into()),
            ..SecurityFiles::default()
        };
        let tls = SecurityFiles {
            tls: Some(TlsFiles {
                certificate: "crt".into(),
                key: "key".into(),
                client_ca: None,
            }),
            ..SecurityFiles::default()
        };
        for local in ["127.0.0.1:4317", "[::1]:4317"] {
            assert_eq!(exposed(local, &open), "no");
        }
        for (access, security, told) in [
            (AdminAccess::Open, &tls, "whoever"),
            (AdminAccess::Secured, &tokens, "clear text"),
            (AdminAccess::Secured, &tls, "no"),
        ] {
            let exposure = admin_exposure(access, security).unwrap_or("no");
            assert!(exposure.contains(told), "{access:?}: {exposure}");
        }
        for far in ["0.0.0.0:4317", "[::]:4317", "10.0.0.1:4317"] {
            assert!(exposed(far, &open).contains("whoever"));
            assert!(exposed(far, &tokens).contains("clear text"));
            assert_eq!(exposed(far, &tls), "no");
        }
    }
}
