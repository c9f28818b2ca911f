"""The unmodified `svix` and `standardwebhooks` packages from npm, told only the URL and a token."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from svix.api import ApplicationIn, EndpointIn, MessageIn

from semnal_server import ROOT

SCRIPTS = Path(__file__).parent / "node"
SCRIPT_SECONDS = 60


def node_packages() -> Path:
    named = os.environ.get("SEMNAL_NODE_PACKAGES")
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    path = Path(named) if named else target / "node"
    assert (path / "node_modules").is_dir(), f"no npm packages in {path}; run dev/test, which installs them"
    return path


def run_script(name: str, **settings: str):
    """Runs a script to its end and returns the JSON that it printed."""
    done = subprocess.run(
        ["node", str(SCRIPTS / name)],
        env={"PATH": os.environ["PATH"], "NODE_PACKAGES": str(node_packages()), **settings},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SCRIPT_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_the_story_from_application_to_deletion(server, key):
    told = run_script("story.mjs", SEMNAL_URL=server.url, SEMNAL_TOKEN=key)
    assert told["steps"] == [
        "application", "event type", "endpoint", "secret", "delivered", "verified", "attempts", "resent", "expunged",
        "rotated", "deleted",
    ]


@pytest.mark.parametrize("package", ["svix", "standardwebhooks"])
def test_a_received_request_verifies(svix, receiver, path, package):
    application = svix.application.create(ApplicationIn(name="Acme"))
    endpoint = svix.endpoint.create(application.id, EndpointIn(url=receiver.url(path)))
    secret = svix.endpoint.get_secret(application.id, endpoint.id).key
    svix.message.create(application.id, MessageIn(event_type="shop.opened", payload={"nume": "Ștefan 😀"}))
    [request] = receiver.wait(path, 1)
    result = run_script(
        "verify.mjs", PACKAGE=package, SECRET=secret, BODY_HEX=request.body.hex(), HEADERS=json.dumps(request.headers)
    )
    assert result == {"payload": {"nume": "Ștefan 😀"}, "changedBodyRefused": True, "otherSecretRefused": True}
