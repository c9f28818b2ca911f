"""Requests to bins as bytes on a socket, and random ones of every shape that HTTP/1.1 allows."""

import random
import socket
import string
from dataclasses import dataclass
from urllib.parse import urlsplit

SOCKET_SECONDS = 30
TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "pOsT", "X-ODD", "M-SEARCH"]
PATH = string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@/%[]{}|\\^`\"<>"


@dataclass(frozen=True)
class Sent:
    """A request as it goes out, and what it means."""

    head: bytes
    wire_body: bytes
    body: bytes

    @property
    def is_chunked(self) -> bool:
        return self.wire_body != self.body


def address_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname, parts.port


def send(url: str, request: bytes) -> bytes:
    """Sends bytes and nothing more, and returns all that comes back."""
    with socket.create_connection(address_of(url), timeout=SOCKET_SECONDS) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
        return answer


class KeptConnection:
    """Sends requests one after the other on one connection, and reads their answers."""

    def __init__(self, url: str):
        self._socket = socket.create_connection(address_of(url), timeout=SOCKET_SECONDS)
        self._stream = self._socket.makefile("rb")

    def send(self, request: bytes) -> int:
        self._socket.sendall(request)
        status = int(self._stream.readline().split(b" ")[1])
        length = 0
        while (line := self._stream.readline()) not in (b"\r\n", b""):
            name, value = line.split(b":", 1)
            if name.lower() == b"content-length":
                length = int(value)
        self._stream.read(length)
        return status

    def close(self):
        self._stream.close()
        self._socket.close()


def random_request(chance: random.Random, name: str) -> Sent:
    method = chance.choice(METHODS)
    target = f"/{name}" + random_target(chance)
    if chance.random() < 0.1:
        target = f"http://elsewhere.example{target}"
    body = chance.randbytes(chance.choice([0, 1, 7, 100, 5_000])) if method not in ("GET", "OPTIONS") else b""
    lines = [random_header(chance) for _ in range(chance.randrange(12))]
    lines += chance.choices(lines, k=chance.randrange(3)) if lines else []
    wire_body, framing = body, []
    if body or chance.random() < 0.2:
        if chance.random() < 0.5:
            wire_body, framing = chunked(chance, body), [b"tRaNsFer-Encoding: chunked"]
        else:
            framing = [b"content-LENGTH:%d" % len(body)]
    lines += [b"HoSt: bins", *framing]
    chance.shuffle(lines)
    head = b"\r\n".join([f"{method} {target} HTTP/1.1".encode(), *lines]) + b"\r\n\r\n"
    return Sent(head, wire_body, body)


def random_target(chance: random.Random) -> str:
    path = "".join(chance.choices(PATH, k=chance.randrange(30)))
    query = "".join(chance.choices(PATH + "?&&=", k=chance.randrange(30)))
    return chance.choice(["", "/", f"/{path}", f"/{path}?{query}", f"?{query}"])


def random_header(chance: random.Random) -> bytes:
    name = "x-" + "".join(chance.choices(TOKEN, k=chance.randrange(1, 12)))
    value = bytes(chance.choice(range(0x20, 0xff)) for _ in range(chance.randrange(30))).replace(b"\x7f", b"~")
    space = chance.choice([b"", b" ", b"\t", b"   "])
    return name.encode() + b":" + space + value + chance.choice([b"", b" "])


def chunked(chance: random.Random, body: bytes) -> bytes:
    out, rest = b"", body
    while rest:
        size = chance.randrange(1, len(rest) + 1)
        extension = chance.choice([b"", b";a", b';a="b;c"', b" ;x=1"])
        digits = chance.choice([b"%x", b"%X", b"0%x"]) % size
        out += digits + extension + b"\r\n" + rest[:size] + b"\r\n"
        rest = rest[size:]
    trailer = chance.choice([b"", b"X-Trailer: 1\r\n"])
    return out + b"0\r\n" + trailer + b"\r\n"
