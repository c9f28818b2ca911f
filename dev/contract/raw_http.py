"""Requests as a program without an SDK makes them, where the test decides on every byte."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

REQUEST_TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RawClient:
    """Sends with one bearer token; `token=None` sends none."""

    def __init__(self, port: int, token: str | None):
        self.port = port
        self.token = token

    def send(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> Answer:
        """Sends one request on a connection of its own. A body goes out as JSON unless the headers say otherwise."""
        all_headers = {}
        if self.token is not None:
            all_headers["authorization"] = f"Bearer {self.token}"
        if body is not None:
            all_headers["content-type"] = "application/json"
        all_headers.update(headers or {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body=body, headers=all_headers)
            return read_answer(connection)
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def post(self, path: str, value: Any) -> Answer:
        return self.send("POST", path, json.dumps(value).encode())

    def patch(self, path: str, value: Any) -> Answer:
        return self.send("PATCH", path, json.dumps(value).encode())

    def put(self, path: str, value: Any) -> Answer:
        return self.send("PUT", path, json.dumps(value).encode())

    def delete(self, path: str) -> Answer:
        return self.send("DELETE", path)


def read_answer(connection: http.client.HTTPConnection) -> Answer:
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())
