"""docs/examples/move-from-svix.py, between two running servers that know nothing of each other."""

import os
import subprocess
import sys

import pytest
from svix.api import (
    ApplicationIn,
    EndpointIn,
    EndpointListOptions,
    EndpointPatch,
    EndpointSecretRotateIn,
    EventTypeIn,
    MessageIn,
    Svix,
    SvixOptions,
)

import tokens
from semnal_server import ROOT, Server
from verifying import verify

SCRIPT = ROOT / "docs/examples/move-from-svix.py"
SCRIPT_SECONDS = 60
ED25519_SECRET = (
    "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg=="
)


@pytest.fixture(scope="module")
def other_server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("other"), SEMNAL_JWT_SECRET=tokens.JWT_SECRET)
    try:
        yield running.start()
    finally:
        running.stop()


class Both:
    """An organisation of the same name at both servers, empty at first."""

    def __init__(self, server, other_server, organisation_id):
        self.urls = (server.url, other_server.url)
        self.token = tokens.organisation_token(organisation_id)
        self.source, self.target = (Svix(self.token, SvixOptions(server_url=url)) for url in self.urls)

    def move(self, *flags):
        """Runs the script and returns its exit code and its lines."""
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "--from-url", self.urls[0], "--to-url", self.urls[1], *flags],
            env={**os.environ, "FROM_TOKEN": self.token, "TO_TOKEN": self.token},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SCRIPT_SECONDS,
        )
        assert done.stderr == "", done.stderr
        return done.returncode, done.stdout.splitlines()


@pytest.fixture
def both(server, other_server, organisation_id):
    return Both(server, other_server, organisation_id)


def fill(source, url):
    """One of everything, an application with a uid and one without. Returns the latter and its endpoint."""
    source.event_type.create(
        EventTypeIn(name="shop.opened", description="A shop opened", schemas={"1": {"type": "object"}})
    )
    source.event_type.create(EventTypeIn(name="shop.closed", description="Old", archived=True))
    source.application.create(ApplicationIn(name="Named", uid="named", metadata={"plan": "gold"}, throttle_rate=7))
    application = source.application.create(ApplicationIn(name="Nameless"))
    endpoint = source.endpoint.create(
        application.id,
        EndpointIn(
            url=url, description="all of it", event_types=["shop.opened"], channels=["eu"],
            headers={"x-token": "t1"}, metadata={"a": "b"}, throttle_rate=9,
        ),
    )
    return application, endpoint


def test_everything_is_there_afterwards_and_old_ids_lead_to_it(both, receiver, path):
    application, endpoint = fill(both.source, receiver.url(path))
    code, lines = both.move()
    assert (code, lines[-1]) == (0, "5 made, 0 changed, 0 unchanged, 0 to look after"), lines

    event_type = both.target.event_type.get("shop.opened")
    assert (event_type.description, event_type.schemas) == ("A shop opened", {"1": {"type": "object"}})
    assert both.target.event_type.get("shop.closed").archived
    named = both.target.application.get("named")
    assert (named.name, named.metadata, named.throttle_rate) == ("Named", {"plan": "gold"}, 7)

    moved = both.target.endpoint.get(application.id, endpoint.id)
    assert moved.id != endpoint.id and moved.uid == endpoint.id
    assert (moved.url, moved.description, moved.metadata) == (endpoint.url, "all of it", {"a": "b"})
    assert (moved.event_types, moved.channels, moved.throttle_rate) == (["shop.opened"], ["eu"], 9)
    assert both.target.endpoint.get_headers(application.id, endpoint.id).headers == {"x-token": "t1"}

    # The receiver verifies what the new server sends with the secret that it has.
    secret = both.source.endpoint.get_secret(application.id, endpoint.id).key
    both.target.message.create(application.id, MessageIn(event_type="shop.opened", payload={}, channels=["eu"]))
    [request] = receiver.wait(path, 1)
    verify(secret, request)
    assert request.headers["x-token"] == "t1"


