"""The custom endpoints of docs/ultimate-multisite.md: a new account's name and e-mail reach a mailing list."""

import http.client
import json
import os
import subprocess
from pathlib import Path

import pytest

from semnal_server import ROOT, free_port
from ultimate_multisite import make_face
from verify_examples import runtime, rust_binary
from waiting import wait_for

EXAMPLES = ROOT / "docs/examples/mailing-list"
LANGUAGES = ["python", "javascript", "php", "rust"]


def command(language: str, port: int) -> list[str]:
    match language:
        case "python":
            return [runtime("python3"), "mailing_list.py"]
        case "javascript":
            return [runtime("node"), "mailing-list.mjs"]
        case "php":
            return [runtime("php"), "-S", f"127.0.0.1:{port}", "mailing-list.php"]
        case _:
            return [str(rust_binary("mailing-list"))]


class Example:
    """A running example with a list of its own."""

    def __init__(self, language: str, directory: Path):
        self.language = language
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._list, self._log = directory / "list.jsonl", directory / "example.log"
        self._process: subprocess.Popen | None = None

    def start(self, secret: str):
        settings = {"WEBHOOK_SECRET": secret, "PORT": str(self.port), "MAILING_LIST": str(self._list)}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command(self.language, self.port), cwd=EXAMPLES / self.language, env={**os.environ, **settings},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        wait_for(self._listens, f"{self.language} example")

    def _listens(self) -> bool:
        assert self._process.poll() is None, self._log.read_text(encoding="utf-8", errors="replace")
        table = Path("/proc/net/tcp").read_text(encoding="ascii")
        return f"0100007F:{self.port:04X} 00000000:0000 0A" in table

    def subscribers(self) -> list[dict]:
        lines = self._list.read_text(encoding="utf-8").splitlines() if self._list.exists() else []
        return [json.loads(line) for line in lines]

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def example(request, tmp_path):
    running = Example(request.param, tmp_path)
    yield running
    running.stop()


@pytest.mark.parametrize("example", LANGUAGES, indirect=True)
def test_the_name_and_e_mail_of_a_new_account_reach_a_mailing_list(server, svix, raw, path, example):
    uid = path.strip("/")
    raw.post("/api/v1/app", {"name": "List", "uid": f"list-{uid}"})
    face = make_face(server, f"list-{uid}")
    face.webhook(example.url, event="customer_created", name="Mailing list")
    [endpoint] = svix.endpoint.list(f"list-{uid}").data
    example.start(svix.endpoint.get_secret(f"list-{uid}", endpoint.id).key)
    sample = face.get("/hooks").json["customer_created"]["payload"]
    people = [("Ana Ștefănescu", "ana@example.com"), ('O"Neill', "o@example.com")]
    for number, (name, email) in enumerate([*people, people[0]], start=1):
        customer = {"customer_id": number, "customer_name": name, "customer_user_email": email}
        face.fire("customer_created", {**sample, **customer})
        wait_for(lambda n=number: face.get("/webhook/1").json["event_count"] == n, f"delivery of {number}")
    assert example.subscribers() == [{"email": email, "name": name} for name, email in people]


@pytest.mark.parametrize("example", LANGUAGES, indirect=True)
def test_a_request_that_is_not_signed_puts_nobody_on_the_list(example):
    example.start("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    connection = http.client.HTTPConnection("127.0.0.1", example.port, timeout=20)
    headers = {"content-type": "application/json", "webhook-event": "customer_created"}
    body = json.dumps({"customer_user_email": "x@example.com", "customer_name": "X"})
    connection.request("POST", "/hook", body=body, headers=headers)
    assert connection.getresponse().status == 400
    connection.close()
    assert example.subscribers() == []
