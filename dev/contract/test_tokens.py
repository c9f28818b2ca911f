"""Who may do what: expired and forged tokens, organisations that never see each other, tokens of one application."""

import time

import pytest
from svix.api import ApplicationIn, EndpointIn, MessageIn, Svix, SvixOptions

import tokens
from raw_http import RawClient
from refusals import Stored, assert_error

URL = "http://127.0.0.1:8099/hook"


def altered(key: str) -> str:
    """The same key with its last character changed: its checksum must not fit."""
    return key[:-1] + ("A" if key[-1] != "A" else "B")


@pytest.fixture
def bad_tokens(key, organisation_id):
    good = tokens.claims(organisation_id)
    now = int(time.time())
    valid = tokens.sign(good)
    return {
        "expired": tokens.sign({**good, "exp": now - 120}),
        "not yet valid": tokens.sign({**good, "nbf": now + 3_600}),
        "another secret": tokens.sign(good, secret="another-secret-of-thirty-two-bytes-or-so"),
        "no algorithm": tokens.unsigned(good),
        "no algorithm, in capitals": tokens.unsigned(good, algorithm="NONE"),
        "another algorithm": tokens.sign(good, algorithm="HS512"),
        "an asymmetric algorithm": tokens.unsigned(good, algorithm="RS256", signature=b"x" * 256),
        "signature cut off": valid.rsplit(".", 1)[0] + ".",
        "signature of another": valid.rsplit(".", 1)[0] + "." + tokens.sign({"a": 1}).rsplit(".", 1)[1],
        "no subject": tokens.sign({name: value for name, value in good.items() if name != "sub"}),
        "a subject of another kind": tokens.sign({**good, "sub": "user_2abc"}),
        "an application without its organisation": tokens.sign(tokens.claims("app_23vYUXTRPAGYMOUBxxnwPcBYYuL")),
        "text": "hello",
        "dots": "..",
        "long": "a" * 10_000,
        "altered key": altered(key),
        "key cut off": key[:-4],
    }


def test_a_bad_token_is_refused_and_makes_no_organisation(server, bad_tokens, organisation_id):
    for why, token in bad_tokens.items():
        stranger = RawClient(server.port, token)
        for answer in (
            stranger.get("/api/v1/app"),
            stranger.post("/api/v1/app", {"name": "Acme"}),
            stranger.get("/api/v1/nothing-here-either/app_1"),
        ):
            assert answer.status in (401, 404), (why, answer.status, answer.body[:300])
        for path in ("/api/v1/app", "/api/v1/event-type"):
            answer = stranger.get(path)
            assert answer.status == 401, (why, answer.status, answer.body[:300])
            assert_error(answer, 401, "authentication_failed", (token, tokens.JWT_SECRET))
        assert_error(stranger.post("/api/v1/app", {"name": "Acme"}), 401, "authentication_failed", (token,))
    good = RawClient(server.port, tokens.organisation_token(organisation_id))
    assert good.get("/api/v1/app").json["data"] == []


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "bearer"])
def test_without_a_bearer_token_nothing_is_answered(server, header):
    headers = {} if header is None else {"authorization": header}
    answer = RawClient(server.port, None).send("GET", "/api/v1/app", headers=headers)
    assert_error(answer, 401, "authentication_failed")


@pytest.fixture
def other_svix(server):
    """The SDK in another organisation."""
    return Svix(tokens.organisation_token(tokens.new_organisation_id()), SvixOptions(server_url=server.url))


