"""Prints what is wrong with a JSON document by a JSON Schema of draft 2020-12, one line per fault."""

import json
import sys

from jsonschema import Draft202012Validator

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
with open(sys.argv[2], encoding="utf-8") as file:
    document = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
for error in sorted(validator.iter_errors(document), key=lambda error: error.json_path):
    print(f"{error.json_path}: {error.message}"[:300])
