//! The accuracy table of the documentation, made from runs.

use std::fmt::Write as _;
use std::path::PathBuf;

use tracemesh_generator::world::{Options, World};

use super::cases::{Case, HARMFUL, HARMLESS};
use super::run::run;
use super::score::{CLASSES, Score};

/// Companies of the table: seeds.
const SEEDS: [u64; 2] = [101, 102];
const SERVICES: usize = 150;
const REQUESTS: usize = 200;

const BEGIN: &str =
    "<!-- table: TRACEMESH_BLESS=1 cargo test -p tracemesh-graph --test generated -->";
const END: &str = "<!-- end of table -->";

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/accuracy.md")
}

fn score(case: &Case) -> Score {
    let mut sum = Score::default();
    for seed in SEEDS {
        let world = World::new(&Options::full(seed, SERVICES));
        let run = run(&world, seed, REQUESTS, case);
        sum.add(&Score::of(&world, &run.truth, &run.graph));
    }
    sum
}

/// A share with one decimal; a little is not nothing, and nearly all is not all.
fn percent(part: f64, whole: u64) -> String {
    let share = 100.0 * part / whole.max(1) as f64;
    let text = format!("{share:.1}");
    match text.as_str() {
        "0.0" if part > 0.0 => "< 0.1".to_owned(),
        "100.0" if part < whole as f64 => "> 99.9".to_owned(),
        "0.0" => "0".to_owned(),
        "100.0" => "100".to_owned(),
        _ => text,
    }
}

fn table(cases: &[Case]) -> String {
    let mut text = String::new();
    let classes = CLASSES.map(|class| format!(" {class} |")).concat();
    writeln!(
        text,
        "| what happened to the spans | spans |{classes} edges found | to an address | around silence | calls missing | calls too many | estimated calls |"
    )
    .unwrap();
    writeln!(text, "|---|{}", "---:|".repeat(CLASSES.len() + 7)).unwrap();
    for case in cases {
        let score = score(case);
        write!(text, "| {} | {} |", case.name, score.spans).unwrap();
        for claims in &score.claims {
            match (claims.edges, claims.wrong) {
                (0, _) => write!(text, " - |").unwrap(),
                (edges, 0) => write!(text, " 1 ({edges}) |").unwrap(),
                (edges, wrong) => {
                    let right = (edges - wrong) as f64 / edges as f64;
                    write!(text, " {:.3} ({edges}) |", right.min(0.999)).unwrap();
                }
            }
        }
        writeln!(
            text,
            " {} | {} | {} | {} | {} | {} |",
            percent(score.found_edges as f64, score.true_edges),
            percent(score.addressed_edges as f64, score.true_edges),
            score.through_edges,
            percent(score.missing_calls as f64, score.true_calls),
            percent(score.excess_calls as f64, score.true_calls),
            percent(score.estimated_calls, score.true_calls),
        )
        .unwrap();
    }
    text
}

/// The committed page with the table of today.
#[test]
fn the_accuracy_table_of_the_documentation_is_what_the_code_gives() {
    let cases: Vec<Case> = HARMLESS.into_iter().chain(HARMFUL).collect();
    let whole = score(&cases[0]);
    let about = format!(
        "{} true edges, {} calls, {} spans; {} companies of {SERVICES} services each.",
        whole.true_edges,
        whole.true_calls,
        whole.spans,
        SEEDS.len(),
    );
    let made = format!("{BEGIN}\n\n{about}\n\n{}\n{END}", table(&cases));
    let text = std::fs::read_to_string(page()).expect("docs/accuracy.md exists");
    let (before, rest) = text.split_once(BEGIN).expect("the beginning of the table");
    let (old, after) = rest.split_once(END).expect("the end of the table");
    #[expect(
        clippy::disallowed_methods,
        reason = "the switch that rewrites expected files"
    )]
    let bless = std::env::var("TRACEMESH_BLESS").is_ok_and(|value| value == "1");
    if bless {
        std::fs::write(page(), format!("{before}{made}{after}")).expect("docs can be written");
        return;
    }
    assert!(
        format!("{BEGIN}{old}{END}") == made,
        "docs/accuracy.md differs; TRACEMESH_BLESS=1 rewrites it:\n{made}"
    );
}
