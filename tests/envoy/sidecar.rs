//! A real Envoy running on generated files, and what it counts.

mod hand_over;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tracemesh::output_dir::envoy::write_envoy;
use tracemesh::render::envoy::{Capture, EnvoyOptions};
use tracemesh_graph::egress::EgressModel;

use crate::harness::process::stop;

/// Ten seconds in steps of 50 ms, for everything that another process has to get done.
const STEPS: u32 = 200;

/// Generated files of a sidecar that does not run yet.
pub(super) struct Prepared {
    directory: TempDir,
    options: EnvoyOptions,
    service: String,
}

impl Prepared {
    /// Writes the files of a model as a user does; `service` is the directory of the one to run.
    pub(super) fn write(model: &EgressModel, service: &str, dns: SocketAddr) -> Self {
        let [outbound_port, inbound_port, admin_port] = free_ports();
        let options = EnvoyOptions {
            outbound_port,
            inbound_port,
            admin_port,
            capture: Capture::ProxyProtocol,
            dns_resolvers: vec![dns],
            ..EnvoyOptions::default()
        };
        let directory = tempfile::tempdir().unwrap();
        write_envoy(directory.path(), model, &options).unwrap();
        Self {
            directory,
            options,
            service: service.to_owned(),
        }
    }

    /// Directory of the service's files.
    pub(super) fn files(&self) -> PathBuf {
        self.directory.path().join("services").join(&self.service)
    }

    /// Replaces the first line that says this, whatever its indentation, in a file of the generation; it must be there.
    pub(super) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.files().join("xds/current").join(file);
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let place = lines.iter().position(|line| line.trim_start() == from);
        let place = place.unwrap_or_else(|| panic!("{file} has no {from:?}:\n{text}"));
        let line = lines.remove(place);
        let indentation = line.strip_suffix(from).unwrap();
        for new in to.lines().rev() {
            lines.insert(place, format!("{indentation}{new}"));
        }
        fs::write(path, lines.join("\n") + "\n").unwrap();
    }

    /// Starts Envoy on the files and waits until it serves.
    pub(super) fn start(self, envoy: &Path) -> Sidecar {
        let directory = self.directory.path();
        let log = |name: &str| File::create(directory.join(name)).unwrap();
        let process = Command::new(envoy)
            .current_dir(self.files())
            .args(["-c", "bootstrap.yaml", "--disable-hot-restart"])
            .args(["--concurrency", "1", "--reject-unknown-dynamic-fields"])
            .args(["--log-level", "warning", "--file-flush-interval-msec", "50"])
            .stdin(Stdio::null())
            .stdout(log("stdout"))
            .stderr(log("stderr"))
            .spawn()
            .unwrap();
        let sidecar = Sidecar {
            process,
            files: self.files(),
            directory: self.directory,
            options: self.options,
        };
        sidecar.wait("ready", |sidecar| {
            let ready = sidecar
                .admin("/ready")
                .is_some_and(|text| text.contains("LIVE"));
            let listeners = sidecar.admin("/listeners").unwrap_or_default();
            ready && listeners.contains("inbound::")
        });
        sidecar
    }
}

/// A running sidecar; it ends when dropped.
pub(super) struct Sidecar {
    process: Child,
    directory: TempDir,
    files: PathBuf,
    options: EnvoyOptions,
}

impl Sidecar {
    /// Starts Envoy on the files of one service and waits until it serves.
    pub(super) fn start(envoy: &Path, model: &EgressModel, service: &str, dns: SocketAddr) -> Self {
        Prepared::write(model, service, dns).start(envoy)
    }

    /// Writes the next generation beside the running one and switches to it.
    pub(super) fn switch_to(&self, model: &EgressModel) {
        write_envoy(self.directory.path(), model, &self.options).unwrap();
    }

    /// Port that takes captured connections.
    pub(super) const fn port(&self) -> u16 {
        self.options.outbound_port
    }

    /// Port that takes captured connections to the service itself.
    pub(super) const fn inbound_port(&self) -> u16 {
        self.options.inbound_port
    }

    /// Waits until a cluster has an address: names that Kubernetes does not serve do not delay the start.
    pub(super) fn wait_for_endpoint(&self, cluster: &str) {
        let name = format!("cluster.{cluster}.membership_total: 0");
        let known = format!("cluster.{cluster}.membership_total: ");
        self.wait(&known, |sidecar| {
            let stats = sidecar.admin("/stats").unwrap_or_default();
            stats.contains(&known) && !stats.lines().any(|line| line == name)
        });
    }

    /// Waits until every cluster that looks its addresses up has one.
    pub(super) fn wait_for_endpoints(&self) {
        let looked_up: Vec<String> = self
            .clusters()
            .into_iter()
            .filter(|(_, facts)| {
                let discovery = facts["discovery"].as_str();
                discovery.is_some_and(|discovery| discovery.ends_with("dns"))
            })
            .map(|(name, _)| format!("cluster.{name}.membership_total: 0"))
            .collect();
        self.wait("endpoints", |sidecar| {
            let stats = sidecar.admin("/stats?filter=membership_total$");
            let stats = stats.unwrap_or_default();
            let missing = |line: &str| looked_up.iter().any(|empty| empty == line);
            stats.contains("membership_total") && !stats.lines().any(missing)
        });
    }

