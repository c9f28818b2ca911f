"""Request bins of the real binary: bytes, crashes, deliveries without any network opened."""

import base64
import contextlib
import gzip
import json
import random
import sqlite3
import subprocess
import time

import pytest

import semnal_server
from bin_sockets import KeptConnection, address_of, random_request, send
from raw_http import RawClient
from semnal_server import Server
from waiting import wait_for

REQUESTS = 1_000
SEED = 20_261_124
STOP_AT_ONCE_SECONDS = 5
SLOW_ANSWER_MS = 1_500
GET = b"GET /%s HTTP/1.1\r\nhost: b\r\n\r\n"


@pytest.fixture
def bin_of(raw):
    """Makes bins that are gone when the test ends."""
    made = []

    def make(**fields) -> dict:
        answer = raw.post("/api/v1/bin", fields)
        assert answer.status == 201, answer.body
        made.append(answer.json["id"])
        return answer.json

    yield make
    for name in made:
        raw.delete(f"/api/v1/bin/{name}")


def exported(raw, name: str) -> list[dict]:
    answer = raw.get(f"/api/v1/bin/{name}/export?format=ndjson")
    assert answer.status == 200
    return [json.loads(line) for line in answer.body.splitlines()]


def decoded(request: dict, field: str) -> bytes:
    return base64.b64decode(request[field] or "")


