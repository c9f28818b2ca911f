"""A webhook receiver that keeps each request as its bytes came from the socket, and answers as told.

A server of our own rather than a library's, since libraries hide the case and the order of headers. It speaks just
enough HTTP/1.1 for that: keep-alive, content-length and chunked bodies.
"""

import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass

from waiting import DEADLINE_SECONDS


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    head: bytes
    body: bytes

    @property
    def method(self) -> str:
        return self.head.split(b" ", 1)[0].decode()

    @property
    def path(self) -> str:
        return self.head.split(b" ", 2)[1].decode()

    @property
    def header_lines(self) -> list[tuple[str, str]]:
        """The headers in their order, names as sent."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.split(":", 1) for line in lines if line)
        return [(name, value.strip()) for name, value in pairs]

    @property
    def headers(self) -> dict[str, str]:
        """The headers by lower-case name; a repeated name fails, since no delivery repeats one."""
        found: dict[str, str] = {}
        for name, value in self.header_lines:
            assert name.lower() not in found, f"{name} was sent twice"
            found[name.lower()] = value
        return found


class Receiver:
    """Listens on a free port of 127.0.0.1. Each path has requests and answers of its own."""

    def __init__(self):
        self._arrived = threading.Condition()
        self._requests: dict[str, list[Request]] = {}
        self._answers: dict[str, list[int]] = {}
        self._deciders: dict[str, Callable[[Request], int]] = {}
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.receiver = self
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def answer(self, path: str, statuses: list[int]):
        """The statuses of the next requests to `path`; after the last of them 200 again."""
        with self._arrived:
            self._answers[path] = list(statuses)

    def answer_by(self, path: str, decide: Callable[[Request], int]):
        """Every request to `path` is answered with the status that `decide` returns for it."""
        with self._arrived:
            self._deciders[path] = decide

    def requests(self, path: str) -> list[Request]:
        with self._arrived:
            return list(self._requests.get(path, []))

    def wait(self, path: str, count: int, deadline_seconds: float = DEADLINE_SECONDS) -> list[Request]:
        """Returns the requests to `path` as soon as there are `count` of them."""
        with self._arrived:
            if not self._arrived.wait_for(
                lambda: len(self._requests.get(path, [])) >= count, timeout=deadline_seconds
            ):
                got = {key: len(value) for key, value in self._requests.items()}
                raise AssertionError(f"{path} did not get {count} requests in {deadline_seconds} s: {got}")
            return list(self._requests[path])

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def keep(self, request: Request) -> int:
        """Records a request and returns the status to answer with."""
        with self._arrived:
            self._requests.setdefault(request.path, []).append(request)
            answers = self._answers.get(request.path, [])
            decide = self._deciders.get(request.path, lambda _: answers.pop(0) if answers else 200)
            status = decide(request)
            self._arrived.notify_all()
            return status


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256


class _Connection(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            while head := self._read_head():
                request = Request(head, self._read_body(head))
                status = self.server.receiver.keep(request)
                body = b"ok" if status < 300 else b"not now"
                self.wfile.write(
                    b"HTTP/1.1 %d Status\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%s"
                    % (status, len(body), body)
                )
        except ConnectionError:
            return

    def _read_head(self) -> bytes:
        lines = []
        while line := self.rfile.readline(65_536):
            if line == b"\r\n":
                return b"".join(lines)
            lines.append(line)
        return b""

    def _read_body(self, head: bytes) -> bytes:
        headers = Request(head, b"").headers
        if headers.get("transfer-encoding") == "chunked":
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(headers.get("content-length", "0")))
