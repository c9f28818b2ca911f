"""Walks lists from end to end in both directions, as clients do, and posts what the lists are to hold."""

import http.client
import json
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

# A walk that takes more pages than this goes in circles.
PAGES_MAX = 200
ANSWER_SECONDS = 60


def walk(list_page: Callable, identify: Callable) -> list:
    """Walks to the end and back to the start, requires that both ways agree, and returns what was listed.

    `list_page` takes an iterator and returns a page.
    """
    pages = pages_forwards(list_page)
    forwards = [[identify(item) for item in page.data] for page in pages]
    current = pages[-1]
    for expected in reversed(forwards[:-1]):
        current = list_page(current.prev_iterator)
        assert [identify(item) for item in current.data] == expected, "a previous page differs from the one passed"
    return [item for page in forwards for item in page]


def pages_forwards(list_page: Callable) -> list:
    """Walks to the end only: what is still filling may differ on the way back."""
    pages = [list_page(None)]
    while not pages[-1].done:
        pages.append(list_page(pages[-1].iterator))
        assert len(pages) < PAGES_MAX
    return pages


def post_all(port: int, key: str, requests: Iterable[tuple[str, str, dict]], connections: int = 8) -> list[dict]:
    """Sends (method, path, body) over a few connections; returns the answers in the order of the requests."""
    requests = list(requests)
    answers: list[dict] = [{}] * len(requests)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def send(first: int):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        for number in range(first, len(requests), connections):
            method, path, body = requests[number]
            connection.request(method, path, json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status in (200, 201, 202), text
            answers[number] = json.loads(text)
        connection.close()

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(send, range(connections)))
    return answers


@dataclass
class Burst:
    """Messages that are sent before any answer is read, over many connections: as dense as a client can."""

    port: int
    key: str
    app: str

    def send(self, count: int, connections: int) -> list[list[str]]:
        """Returns the ids that each connection was given, in the order of its requests."""
        body = json.dumps({"eventType": "shop.opened", "payload": {}}).encode()
        request = (
            f"POST /api/v1/app/{self.app}/msg HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {self.key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body
        each = count // connections
        sockets = [socket.create_connection(("127.0.0.1", self.port), ANSWER_SECONDS) for _ in range(connections)]
        for it in sockets:
            it.sendall(request * each)
        ids = []
        for it in sockets:
            with it, it.makefile("rb") as answers:
                ids.append([self._read(answers) for _ in range(each)])
        return ids

    def _read(self, answers) -> str:
        status = answers.readline()
        assert b" 202 " in status, status
        length = 0
        while (line := answers.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return json.loads(answers.read(length))["id"]
