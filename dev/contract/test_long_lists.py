"""Lists of more than 600 rows, in both directions, with each unmodified SDK; and the list of messages under fire."""

import threading
from datetime import datetime, timezone

import pytest
from svix.api import (
    ApplicationListOptions,
    EndpointListOptions,
    EventTypeListOptions,
    MessageAttemptListByEndpointOptions,
    MessageAttemptListByMsgOptions,
    MessageListOptions,
    Svix,
    SvixOptions,
)
from svix.api.background_task import BackgroundTaskListOptions
from svix.api.message_attempt import (
    MessageAttemptListAttemptedDestinationsOptions,
    MessageAttemptListAttemptedMessagesOptions,
)

import tokens
from npm import PACKAGES, run_script
from waiting import wait_for
from walking import Burst, post_all, pages_forwards, walk

ROWS = 610
PAGE = 100
TASKS_AT_ONCE = 90
BURST = 10_000
CONNECTIONS = 50
# Messages that arrive at once while the list is walked.
MORE = 50


class Long:
    """An organisation whose every list has ROWS rows; `lists` has what each must show."""

    def __init__(self, server, receiver):
        self.server = server
        self.token = tokens.organisation_token(tokens.new_organisation_id())
        self.svix = Svix(self.token, SvixOptions(server_url=server.url))
        made = self._post(("POST", "/api/v1/app", {"name": f"Shop {n}"}) for n in range(ROWS))
        applications = sorted(it["id"] for it in made)
        self.app = applications[0]
        names = [f"shop.event_{n:03}" for n in range(ROWS)]
        self._post(("POST", "/api/v1/event-type", {"name": name, "description": "-"}) for name in names)
        [url, one_url] = [receiver.url("/many"), receiver.url("/one")]
        endpoints = f"/api/v1/app/{self.app}/endpoint"
        # All of them take one message, one takes all the others.
        made = self._post(
            ("POST", endpoints, {"url": url, "uid": f"many-{n}", "eventTypes": ["to.many"]}) for n in range(ROWS - 1)
        )
        [one] = self._post([("POST", endpoints, {"url": one_url, "uid": "one", "eventTypes": ["to.one", "to.many"]})])
        endpoints = sorted([it["id"] for it in made] + [one["id"]])
        messages = f"/api/v1/app/{self.app}/msg"
        sent = self._post(("POST", messages, {"eventType": "to.one", "payload": {}}) for _ in range(ROWS - 1))
        [self.message] = [it["id"] for it in self._post([("POST", messages, {"eventType": "to.many", "payload": {}})])]
        sent = sorted([it["id"] for it in sent] + [self.message])
        tasks = self._tasks(f"/api/v1/app/{self.app}/endpoint/one/recover")
        wait_for(lambda: self.stats(one["id"]).success == ROWS, "deliveries to one")
        wait_for(lambda: self.destinations_reached() == ROWS, "deliveries to many", 60)
        self.lists = {
            "applications": applications,
            "event types": names,
            "endpoints": endpoints[::-1],
            "messages": sent[::-1],
            "background tasks": tasks[::-1],
            "attempted messages": sent[::-1],
            "attempted destinations": endpoints,
            # Attempts are told apart by what they belong to: each of these was tried once.
            "attempts by endpoint": sent,
            "attempts by message": endpoints,
        }

    def _post(self, requests, connections=8):
        return post_all(self.server.port, self.token, requests, connections)

    def _tasks(self, path) -> list[str]:
        """Lets tasks find nothing to do, one batch after the other: an organisation runs 100 at once."""
        made = []
        body = {"since": datetime.now(timezone.utc).isoformat()}
        while len(made) < ROWS:
            batch = [("POST", path, body)] * min(TASKS_AT_ONCE, ROWS - len(made))
            made += [it["id"] for it in self._post(batch, 1)]
            wait_for(lambda: self.svix.background_task.get(made[-1]).status == "finished", "finished task")
        return made

    def stats(self, endpoint):
        return self.svix.endpoint.get_stats(self.app, endpoint)

    def destinations_reached(self) -> int:
        options = lambda iterator: MessageAttemptListByMsgOptions(limit=250, iterator=iterator)
        call = self.svix.message_attempt.list_by_msg
        pages = pages_forwards(lambda iterator: call(self.app, self.message, options(iterator)))
        return sum(len(page.data) for page in pages)

    def calls(self) -> dict:
        """Each list of the SDK: how to get a page, and what to know an item by."""
        svix, app, message = self.svix, self.app, self.message

        def of(call, options, *path):
            return lambda iterator: call(*path, options(limit=PAGE, iterator=iterator))

        def by_id(item):
            return item.id

        attempts = svix.message_attempt
        return {
            "applications": (of(svix.application.list, ApplicationListOptions), by_id),
            "event types": (of(svix.event_type.list, EventTypeListOptions), lambda it: it.name),
            "endpoints": (of(svix.endpoint.list, EndpointListOptions, app), by_id),
            "messages": (of(svix.message.list, MessageListOptions, app), by_id),
            "background tasks": (of(svix.background_task.list, BackgroundTaskListOptions), by_id),
            "attempted messages": (
                of(attempts.list_attempted_messages, MessageAttemptListAttemptedMessagesOptions, app, "one"), by_id,
            ),
            "attempted destinations": (
                of(attempts.list_attempted_destinations, MessageAttemptListAttemptedDestinationsOptions, app, message),
                by_id,
            ),
            "attempts by endpoint": (
                of(attempts.list_by_endpoint, MessageAttemptListByEndpointOptions, app, "one"), lambda it: it.msg_id,
            ),
            "attempts by message": (
                of(attempts.list_by_msg, MessageAttemptListByMsgOptions, app, message), lambda it: it.endpoint_id,
            ),
        }

    def check(self, name, found):
        expected = self.lists[name]
        # No id tells the order of what happened in one millisecond in several applications, or at several endpoints.
        if name.startswith(("applications", "attempts")):
            found = sorted(found)
        assert found == expected, name