def test_a_second_run_changes_nothing_and_a_later_one_only_what_differs(both, receiver, path):
    application, endpoint = fill(both.source, receiver.url(path))
    both.move()
    assert both.move() == (0, ["0 made, 0 changed, 5 unchanged, 0 to look after"])

    both.source.endpoint.patch(application.id, endpoint.id, EndpointPatch(description="new", disabled=True))
    both.source.endpoint.rotate_secret(application.id, endpoint.id, EndpointSecretRotateIn())
    code, lines = both.move()
    assert code == 0 and len(lines) == 2 and "(description, disabled, secret)" in lines[0], lines
    assert lines[1].startswith("0 made, 1 changed, 4 unchanged")
    moved = both.target.endpoint.get(application.id, endpoint.id)
    assert (moved.description, moved.disabled) == ("new", True)
    secret = both.source.endpoint.get_secret(application.id, endpoint.id).key
    assert both.target.endpoint.get_secret(application.id, endpoint.id).key == secret
    assert both.move()[1] == ["0 made, 0 changed, 5 unchanged, 0 to look after"]


def test_a_dry_run_says_what_it_would_do_and_does_not(both, receiver, path):
    fill(both.source, receiver.url(path))
    code, lines = both.move("--dry-run")
    assert code == 0 and lines[-1].startswith("5 made, 0 changed") and "nothing was changed" in lines[-1], lines
    assert both.target.application.list().data == [] and both.target.event_type.list().data == []


def test_lists_of_many_pages_are_read_to_their_end(both, receiver, path):
    application = both.source.application.create(ApplicationIn(name="Many", uid="many"))
    for number in range(130):
        endpoint = EndpointIn(url=receiver.url(path), uid=f"e{number}")
        both.source.endpoint.create(application.id, endpoint)
    code, lines = both.move()
    assert (code, lines[-1]) == (0, "131 made, 0 changed, 0 unchanged, 0 to look after")
    page = both.target.endpoint.list("many", EndpointListOptions(limit=250))
    assert {it.uid for it in page.data} == {f"e{number}" for number in range(130)}


def test_what_cannot_be_copied_is_said(both, receiver, path):
    application = both.source.application.create(ApplicationIn(name="Difficult", uid="difficult"))
    headers = {"authorization": "Bearer hush", "x-plain": "p"}
    both.source.endpoint.create(application.id, EndpointIn(url=receiver.url(path), uid="header", headers=headers))
    both.source.endpoint.create(application.id, EndpointIn(url=receiver.url(path), uid="key", secret=ED25519_SECRET))
    code, lines = both.move()
    said = [line for line in lines if line.startswith("!")]
    assert code == 1 and len(said) == 2, lines
    assert any("set its header authorization yourself" in line for line in said)
    assert any("new ed25519 key and is disabled" in line for line in said)
    assert "hush" not in "".join(lines)
    assert both.target.endpoint.get_headers("difficult", "header").headers == {"x-plain": "p"}
    assert both.target.endpoint.get("difficult", "key").disabled
    public_key = both.target.endpoint.get_secret("difficult", "key").key
    assert public_key.startswith("whpk_")
    assert public_key != both.source.endpoint.get_secret("difficult", "key").key
    # Whoever switches it on has given the receiver the new key; a later run leaves it on.
    both.target.endpoint.patch("difficult", "key", EndpointPatch(disabled=False))
    assert both.move() == (0, ["0 made, 0 changed, 3 unchanged, 0 to look after"])


def test_a_refusal_is_said_and_the_rest_is_moved(both, server, receiver, path):
    """A server never delivers to its own API, so the target refuses an endpoint that the source took."""
    application = both.source.application.create(ApplicationIn(name="Acme", uid="acme"))
    both.source.endpoint.create(application.id, EndpointIn(url=f"{both.urls[1]}/hook", uid="refused"))
    both.source.endpoint.create(application.id, EndpointIn(url=receiver.url(path), uid="taken"))
    code, lines = both.move()
    assert code == 1 and any(line.startswith("! endpoint") and "was refused" in line for line in lines), lines
    assert [it.uid for it in both.target.endpoint.list("acme").data] == ["taken"]