def test_a_thousand_random_requests_are_read_back_as_a_raw_socket_sent_them(raw, bin_of):
    made = bin_of(uid="random")
    chance = random.Random(SEED)
    sent = [random_request(chance, "random") for _ in range(REQUESTS)]
    connection = KeptConnection(made["url"])
    for number, request in enumerate(sent):
        if number % 100 == 0:
            connection.close()
            connection = KeptConnection(made["url"])
        assert connection.send(request.head + request.wire_body) == 200, request.head
    connection.close()
    caught = exported(raw, "random")
    assert len(caught) == REQUESTS
    for request, it in zip(sent, caught, strict=True):
        assert decoded(it, "headBase64") == request.head
        assert decoded(it, "bodyBase64") == request.body
        framed = it["framedBase64"] is not None
        assert framed == (b"chunked" in request.head), request.head
        if framed:
            assert decoded(it, "framedBase64") == request.wire_body
        first, *lines = request.head.rstrip(b"\r\n").split(b"\r\n")
        assert [it["method"], it["target"], it["httpVersion"]] == first.decode().split(" ")
        pairs = [tuple(part.strip(b" \t") for part in line.split(b":", 1)) for line in lines]
        assert [tuple(pair) for pair in it["headers"]] == [(lossy(n), lossy(v)) for n, v in pairs]
    some = caught[REQUESTS // 2]
    raw_bytes = raw.get(f"/api/v1/bin/random/request/{some['id']}/raw").body
    assert raw_bytes == sent[REQUESTS // 2].head + sent[REQUESTS // 2].wire_body


def lossy(text: bytes) -> str:
    return text.decode("utf-8", errors="replace")


def hostile() -> list[bytes]:
    bomb = gzip.compress(bytes(20_000_000))
    deep = b"[" * 10_000 + b"]" * 10_000
    with_body = b"POST /hostile HTTP/1.1\r\nhost: b\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s"
    bodies = [
        (b"text/html", b"<script>fetch('/api/v1/app')</script><img src=x onerror=alert(1)>"),
        (b"image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        (b"application/json", deep),
        (b"application/json\r\ncontent-encoding: gzip", bomb),
        (b"text/plain; charset=utf-16", b"\xff\xfe\xed\xa0\x80\xc0\xaf\xf8"),
        (b"multipart/form-data; boundary=\"\r\n folded\"", b"--\r\n"),
    ]
    requests = [with_body % (kind, len(body), body) for kind, body in bodies]
    heads = [
        b"GET /hostile/<script>alert(1)</script>?'%22%3E HTTP/1.1\r\nhost: b",
        b"GET /hostile HTTP/1.1\r\nhost: b\r\nx: a\rSet-Cookie: b=c",
        b"GET /hostile HTTP/1.1\r\nhost: b\r\nx: \xe2\x80\xae\xc2\xa0\xff\xc0\x8a",
        b"GET /hostile HTTP/1.1\r\nhost: b\r\n" + b"\r\n".join(b"x-%d: %d" % (n, n) for n in range(200)),
        b"GET http://169.254.169.254/hostile HTTP/1.1\r\nhost: 169.254.169.254",
        b"GET /hostile/../../etc/passwd HTTP/1.1\r\nhost: b\r\nx-forwarded-host: evil",
        b"TRACE /hostile HTTP/1.1\r\nhost: b\r\nmax-forwards: 0",
        b"GET /hostile HTTP/1.1\r\nhost: b\r\nupgrade: h2c\r\nconnection: upgrade, http2-settings",
    ]
    return requests + [head + b"\r\n\r\n" for head in heads]


def test_a_hostile_set_stays_data(raw, bin_of):
    made = bin_of(uid="hostile")
    requests = hostile()
    for request in requests:
        answer = send(made["url"], request)
        assert answer.split(b" ")[1] in (b"200", b"400"), (request[:100], answer[:100])
        head = answer.split(b"\r\n\r\n")[0].lower()
        assert b"content-security-policy: sandbox" in head and b"set-cookie" not in head
    caught = exported(raw, "hostile")
    assert len(caught) == len(requests)
    for request, it in zip(requests, caught, strict=True):
        assert decoded(it, "headBase64") + decoded(it, "bodyBase64") == request
        answer = raw.get(f"/api/v1/bin/hostile/request/{it['number']}/raw")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-security-policy"] == "sandbox"
        assert answer.headers["content-disposition"].startswith("attachment")
    for format in ("har", "json"):
        assert raw.get(f"/api/v1/bin/hostile/export?format={format}").json


def test_what_a_shell_runs_sends_the_same_request_again(raw, bin_of):
    made = bin_of(uid="shell")
    body = b"it's \"$(id)\" `id`\n\\ @/etc/passwd \xc8\x99"
    binary = bytes(range(256))
    for content in (body, binary):
        head = b"PUT /shell/a%%2F?x=[1]&y='z' HTTP/1.1\r\nHost: b\r\nX-A: '; touch /tmp/x; '\r\nX-Empty:\r\nx-a: \xe9\xff\r\n"
        send(made["url"], head % () + b"content-length: %d\r\n\r\n%s" % (len(content), content))
    for number, content in ((1, body), (2, binary)):
        command = raw.get(f"/api/v1/bin/shell/request/{number}/curl?shell=bash").json["command"]
        done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=30)
        assert done.returncode == 0, done.stderr
    first, second, *again = exported(raw, "shell")
    for before, after in zip((first, second), again, strict=True):
        for field in ("method", "target", "bodyBase64"):
            assert after[field] == before[field], field
        kept = [pair for pair in before["headers"] if pair[0].lower() not in ("host", "content-length")]
        assert [pair for pair in after["headers"] if pair[0].lower() not in ("host", "content-length")] == kept


@pytest.fixture
def own_server(tmp_path):
    """A server of one test, which it may kill."""
    running = Server(tmp_path)
    yield running
    running.stop()


def client_of(server: Server) -> RawClient:
    return RawClient(server.port, server.create_key("bins"))


def test_a_crash_after_the_answer_keeps_the_request(own_server):
    client = client_of(own_server.start())
    url = client.post("/api/v1/bin", {"uid": "crash"}).json["url"]
    answered = 0
    connection = KeptConnection(url)
    for _ in range(50):
        answered += connection.send(GET % b"crash") == 200
    own_server.process.kill()
    own_server.process.wait()
    connection.close()
    client.port = own_server.start().port
    caught = exported(client, "crash")
    assert answered == 50 and [it["number"] for it in caught] == list(range(1, 51))


def test_a_damaged_file_of_bins_stops_no_delivery(own_server, receiver, path):
    client = client_of(own_server.start())
    client.post("/api/v1/bin", {"uid": "lost"})
    own_server.stop()
    (own_server.data_directory / "bins.db").write_bytes(b"no database" * 1_000)
    client.port = own_server.start().port
    assert client.get("/api/v1/bin").json["data"] == []
    assert list(own_server.data_directory.glob("bins.db.damaged-*"))
    client.post("/api/v1/app", {"name": "A", "uid": "a"})
    client.post("/api/v1/app/a/endpoint", {"url": receiver.url(path)})
    client.post("/api/v1/app/a/msg", {"eventType": "a", "payload": {}})
    receiver.wait(path, 1)


def test_a_file_of_bins_from_a_later_version_stops_nothing_else(own_server, receiver, path):
    client = client_of(own_server.start())
    own_server.stop()
    with contextlib.closing(sqlite3.connect(own_server.data_directory / "bins.db")) as bins:
        bins.execute("pragma user_version = 99")
    client.port = own_server.start().port
    answer = client.get("/api/v1/bin")
    assert (answer.status, answer.json["code"]) == (503, "bins_unavailable")
    client.post("/api/v1/app", {"name": "A", "uid": "a"})
    client.post("/api/v1/app/a/endpoint", {"url": receiver.url(path)})
    client.post("/api/v1/app/a/msg", {"eventType": "a", "payload": {}})
    receiver.wait(path, 1)


def without_dev(server: Server, monkeypatch) -> Server:
    arguments = semnal_server.serve_arguments
    without = lambda *given: [it for it in arguments(*given) if it != "--dev"]
    monkeypatch.setattr(semnal_server, "serve_arguments", without)
    return server.start()


@pytest.mark.parametrize("https_only", ["false", "true"])
def test_a_bin_is_the_target_of_a_delivery_without_anything_opened(tmp_path, monkeypatch, receiver, https_only):
    server = Server(tmp_path, SEMNAL_HTTPS_ONLY=https_only)
    try:
        client = client_of(without_dev(server, monkeypatch))
        url = client.post("/api/v1/bin", {"uid": "mine"}).json["url"]
        client.post("/api/v1/app", {"name": "A", "uid": "a"})
        endpoints = "/api/v1/app/a/endpoint"
        for refused in (server.url + "/api/v1/app", receiver.url("/x"), f"http://127.0.0.2:{address_of(url)[1]}/mine"):
            assert client.post(endpoints, {"url": refused}).status == 422, refused
        made = client.post(endpoints, {"url": f"{url}/hook", "uid": "bin"})
        assert made.status == 201, made.body
        message = client.post("/api/v1/app/a/msg", {"eventType": "order.paid", "payload": {"n": 1}}).json["id"]
        caught = client.get("/api/v1/bin/mine/wait?after=0").json
        assert (caught["messageId"], caught["attempt"], caught["target"]) == (message, 1, "/mine/hook")
        links = client.get(f"/api/v1/app/a/msg/{message}/captured-request").json["data"]
        assert [it["id"] for it in links] == [caught["id"]]
        secret = client.get(f"{endpoints}/bin/secret").json["key"]
        verdict = client.post(f"/api/v1/bin/mine/request/{caught['id']}/verify", {"secret": secret}).json
        assert verdict["valid"], verdict
        # A later attempt is another request of the same message.
        client.post(f"/api/v1/app/a/msg/{message}/endpoint/bin/resend", {})
        again = client.get(f"/api/v1/bin/mine/wait?after={caught['number']}").json
        assert (again["messageId"], again["attempt"]) == (message, 2)
        replayed = client.post(f"/api/v1/bin/mine/request/{caught['id']}/replay", {"url": f"{url}/again"}).json
        assert replayed["success"] and replayed["status"] == 200, replayed
        copy = client.get("/api/v1/bin/mine/wait?path=/again&after=0").json
        assert copy["bodyBase64"] == caught["bodyBase64"]
    finally:
        server.stop()


def test_a_stream_tells_of_requests_and_does_not_hold_the_server_back(own_server):
    client = client_of(own_server.start())
    url = client.post("/api/v1/bin", {"uid": "live"}).json["url"]
    command = ["curl", "-sN", f"{own_server.url}/api/v1/bin/live/stream", "-H", f"authorization: Bearer {client.token}"]
    listening = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert listening.stdout.readline() == b"event: bin\n"
        send(url, GET % b"live/now")
        lines = iter(listening.stdout.readline, b"")
        event = [next(line for line in lines if line.startswith(b"id: ")), next(lines), next(lines)]
        assert event[:2] == [b"id: 1\n", b"event: request\n"]
        assert json.loads(event[2].removeprefix(b"data: "))["target"] == "/live/now"
        started = time.monotonic()
        own_server.stop()
        assert time.monotonic() - started < STOP_AT_ONCE_SECONDS
        assert listening.wait(STOP_AT_ONCE_SECONDS) == 0
    finally:
        listening.kill()
        listening.wait()


def test_a_delivery_on_its_way_to_a_bin_is_finished_when_the_server_stops(own_server):
    client = client_of(own_server.start())
    url = client.post("/api/v1/bin", {"uid": "slow"}).json["url"]
    client.put("/api/v1/bin/slow/response", {"delayMs": SLOW_ANSWER_MS})
    client.post("/api/v1/app", {"name": "A", "uid": "a"})
    client.post("/api/v1/app/a/endpoint", {"url": url})
    message = client.post("/api/v1/app/a/msg", {"eventType": "a", "payload": {}}).json["id"]
    assert client.get("/api/v1/bin/slow/wait?after=0").json["messageId"] == message
    own_server.stop()
    client.port = own_server.start().port
    attempts = client.get(f"/api/v1/app/a/attempt/msg/{message}").json["data"]
    assert [(it["status"], it["responseStatusCode"]) for it in attempts] == [(0, 200)]
    assert attempts[0]["responseDurationMs"] >= SLOW_ANSWER_MS, "the answer came early"


def test_bins_can_be_turned_off(tmp_path, monkeypatch):
    server = Server(tmp_path)
    arguments = semnal_server.serve_arguments
    monkeypatch.setattr(semnal_server, "serve_arguments", lambda *given: [*arguments(*given)[:-1], "none"])
    try:
        client = client_of(server.start())
        answer = client.get("/api/v1/bin")
        assert (answer.status, answer.json["code"]) == (503, "bins_unavailable")
        assert client.get("/api/v1/app").status == 200
        assert not (server.data_directory / "bins.db").exists()
    finally:
        server.stop()


def test_requests_that_come_while_somebody_waits_are_found(raw, bin_of):
    made = bin_of(uid="waited")
    wait_for(lambda: raw.get("/api/v1/bin/waited/wait?timeout=0").status == 408, "408 of an empty bin")
    send(made["url"], GET % b"waited/first")
    found = raw.get("/api/v1/bin/waited/wait?after=0&path=/first").json
    assert found["number"] == 1
