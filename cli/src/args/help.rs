//! What stands below the options in `--help`: files, examples, exit codes.

/// Exit codes, repeated in the help of every command. A command that can answer "no" says what its 1 means.
fn exit_codes(text: &str, no: Option<&str>) -> String {
    let done = "  0  done (also when the reader of a pipe went away)\n";
    let no = no.map_or_else(String::new, |no| format!("  1  {no}\n"));
    let failed = "  2  wrong usage, unusable input, or an internal error";
    format!("{text}\n\nExit codes:\n{done}{no}{failed}")
}

fn with_exit_codes(text: &str) -> String {
    exit_codes(text, None)
}

/// Below the list of commands.
pub(super) fn top() -> String {
    exit_codes(
        "\
Examples:
  tracemesh analyze traces.json --out out
  tracemesh collect
  tracemesh graph --format table

`tracemesh help COMMAND` explains a command. Answers go to standard output,
everything else to standard error.",
        Some(
            "done, and the answer is no (`explain`, `diff`, `doctor`, `onboard`, `policy`, `store`, `verify`)",
        ),
    )
}

/// Below the options of `tracemesh analyze`.
pub(super) fn analyze() -> String {
    with_exit_codes(
        "\
Reads OTLP JSON (one request, or one per line), OTLP protobuf (one request, or
length-delimited), Zipkin v2 JSON and Jaeger JSON, plain, gzip or zstd, recognised
by content and in any mixture (docs/inputs.md). Writes into DIR:
  graph.json        the service graph, schema tracemesh.graph/v1
  graph.dot         the same for Graphviz: dot -Tsvg -O out/graph.dot
  findings.txt      what deserves a look, case by case, to read
  findings.json     the same for programs, schema tracemesh.findings/v1
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
Stops on Ctrl-C or SIGTERM after everything received is written to the store; a second one ends it at once.
Whoever listens beyond this machine wants a certificate, and client certificates or tokens.
Several instances may share one store, each with an `--instance` of its own.
Every option is also a variable (TRACEMESH_FLUSH_INTERVAL=30s) and a line of the
file that --config names (flush-interval: 30s); flags come first, then variables.

Examples:
  tracemesh collect
  tracemesh collect --config collect.yaml --print-config
  curl http://127.0.0.1:9464/metrics
  tracemesh collect --zipkin
  tracemesh collect --debug-pages
  tracemesh collect --admin 0.0.0.0:9464 --admin-access secured --token-file tokens \\
    --tls-cert tls.crt --tls-key tls.key
  tracemesh collect --service-sampling shop/cart=0.1 --sampling-ratio-attribute my.ratio
  tracemesh collect --grpc 0.0.0.0:4317 --http 0.0.0.0:4318 --store /var/lib/tracemesh \\
    --tls-cert tls.crt --tls-key tls.key --token-file tokens",
    )
}

/// Below the options of `tracemesh import`.
pub(super) fn import() -> String {
    with_exit_codes(
        "\
Reads what `analyze` reads. Each hour of span time becomes a segment of its own, in
which a trace counts as a whole where its earliest span begins, so that `--since`
and `--until` choose among them. Files over more than six weeks get wider windows.

Files that were imported are known by their content: again, they add nothing, and an
import that was cut short is completed. Files that belong to one stretch of time are
best imported together: a trace that is spread over two imports is inferred in two
parts, and a file that is part of two imports counts twice.

Examples:
  tracemesh import monday/ tuesday.pb.zst
  tracemesh graph --since 2026-11-08 --until 2026-11-09
  tracemesh import traces.json --store /var/lib/tracemesh",
    )
}

/// Below the options of `tracemesh graph`.
pub(super) fn graph() -> String {
    with_exit_codes(
        "\
Filters combine, in this order: environment, namespace and cluster; relation;
service; collapse; calls. What they leave out is counted on standard error. A
narrowed graph is marked, and no command plans with it.

Examples:
  tracemesh graph --format table
  tracemesh graph --traces traces.json --format dot | dot -Tsvg > graph.svg
  tracemesh graph --graph out/graph.json --format table --service checkout --depth 2
  tracemesh graph --format mermaid --collapse namespace --min-calls 100 > graph.mmd
  tracemesh graph --format parquet --out tables",
    )
}

