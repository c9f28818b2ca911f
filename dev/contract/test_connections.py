"""What a client can do to a connection: too much in it, and too little."""

import select
import socket
import threading
import time

import pytest

import tokens
from raw_http import Answer, RawClient
from refusals import Stored, assert_error

TEN_MEGABYTES = 10_000_000
# A slow head must be given up before this; the servers that people know take 10 to 60 seconds.
SLOW_HEAD_SECONDS = 60
# One more byte as often as this, so that a limit on idle time alone would never end it.
DRIBBLE_SECONDS = 0.5


class SlowHead:
    """Sends the head of a request byte by byte, and notes when the server has had enough."""

    def __init__(self, port: int):
        self.ended_after: float | None = None
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._dribble, daemon=True)
        self._thread.start()

    def _dribble(self):
        started = time.monotonic()
        endless = b"GET /api/v1/app HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: " + b"a" * 10_000
        for byte in endless:
            readable, _, _ = select.select([self._socket], [], [], DRIBBLE_SECONDS)
            elapsed = time.monotonic() - started
            if elapsed > SLOW_HEAD_SECONDS:
                return
            try:
                # An answer such as 408, the end of the stream and a reset all end it.
                if readable and self._socket.recv(4_096) is not None:
                    self.ended_after = elapsed
                    return
                self._socket.sendall(bytes([byte]))
            except ConnectionError:
                self.ended_after = elapsed
                return

    def wait(self) -> float | None:
        self._thread.join(SLOW_HEAD_SECONDS + 10)
        self._socket.close()
        return self.ended_after


@pytest.fixture(scope="module", autouse=True)
def slow_head(server):
    """Begins before the first test of this file, so that nobody waits for it twice."""
    return SlowHead(server.port)


@pytest.fixture
def client(server, organisation_id):
    return RawClient(server.port, tokens.organisation_token(organisation_id))


def read_one_answer(connection: socket.socket) -> Answer:
    stream = connection.makefile("rb")
    status = int(stream.readline().split(b" ")[1])
    headers = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, value = line.decode().split(":", 1)
        headers[name.strip().lower()] = value.strip()
    return Answer(status, headers, stream.read(int(headers["content-length"])))


def head(client: RawClient, path: str, *lines: str) -> bytes:
    all_lines = (
        f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"authorization: Bearer {client.token}",
        "content-type: application/json", *lines,
    )
    return "\r\n".join(all_lines).encode() + b"\r\n\r\n"


def big_body() -> bytes:
    start, end = b'{"eventType":"shop.opened","payload":{"text":"', b'"}}'
    return start + b"x" * (TEN_MEGABYTES - len(start) - len(end)) + end


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
@pytest.mark.parametrize("known", [True, False], ids=["known-application", "unknown-application"])
def test_ten_megabytes_are_drained_before_the_413(client, framing, known):
    """A client that writes all before it reads must get the answer, not a reset."""
    app_id = client.post("/api/v1/app", {"name": "Acme"}).json["id"]
    before = Stored(client)
    path = f"/api/v1/app/{app_id if known else 'nobody'}/msg"
    body = big_body()
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
        if framing == "chunked":
            connection.sendall(head(client, path, "transfer-encoding: chunked"))
            connection.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        else:
            connection.sendall(head(client, path, f"content-length: {len(body)}"))
            connection.sendall(body)
        answer = read_one_answer(connection)
        if known or answer.status == 413:
            assert_error(answer, 413, hidden=(client.token,))
        else:
            assert_error(answer, 404, "not_found", (client.token,))
        # The connection stays usable unless the answer says otherwise.
        if answer.headers.get("connection", "").lower() != "close":
            connection.sendall(b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            assert read_one_answer(connection).status == 200
    assert Stored(client) == before


def test_ten_megabytes_without_a_token_are_answered_too(server):
    stranger = RawClient(server.port, None)
    answer = stranger.send("POST", "/api/v1/app", big_body())
    assert answer.status in (401, 413), answer.body[:300]


def test_a_head_without_end_is_refused(client):
    answer = client.send("GET", "/api/v1/app", headers={"x-long": "a" * 1_000_000})
    assert answer.status in (400, 413, 431), answer.body[:300]


def test_bytes_that_are_no_http_do_not_disturb_the_server(client):
    for noise in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 1_000, b"HELLO\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", client.port), timeout=30) as connection:
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            received = connection.recv(4_096)
            assert received == b"" or received.startswith(b"HTTP/1.1 400"), received
    assert client.get("/api/v1/app").status == 200


def test_a_head_that_dribbles_is_given_up(slow_head):
    """Last in this file: meanwhile the others have used the time."""
    ended_after = slow_head.wait()
    assert ended_after is not None, f"the server still waits after {SLOW_HEAD_SECONDS} s"
