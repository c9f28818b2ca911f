"""Every operation of /openapi.json, called by everybody who has no business there, with the ids of what is somebody
else's: nothing is found, nothing is said, nothing changes.

An operation that is added to the server is swept without a change here; one with a new kind of id in its path fails
until victim.py has one to name.
"""

import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

import tokens
from bin_sockets import send
from raw_http import Answer, RawClient
from victim import Victim, filled, query_of
from waiting import wait_for

REFUSED = {401, 403, 404}
# An application's users may read the event types of their organisation, as with Svix.
SHARED_BY_APPLICATIONS = ("/api/v1/event-type",)
# Of these there is one in the whole server; an event type's name is known in every organisation that has one of it.
UNIQUE_PARTS = ("{app_id}", "{task_id}", "{bin_id}")
BINS = "/api/v1/bin"
LOGOUT = "/api/v1/auth/logout"
# Fields of bodies that name things of others, and those that look like it and do not.
NAMING_FIELDS = {"appIds"}
TEXTS_OF_THE_CALLER = {"eventId", "sessionId", "sessionIds"}


@dataclass
class Caller:
    """Somebody with a token, and whom they try to reach. `own_application` and `own_bin` are what they have themselves."""

    token: str | None
    victim: Victim
    is_known: bool = False
    own_application: str | None = None
    own_bin: str | None = None
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


def bin_of(server, token: str) -> str:
    """A bin that has caught something too, so that numbers lead somewhere."""
    client = RawClient(server.port, token)
    made = client.post(BINS, {"name": "Stranger"})
    assert made.status == 201, made.body
    assert send(made.json["url"], b"GET %s HTTP/1.0\r\n\r\n" % urlsplit(made.json["url"]).path.encode())
    assert client.get(f"{BINS}/{made.json['id']}/request/1").status == 200
    return made.json["id"]


def logged_out(victim: Victim) -> str:
    token = victim.portal_token(victim.application["id"])
    client = RawClient(victim.server.port, token)
    assert client.get(f"/api/v1/app/{victim.application['id']}").status == 200
    assert client.send("POST", LOGOUT).status == 204
    return token


def expired_session(victim: Victim) -> str:
    token = victim.portal_token(victim.application["id"], sessionId="old")
    ended = victim.client.post(f"/api/v1/auth/app/{victim.application['id']}/expire-all", {"sessionIds": ["old"]})
    assert ended.status == 204, ended.body
    return token


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
    "portal token of another application": lambda w: w.portal_neighbour(),
    "portal token of another application that only reads": lambda w: w.portal_neighbour(readOnly=True),
    "portal token that was logged out": lambda w: Caller(logged_out(w.default), w.default),
    "portal token whose session was ended": lambda w: Caller(expired_session(w.default), w.default),
}


@dataclass
class World:
    server: object
    key: str
    organisation: str
    default: Victim
    of_organisation: Victim

    def stranger(self, token: str, victim: Victim) -> Caller:
        own, own_bin = application_of(self.server, token), bin_of(self.server, token)
        return Caller(token, victim, is_known=True, own_application=own, own_bin=own_bin)

    def neighbour(self) -> Caller:
        """Within the organisation of the victim, with a token for another application of it."""
        own = application_of(self.server, tokens.organisation_token(self.organisation))
        token = tokens.application_token(self.organisation, own)
        return Caller(token, self.of_organisation, is_known=True, own_application=own, shares_event_types=True)

    def portal_neighbour(self, **asked) -> Caller:
        """The same with a token as the portal's people get it."""
        own = application_of(self.server, tokens.organisation_token(self.organisation))
        token = self.of_organisation.portal_token(own, **asked)
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
    # A token that may log out is of no use after that.
    for method, path, operation in sorted(victim.operations(), key=lambda it: it[1] == LOGOUT):
        for target in targets(caller, method, path):
            body = example(operation)
            answer = client.send(method, target + query_of(path), None if body is None else json.dumps(body).encode())
            judge(caller, f"{who}: {method} {target}", path, operation, answer, f"{target} {json.dumps(body)}")
            swept += 1
    assert swept > 80
    assert victim.stored() == before, f"{who} changed something"


