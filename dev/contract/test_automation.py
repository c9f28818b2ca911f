"""The recipes for Node-RED, n8n and Make receive, verify and refuse. Node-RED is the real one, from npm; n8n needs a
later node than Debian's and Make is a service, so of those the code and the formula are run on real deliveries."""

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess

import pytest

from raw_http import RawClient
from semnal_server import ROOT, free_port
from npm import node_packages, run_script
from waiting import wait_for

EXAMPLES = ROOT / "docs/examples"
PAGE = ROOT / "docs/automation.md"
START_SECONDS = 60


class NodeRed:
    """A running Node-RED with the flow of the documentation."""

    def __init__(self, directory, secret: str):
        self.port = free_port()
        self._log = directory / "node-red.log"
        flow = directory / "flows.json"
        flow.write_text((EXAMPLES / "node-red/flow.json").read_text(encoding="utf-8"), encoding="utf-8")
        settings = directory / "settings.js"
        settings.write_text(
            f'module.exports = {{ uiHost: "127.0.0.1", uiPort: {self.port}, flowFile: "flows.json", '
            "credentialSecret: false, httpAdminRoot: false };\n", encoding="utf-8",
        )
        command = ["node", str(node_packages() / "node_modules/node-red/red.js"),
                   "--userDir", str(directory), "--settings", str(settings)]
        environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "WEBHOOK_SECRET": secret}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self._has_started, "Node-RED", START_SECONDS)

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _has_started(self) -> bool:
        assert self._process.poll() is None, self.log
        return "Started flows" in self.log

    def stop(self):
        self._process.kill()
        self._process.wait()


@pytest.fixture
def delivery(raw, receiver, path):
    """A request that Semnal made, and the secret that it is signed with."""
    raw.post("/api/v1/app", {"name": "Automation", "uid": "automation"})
    endpoint = raw.post("/api/v1/app/automation/endpoint", {"url": receiver.url(path), "channels": [path[1:]]}).json["id"]
    secret = raw.get(f"/api/v1/app/automation/endpoint/{endpoint}/secret").json["key"]
    event = {"eventType": "customer_created", "channels": [path[1:]], "payload": {"customer_name": "Ștefan \"😀\" / <b>"}}
    assert raw.post("/api/v1/app/automation/msg", event).status == 202
    [request] = receiver.wait(path, 1)
    return secret, request


def test_node_red_processes_what_semnal_signed_and_refuses_the_rest(raw, tmp_path):
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    node_red = NodeRed(tmp_path, secret)
    try:
        raw.post("/api/v1/app", {"name": "Node-RED", "uid": "node-red"})
        hook = f"http://127.0.0.1:{node_red.port}/semnal"
        endpoint = {"url": hook, "uid": "flow", "secret": secret, "retrySchedule": []}
        assert raw.post("/api/v1/app/node-red/endpoint", endpoint).status == 201
        event = {"eventType": "customer_created", "payload": {"customer_name": "Ștefan 😀"}}
        message = raw.post("/api/v1/app/node-red/msg", event).json["id"]
        attempt = first_attempt(raw, message)
        assert (attempt["responseStatusCode"], attempt["response"]) == (200, "processed customer_created of Ștefan 😀")
        unsigned = RawClient(node_red.port, None).post("/semnal", {"customer_name": "Mallory"})
        assert unsigned.status == 401
        raw.post("/api/v1/app/node-red/endpoint/flow/secret/rotate", {"gracePeriodSeconds": 0})
        message = raw.post("/api/v1/app/node-red/msg", event).json["id"]
        attempt = first_attempt(raw, message)
        assert (attempt["responseStatusCode"], attempt["response"]) == (401, "no signature matches")
    finally:
        node_red.stop()


def first_attempt(raw, message: str) -> dict:
    listing = f"/api/v1/app/node-red/attempt/msg/{message}?with_content=true"
    return wait_for(lambda: raw.get(listing).json["data"], "attempt")[0]


def test_the_flow_has_the_function_that_the_page_shows():
    flow = json.loads((EXAMPLES / "node-red/flow.json").read_text(encoding="utf-8"))
    [verify] = [node["func"] for node in flow if node.get("name") == "verify"]
    assert verify == (EXAMPLES / "node-red/verify.js").read_text(encoding="utf-8")


def test_the_code_for_n8n_verifies_a_delivery(delivery):
    secret, request = delivery
    told = run_script(
        "n8n_code.mjs", "svix", CODE=str(EXAMPLES / "n8n/code.js"), SECRET=secret, BODY_HEX=request.body.hex(),
        HEADERS=json.dumps(request.headers),
    )
    item = {"id": request.headers["webhook-id"], "event": "customer_created", "payload": json.loads(request.body)}
    assert told == {
        "items": [{"json": item}], "changedBody": "no signature matches", "otherSecret": "no signature matches",
    }


def test_the_formula_for_make_gives_the_signature_of_a_delivery(delivery):
    secret, request = delivery
    [formula] = re.findall(r"^ +v1,\{\{(sha256\(.*\))\}\}$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    text, output, key, key_encoding = formula.removeprefix("sha256(").removesuffix(")").rsplit("; ", 3)
    assert (output, key, key_encoding) == ("base64", "KEY", "base64")
    headers = iter([request.headers["webhook-id"], request.headers["webhook-timestamp"]])
    signed = re.sub(r'get\(map\(1\.headers; "value"; "name"; "webhook-\w+"\); 1\)', lambda _: next(headers), text)
    assert signed == f"{request.headers['webhook-id']} + . + {request.headers['webhook-timestamp']} + . + 1.value"
    parts = [part.encode() for part in signed.split(" + ")]
    computed = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), b"".join([*parts[:-1], request.body]), hashlib.sha256)
    assert request.headers["webhook-signature"] == "v1," + base64.b64encode(computed.digest()).decode()
