#!/usr/bin/env python3
"""Takes facts out of an OpenAPI file of Svix's server: which operations it has, what they take, how they succeed.

    dev/svix_facts.py SVIX_OPENAPI_FILE > crates/semnal-server/tests/fixtures/svix_facts.json

The server's tests hold Semnal's own document against these facts. Nothing else of the file is kept: no sentence, no
schema, no example.
"""

import json
import sys

METHODS = ("get", "put", "post", "delete", "patch", "head")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    operations = [
        facts(document, method, path, item)
        for path, item in sorted(document["paths"].items())
        for method in METHODS if method in item
    ]
    print("{")
    print(f' "taken_from": "the OpenAPI file of svix-server, version {document["info"]["version"]}",')
    print(' "operations": [')
    print(",\n".join("  " + json.dumps(one) for one in operations))
    print(" ]\n}")


def facts(document, method, path, item):
    operation = item[method]
    body = body_schema(document, operation)
    query = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
    return {
        "method": method.upper(),
        "path": path,
        "id": operation.get("operationId"),
        "query": sorted(query),
        "fields": sorted(body.get("properties", {})),
        "required": sorted(body.get("required", [])),
        "success": sorted(int(status) for status in operation["responses"] if status.startswith("2")),
    }


def body_schema(document, operation):
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


main()
