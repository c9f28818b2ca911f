"""The Zapier app in the platform's own runner: against a stand-in of the API, and against Semnal."""

import json
import os
import re
import subprocess

import pytest

from semnal_server import ROOT, run_command
from npm import node_packages

APP = ROOT / "integrations/zapier"
RUN_SECONDS = 120
TESTS = 14


def networks() -> list[str]:
    """The stand-in always, and Semnal from the build on that can make credentials for this API."""
    makes_credentials = "--integration" in run_command("keys", "create", "--help").stdout
    return ["stand-in", "semnal"] if makes_credentials else ["stand-in"]


@pytest.mark.parametrize("network", networks())
def test_the_app_signs_in_subscribes_triggers_sends_and_unsubscribes(network, request):
    settings = {}
    if network == "semnal":
        server = request.getfixturevalue("server")
        made = server.command("keys", "create", "--name", "zapier", "--integration", "ultimate-multisite", "--json")
        assert made.returncode == 0, made.stderr
        pair = json.loads(made.stdout)
        server.secrets.append(pair["secret"])
        settings = {"NETWORK_URL": server.url, "NETWORK_KEY": pair["key"], "NETWORK_SECRET": pair["secret"]}
    done = subprocess.run(
        ["node", "--test", "test/app.test.js"], cwd=APP, stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(node_packages() / "node_modules"), **settings},
        capture_output=True, text=True, timeout=RUN_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^# pass {TESTS}$", done.stdout, re.MULTILINE), "not every test of the app was run"


def test_the_app_is_tested_with_the_version_that_it_runs_on():
    app = json.loads((APP / "package.json").read_text(encoding="utf-8"))
    tests = json.loads((ROOT / "dev/node/package.json").read_text(encoding="utf-8"))
    assert app["dependencies"]["zapier-platform-core"] == tests["dependencies"]["zapier-platform-core"]
