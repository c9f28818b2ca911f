"""Somebody who has one of everything that a path of the API can name, and texts that only they know."""

from typing import Any
from urllib.parse import urlencode

from raw_http import RawClient
from refusals import Stored
from waiting import wait_for

# Before anything that a victim sends.
LONG_AGO = "2023-01-31T12:00:00Z"
METHODS = ("get", "put", "post", "patch", "delete", "head")
# What has those who would wait or listen answered at once.
AT_ONCE = {"/api/v1/bin/{bin_id}/wait": {"after": 0, "timeout": 0}, "/api/v1/bin/{bin_id}/stream": {"timeout": 0}}


class Victim:
    """Makes the things with `token`; `mark` keeps those of several victims apart."""

    def __init__(self, server, token: str, receiver, mark: str):
        self.server = server
        self.client = RawClient(server.port, token)
        self.document = RawClient(server.port, None).get("/openapi.json").json
        self.mark = f"only-{mark}-knows"
        # In the description of the event type, which all applications of an organisation share.
        self.catalogue_mark = f"described-by-{mark}"
        self.application = self._made("/api/v1/app", {"name": self.mark, "uid": f"app-{self.mark}"}, 201)
        base = f"/api/v1/app/{self.application['id']}"
        path = f"/{self.mark}"
        self.endpoint = self._made(
            f"{base}/endpoint",
            {"url": receiver.url(path), "uid": f"endpoint-{self.mark}", "description": self.mark},
            201,
        )
        self.bin = self._made("/api/v1/bin", {"name": self.mark, "uid": f"bin-{self.mark}"}, 201)
        self._made(f"{base}/endpoint", {"url": self.bin["url"], "uid": f"endpoint-to-bin-{self.mark}"}, 201)
        event = {"eventType": f"type.{mark}", "eventId": f"event-{self.mark}", "payload": {"known": self.mark}}
        self.message = self._made(f"{base}/msg", event, 202)
        in_catalogue = {"name": f"type.{mark}", "description": self.catalogue_mark, "example": {"n": 17}}
        self.event_type = self._made("/api/v1/event-type", in_catalogue, 201)
        attempts = wait_for(lambda: self._attempts(base), "attempts at both endpoints")
        self.attempt = next(it for it in attempts if it["endpointId"] == self.endpoint["id"])
        self.captured = self.client.get(f"/api/v1/bin/{self.bin['id']}/request").json["data"][0]
        # Names that a test adds, by the part of a path.
        self.more_names: dict[str, list[str]] = {}
        self.task = self._task(f"{base}/endpoint/{self.endpoint['id']}/recover")
        self.secret = self.client.get(f"{base}/endpoint/{self.endpoint['id']}/secret").json["key"]

    def _made(self, path: str, value: Any, status: int) -> dict:
        answer = self.client.post(path, value)
        assert answer.status == status, (path, answer.status, answer.body)
        return answer.json

    def _attempts(self, base: str) -> list | None:
        """Those of the message, when both have ended: at the receiver and at the bin."""
        listed = self.client.get(f"{base}/attempt/msg/{self.message['id']}").json["data"]
        return listed if len(listed) == 2 else None

    def _task(self, path: str) -> dict:
        """Work on the endpoint that has come to its end: what is stored about it stays the same."""
        one = f"/api/v1/background-task/{self._made(path, {'since': LONG_AGO}, 202)['id']}"
        return wait_for(lambda: (it := self.client.get(one).json)["status"] == "finished" and it, "end of the task")

    def portal_token(self, application: str, **asked: Any) -> str:
        """A token for one application, as its people get them."""
        token = self._made(f"/api/v1/auth/app-portal-access/{application}", asked, 200)["token"]
        self.server.secrets.append(token)
        return token

    def names_of(self, part: str, path: str) -> list[str]:
        """What a part of a path can name. A new kind of part must be given something here."""
        known = {
            "app_id": [self.application["id"], self.application["uid"]],
            "endpoint_id": [self.endpoint["id"], self.endpoint["uid"]],
            "msg_id": [self.message["id"], self.message["eventId"]],
            "attempt_id": [self.attempt["id"]],
            "event_type_name": [self.event_type["name"]],
            "task_id": [self.task["id"]],
            "bin_id": [self.bin["id"], self.bin["uid"]],
            "request_id": [self.captured["id"]],
            "message_id": [self.message["id"]],
        }
        assert part in known, f"nothing is known that {{{part}}} in {path} could name; make one in victim.py"
        return known[part] + self.more_names.get(part, [])

    @property
    def known_only_here(self) -> list[str]:
        """What no answer to anybody else may have."""
        things = [self.application, self.endpoint, self.message, self.attempt, self.task, self.bin, self.captured]
        return [*(thing["id"] for thing in things), self.secret, self.mark]

    def operations(self):
        """Yields (method, path, operation) of the document."""
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method.upper(), path, item[method]

    def stored(self) -> tuple:
        base = f"/api/v1/app/{self.application['id']}"
        endpoint = f"{base}/endpoint/{self.endpoint['id']}"
        others = [f"{endpoint}/secret", f"{endpoint}/headers", f"{base}/attempt/msg/{self.message['id']}"]
        others += ["/api/v1/background-task", f"{base}/msg/{self.message['id']}/endpoint", "/api/v1/bin"]
        others += [f"/api/v1/bin/{self.bin['id']}/{what}" for what in ("request", "response")]
        return Stored(self.client).lists, [self.client.get(path).body for path in others]


def query_of(path: str, **more) -> str:
    """What to ask for, so that the answer comes at once."""
    asked = {**AT_ONCE.get(path, {}), **more}
    return f"?{urlencode(asked)}" if asked else ""


def filled(victim: Victim, path: str, which: int = 0) -> str:
    """The path with the victim's ids (`which` 0) or names of their choice (1)."""
    parts = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    for part in parts:
        names = victim.names_of(part, path)
        path = path.replace(f"{{{part}}}", names[min(which, len(names) - 1)])
    assert "{" not in path, path
    return path
