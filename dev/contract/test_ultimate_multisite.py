"""Webhooks made over `/wp-json/wu/v2`, from the event to the receiver."""

import base64
import json
import subprocess
from urllib.parse import urlencode

import pytest

from raw_http import RawClient
from semnal_server import Server, binary, environment
from svix.api import MessageListOptions
from ultimate_multisite import Face, make_face, refused
from verifying import verify
from waiting import wait_for

WEBHOOKS_PER_EVENT = 300
NEVER = "0000-00-00 00:00:00"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Its log has everything that a log may have, and is searched for secrets when it stops."""
    running = Server(tmp_path_factory.mktemp("server"), SEMNAL_LOG="debug")
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def face(server):
    return make_face(server)


def test_every_event_of_the_catalogue_arrives_flat_with_its_keys_in_order_named_and_signed(server, face, svix, receiver, path):
    hooks = face.get("/hooks").json
    assert len(hooks) == 23
    for slug in hooks:
        face.webhook(receiver.url(f"{path}/{slug}"), event=slug)
    for slug, hook in hooks.items():
        payload = hook["payload"]
        assert "wu_version" not in payload and payload, slug
        face.fire(slug, payload)
        [request] = receiver.wait(f"{path}/{slug}", 1)
        assert request.method == "POST" and request.headers["content-type"] == "application/json"
        assert request.headers["webhook-event"] == slug
        received = json.loads(request.body, object_pairs_hook=list)
        expected = json.loads(json.dumps({**payload, "wu_version": "2.4.13-beta.1"}), object_pairs_hook=list)
        assert received == expected, slug
        endpoint = next(it for it in svix.endpoint.list("default").data if it.url == receiver.url(f"{path}/{slug}"))
        verify(svix.endpoint.get_secret("default", endpoint.id).key, request)


def test_300_webhooks_on_one_event_are_all_sent(server, receiver, path, raw):
    raw.post("/api/v1/app", {"name": "Many", "uid": "many"})
    face = make_face(server, "many")
    for number in range(WEBHOOKS_PER_EVENT):
        face.webhook(receiver.url(f"{path}/{number}"))
    face.fire("payment_received", {"payment_id": 7})
    for number in range(WEBHOOKS_PER_EVENT):
        receiver.wait(f"{path}/{number}", 1)
    assert face.get("/webhook").headers["x-wp-total"] == str(WEBHOOKS_PER_EVENT)


def test_counts_and_the_last_failure_are_real(server, receiver, path, raw):
    raw.post("/api/v1/app", {"name": "Counts", "uid": "counts"})
    face = make_face(server, "counts")
    number = face.webhook(receiver.url(path), event_count=10)["id"]
    read = lambda: face.get(f"/webhook/{number}").json  # noqa: E731
    assert (read()["event_count"], read()["date_last_failed"]) == (10, NEVER)
    face.fire("payment_received", {})
    wait_for(lambda: read()["event_count"] == 11, "count of 11")
    assert read()["date_last_failed"] == NEVER
    receiver.answer(path, [500])
    face.fire("payment_received", {})
    # The attempt that failed is no delivery; the next one is.
    receiver.wait(path, 3)
    wait_for(lambda: read()["event_count"] == 12, "count of 12")
    assert read()["date_last_failed"] > "2020"
    assert face.get("/webhook?orderby=event_count&event_count=12").json[0]["id"] == number


def test_an_inactive_webhook_is_not_sent_to_until_it_is_active(face, receiver, path):
    number = face.webhook(receiver.url(path), event="site_published", active=False)["id"]
    face.webhook(receiver.url(f"{path}/witness"), event="site_published")
    face.fire("site_published", {"n": 1})
    receiver.wait(f"{path}/witness", 1)
    assert receiver.requests(path) == []
    face.send("PATCH", f"/webhook/{number}", {"active": True})
    receiver.wait(path, 1)


def test_a_zap_whose_target_is_gone_is_removed_and_other_webhooks_are_disabled(server, receiver, path, raw):
    raw.post("/api/v1/app", {"name": "Gone", "uid": "gone"})
    face = make_face(server, "gone")
    url = receiver.url(f"{path}/operational")
    events = ["endpoint.deleted", "endpoint.disabled"]
    assert raw.post("/api/v1/app/operational/endpoint", {"url": url, "eventTypes": events}).status == 201
    zap = face.webhook(receiver.url(f"{path}/zap"), integration="zapier")["id"]
    manual = face.webhook(receiver.url(f"{path}/manual"))["id"]
    receiver.answer(f"{path}/zap", [410])
    receiver.answer(f"{path}/manual", [410])
    face.fire("payment_received", {})
    wait_for(lambda: [it["id"] for it in face.get("/webhook").json] == [manual], "removal of the Zap")
    wait_for(lambda: not face.get(f"/webhook/{manual}").json["active"], "disabled webhook")
    told = [json.loads(it.body) for it in receiver.wait(f"{path}/operational", 2)]
    assert sorted(it["type"] for it in told) == ["endpoint.deleted", "endpoint.disabled"]
    answer = face.send("DELETE", f"/webhook/{zap}")
    assert (answer.status, answer.json) == (200, 1)
    refused(face.send("DELETE", f"/webhook/{zap}"), 404, "wu_rest_webhook_invalid_id")


def test_a_redirect_a_500_and_a_204_are_what_they_are(face, svix, receiver, path):
    for status, count in [(204, 1), (302, 0), (500, 0)]:
        target = f"{path}/{status}"
        number = face.webhook(receiver.url(target), event="invoice_sent")["id"]
        receiver.answer(target, [status] * 3)
        face.fire("invoice_sent", {"n": status})
        receiver.wait(target, 1 if count else 3)
        wait_for(lambda n=number, c=count: face.get(f"/webhook/{n}").json["event_count"] == c, f"count of {count}")
        face.send("DELETE", f"/webhook/{number}")


def test_credentials_in_a_query_and_the_token_of_a_source_stay_out_of_the_log(server, face):
    query = urlencode({"api_key": face.key, "api_secret": face.secret})
    assert face.bare("GET", f"/auth?{query}").status == 200
    token = make_source(server)
    assert RawClient(server.port, None).post(f"/in/{token}/log_test", {}).status == 202
    assert RawClient(server.port, None).post(f"/in/{token}x/log_test", {}).status == 404
    # Whether anything of them is there is looked at once more when the server stops.
    assert "DEBUG" in server.log
    assert not [it for it in (face.key, face.secret, token) if it in server.log]


def make_source(server, *more) -> str:
    name = "ultimate-multisite-source"
    done = server.command("keys", "create", "--name", "network", "--integration", name, "--json", *more)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    server.secrets.append(made["token"])
    assert made["url"] == f"{server.url}/in/{made['token']}/{{event}}"
    return made["token"]


def test_webhooks_of_the_original_pointed_here_become_events(server, face, svix, receiver, path):
    token, client = make_source(server), RawClient(server.port, None)
    face.webhook(receiver.url(path), event="membership_expired")
    body = b'{"membership_id":"17","membership_amount":"&euro; 9.00","customer_id":3,"wu_version":"2.4.13"}'
    answers = [client.send("POST", f"/in/{token}/membership_expired", body).json for _ in range(3)]
    assert [it["repeated"] for it in answers] == [False, True, True]
    assert len({it["id"] for it in answers}) == 1
    sample = face.get("/hooks").json["membership_expired"]["payload"]
    tested = client.post(f"/in/{token}/membership_expired", sample)
    assert (tested.status, tested.json["test"]) == (202, True)
    requests = receiver.wait(path, 2)
    assert requests[0].body == body and len(requests) == 2
    options = MessageListOptions(channel="webhook-test")
    assert [it.id for it in svix.message.list("default", options).data] == [tested.json["id"]]


def test_a_pair_of_the_original_goes_on_working(server, tmp_path):
    key, secret = "TheKeyOfTheNetwork012345", "TheSecretOfTheNetwork012"
    (tmp_path / "key").write_text(f"{key}\n")
    create = ["keys", "create", "--name", "old", "--integration", "ultimate-multisite", "--json"]
    done = subprocess.run(
        [str(binary()), *create, "--key", f"@{tmp_path / 'key'}", "--secret", "-", "--data-dir", str(server.data_directory)],
        env=environment(), input=f"{secret}\n", capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["key"], json.loads(done.stdout)["secret"]) == (key, secret)
    server.secrets += [key, secret]
    assert Face(server.port, key, secret).get("/auth").status == 200
    again = server.command(*create, "--key", key, "--secret", secret)
    assert again.returncode == 2 and "already" in again.stderr


def test_a_pair_made_while_no_server_runs_opens_it_later(tmp_path):
    server = Server(tmp_path)
    done = server.command("keys", "create", "--name", "early", "--integration", "ultimate-multisite")
    assert done.returncode == 0, done.stderr
    words = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    server.secrets += [words["key"], words["secret"]]
    server.start()
    try:
        face = Face(server.port, words["key"], words["secret"])
        number = face.webhook("https://example.com/")["id"]
        server.stop()
        server.start()
        assert Face(server.port, words["key"], words["secret"]).get(f"/webhook/{number}").status == 200
    finally:
        server.stop()


@pytest.mark.parametrize("authorization", ["Basic", "Basic ", "Basic \xff", "Basic " + "A" * 30_000, "Basic " + base64.b64encode(b"no-colon").decode()])
def test_odd_credentials_are_refused_in_the_form_of_wordpress(face, authorization):
    answer = face.bare("GET", "/auth", headers={"authorization": authorization.encode("latin-1")})
    refused(answer, 401, "rest_forbidden")


def test_bodies_of_strangers_are_not_kept(face):
    refused(face.bare("POST", "/webhook", b"x" * 900_000), 401, "rest_forbidden")
    refused(face.bare("POST", "/webhook", b'{"a":' * 20_000), 401, "rest_forbidden")
    answer = face.send("POST", "/webhook", {"name": "x" * 1_100_000})
    refused(answer, 413, "rest_body_too_large")
