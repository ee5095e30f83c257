//! What lets one generation follow another without a lost call.
//!
//! ```text
//! current -> gen-0001 --> step-0002 (clusters of both, listeners and routes of gen-0001)
//!                     --> gen-0002  (clusters of both, its own listeners and routes)
//! ```
//! Envoy reads clusters and routes of one switch in an order of its own, and a cluster that looks its addresses up is not
//! there at once: a route whose cluster is missing answers 503. So clusters that went stay for one generation, and where
//! clusters came there is a step that brings nothing but them. Connections that a removed listener took stay with it
//! until they end: its routes stay as long as its clusters.
//!
//! It works on text, block by block, and does nothing for files that were not written by this crate.

use std::collections::{BTreeMap, BTreeSet};

/// First line of what is only kept.
const KEPT: &str =
    "# Of the generation before, until the next one: calls may still be under way to it.";

const CLUSTERS: &str = "cds.yaml";

/// Files of one generation: path below its directory -> text.
pub(super) type Files = BTreeMap<String, String>;

/// The files without what they only keep from the generation before.
pub(super) fn own(files: &Files) -> Files {
    let own = files.iter().filter(|(_, text)| !text.starts_with(KEPT));
    own.map(|(path, text)| {
        let kept = text.find(&format!("\n{KEPT}\n"));
        let own = kept.map_or(text.as_str(), |at| text.get(..=at).unwrap_or(text));
        (path.clone(), own.to_owned())
    })
    .collect()
}

/// Keeps in a new generation what only the older one has; returns the files of the step before it, when there is one.
pub(super) fn bridge(older: &Files, new: &mut Files) -> Option<Files> {
    let before = own(older);
    let (old_clusters, clusters) = (before.get(CLUSTERS)?, new.get_mut(CLUSTERS)?);
    let old_blocks = blocks(old_clusters)?;
    let names: BTreeSet<String> = blocks(clusters)?.into_keys().collect();
    let mut gone = old_blocks.iter().filter(|(name, _)| !names.contains(*name));
    if let Some((_, first)) = gone.next() {
        clusters.push_str(KEPT);
        clusters.push('\n');
        clusters.push_str(first);
        clusters.extend(gone.map(|(_, block)| *block));
    }
    let comes = names
        .iter()
        .any(|name| !old_blocks.contains_key(name.as_str()));
    let step = comes.then(|| {
        let clusters = (CLUSTERS.to_owned(), clusters.clone());
        let others = older.iter().filter(|(path, _)| *path != CLUSTERS);
        let others = others.map(|(path, text)| (path.clone(), text.clone()));
        others.chain([clusters]).collect()
    });
    let routes = before
        .into_iter()
        .filter(|(path, _)| path.starts_with("rds/"));
    for (path, text) in routes {
        new.entry(path).or_insert_with(|| format!("{KEPT}\n{text}"));
    }
    step
}

/// Name of a resource -> its lines; `None` for a file of another form.
fn blocks(text: &str) -> Option<BTreeMap<String, &str>> {
    let start = text.find("resources:\n")? + "resources:\n".len();
    let mut rest = text.get(start..)?;
    let mut blocks = BTreeMap::new();
    while !rest.is_empty() {
        let end = rest.find("\n- ").map_or(rest.len(), |at| at + 1);
        let (block, after) = rest.split_at_checked(end)?;
        let name = block.strip_prefix("- ")?.split_once("\n  name: \"")?.1;
        let name = name.split('"').next()?.to_owned();
        blocks.insert(name, block);
        rest = after;
    }
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracemesh_graph::egress::{EgressOptions, derive};

    use crate::output_dir::Entry;
    use crate::render::envoy::{EnvoyOptions, render};

    fn file(clusters: &[(&str, u8)]) -> String {
        let block = |(name, port): &(&str, u8)| {
            format!("- \"@type\": \"x\"\n  name: \"{name}\"\n  list:\n  - {port}\n")
        };
        let blocks: String = clusters.iter().map(block).collect();
        format!("# made\nresources:\n{blocks}")
    }

    fn files(clusters: &[(&str, u8)], routes: &[(&str, &str)]) -> Files {
        let routes = routes
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        routes
            .chain([(CLUSTERS.to_owned(), file(clusters))])
            .collect()
    }

    #[test]
    fn clusters_and_routes_that_go_stay_for_one_generation() {
        let first = files(&[("a", 1), ("b", 2)], &[("rds/1.yaml", "r1\n")]);
        let second = files(&[("a", 1)], &[]);
        let mut written = second.clone();
        assert_eq!(bridge(&first, &mut written), None, "nothing comes");
        assert!(written[CLUSTERS].contains("name: \"b\""));
        assert!(written["rds/1.yaml"].ends_with("r1\n"));
        assert_eq!(own(&written), second);
        let mut third = files(&[("a", 3)], &[]);
        assert_eq!(bridge(&written, &mut third), None);
        assert_eq!(third, files(&[("a", 3)], &[]), "kept things go in the end");
    }

    #[test]
    fn clusters_that_come_have_a_step_of_their_own() {
        let first = files(&[("a", 1), ("b", 2)], &[("lds.yaml", "old\n")]);
        let mut second = files(&[("c", 4), ("a", 3)], &[("lds.yaml", "new\n")]);
        let step = bridge(&first, &mut second).unwrap();
        assert_eq!(step["lds.yaml"], "old\n");
        assert_eq!(step[CLUSTERS], second[CLUSTERS]);
        let names: Vec<String> = blocks(&step[CLUSTERS].replace(&format!("{KEPT}\n"), ""))
            .unwrap()
            .into_keys()
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert!(step[CLUSTERS].contains("- 3\n"), "the newer of two");
    }

    /// Another form would end the hand-over without a word.
    #[test]
    fn what_the_renderer_writes_is_understood() {
        let snapshot = include_str!("../../../../fixtures/egress/shop/snapshot.json");
        let snapshot = serde_json::from_str(snapshot).unwrap();
        let model = derive(&snapshot, &EgressOptions::default());
        let mut seen = 0;
        for (path, entry) in render(&model, &EnvoyOptions::default()) {
            let Entry::File(text) = entry else { continue };
            if path.as_str().ends_with(CLUSTERS) {
                let clusters = text.matches("\n- \"@type\"").count();
                assert_eq!(blocks(&text).map(|blocks| blocks.len()), Some(clusters));
                seen += clusters;
            }
        }
        assert!(seen > 40, "{seen}");
    }

    #[test]
    fn files_of_another_form_are_left_alone() {
        for text in [
            "",
            "resources: []\n",
            "resources:\n- a\n",
            "\u{e9}resources:\n\u{e9}",
        ] {
            let first = Files::from([(CLUSTERS.to_owned(), text.to_owned())]);
            let mut second = files(&[("a", 1)], &[]);
            assert_eq!(bridge(&first, &mut second), None, "{text}");
            assert_eq!(second, files(&[("a", 1)], &[]));
        }
    }
}
