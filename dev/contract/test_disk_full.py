"""A full disk: 503 instead of promises, and back to work by itself when there is room again."""

import json

import pytest

from namespace import FileSystem
from raw_http import RawClient
from refusals import assert_error
from semnal_server import Server
from waiting import wait_for

FILE_SYSTEM_BYTES = 24 * 1_024 * 1_024
# What the ballast leaves free: some hundred messages' worth.
LEFT_FREE_BYTES = 4 * 1_024 * 1_024
MESSAGES_MAX = 5_000
TEXT_BYTES = 16_384
RECOVERY_SECONDS = 60


class Story:
    """One server on a small disk, and what it promised."""

    def __init__(self, file_system, server, receiver, path):
        self.file_system = file_system
        self.ballast = file_system.seen_from_outside / "ballast"
        self.receiver = receiver
        self.path = path
        self.client = RawClient(server.port, server.create_key("disk full"))
        self.app_id = self.client.post("/api/v1/app", {"name": "Acme"}).json["id"]
        made = self.client.post(f"/api/v1/app/{self.app_id}/endpoint", {"url": receiver.url(path)})
        assert made.status == 201, made.body
        self.accepted: dict[str, int] = {}
        self.tried = 0

    def send(self):
        """Sends one message; keeps what was promised."""
        self.tried += 1
        value = {"eventType": "shop.opened", "payload": {"n": self.tried, "text": "x" * TEXT_BYTES}}
        answer = self.client.send("POST", f"/api/v1/app/{self.app_id}/msg", json.dumps(value).encode())
        if answer.status == 202:
            self.accepted[answer.json["id"]] = self.tried
        else:
            assert_error(answer, 503)
        return answer

    def fill(self):
        room = self.file_system.free_bytes() - LEFT_FREE_BYTES
        assert room > 0, "the server alone fills the disk"
        self.ballast.write_bytes(bytes(room))
        while self.send().status == 202:
            assert self.tried < MESSAGES_MAX, "the disk never got full"

    def assert_promises_kept(self, client):
        """Every message that was accepted is there, and no other."""
        for message_id, number in self.accepted.items():
            answer = client.get(f"/api/v1/app/{self.app_id}/msg/{message_id}")
            assert answer.status == 200, (message_id, answer.body)
            assert answer.json["payload"]["n"] == number
        listed, iterator, done = set(), "", False
        while not done:
            page = client.get(f"/api/v1/app/{self.app_id}/msg?limit=250&with_content=false{iterator}").json
            listed |= {one["id"] for one in page["data"]}
            iterator, done = f"&iterator={page['iterator']}", page["done"]
        assert listed == set(self.accepted)

    def delivered(self) -> set[str]:
        return {request.headers["webhook-id"] for request in self.receiver.requests(self.path)}


@pytest.fixture
def file_system(tmp_path):
    with FileSystem(tmp_path / "data", f"size={FILE_SYSTEM_BYTES}") as small:
        yield small


def test_a_full_disk_answers_503_and_recovers_by_itself(tmp_path, file_system, receiver, path):
    server = Server(tmp_path, prefix=file_system.prefix, data_directory=file_system.path).start()
    story = Story(file_system, server, receiver, path)
    story.fill()
    promised = len(story.accepted)
    assert promised > 0, "nothing was accepted before the disk was full"
    # It keeps answering, and reading goes on.
    for _ in range(5):
        story.send()
    story.assert_promises_kept(story.client)

    story.ballast.unlink()
    wait_for(lambda: story.send().status == 202, "accepted message after there was room", RECOVERY_SECONDS)
    story.assert_promises_kept(story.client)
    wait_for(
        lambda: story.delivered() >= set(story.accepted), "delivery of all that was accepted", RECOVERY_SECONDS
    )
    assert story.delivered() == set(story.accepted), "something was delivered that was never accepted"
    assert_balanced(server)
    server.stop()
    assert_balanced(server)

    server.start()
    story.assert_promises_kept(RawClient(server.port, story.client.token))
    server.stop()


def assert_balanced(server):
    done = server.command("verify")
    assert done.returncode == 0, (done.stdout, done.stderr)
