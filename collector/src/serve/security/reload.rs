//! Takes over certificates and tokens that changed, without a restart.
//!
//! The contents are compared, not the times of files: secrets are often mounted through links that keep them. What cannot be
//! used is told once, and the last good state stays in force.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::rustls::ServerConfig;

use super::{Security, SecurityFault, SecurityFiles, Stamp};
use crate::receiver::Intake;

/// Watches the files of a running receiver; ends when dropped.
pub(in crate::serve) struct Reloader {
    task: Option<JoinHandle<()>>,
    tls: Option<watch::Receiver<Arc<ServerConfig>>>,
}

impl Reloader {
    /// Puts `security` in force, and later what the files hold by then, looking every `interval`.
    pub(in crate::serve) fn start(
        files: SecurityFiles,
        (security, stamp): (Security, Stamp),
        interval: Duration,
        intake: Arc<Intake>,
    ) -> Self {
        let Security { tls, tokens } = security;
        if tls.is_none() && tokens.is_none() {
            return Self {
                task: None,
                tls: None,
            };
        }
        if let Some(tokens) = tokens {
            intake.require(tokens);
        }
        let (sender, receiver) = tls.map(watch::channel).unzip();
        let watched = Watched {
            files,
            seen: Seen::Contents(stamp),
            tls: sender,
            intake,
        };
        Self {
            task: Some(tokio::spawn(watched.follow(interval))),
            tls: receiver,
        }
    }

    /// The TLS parameters in force, if there is TLS.
    pub(in crate::serve) fn tls(&self) -> Option<watch::Receiver<Arc<ServerConfig>>> {
        self.tls.clone()
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What was found when the files were last looked at.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Contents(Stamp),
    /// Files that could not be read, by what was said of them.
    Unreadable(Vec<String>),
}

struct Watched {
    files: SecurityFiles,
    seen: Seen,
    tls: Option<watch::Sender<Arc<ServerConfig>>>,
    intake: Arc<Intake>,
}

impl Watched {
    async fn follow(mut self, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            // Secrets may lie on a slow mount.
            let looked = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            match looked.await {
                Ok(watched) => self = watched,
                Err(error) => {
                    tracing::error!(%error, "certificates and tokens are no longer watched");
                    return;
                }
            }
        }
    }

    fn look(&mut self) {
        match self.files.read() {
            Err(faults) => {
                let said = faults.iter().map(ToString::to_string).collect();
                if self.is_news(Seen::Unreadable(said)) {
                    tell(&faults);
                }
            }
            Ok(contents) => {
                if !self.is_news(Seen::Contents(contents.stamp())) {
                    return;
                }
                match self.files.understand(&contents) {
                    Ok(security) => self.put_in_force(security),
                    Err(faults) => tell(&faults),
                }
            }
        }
    }

    fn is_news(&mut self, found: Seen) -> bool {
        let is_news = self.seen != found;
        self.seen = found;
        is_news
    }

    fn put_in_force(&self, security: Security) {
        if let (Some(tls), Some(sender)) = (security.tls, &self.tls) {
            sender.send_replace(tls);
        }
        if let Some(tokens) = security.tokens {
            self.intake.require(tokens);
        }
        tracing::info!("certificates and tokens reloaded");
    }
}

fn tell(faults: &[SecurityFault]) {
    for fault in faults {
        tracing::warn!(%fault, "certificates and tokens not reloaded: the last good ones stay in force");
    }
}