@pytest.fixture(scope="module")
def long(server, receiver):
    return Long(server, receiver)


def test_every_list_pages_in_both_directions_with_the_python_sdk(long):
    calls = long.calls()
    assert calls.keys() == long.lists.keys()
    for name, (list_page, identify) in calls.items():
        long.check(name, walk(list_page, identify))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_list_pages_in_both_directions_with_the_npm_sdks(long, package):
    told = run_script(
        "lists.mjs", package, SEMNAL_URL=long.server.url, SEMNAL_TOKEN=long.token, APP=long.app, MESSAGE=long.message,
        ENDPOINT="one", PAGE=str(PAGE),
    )
    assert told.keys() == long.lists.keys()
    for name, found in told.items():
        long.check(name, found)


@pytest.fixture
def more_arrive(server, key):
    """Returns a function that lets messages arrive in an application until the test is over; it fails if they do not."""
    over = threading.Event()
    threads, sent, problems = [], [], []

    def keep_on(app):
        def send():
            burst = Burst(server.port, key, app)
            try:
                while not over.is_set():
                    sent.append(burst.send(MORE, 10))
            except Exception as problem:
                problems.append(problem)

        threads.append(threading.Thread(target=send))
        threads[-1].start()
        return sent

    yield keep_on
    over.set()
    for thread in threads:
        thread.join()
    assert not problems


def test_a_burst_lists_newest_first_each_once_both_ways_while_more_arrive(server, key, svix, more_arrive):
    [app] = [it["id"] for it in post_all(server.port, key, [("POST", "/api/v1/app", {"name": "Burst"})])]
    by_connection = Burst(server.port, key, app).send(BURST, CONNECTIONS)
    burst = sorted((it for ids in by_connection for it in ids), reverse=True)
    assert len(set(burst)) == BURST
    assert all(ids == sorted(ids) for ids in by_connection), "a later answer has an earlier id"

    arriving = more_arrive(app)
    wait_for(lambda: arriving, "more messages")
    pages = []

    def list_page(iterator):
        page = svix.message.list(app, MessageListOptions(limit=250, iterator=iterator))
        pages.append(page)
        return page

    listed = walk(list_page, lambda it: it.id)
    times = [it.timestamp for page in pages[: -(-len(listed) // 250)] for it in page.data]
    assert times == sorted(times, reverse=True) and len(times) == len(listed)
    assert listed == sorted(set(listed), reverse=True), "newest first, each exactly once"
    assert listed[-BURST:] == burst
    assert len(listed) > BURST, "nothing arrived before the walk"

    # Beyond where the walk began there is what has arrived since, up to the end of the list.
    newer, page = [], pages[-1]
    seen = len(arriving)
    wait_for(lambda: len(arriving) > seen, "still more messages")
    while page.prev_iterator and (page := list_page(page.prev_iterator)).data:
        newer = [it.id for it in page.data] + newer
        if len(newer) > MORE:
            break
    assert newer == sorted(set(newer), reverse=True) and newer[-1] > listed[0]