/// Below the options of `tracemesh egress`.
pub(super) fn egress() -> String {
    with_exit_codes(
        "\
A SERVICE is a node id (service/shop/cart), namespace/name, or a name that only
one service has. Without any, all services are written. Printed is per service
what a sidecar changes for it: the hazards that its spans show; with `--phase tuned`
also what the settings wait for. An earlier run into the same directory is the
previous generation: settings keep still, and what is no longer seen stays until
`--accept-removals`.

Examples:
  tracemesh egress --graph out/graph.json --out egress
  tracemesh egress checkout shop/cart --traces traces.json --out egress
  tracemesh egress --policy tracemesh.yaml --phase tuned --out egress
  tracemesh egress --inventory cluster.json --out egress",
    )
}

/// Below the options of `tracemesh onboard`.
pub(super) fn onboard() -> String {
    exit_codes(
        "\
Limits, teams, pins, freezes and meshes stand in the section `onboarding` of the
policy; options win over it. With `--out`, DIR gets:
  plan.json           the plan, schema tracemesh.onboarding/v1
  runbook.md          check boxes per wave and service
  plan.csv            one line per service, for a tracker
  protection.svg      what is protected after each wave
  waves.dot           the graph coloured by wave
  calendar.ics        dates, when there is a first day (`--start`)
  gantt.svg           teams and dates, likewise
  kustomize/wave-NN/  the onboarding packs of a wave, with `--packs`
Of several meshes, each has a directory of its own.

Examples:
  tracemesh onboard
  tracemesh onboard --graph out/graph.json --format markdown > runbook.md
  tracemesh onboard --policy tracemesh.yaml --start 2027-01-04 --out plan
  tracemesh onboard --previous plan --status status.yaml --out plan
  tracemesh onboard explain checkout --plan plan/plan.json",
        Some("done, and the answer is no (`check`, `diff`, `status`)"),
    )
}

/// Below the options of `tracemesh onboard explain`.
pub(super) fn onboard_explain() -> String {
    with_exit_codes(
        "\
Examples:
  tracemesh onboard explain checkout --plan plan/plan.json
  tracemesh onboard explain shop/cart --traces traces.json --goal strict-mtls",
    )
}

/// Below the options of `tracemesh onboard check`.
pub(super) fn onboard_check() -> String {
    exit_codes(
        "\
Only the waves of the file are trusted. Everything else is computed again from the
graph and the policy: give the same arguments as for the plan. Without a policy, the
limits are those that the plan names.

Examples:
  tracemesh onboard check plan/plan.json --graph out/graph.json
  tracemesh onboard check plan.json --policy tracemesh.yaml --format json",
        Some("done, and the answer is no: the plan breaks a rule"),
    )
}

/// Below the options of `tracemesh onboard diff`.
pub(super) fn onboard_diff() -> String {
    exit_codes(
        "\
Examples:
  tracemesh onboard diff monday/plan.json plan/plan.json
  tracemesh onboard diff balanced.json strict.json --format json",
        Some("done, and the answer is no: the plans differ"),
    )
}

/// Below the options of `tracemesh onboard status`.
pub(super) fn onboard_status() -> String {
    exit_codes(
        "\
Who is in is what the status file, the policy, the inventory and sidecar spans say, in
this order; where they differ is told. The gate for the next wave is open while no
share of protected traffic is more than 5 points below the plan.

Examples:
  tracemesh onboard status --plan plan/plan.json --traces today/
  tracemesh onboard status --plan plan/plan.json --inventory cluster.json
  tracemesh onboard status --plan plan/plan.json --status status.yaml --waves-done 2",
        Some("done, and the answer is no: a service is missing, or the gate is closed"),
    )
}

/// Below the options of `tracemesh diff`.
pub(super) fn diff() -> String {
    exit_codes(
        "\
Every number gets a test, and all tests are judged together: of what is told as certain,
at most the share `--fdr` is expected to be noise. What is on one side only, and so rare
that the other may have missed it, is told apart and makes no difference.

Examples:
  tracemesh diff monday.json tuesday.json
  tracemesh diff --before 14d..7d --after 7d..now
  tracemesh diff staging-data production-data --min-change 2 --format markdown",
        Some("done, and the answer is no: they differ"),
    )
}

/// Below the options of `tracemesh doctor`.
pub(super) fn doctor() -> String {
    exit_codes(
        "\
Grades: A nothing wrong was seen, B small gaps or suspicions, C gaps to close first,
D too little to build on. With `--service` the grade is that of the service. No grade
says that a graph is complete.

Examples:
  tracemesh doctor
  tracemesh doctor --traces traces.json --service checkout
  tracemesh doctor --graph out/graph.json --format json",
        Some("done, and the answer is no: grade D"),
    )
}