def test_another_organisations_ids_are_not_found(server, key, fresh_svix, organisation_id, other_svix):
    theirs = other_svix.application.create(ApplicationIn(name="Theirs", uid="theirs"))
    endpoint = other_svix.endpoint.create(theirs.id, EndpointIn(url=URL, uid="their-endpoint"))
    message = other_svix.message.create(
        theirs.id, MessageIn(event_type="shop.opened", payload={}, event_id="their-event")
    )
    secret = other_svix.endpoint.get_secret(theirs.id, endpoint.id).key
    own = fresh_svix.application.create(ApplicationIn(name="Own"))

    for token in (tokens.organisation_token(organisation_id), key):
        client = RawClient(server.port, token)
        before = Stored(client)
        for application in (theirs.id, "theirs"):
            for path in reading_paths(endpoint.id, message.id):
                answer = client.get(f"/api/v1/app/{application}{path}")
                assert_error(answer, 404, "not_found", (secret, "Theirs"))
            assert_error(client.delete(f"/api/v1/app/{application}"), 404, "not_found")
            assert_error(client.patch(f"/api/v1/app/{application}", {"name": "Ours"}), 404, "not_found")
            sent = client.post(f"/api/v1/app/{application}/msg", {"eventType": "shop.opened", "payload": {}})
            assert_error(sent, 404, "not_found")
        assert Stored(client) == before
    # Their endpoint and message, under an application of our own.
    client = RawClient(server.port, tokens.organisation_token(organisation_id))
    for path in reading_paths(endpoint.id, message.id)[3:] + reading_paths("their-endpoint", "their-event")[3:]:
        assert_error(client.get(f"/api/v1/app/{own.id}{path}"), 404, "not_found", (secret,))
    resent = client.post(f"/api/v1/app/{own.id}/msg/{message.id}/endpoint/{endpoint.id}/resend", {})
    assert_error(resent, 404, "not_found")
    assert other_svix.application.get(theirs.id).name == "Theirs"
    assert len(other_svix.message.list(theirs.id).data) == 1


def reading_paths(endpoint: str, message: str) -> list[str]:
    return [
        "", "/endpoint", "/msg",
        f"/endpoint/{endpoint}", f"/endpoint/{endpoint}/secret", f"/endpoint/{endpoint}/headers",
        f"/attempt/endpoint/{endpoint}", f"/msg/{message}", f"/attempt/msg/{message}",
    ]


def test_a_uid_belongs_to_its_organisation(fresh_svix, other_svix):
    ours = fresh_svix.application.create(ApplicationIn(name="Ours", uid="shop"))
    theirs = other_svix.application.create(ApplicationIn(name="Theirs", uid="shop"))
    assert fresh_svix.application.get("shop").id == ours.id
    assert other_svix.application.get("shop").id == theirs.id


def test_a_token_of_an_application_sees_that_application_only(server, fresh_svix, organisation_id):
    own = fresh_svix.application.create(ApplicationIn(name="Own"))
    other = fresh_svix.application.create(ApplicationIn(name="Other"))
    endpoint = fresh_svix.endpoint.create(other.id, EndpointIn(url=URL))
    client = RawClient(server.port, tokens.application_token(organisation_id, own.id))

    made = client.post(f"/api/v1/app/{own.id}/endpoint", {"url": URL})
    assert made.status == 201, made.body
    assert [one["id"] for one in client.get(f"/api/v1/app/{own.id}/endpoint").json["data"]] == [made.json["id"]]
    assert client.get(f"/api/v1/app/{own.id}/msg").status == 200

    organisation = RawClient(server.port, tokens.organisation_token(organisation_id))
    before = Stored(organisation)
    for answer in (
        client.get(f"/api/v1/app/{other.id}"),
        client.get(f"/api/v1/app/{other.id}/endpoint"),
        client.get(f"/api/v1/app/{other.id}/endpoint/{endpoint.id}/secret"),
        client.post(f"/api/v1/app/{other.id}/endpoint", {"url": URL}),
        client.delete(f"/api/v1/app/{other.id}"),
    ):
        assert answer.status in (403, 404), (answer.status, answer.body[:300])
        assert_error(answer, answer.status, hidden=(client.token,))
    # What Svix leaves to the organisation.
    for answer in (
        client.get("/api/v1/app"),
        client.post("/api/v1/app", {"name": "New"}),
        client.delete(f"/api/v1/app/{own.id}"),
        client.post(f"/api/v1/app/{own.id}/msg", {"eventType": "shop.opened", "payload": {}}),
        client.post("/api/v1/event-type", {"name": "shop.opened", "description": "x"}),
    ):
        assert_error(answer, 403, hidden=(client.token,))
    assert Stored(organisation) == before


def test_a_token_of_an_application_in_the_wrong_organisation_sees_nothing(server, fresh_svix):
    own = fresh_svix.application.create(ApplicationIn(name="Own"))
    client = RawClient(server.port, tokens.application_token(tokens.new_organisation_id(), own.id))
    answer = client.get(f"/api/v1/app/{own.id}/endpoint")
    assert answer.status in (401, 403, 404), answer.body
    assert_error(answer, answer.status)