    /// Waits until a route to a cluster is in force.
    pub(super) fn wait_for_route(&self, cluster: &str) {
        let wanted = format!("\"cluster\": \"{cluster}\"");
        self.wait(&wanted, |sidecar| {
            let path = "/config_dump?resource=dynamic_route_configs";
            sidecar
                .admin(path)
                .is_some_and(|dump| dump.contains(&wanted))
        });
    }

    /// Requests and connections so far, by cluster; clusters without any are absent.
    pub(super) fn hits(&self) -> BTreeMap<String, u64> {
        let stats = self.admin("/stats?filter=upstream_rq_total$").unwrap();
        stats.lines().filter_map(read_hit).collect()
    }

    /// A counter or gauge; 0 while nothing has touched it.
    pub(super) fn count(&self, name: &str) -> u64 {
        let stats = self.admin(&format!("/stats?filter={name}")).unwrap();
        let line = format!("{name}: ");
        let value = stats.lines().find_map(|found| found.strip_prefix(&line));
        value.map_or(0, |value| value.trim().parse().unwrap())
    }

    /// Waits until a counter has risen to a value.
    pub(super) fn wait_for_count(&self, name: &str, least: u64) {
        let what = format!("{name} >= {least}");
        self.wait(&what, |sidecar| sidecar.count(name) >= least);
    }

    /// What the sidecar says about its clusters: name and metadata.
    pub(super) fn clusters(&self) -> BTreeMap<String, Value> {
        let path = "/config_dump?resource=dynamic_active_clusters";
        let dump = self.admin_json(path);
        let configs = dump["configs"].as_array().cloned().unwrap_or_default();
        configs
            .iter()
            .map(|config| &config["cluster"])
            .map(|cluster| {
                let name = cluster["name"].as_str().unwrap().to_owned();
                let metadata = &cluster["metadata"]["filter_metadata"]["tracemesh"];
                (name, metadata.clone())
            })
            .collect()
    }

    /// Runs a call and returns which clusters it reached.
    pub(super) fn reached_by(&self, call: impl FnOnce()) -> BTreeMap<String, u64> {
        let before = self.hits();
        call();
        let mut after = self.hits();
        for (cluster, count) in before {
            after.entry(cluster).and_modify(|total| *total -= count);
        }
        after.retain(|_, count| *count > 0);
        after
    }

    /// Waits for a line of the drift report with all these parts.
    pub(super) fn wait_for_drift(&self, parts: &[&str]) {
        self.wait(&format!("drift with {parts:?}"), |sidecar| {
            let drift = sidecar.drift();
            let complete = |line: &String| parts.iter().all(|part| line.contains(part));
            drift.iter().any(complete)
        });
    }

    /// Waits for a line about a connection that is attributed by its port alone.
    pub(super) fn wait_for_attribution(&self, destination: &str) {
        self.wait(&format!("attribution of {destination}"), |sidecar| {
            sidecar.log("stdout").lines().any(|line| {
                line.contains("\"where\":\"tcp_whole_port\"") && line.contains(destination)
            })
        });
    }

    /// Lines about what was not observed, so far.
    pub(super) fn drift(&self) -> Vec<String> {
        let log = self.log("stdout");
        let unobserved = log
            .lines()
            .filter(|line| line.contains("\"tracemesh\":\"unobserved\""));
        unobserved.map(str::to_owned).collect()
    }

    /// The same after waiting for this many, and a moment longer for those that should not come.
    pub(super) fn drift_of(&self, count: usize) -> Vec<String> {
        for _ in 0..STEPS {
            if self.drift().len() >= count {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        thread::sleep(Duration::from_millis(100));
        self.drift()
    }

    /// What Envoy complained about.
    pub(super) fn complaints(&self) -> String {
        self.log("stderr")
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn wait(&self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..STEPS {
            if done(self) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "waited in vain for {what}\n{}\n{}",
            self.complaints(),
            self.log("stdout")
        );
    }

    fn admin_json(&self, path: &str) -> Value {
        serde_json::from_str(&self.admin(path).unwrap()).unwrap()
    }

    /// The body of an answer of the admin interface.
    pub(super) fn admin(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.options.admin_port)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let is_chunked = head.contains("transfer-encoding: chunked");
        Some(if is_chunked {
            joined(body)
        } else {
            body.to_owned()
        })
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        stop(&mut self.process);
    }
}

/// The text of a body in chunks: a length in hexadecimal before each.
fn joined(body: &str) -> String {
    let mut text = String::new();
    let mut rest = body;
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        let (chunk, after) = after.split_at(length);
        text.push_str(chunk);
        rest = after.trim_start_matches("\r\n");
    }
    text
}

/// `cluster.<name>.upstream_rq_total: <count>`; Envoy counts a connection of the TCP proxy as a request too.
fn read_hit(line: &str) -> Option<(String, u64)> {
    let (name, count) = line.split_once(": ")?;
    let cluster = name
        .strip_prefix("cluster.")?
        .strip_suffix(".upstream_rq_total")?;
    let count: u64 = count.trim().parse().ok()?;
    (count > 0).then(|| (cluster.to_owned(), count))
}

/// Ports that were free a moment ago.
fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("0.0.0.0:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