/// Below the options of `tracemesh explain`.
pub(super) fn explain() -> String {
    exit_codes(
        "\
When CALLEE is given and no edge leads to it, what is missing on both sides is told.

Examples:
  tracemesh explain checkout
  tracemesh explain checkout shop/cart --traces traces.json
  tracemesh explain checkout --missing --graph out/graph.json",
        Some("done, and the answer is no: there is no such edge"),
    )
}

/// Below the options of `tracemesh policy` and `tracemesh policy check`.
pub(super) fn policy() -> String {
    exit_codes(
        "\
The policy holds defaults, overrides for services and edges, pins with reason, owner and
expiry, infrastructure that every service needs, label keys, a naming template and
thresholds. Other commands take it as `--policy tracemesh.yaml`.

Examples:
  tracemesh policy check
  tracemesh policy check mesh/tracemesh.yaml --graph out/graph.json
  tracemesh policy check --today 2026-12-31 --format json",
        Some("done, and the answer is no: the file has faults"),
    )
}

/// Below the options of `tracemesh verify`.
pub(super) fn verify() -> String {
    exit_codes(
        "\
Give traces that the files were not made from: later days, or another part of the traffic.
Every call is routed through the files as Envoy would route it. Undecided calls count as
not covered; calls to where nothing ever answered are left out of the share.
`--drift-log` reads what Envoy writes to standard output instead, and names the missing
edges; traces or a graph tell who is meant.

Examples:
  tracemesh verify --config egress --traces tuesday/
  tracemesh verify --config egress --graph out/graph.json --floor 99.9 --format json
  kubectl logs deploy/cart -c envoy | tracemesh verify --drift-log - --service shop/cart",
        Some("done, and the answer is no: below the floor, harm, or missing edges"),
    )
}

/// Below the options of `tracemesh store`.
pub(super) fn store() -> String {
    exit_codes(
        "\
A store is what `tracemesh collect` writes: segments, one per instance and flush, made
of Parquet tables. What is foreign or damaged in it is passed over by all commands.

Examples:
  tracemesh store info
  tracemesh store check --store /var/lib/tracemesh
  tracemesh store compact --dry-run
  tracemesh store merge ./tracemesh-data ./from-machine-2",
        Some("done, and the answer is no (`check`, `compact`, `merge`)"),
    )
}

/// Below the options of `tracemesh store info`.
pub(super) fn store_info() -> String {
    with_exit_codes(
        "\
Reads the manifests of segments, not their tables. A gap is time for which an instance
wrote nothing: it did not run, or saw no spans.

Examples:
  tracemesh store info
  tracemesh store info --store /var/lib/tracemesh --format json",
    )
}

/// Below the options of `tracemesh store check`.
pub(super) fn store_check() -> String {
    exit_codes(
        "\
Checks every manifest and checksum and decodes every table. Nothing is changed.

Examples:
  tracemesh store check
  tracemesh store check --store /var/lib/tracemesh --format json",
        Some("done, and the answer is no: something is damaged or foreign"),
    )
}

/// Below the options of `tracemesh store compact`.
pub(super) fn store_compact() -> String {
    exit_codes(
        "\
`tracemesh collect` does this by itself after each hour, except for object stores: those
have no locks, so run it from one place only. No answer changes by it: `--since` and
`--until` get coarser, to the hour or day. It can be stopped at any time.

Examples:
  tracemesh store compact --dry-run
  tracemesh store compact --store /var/lib/tracemesh --retention 90d
  tracemesh store compact --max-store-size 50GiB --format json",
        Some("done, and the answer is no: something cannot be read and was left as it is"),
    )
}

/// Below the options of `tracemesh store merge`.
pub(super) fn store_merge() -> String {
    exit_codes(
        "\
Every flush is added once, however often this runs. The newest segment of a collector
that still runs stays behind until there is a newer one: run it again later. Collectors
whose stores are brought together should have names of their own: `collect --instance`.

Examples:
  tracemesh store merge ./tracemesh-data ./from-machine-2 ./from-machine-3
  tracemesh store merge ./all /mnt/a/tracemesh-data --format json",
        Some("done, and the answer is no: segments were refused or cannot be read"),
    )
}
