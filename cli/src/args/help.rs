//! What stands below the options in `--help`: files, examples, exit codes.

/// Exit codes, repeated in the help of every command. A command that can answer "no" adds its 1.
const EXIT_CODES: &str = "\
Exit codes:
  0  done (also when the reader of a pipe went away)
  2  wrong usage, unusable input, or an internal error";

fn with_exit_codes(text: &str) -> String {
    format!("{text}\n\n{EXIT_CODES}")
}

/// Below the list of commands.
pub(super) fn top() -> String {
    with_exit_codes(
        "\
Examples:
  tracemesh analyze traces.json --out out
  tracemesh collect
  tracemesh graph --format table

`tracemesh help COMMAND` explains a command. Answers go to standard output,
everything else to standard error.",
    )
}

/// Below the options of `tracemesh analyze`.
pub(super) fn analyze() -> String {
    with_exit_codes(
        "\
Reads OTLP JSON (one request, or one per line) and OTLP protobuf (one request, or
length-delimited), plain, gzip or zstd, recognised by content. Writes into DIR:
  graph.json        the service graph, schema tracemesh.graph/v1
  graph.dot         the same for Graphviz: dot -Tsvg -O out/graph.dot
  egress/           one directory per service with Envoy files
  onboarding.md     order, waves and risks to read
  onboarding.json   the same for programs

Examples:
  tracemesh analyze traces.json --out out
  tracemesh analyze monday/ tuesday.pb.zst --out out
  kubectl exec deploy/collector -- cat /traces.json | tracemesh analyze - --out out",
    )
}

/// Below the options of `tracemesh collect`.
pub(super) fn collect() -> String {
    with_exit_codes(
        "\
Stops on Ctrl-C or SIGTERM after everything received is written to the store.
Several instances may share one store, each with an `--instance` of its own.

Examples:
  tracemesh collect
  tracemesh collect --grpc 0.0.0.0:4317 --http 0.0.0.0:4318 --store /var/lib/tracemesh",
    )
}

/// Below the options of `tracemesh graph`.
pub(super) fn graph() -> String {
    with_exit_codes(
        "\
Examples:
  tracemesh graph --format table
  tracemesh graph --traces traces.json --format dot | dot -Tsvg > graph.svg
  tracemesh graph --graph out/graph.json --format table --service checkout --depth 2",
    )
}

/// Below the options of `tracemesh egress`.
pub(super) fn egress() -> String {
    with_exit_codes(
        "\
A SERVICE is a node id (service/shop/cart), namespace/name, or a name that only
one service has. Without any, all services are written.

Examples:
  tracemesh egress --graph out/graph.json --out egress
  tracemesh egress checkout shop/cart --traces traces.json --out egress",
    )
}

/// Below the options of `tracemesh onboard`.
pub(super) fn onboard() -> String {
    with_exit_codes(
        "\
Examples:
  tracemesh onboard
  tracemesh onboard --graph out/graph.json --format markdown > onboarding.md",
    )
}
