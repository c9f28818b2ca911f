"""Speaks to `/wp-json/wu/v2` as a Zap or a script does, and stands in for a network of Ultimate Multisite."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from raw_http import Answer, RawClient
from semnal_server import ROOT, Server

BASE = "/wp-json/wu/v2"
WEBHOOKS = json.loads((ROOT / "dev/contract/fixtures/ultimate_multisite_webhooks.json").read_text(encoding="utf-8"))
FORBIDDEN = {
    "code": "rest_forbidden", "message": "Sorry, you are not allowed to do that.", "data": {"status": 401},
}


class Face:
    """A client with a pair of its own."""

    def __init__(self, port: int, key: str, secret: str):
        self.key, self.secret = key, secret
        self._client = RawClient(port, None)

    def send(self, method: str, path: str, value=None, headers: dict | None = None) -> Answer:
        basic = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
        body = None if value is None else json.dumps(value).encode()
        return self._client.send(method, BASE + path, body, {"authorization": f"Basic {basic}", **(headers or {})})

    def bare(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> Answer:
        """Sends without the pair."""
        return self._client.send(method, BASE + path, body, headers)

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def webhook(self, url: str, **more) -> dict:
        """Makes a webhook and returns it."""
        fields = {"name": "Mine", "webhook_url": url, "event": "payment_received", "integration": "manual", **more}
        answer = self.send("POST", "/webhook", fields)
        assert answer.status == 200, answer
        return answer.json

    def fire(self, slug: str, payload: dict) -> dict:
        fields = {
            "slug": slug, "payload": payload, "severity": 2, "initiator": "system", "object_type": "network",
        }
        answer = self.send("POST", "/event", fields)
        assert answer.status == 200, answer
        return answer.json


def make_face(server: Server, app: str = "default") -> Face:
    """Makes a pair for an application; its texts must never be in the log."""
    done = server.command("keys", "create", "--name", "zapier", "--integration", "ultimate-multisite", "--app", app, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    server.secrets += [made["key"], made["secret"]]
    return Face(server.port, made["key"], made["secret"])


def refused(answer: Answer, status: int, code: str) -> str:
    """Asserts the form of errors and returns the message."""
    body = answer.json
    assert (answer.status, body["code"], body["data"]["status"]) == (status, code, status), answer
    assert set(body) == {"code", "message", "data"} and body["message"], answer
    return body["message"]


class Network:
    """A network whose REST API lists recorded webhooks, newest first, in pages, to whoever has the pair."""

    KEY, SECRET = "RecordedKey0123456789abc", "RecordedSecret0123456789"

    def __init__(self, webhooks: list[dict]):
        self.webhooks = sorted(webhooks, key=lambda it: -int(it["id"]))
        self.asked: list[str] = []
        self.has_pages = True
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.network = self
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        network = self.server.network
        network.asked.append(self.path)
        url = urlsplit(self.path)
        pair = base64.b64encode(f"{network.KEY}:{network.SECRET}".encode()).decode()
        if url.path != f"{BASE}/webhook":
            return self._answer(404, {"code": "rest_no_route", "message": "No route.", "data": {"status": 404}})
        if self.headers.get("authorization") != f"Basic {pair}":
            return self._answer(401, FORBIDDEN)
        asked = parse_qs(url.query)
        page, per_page = int(asked["page"][0]), min(int(asked["per_page"][0]), 100)
        if not network.has_pages:
            return self._answer(200, network.webhooks)
        total = len(network.webhooks)
        headers = {"X-WP-Total": str(total), "X-WP-TotalPages": str(-(-total // per_page))}
        self._answer(200, network.webhooks[(page - 1) * per_page : page * per_page], headers)

    def _answer(self, status: int, value, headers: dict | None = None):
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
