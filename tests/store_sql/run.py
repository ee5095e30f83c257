"""Runs the named queries of docs/store.md in DuckDB and prints their rows as JSON: {name: [{column: value}]}."""

import datetime
import decimal
import json
import re
import sys

import duckdb


def plain(value):
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return value


document = open(sys.argv[1], encoding="utf-8").read()
answers = {}
for query in re.findall(r"```sql\n(.*?)```", document, flags=re.S):
    name = re.match(r"-- (\w+)\n", query)
    if name is None:
        sys.exit("a query without a name:\n" + query)
    result = duckdb.sql(query)
    rows = [dict(zip(result.columns, map(plain, row))) for row in result.fetchall()]
    if answers.setdefault(name.group(1), rows) is not rows:
        sys.exit("two queries of one name: " + name.group(1))
json.dump(answers, sys.stdout)
