use std::fs;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;

struct Files {
    directory: TempDir,
}

impl Files {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        Self { directory }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// A certificate that signs itself, and its key.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn told(files: &SecurityFiles) -> Vec<String> {
    let faults = files.load().map(drop).unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_asked_for_is_nothing_loaded() {
    let (security, _stamp) = SecurityFiles::default().load().unwrap();
    assert!(security.tls.is_none() && security.tokens.is_none());
}

#[test]
fn good_files_are_loaded_and_any_change_shows_in_the_stamp() {
    let files = Files::new();
    let (certificate, key) = pair();
    let wanted = SecurityFiles {
        tls: Some(TlsFiles {
            certificate: files.write("crt", &certificate),
            key: files.write("key", &key),
            client_ca: Some(files.write("ca", &pair().0)),
        }),
        tokens: Some(files.write("tokens", "0123456789abcdef\n")),
    };
    let (security, before) = wanted.load().unwrap();
    assert!(security.tls.is_some() && security.tokens.is_some());
    assert_eq!(wanted.load().unwrap().1, before);
    for (name, text) in [
        ("ca", pair().0),
        ("tokens", "0123456789abcdeg\n".to_owned()),
        ("crt", certificate.clone() + &certificate),
    ] {
        files.write(name, &text);
        assert!(wanted.load().unwrap().1 != before, "{name}");
    }
}

#[test]
fn all_faults_are_told_at_once_with_their_files_and_nothing_of_what_they_hold() {
    let files = Files::new();
    let secret = "-----BEGIN SECRET-----hunter2";
    let wanted = SecurityFiles {
        tls: Some(TlsFiles {
            certificate: files.write("crt", &pair().0),
            key: files.write("key", secret),
            client_ca: None,
        }),
        tokens: Some(files.write("tokens", "hunter2")),
    };
    let faults = told(&wanted);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("/key`: it holds no private key"));
    assert!(faults[1].contains("/tokens`: line 1: a token has at least 16"));
    assert!(!faults.concat().contains("hunter2"));

    let missing = SecurityFiles {
        tls: Some(TlsFiles {
            certificate: files.directory.path().join("none"),
            key: files.directory.path().join("neither"),
            client_ca: None,
        }),
        tokens: None,
    };
    assert_eq!(told(&missing).len(), 2);
}

#[test]
fn a_key_of_another_certificate_and_files_of_the_wrong_kind_are_faults() {
    let files = Files::new();
    let (certificate, key) = pair();
    for (crt, key, ca, part) in [
        (
            &certificate,
            &pair().1,
            &certificate,
            "/key`: it does not fit the certificate",
        ),
        (&key, &key, &certificate, "/crt`: it holds no certificate"),
        (&certificate, &key, &key, "/ca`: it holds no certificate"),
        (
            &String::new(),
            &key,
            &certificate,
            "/crt`: it holds no certificate",
        ),
    ] {
        let wanted = SecurityFiles {
            tls: Some(TlsFiles {
                certificate: files.write("crt", crt),
                key: files.write("key", key),
                client_ca: Some(files.write("ca", ca)),
            }),
            tokens: None,
        };
        let faults = told(&wanted);
        assert!(
            faults.len() == 1 && faults[0].contains(part),
            "{faults:?} {part}"
        );
    }
}

#[test]
fn an_endless_file_is_not_read_to_its_end() {
    let wanted = SecurityFiles {
        tls: None,
        tokens: Some(PathBuf::from("/dev/zero")),
    };
    assert_eq!(
        told(&wanted),
        ["`/dev/zero`: it is longer than 4194304 bytes"]
    );
}
