"""Bulk work through the SDK, and the crash test of recover: killed again and again, each delivery is sent again once.

SEMNAL_RECOVER_MESSAGES says how many deliveries the crash test has: 2,000 unless told otherwise, 50,000 in `dev/test
deep`.
"""

import collections
import http.client
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from svix.api import ApplicationIn, BulkReplayIn, EndpointIn, MessageIn, RecoverIn, ReplayIn, Svix, SvixOptions
from svix.api.background_task import BackgroundTaskListOptions
from svix.api.endpoint import EndpointRecoverOptions
from svix.models import AppUsageStatsIn, BackgroundTaskStatus, BackgroundTaskType, MessageStatus

from semnal_server import Server, free_port
from waiting import wait_for

MESSAGES = int(os.environ.get("SEMNAL_RECOVER_MESSAGES", "2000"))
SENDERS = 4
KILLS = 3
# One more attempt, at once: a closed port fails in a millisecond.
SCHEDULE = "1ms"
PATIENCE_SECONDS = 60 + MESSAGES / 100


def since():
    return datetime.now(timezone.utc) - timedelta(hours=1)


def send(svix, app_id, count):
    return [svix.message.create(app_id, MessageIn(event_type="a.b", payload={"n": n})).id for n in range(count)]


def finished(svix, task_id):
    def look():
        task = svix.background_task.get(task_id)
        assert task.status != BackgroundTaskStatus.FAILED, task
        return task if task.status == BackgroundTaskStatus.FINISHED else None

    return wait_for(look, "finished task")


def test_the_sdk_recovers_replays_and_counts(fresh_svix, receiver, path):
    svix = fresh_svix
    app = svix.application.create(ApplicationIn(name="Acme", uid="acme"))
    endpoint = svix.endpoint.create(app.id, EndpointIn(url=receiver.url(path)))
    receiver.answer(path, [500] * 6)
    failed = send(svix, app.id, 2)
    wait_for(lambda: svix.endpoint.get_stats(app.id, endpoint.id).fail == 2, "two failures")

    options = EndpointRecoverOptions(idempotency_key="once")
    started = svix.endpoint.recover(app.id, endpoint.id, RecoverIn(since=since()), options)
    assert (started.status, started.task) == (BackgroundTaskStatus.RUNNING, BackgroundTaskType.ENDPOINT_RECOVER)
    assert started.id.startswith("qtask_")
    again = svix.endpoint.recover(app.id, endpoint.id, RecoverIn(since=since()), options)
    assert again.id == started.id
    done = finished(svix, started.id)
    assert done.data == {"messagesSent": 2, "done": 2, "total": 2}
    assert {it.headers["webhook-id"] for it in receiver.wait(path, 8)[6:]} == set(failed)

    late = svix.endpoint.create(app.id, EndpointIn(url=receiver.url(path + "-late")))
    started = svix.endpoint.replay_missing(app.id, late.id, ReplayIn(since=since()))
    assert finished(svix, started.id).data["messagesSent"] == 2
    assert {it.headers["webhook-id"] for it in receiver.wait(path + "-late", 2)} == set(failed)
    started = svix.endpoint.replay_missing(app.id, late.id, ReplayIn(since=since()))
    assert finished(svix, started.id).data["messagesSent"] == 0

    wait_for(lambda: svix.endpoint.get_stats(app.id, endpoint.id).success == 2, "two successes")
    bulk = BulkReplayIn(since=since(), status=MessageStatus.SUCCESS, event_types=["a.b"])
    started = svix.endpoint.bulk_replay(app.id, endpoint.id, bulk)
    assert finished(svix, started.id).data["messagesSent"] == 2
    receiver.wait(path, 10)

    window = AppUsageStatsIn(since=since(), until=datetime.now(timezone.utc), app_ids=["acme", "nobody"])
    stats = svix.statistics.aggregate_app_stats(window)
    assert stats.unresolved_app_ids == ["nobody"]
    assert finished(svix, stats.id).data == {
        "appStats": [{"appId": app.id, "appUid": "acme", "messageDestinations": 4}]
    }
    types = svix.statistics.aggregate_event_types()
    assert finished(svix, types.id).data["event_types"] == [
        {"appId": app.id, "explicitlySubscribedEventTypes": [], "hasCatchAllEndpoint": True}
    ]

    listed = svix.background_task.list().data
    assert len(listed) == 6 and listed[0].id == types.id
    kind = BackgroundTaskListOptions(task=BackgroundTaskType.ENDPOINT_RECOVER, status=BackgroundTaskStatus.FINISHED)
    assert [it.id for it in svix.background_task.list(kind).data] == [done.id]


