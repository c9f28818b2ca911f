"""Every operation of /openapi.json, called by everybody who has no business there, with the ids of what is somebody
else's: nothing is found, nothing is said, nothing changes.

An operation that is added to the server is swept without a change here; one with a new kind of id in its path fails
until victim.py has one to name.
"""

import json
import time
from dataclasses import dataclass

import pytest

import tokens
from raw_http import Answer, RawClient
from victim import Victim, filled
from waiting import wait_for

REFUSED = {401, 403, 404}
# An application's users may read the event types of their organisation, as with Svix.
SHARED_BY_APPLICATIONS = ("/api/v1/event-type",)


@dataclass
class Caller:
    """Somebody with a token, and whom they try to reach. `own_application` is what they have themselves."""

    token: str | None
    victim: Victim
    is_known: bool = False
    own_application: str | None = None
    shares_event_types: bool = False


@pytest.fixture(scope="module")
def organisation():
    return tokens.new_organisation_id()


@pytest.fixture(scope="module")
def of_default(server, key, receiver):
    """A victim with an API key."""
    return Victim(server, key, receiver, "default")


@pytest.fixture(scope="module")
def of_organisation(server, organisation, receiver):
    """A victim with a token, in an organisation that has another application too."""
    return Victim(server, tokens.organisation_token(organisation), receiver, "organisation")


def application_of(server, token: str) -> str:
    made = RawClient(server.port, token).post("/api/v1/app", {"name": "Stranger"})
    assert made.status == 201, made.body
    return made.json["id"]


def expired_key(server) -> str:
    done = server.command("keys", "create", "--name", "expired", "--expires", "1ms")
    assert done.returncode == 0, done.stderr
    token = done.stdout.strip()
    server.secrets.append(token)
    wait_for(lambda: RawClient(server.port, token).get("/api/v1/app").status == 401, "end of the key")
    return token


def revoked_key(server) -> str:
    token = server.create_key("to be revoked")
    listed = json.loads(server.command("keys", "list", "--json").stdout)
    keys = listed if isinstance(listed, list) else listed["data"]
    (it,) = [one for one in keys if one["name"] == "to be revoked"]
    done = server.command("keys", "revoke", it["id"])
    assert done.returncode == 0, done.stderr
    return token


CALLERS = {
    "no key": lambda w: Caller(None, w.default),
    "garbage": lambda w: Caller("garbage", w.default),
    "garbage that looks like a key": lambda w: Caller(w.key[:-1] + ("A" if w.key[-1] != "A" else "B"), w.default),
    "expired key": lambda w: Caller(expired_key(w.server), w.default),
    "revoked key": lambda w: Caller(revoked_key(w.server), w.default),
    "expired token": lambda w: Caller(
        tokens.sign({**tokens.claims(w.organisation), "exp": int(time.time()) - 60}), w.of_organisation
    ),
    "key of another organisation": lambda w: w.stranger(w.key, w.of_organisation),
    "token of another organisation": lambda w: w.stranger(
        tokens.organisation_token(tokens.new_organisation_id()), w.default
    ),
    "token of another application": lambda w: w.neighbour(),
}


@dataclass
class World:
    server: object
    key: str
    organisation: str
    default: Victim
    of_organisation: Victim

    def stranger(self, token: str, victim: Victim) -> Caller:
        return Caller(token, victim, is_known=True, own_application=application_of(self.server, token))

    def neighbour(self) -> Caller:
        """Within the organisation of the victim, with a token for another application of it."""
        own = application_of(self.server, tokens.organisation_token(self.organisation))
        token = tokens.application_token(self.organisation, own)
        return Caller(token, self.of_organisation, is_known=True, own_application=own, shares_event_types=True)


@pytest.fixture(scope="module")
def world(server, key, organisation, of_default, of_organisation):
    return World(server, key, organisation, of_default, of_organisation)


@pytest.mark.parametrize("who", CALLERS)
def test_nobody_gets_across(world, who):
    caller = CALLERS[who](world)
    victim = caller.victim
    client = RawClient(world.server.port, caller.token)
    before = victim.stored()
    swept = 0
    for method, path, operation in victim.operations():
        for target in targets(caller, method, path):
            body = example(operation)
            answer = client.send(method, target, None if body is None else json.dumps(body).encode())
            judge(caller, f"{who}: {method} {target}", path, operation, answer, f"{target} {json.dumps(body)}")
            swept += 1
    assert swept > 30
    assert victim.stored() == before, f"{who} changed something"


def targets(caller: Caller, method: str, path: str):
    """With the victim's ids; under an application of the caller's own; and, where it makes nothing, by the uids."""
    yield filled(caller.victim, path)
    own = path.replace("{app_id}", caller.own_application or "")
    if caller.own_application and own != path and "{" in own:
        yield filled(caller.victim, own)
    if "{app_id}" in path and method != "PUT":
        yield filled(caller.victim, path, which=1)


def example(operation: dict):
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return None if content is None else content.get("example", {})


def judge(caller: Caller, what: str, path: str, operation: dict, answer: Answer, sent: str):
    for secret in caller.victim.known_only_here:
        assert secret in sent or secret.encode() not in answer.body, f"{what} shows {secret}"
    is_open = operation.get("security") == []
    if is_open:
        assert answer.status in (200, 204), (what, answer.status)
    elif not caller.is_known:
        assert answer.status == 401, (what, answer.status, answer.body[:300])
    elif "{app_id}" in path:
        assert answer.status in REFUSED, (what, answer.status, answer.body[:300])
    else:
        # What is the caller's own organisation's: done there, or refused to an application's token.
        if not (caller.shares_event_types and path.startswith(SHARED_BY_APPLICATIONS)):
            assert caller.victim.catalogue_mark.encode() not in answer.body, f"{what} shows the catalogue"
        assert answer.status < 500 and answer.status != 401, (what, answer.status)


def test_the_sweep_would_see_a_way_across(world):
    """The control: with the victim's own token the same sweep finds everything."""
    victim = world.of_organisation
    found = [
        path
        for method, path, _ in victim.operations()
        if method == "GET" and "{app_id}" in path and victim.client.get(filled(victim, path)).status == 200
    ]
    assert len(found) >= 9, found
    seen = b"".join(victim.client.get(filled(victim, path)).body for path in found)
    for secret in victim.known_only_here:
        assert secret.encode() in seen, secret


def test_a_part_of_a_path_that_nobody_can_name_fails(world):
    with pytest.raises(AssertionError, match="victim.py"):
        filled(world.default, "/api/v1/app/{app_id}/thing/{thing_id}")