def targets(caller: Caller, method: str, path: str):
    """With the victim's ids; under an application or bin of the caller's own; and, where it makes nothing, by the uids."""
    yield filled(caller.victim, path)
    for part, name in (("{app_id}", caller.own_application), ("{bin_id}", caller.own_bin)):
        own = path.replace(part, name or part)
        if own != path and "{" in own:
            yield filled(caller.victim, own)
    if "{bin_id}" in path or ("{app_id}" in path and method != "PUT"):
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
    elif any(part in path for part in UNIQUE_PARTS):
        assert answer.status in REFUSED, (what, answer.status, answer.body[:300])
    else:
        if caller.shares_event_types and path.startswith(BINS):
            assert answer.status == 403, (what, answer.status, answer.body[:300])
        # What is the caller's own organisation's: done there, or refused to an application's token.
        if not (caller.shares_event_types and path.startswith(SHARED_BY_APPLICATIONS)):
            assert caller.victim.catalogue_mark.encode() not in answer.body, f"{what} shows the catalogue"
        assert answer.status < 500 and answer.status != 401, (what, answer.status)


def test_the_sweep_would_see_a_way_across(world):
    """The control: with the victim's own token the same sweep finds everything."""
    victim = world.of_organisation
    answers = {
        path: victim.client.get(filled(victim, path) + query_of(path))
        for method, path, operation in victim.operations() if method == "GET" and operation.get("security") != []
    }
    refused = {path: answer.status for path, answer in answers.items() if answer.status != 200}
    assert not refused and len(answers) >= 19, (refused, len(answers))
    seen = b"".join(answer.body for answer in answers.values())
    for secret in victim.known_only_here:
        assert secret.encode() in seen, secret


@pytest.fixture(scope="module")
def bystanders(world, receiver):
    """Those who have one of everything themselves: in another organisation, and in another application of the same."""
    foreign = tokens.organisation_token(tokens.new_organisation_id())
    near = tokens.organisation_token(world.organisation)
    return [Victim(world.server, foreign, receiver, "foreigner"), Victim(world.server, near, receiver, "neighbour")]


def test_an_id_in_a_query_leads_to_nobody_else(world, bystanders):
    """With paths of the caller's own, and the victim's id as a filter."""
    victim = world.of_organisation
    asked = 0
    for bystander in bystanders:
        for method, path, operation in victim.operations():
            names = [it["name"] for it in operation.get("parameters", []) if it["in"] == "query"]
            for name in filter(lambda it: it.endswith("_id"), names):
                own = filled(bystander, path)
                for foreign in victim.names_of(name, path):
                    answer = bystander.client.send(method, own + query_of(path, **{name: foreign}))
                    assert not found_in(answer), answer
                    asked += 1
                mine = bystander.client.send(method, own + query_of(path, **{name: bystander.names_of(name, path)[0]}))
                assert found_in(mine), "the filter finds what is the caller's own"
    assert asked >= 10


def found_in(answer: Answer) -> list:
    """What a filter found: on a page, in a file, or the one that was waited for."""
    if answer.status == 404 or (answer.status == 408 and answer.json["code"] == "nothing_came"):
        return []
    assert answer.status == 200, (answer.status, answer.body[:300])
    found = answer.json
    return found if isinstance(found, list) else found["data"] if "data" in found else [found]


def test_an_id_in_a_body_leads_to_no_other_organisation(world, bystanders):
    victim, stranger = world.of_organisation, bystanders[0]
    found = set()
    for method, path, operation in victim.operations():
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            continue
        fields = victim.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]["properties"]
        naming = {name for name in fields if name.endswith(("Id", "Ids"))} - TEXTS_OF_THE_CALLER
        for name in naming:
            found.add(name)
            theirs, own = victim.application["id"], stranger.application["id"]
            target = filled(stranger, path)
            sent = {**example(operation), name: [theirs]}
            assert stranger.client.send(method, target, json.dumps(sent).encode()).status == 422
            answer = stranger.client.send(method, target, json.dumps({**sent, name: [own, theirs]}).encode())
            assert answer.status == 202 and answer.json["unresolvedAppIds"] == [theirs], answer.body
    assert found == NAMING_FIELDS, "a new field that names things: say here what may be named with it"


def test_a_part_of_a_path_that_nobody_can_name_fails(world):
    with pytest.raises(AssertionError, match="victim.py"):
        filled(world.default, "/api/v1/app/{app_id}/thing/{thing_id}")