class Crash:
    """A server whose one endpoint is a closed port, with every delivery failed."""

    def __init__(self, directory):
        self.server = Server(directory, SEMNAL_RETRY_SCHEDULE=SCHEDULE).start()
        self.key = self.server.create_key("crash")
        svix = self.svix
        self.app = svix.application.create(ApplicationIn(name="Acme")).id
        self.endpoint = svix.endpoint.create(
            self.app, EndpointIn(url=f"http://127.0.0.1:{free_port()}/")
        ).id
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(self._send, [MESSAGES // SENDERS] * SENDERS))
        wait_for(lambda: self.stats().fail == MESSAGES, "failure of all", PATIENCE_SECONDS)

    @property
    def svix(self):
        return Svix(self.key, SvixOptions(server_url=self.server.url))

    def _send(self, count):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port)
        body = json.dumps({"eventType": "a.b", "payload": {}})
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        for _ in range(count):
            connection.request("POST", f"/api/v1/app/{self.app}/msg", body, headers)
            answer = connection.getresponse()
            assert answer.status == 202, answer.read()
            answer.read()
        connection.close()

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port)
        connection.request("GET", path, headers={"authorization": f"Bearer {self.key}"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        assert answer.status == 200, body
        return body

    def stats(self):
        return self.svix.endpoint.get_stats(self.app, self.endpoint)

    def recover(self):
        return self.svix.endpoint.recover(self.app, self.endpoint, RecoverIn(since=since())).id

    def task(self, task_id):
        return self.get(f"/api/v1/background-task/{task_id}")

    def kill(self):
        self.server.process.kill()
        self.server.process.wait()
        self.server.start()

    def rest(self):
        """Waits until nothing is pending."""
        wait_for(lambda: self.stats().pending == 0, "rest", PATIENCE_SECONDS)

    def manual_attempts(self):
        """Counts the attempts that a person asked for, by message."""
        counts = collections.Counter()
        path = f"/api/v1/app/{self.app}/attempt/endpoint/{self.endpoint}?limit=250&with_content=false"
        iterator = ""
        while True:
            page = self.get(path + iterator)
            counts.update(it["msgId"] for it in page["data"] if it["triggerType"] == 1)
            if page["done"]:
                return counts
            iterator = f"&iterator={page['iterator']}"


@pytest.fixture
def crash(tmp_path):
    made = Crash(tmp_path)
    yield made
    made.server.stop()


def test_a_recover_that_is_killed_again_and_again_sends_each_delivery_once(crash):
    task_id = crash.recover()
    seen = []
    for kill in range(1, KILLS + 1):
        enough = MESSAGES * kill // (KILLS + 2)

        def has_come_far(enough=enough):
            task = crash.task(task_id)
            assert task["status"] == "running", task
            return task if task["data"]["done"] >= enough else None

        seen.append(wait_for(has_come_far, "progress", PATIENCE_SECONDS)["data"]["done"])
        crash.kill()
        assert crash.task(task_id)["data"]["done"] >= seen[-1], "a crash does not set the task back"
    done = wait_for(
        lambda: (it := crash.task(task_id))["status"] == "finished" and it, "finished task", PATIENCE_SECONDS
    )
    assert done["data"] == {"messagesSent": MESSAGES, "done": MESSAGES, "total": MESSAGES}
    crash.rest()
    counts = crash.manual_attempts()
    assert len(counts) == MESSAGES and set(counts.values()) == {1}
    verified = crash.server.command("verify")
    assert verified.returncode == 0, verified.stdout


def test_a_recover_that_is_watched_and_cancelled_sends_nothing_more(crash):
    task_id = crash.recover()
    # Watched with the SDK, as its users do, which has no call to cancel.
    watched = wait_for(
        lambda: (it := crash.svix.background_task.get(task_id)).data["done"] > 0 and it, "progress", PATIENCE_SECONDS
    )
    assert (watched.status, watched.data["total"]) == (BackgroundTaskStatus.RUNNING, MESSAGES)
    connection = http.client.HTTPConnection("127.0.0.1", crash.server.port)
    path = f"/api/v1/background-task/{task_id}/cancel"
    connection.request("POST", path, headers={"authorization": f"Bearer {crash.key}"})
    assert connection.getresponse().status == 204
    connection.close()
    stopped = crash.task(task_id)
    assert stopped["status"] == "failed" and stopped["data"]["cancelled"] is True
    sent = stopped["data"]["messagesSent"]
    assert 0 < sent < MESSAGES
    # Another task does its whole work after the first: had that gone on, it would have had its turns.
    other = crash.svix.endpoint.replay_missing(crash.app, crash.endpoint, ReplayIn(since=since())).id
    wait_for(lambda: crash.task(other)["status"] == "finished", "other task", PATIENCE_SECONDS)
    crash.rest()
    assert crash.task(task_id)["data"]["messagesSent"] == sent
    counts = crash.manual_attempts()
    assert len(counts) == sent and set(counts.values()) == {1}
