//! A server as a process of its own: on a core of its own, and measured by what the system says of it. Linux only.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::Fault;

/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until a server must listen, or must have ended.
const MAX_LOOKS: u32 = 12_000;

/// `USER_HZ`, which is 100 on every Linux that Rust runs on.
const TICK: Duration = Duration::from_millis(10);

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Processor time, user and system.
    pub cpu: Duration,
    /// Peak of resident memory in bytes.
    pub peak_bytes: u64,
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: PathBuf,
    /// What it had used when it was ready.
    pub at_start: Usage,
}

/// A port that was free a moment ago.
///
/// # Errors
/// When there is none.
pub fn free_address() -> Result<SocketAddr, Fault> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

/// Moves this process, the client, to one core.
///
/// # Errors
/// When there is no such core, or no `taskset`.
pub fn stay_on(core: usize) -> Result<(), Fault> {
    let own = std::process::id().to_string();
    let mut command = Command::new("taskset");
    command.args(["-a", "-p", "-c", &core.to_string(), &own]);
    let status = command.stdout(Stdio::null()).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("taskset: {status}").into()),
    }
}

impl Server {
    /// Starts a program on a core, and waits until it listens at this address. What it says goes to a file.
    ///
    /// # Errors
    /// When it cannot be started, or ends or does not listen within two minutes.
    pub fn start(
        program: &Path,
        arguments: &[String],
        core: Option<usize>,
        (address, log): (SocketAddr, &Path),
    ) -> Result<Self, Fault> {
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(program);
                command
            }
            None => Command::new(program),
        };
        let said = File::create(log)?;
        command.args(arguments).stdin(Stdio::null());
        command.stdout(said.try_clone()?).stderr(said);
        let mut server = Self {
            child: command.spawn()?,
            log: log.to_owned(),
            at_start: Usage::default(),
        };
        for _ in 0..MAX_LOOKS {
            if TcpStream::connect(address).is_ok() {
                server.at_start = server.usage();
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                return Err(server.complaint(&status.to_string()));
            }
            sleep(LOOK);
        }
        Err(server.complaint("it does not listen"))
    }

    /// What it has used so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        usage_of(self.child.id())
    }

    /// Asks it to end, waits for that, and tells what it used in all.
    ///
    /// # Errors
    /// When it does not end within two minutes, or not well.
    pub fn finish(mut self) -> Result<Usage, Fault> {
        let id = self.child.id();
        // Before it is asked: one that ends at once has no memory to tell of.
        let mut last = self.usage();
        let sent = Command::new("kill")
            .args(["-TERM", &id.to_string()])
            .status()?;
        if !sent.success() {
            return Err(self.complaint("it is gone"));
        }
        for _ in 0..MAX_LOOKS {
            // A process that has ended keeps its times until it is waited for, but not its memory.
            let usage = usage_of(id);
            last = Usage {
                cpu: usage.cpu.max(last.cpu),
                peak_bytes: usage.peak_bytes.max(last.peak_bytes),
            };
            if state_of(id) == Some('Z') {
                let status = self.child.wait()?;
                return match status.success() {
                    true => Ok(last),
                    false => Err(self.complaint(&status.to_string())),
                };
            }
            sleep(LOOK);
        }
        Err(self.complaint("it does not end"))
    }

    fn complaint(&self, what: &str) -> Fault {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        format!("the server at fault ({what}) said:\n{said}").into()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it has ended, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn usage_of(process: u32) -> Usage {
    let ticks: u64 = [11, 12]
        .into_iter()
        .filter_map(|field| stat(process, field)?.parse::<u64>().ok())
        .sum();
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Usage {
        cpu: TICK * u32::try_from(ticks).unwrap_or(u32::MAX),
        peak_bytes: peak.unwrap_or_default() * 1024,
    }
}

fn state_of(process: u32) -> Option<char> {
    stat(process, 0)?.chars().next()
}

/// A field of `stat`, counted from the state, which follows the name.
fn stat(process: u32, field: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_name, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(field).map(str::to_owned)
}
