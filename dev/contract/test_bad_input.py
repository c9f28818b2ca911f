"""Bad input: a clear 4xx each, nothing stored, nothing leaked."""

import json

import pytest

import tokens
from raw_http import RawClient
from refusals import Stored, assert_error, assert_nothing_leaked, assert_validation_error

URL = "http://127.0.0.1:8099/hook"


@pytest.fixture
def client(server, organisation_id):
    """A client in an organisation of its own, so that what is stored can be compared as a whole."""
    return RawClient(server.port, tokens.organisation_token(organisation_id))


@pytest.fixture
def app_id(client):
    return client.post("/api/v1/app", {"name": "Acme", "uid": "acme"}).json["id"]


@pytest.fixture
def unchanged(client, app_id):
    """Fails the test when it left anything behind."""
    before = Stored(client)
    yield
    assert Stored(client) == before


MALFORMED = {
    "empty": b"",
    "cut_off": b'{"eventType":"shop.opened","payload":{"a":',
    "trailing_comma": b'{"eventType":"shop.opened","payload":{},}',
    "two_values": b'{"eventType":"shop.opened","payload":{}} {}',
    "not_utf_8": b'{"eventType":"shop.opened","payload":{"a":"\xff\xfe"}}',
    "not_a_number": b'{"eventType":"shop.opened","payload":{"a":NaN}}',
    "single_quotes": b"{'eventType':'shop.opened','payload':{}}",
    "raw_control_character": b'{"eventType":"shop.opened","payload":{"a":"\x01"}}',
    "nested_without_end": b'{"eventType":"shop.opened","payload":{"a":' + b"[" * 100_000,
    "nested_too_deep": b'{"eventType":"shop.opened","payload":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_json_is_refused(client, app_id, unchanged, body):
    answer = client.send("POST", f"/api/v1/app/{app_id}/msg", body)
    assert answer.status in (400, 422), answer.body[:500]
    if answer.status == 400:
        assert_error(answer, 400, hidden=(client.token,))
    else:
        assert_validation_error(answer, "body", hidden=(client.token,))


WRONG_SHAPES = [
    ("app", {}, "name"),
    ("app", {"name": 7}, "name"),
    ("app", {"name": ""}, "name"),
    ("app", {"name": "Acme", "uid": "has space"}, "uid"),
    ("app", {"name": "Acme", "uid": "x" * 257}, "uid"),
    ("app", {"name": "Acme", "metadata": {"a": 1}}, "metadata"),
    ("app/acme/endpoint", {"description": "no url"}, "url"),
    ("app/acme/endpoint", {"url": URL, "channels": []}, "channels"),
    ("app/acme/endpoint", {"url": URL, "eventTypes": "all"}, "eventTypes"),
    ("app/acme/endpoint", {"url": URL, "secret": "whsec_!!!"}, "secret"),
    ("app/acme/endpoint", {"url": URL, "throttleRate": -1}, "throttleRate"),
    ("app/acme/msg", {"eventType": "shop.opened"}, "payload"),
    ("app/acme/msg", {"payload": {}}, "eventType"),
    ("app/acme/msg", {"eventType": "shop.opened", "payload": {}, "eventId": "has space"}, "eventId"),
    ("app/acme/msg", {"eventType": "shop.opened", "payload": {}, "payloadRetentionPeriod": 4}, "payloadRetentionPeriod"),
    ("event-type", {"name": "shop.opened"}, "description"),
]


@pytest.mark.parametrize(("path", "value", "field"), WRONG_SHAPES)
def test_a_wrong_field_is_named(client, app_id, unchanged, path, value, field):
    answer = client.post(f"/api/v1/{path}", value)
    assert_validation_error(answer, field, hidden=(client.token,))


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"7", b"null", b"true"])
def test_a_body_that_is_no_object_is_refused(client, app_id, unchanged, body):
    assert_validation_error(client.send("POST", f"/api/v1/app/{app_id}/msg", body), "body")


EVENT_TYPE_NAMES = ["", "has space", "știre", "a/b", "a\nb", "a\u0000b", "x" * 257, "<script>"]


@pytest.mark.parametrize("name", EVENT_TYPE_NAMES)
def test_a_bad_event_type_name_is_refused_wherever_one_is_given(client, app_id, unchanged, name):
    hidden = (client.token,)
    made = client.post("/api/v1/event-type", {"name": name, "description": "x"})
    assert_validation_error(made, "name", hidden)
    sent = client.post(f"/api/v1/app/{app_id}/msg", {"eventType": name, "payload": {}})
    assert_validation_error(sent, "eventType", hidden)
    subscribed = client.post(f"/api/v1/app/{app_id}/endpoint", {"url": URL, "eventTypes": [name]})
    assert_validation_error(subscribed, "eventTypes", hidden)


URLS = [
    "", "example.com/hook", "//example.com/hook", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
    "javascript:alert(1)", "data:text/plain,x", "ws://example.com/", "unix:/run/x.sock", "http://", "http:///hook",
    "http://user:password@example.com/", "http://exa mple.com/", "http://example.com\\@127.0.0.1/",
    "http://example.com/\r\nx-injected: 1", "http://0x7f.1/hook", "http://2130706433/", "https://" + "x" * 9_000 + ".com/",
]


