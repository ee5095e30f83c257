//! A switch of generations that loses nothing, in the two steps that the product writes.

use tracemesh::output_dir::envoy::envoy_files;
use tracemesh::output_dir::write_files;
use tracemesh_graph::egress::EgressModel;

use super::Sidecar;

impl Sidecar {
    /// Switches to the files of a model as `egress --hand-over` does, but waits for what the seconds are for: in the first
    /// step the clusters that come, in the second the routes.
    pub(in crate::envoy) fn hand_over_to(&self, model: &EgressModel) {
        let root = self.directory.path();
        let found = envoy_files(root, model, None, &self.options).unwrap();
        if let Some(first) = found.first_step() {
            let read = self.routes_read();
            write_files(root, &first).unwrap();
            self.wait_for_clusters();
            self.wait("routes as before", |sidecar| sidecar.routes_read() > read);
        }
        let read = self.routes_read();
        write_files(root, &found.files).unwrap();
        self.wait("new routes", |sidecar| sidecar.routes_read() > read);
    }

    /// How often the routes of a port were read.
    fn routes_read(&self) -> u64 {
        let stats = self.admin("/stats?filter=http.outbound_.*update_success");
        let stats = stats.unwrap();
        let counts = stats.lines().filter_map(|line| line.rsplit_once(": "));
        let counts = counts.map(|(_, count)| count.trim().parse::<u64>().unwrap());
        counts.max().unwrap_or(0)
    }

    /// Waits until every cluster of the files in force is there and has its addresses.
    fn wait_for_clusters(&self) {
        let file = self.files.join("xds/current/cds.yaml");
        let file = std::fs::read_to_string(file).unwrap();
        let names = file
            .lines()
            .filter_map(|line| line.strip_prefix("  name: "));
        let wanted: Vec<&str> = names.map(|name| name.trim_matches('"')).collect();
        self.wait("clusters", |sidecar| {
            let active = sidecar.clusters();
            wanted.iter().all(|name| active.contains_key(*name))
        });
        self.wait_for_endpoints();
    }
}
