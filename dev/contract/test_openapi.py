"""schemathesis sends what the server's own /openapi.json allows, and what it does not, to every operation.

What it makes up would name nothing that exists, so each part of a path may also be one of the server's real ids. No
answer may be a server error, have a status that the document does not list, or be outside of its schema; and every
operation must have succeeded at least once, since a refusal proves little about its schema.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from victim import AT_ONCE, LONG_AGO, Victim
from waiting import wait_for

SEED = 1
# So many for each operation and phase; `dev/test deep` asks for more.
EXAMPLES = int(os.environ.get("SEMNAL_SCHEMATHESIS_EXAMPLES", "6"))
CASES_MIN = 2_000
RUN_SECONDS = 900
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# What goes with them when they are deleted is not what is deleted by itself.
PARENTS = ("/{app_id}", "/{bin_id}")
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
CASES = re.compile(r"(\d[\d,]*) generated")


@pytest.fixture(scope="module")
def document_file(server, key, receiver, tmp_path_factory) -> Path:
    """The server's document, with real ids among what may stand in a path. What is deleted is not what the rest uses,
    and an application that is deleted takes nothing with it that is deleted by itself."""
    kept, doomed, parents = (Victim(server, key, receiver, mark) for mark in ("kept", "doomed", "parents"))
    kept.more_names["task_id"] = [cancelled_task(kept)]
    emptied = kept.client.post("/api/v1/bin", {}).json["id"]
    document = kept.document
    # A request is sent again at once: to nobody else either.
    again = document["components"]["schemas"]["CapturedReplayIn"]["properties"]["url"]
    again.update(enum=[receiver.url("/schemathesis")])
    for path, item in document["paths"].items():
        for method, operation in item.items():
            things = kept if method != "delete" else parents if path.endswith(PARENTS) else doomed
            for content in operation.get("requestBody", {}).get("content", {}).values():
                if "eventType" in content.get("example", {}):
                    content["example"]["eventType"] = things.event_type["name"]
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    empties = method == "delete" and path.endswith("/request")
                    names = [emptied] if empties else things.names_of(parameter["name"], path)
                    real = {"type": "string", "enum": names}
                    parameter["schema"] = {"anyOf": [real, parameter["schema"]]}
                    if "{bin_id}" in path:
                        parameter["example"] = names[0]
                elif parameter["name"] in AT_ONCE.get(path, {}):
                    parameter["example"] = str(AT_ONCE[path][parameter["name"]])
    # Nothing is sent to a host outside of this machine on purpose.
    text = json.dumps(document).replace("https://example.com/hook", receiver.url("/schemathesis"))
    file = tmp_path_factory.mktemp("schemathesis") / "openapi.json"
    file.write_text(text, encoding="utf-8")
    return file


def cancelled_task(victim: Victim) -> str:
    """A task that was cancelled before it came to its end. To cancel it again is no mistake."""
    path = f"/api/v1/app/{victim.application['id']}/endpoint/{victim.endpoint['id']}/recover"

    def cancelled_in_time():
        task = victim.client.post(path, {"since": LONG_AGO}).json["id"]
        return victim.client.send("POST", f"/api/v1/background-task/{task}/cancel").status == 204 and task

    return wait_for(cancelled_in_time, "task that was cancelled before its end")


def schemathesis(server, key: str, document: Path, *more: str) -> subprocess.CompletedProcess:
    command = str(Path(sys.executable).with_name("schemathesis"))
    return subprocess.run(
        [
            command, "run", str(document), "--url", server.url, "--header", f"authorization: Bearer {key}",
            "--checks", CHECKS, "--seed", str(SEED), "--max-examples", str(EXAMPLES),
            "--generation-database", "none", "--no-color", "--no-shrink", "--warnings", "off", *more,
        ],
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS), "PYTHONPATH": str(HOOKS.parent)}, cwd=document.parent, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_SECONDS,
    )


def succeeded(report: Path) -> set[str]:
    """The operations that were answered with 2xx."""
    found = set()
    for line in report.read_text(encoding="utf-8").splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for case, interaction in recorder.get("interactions", {}).items():
            asked, answer = recorder["cases"][case]["value"], interaction["response"]
            if answer is not None and answer["status_code"] // 100 == 2:
                found.add(f"{asked['method']} {asked['path']}")
    return found


def test_no_answer_is_outside_of_the_document(server, key, document_file):
    report = document_file.with_name("report.ndjson")
    done = schemathesis(
        server, key, document_file, "--continue-on-failure", "--report", "ndjson", "--report-ndjson-path", str(report)
    )
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    cases = CASES.search(done.stdout)
    assert cases, done.stdout[-2_000:]
    assert int(cases[1].replace(",", "")) >= CASES_MIN, cases[0]
    paths = json.loads(document_file.read_text(encoding="utf-8"))["paths"]
    operations = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert not operations - succeeded(report), "never succeeded"


@pytest.mark.parametrize(("operation", "hide"), [("v1.application.list", "422"), ("v1.application.create", "201")])
def test_a_status_that_the_document_hides_is_found(server, key, document_file, operation, hide):
    """The control: these runs would see an answer outside of the document."""
    document = json.loads(document_file.read_text(encoding="utf-8"))
    for item in document["paths"].values():
        for one in item.values():
            if one["operationId"] == operation:
                del one["responses"][hide]
    altered = document_file.with_name(f"without-{hide}.json")
    altered.write_text(json.dumps(document), encoding="utf-8")
    done = schemathesis(server, key, altered, "--include-operation-id", operation)
    assert done.returncode == 1 and f"Received: {hide}" in done.stdout, done.stdout[-3_000:]
    assert "Undocumented status code" in done.stdout, done.stdout[-3_000:]