@pytest.mark.parametrize("url", URLS, ids=[url[:40] or "empty" for url in URLS])
def test_a_bad_url_is_refused(client, app_id, unchanged, url):
    answer = client.post(f"/api/v1/app/{app_id}/endpoint", {"url": url})
    assert_validation_error(answer, "url", hidden=(client.token, "password"))


def test_an_endpoint_is_not_changed_to_a_bad_url(client, app_id):
    endpoint = client.post(f"/api/v1/app/{app_id}/endpoint", {"url": URL}).json
    path = f"/api/v1/app/{app_id}/endpoint/{endpoint['id']}"
    assert_validation_error(client.patch(path, {"url": "ftp://example.com/", "description": "x"}), "url")
    assert_validation_error(client.put(path, {"url": "ftp://example.com/", "description": "x"}), "url")
    assert client.get(path).json == endpoint


HEADERS = [
    {"Host": "elsewhere"}, {"Content-Length": "1"}, {"Transfer-Encoding": "chunked"}, {"Connection": "close"},
    {"webhook-signature": "v1,forged"}, {"svix-id": "msg_forged"}, {"has space": "x"}, {"": "x"}, {"X-A": "a\r\nX-B: b"},
]


@pytest.mark.parametrize("headers", HEADERS)
def test_a_header_that_would_change_the_request_is_refused(client, app_id, headers):
    endpoint = client.post(f"/api/v1/app/{app_id}/endpoint", {"url": URL}).json
    path = f"/api/v1/app/{app_id}/endpoint/{endpoint['id']}/headers"
    assert_validation_error(client.put(path, {"headers": headers}), "headers")
    assert client.get(path).json["headers"] == {}


def test_a_uid_is_given_once(client, app_id):
    made = client.post(f"/api/v1/app/{app_id}/endpoint", {"url": URL, "uid": "billing"})
    assert made.status == 201, made.body
    other = client.post("/api/v1/app", {"name": "Other"}).json["id"]
    before = Stored(client)
    assert_error(client.post("/api/v1/app", {"name": "Again", "uid": "acme"}), 409, "conflict")
    assert_error(client.patch(f"/api/v1/app/{other}", {"uid": "acme"}), 409, "conflict")
    again = client.post(f"/api/v1/app/{app_id}/endpoint", {"url": URL + "2", "uid": "billing"})
    assert_error(again, 409, "conflict")
    assert Stored(client) == before


def test_an_event_type_is_made_once(client):
    event_type = {"name": "shop.opened", "description": "A shop opened"}
    assert client.post("/api/v1/event-type", event_type).status == 201
    before = Stored(client)
    assert_error(client.post("/api/v1/event-type", {**event_type, "description": "x"}), 409, "conflict")
    assert Stored(client) == before


def test_a_deleted_application_is_gone_with_all_below_it(client, app_id):
    endpoint = client.post(f"/api/v1/app/{app_id}/endpoint", {"url": URL}).json["id"]
    message = client.post(f"/api/v1/app/{app_id}/msg", {"eventType": "shop.opened", "payload": {}}).json["id"]
    assert client.delete(f"/api/v1/app/{app_id}").status == 204
    before = Stored(client)
    for name in (app_id, "acme"):
        below = f"/api/v1/app/{name}"
        for path in ("", "/endpoint", "/msg", f"/endpoint/{endpoint}", f"/endpoint/{endpoint}/secret", f"/msg/{message}"):
            assert_error(client.get(below + path), 404, "not_found", (client.token,))
        assert_error(client.post(f"{below}/msg", {"eventType": "shop.opened", "payload": {}}), 404, "not_found")
        assert_error(client.post(f"{below}/endpoint", {"url": URL}), 404, "not_found")
        assert_error(client.patch(below, {"name": "Back"}), 404, "not_found")
        assert_error(client.delete(below), 404, "not_found")
    assert Stored(client) == before
    # Its uid is free again, and what takes it inherits nothing.
    again = client.post("/api/v1/app", {"name": "New", "uid": "acme"})
    assert again.status == 201 and again.json["id"] != app_id
    assert client.get("/api/v1/app/acme/msg").json["data"] == []


IDS = ["app_", "app_0000000000000000000000000000", "msg_23vYUXTRPAGYMOUBxxnwPcBYYuL", "..", "%2e%2e", "%00", "x" * 5_000]


@pytest.mark.parametrize("made_up", IDS, ids=[one[:40] for one in IDS])
def test_a_made_up_id_is_not_found(client, app_id, made_up):
    for path in (f"app/{made_up}", f"app/{app_id}/endpoint/{made_up}", f"app/{app_id}/msg/{made_up}"):
        answer = client.get(f"/api/v1/{path}")
        assert answer.status in (404, 414, 422), (path[:60], answer.status, answer.body[:300])
        assert_nothing_leaked(answer, (client.token,))


def test_an_unknown_path_and_a_wrong_method_have_the_common_form(client):
    assert_error(client.get("/api/v1/nothing-here"), 404)
    assert_error(client.delete("/api/v1/app"), 405)


def test_a_payload_over_the_limit_is_refused(client, app_id, unchanged):
    value = {"eventType": "shop.opened", "payload": {"text": "x" * (1_048_576 + 1)}}
    answer = client.send("POST", f"/api/v1/app/{app_id}/msg", json.dumps(value).encode())
    assert_error(answer, 413, hidden=(client.token,))
