"""Sums of the exported tables as DuckDB reads them: argv is a directory and a file extension."""
import json
import sys

import duckdb

place, extension = sys.argv[1:]
reader = {"parquet": "read_parquet", "csv": "read_csv"}[extension]


def table(name):
    options = ", header = true, delim = ','" if extension == "csv" else ""
    return f"{reader}('{place}/{name}.{extension}'{options})"


def rows(query, *names):
    return duckdb.sql(query.format(*map(table, names))).fetchall()


print(json.dumps({
    "nodes": rows("SELECT count(*), sum(entry_calls), sum(instances) FROM {}", "nodes")[0],
    "edges": rows(
        "SELECT count(*), sum(calls), sum(attempts), sum(failed), sum(retries), sum(evidence_paired), "
        "round(sum(weighted_calls), 3), min(first_seen_ns), max(last_seen_ns) FROM {}", "edges")[0],
    "latency": rows("SELECT side, count(*), round(sum(p99_ms), 6) FROM {} GROUP BY side ORDER BY side", "latency"),
    "targets": rows("SELECT count(*), sum(calls), count(port) FROM {}", "targets")[0],
    "zones": rows("SELECT sum(attempts) FROM {}", "zones")[0],
    "routes": rows("SELECT sum(attempts) FROM {}", "routes")[0],
    "protocols": rows(
        "SELECT value, sum(count) FROM {} WHERE property = 'protocol' GROUP BY value ORDER BY value", "properties"),
    "spans": rows("SELECT count FROM {} WHERE service IS NULL AND measure = 'spans' "
                  "OR service = '' AND measure = 'spans'", "diagnostics")[0],
    "stray": rows("SELECT count(*) FROM {} e ANTI JOIN {} n ON e.caller = n.node", "edges", "nodes")[0],
    "busiest": rows(
        "SELECT e.caller, e.callee, e.calls, l.p99_ms FROM {} e JOIN {} l USING (caller, callee, relation) "
        "WHERE l.side = 'server' ORDER BY e.calls DESC, e.caller, e.callee LIMIT 5", "edges", "latency"),
}, default=str))
