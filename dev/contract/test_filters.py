"""Every filter of every list against a recount over what the test itself sent: random messages, random answers of the
receivers, random filters alone and together. SEMNAL_FILTER_SEED runs another history."""

import os
import random

import pytest
from svix.api import (
    MessageAttemptListByEndpointOptions,
    MessageAttemptListByMsgOptions,
    MessageListOptions,
    Svix,
    SvixOptions,
)
from svix.api.message_attempt import MessageAttemptListAttemptedMessagesOptions
from svix.models import MessageStatus, StatusCodeClass

import tokens
from matching import TARGETS, Filters, answer_of, history, random_filters
from semnal_server import free_port
from waiting import wait_for
from walking import post_all, walk

SEED = int(os.environ.get("SEMNAL_FILTER_SEED", "3"))
MESSAGES = 220
# Small, so that a filter's answer takes several pages.
PAGE = 40
FILTERS = 25
# Attempts of a message are few: many messages make up for it.
MESSAGES_LOOKED_AT = 12
FILTERS_OF_A_MESSAGE = 6

KIND = ("event_types", "channel", "before", "after")
RESULT = ("status", "status_code_class")


class World:
    """An application with a history at rest."""

    def __init__(self, server, receiver, random_):
        token = tokens.organisation_token(tokens.new_organisation_id())
        self.svix = Svix(token, SvixOptions(server_url=server.url))
        self.random = random_
        [app] = post_all(server.port, token, [("POST", "/api/v1/app", {"name": "Filters"})])
        self.app = app["id"]
        self.endpoints = {}
        for target in TARGETS:
            path = f"/filters-{target.uid}"
            receiver.answer_by(path, answer_of(target.uid))
            url = receiver.url(path) if target.listens else f"http://127.0.0.1:{free_port()}/"
            body = {"url": url, "uid": target.uid, "eventTypes": target.event_types, "channels": target.channels}
            [made] = post_all(server.port, token, [("POST", f"/api/v1/app/{self.app}/endpoint", body)])
            self.endpoints[target.uid] = made["id"]
        self.sent = history(random_, MESSAGES)
        requests = [("POST", f"/api/v1/app/{self.app}/msg", it.body) for it in self.sent]
        for it, made in zip(self.sent, post_all(server.port, token, requests, 1), strict=True):
            it.id = made["id"]
        self.by_id = {it.id: it for it in self.sent}
        self._rest()
        newest_first = self.messages(Filters())
        assert [it.id for it in newest_first] == [it.id for it in reversed(self.sent)]
        for it in newest_first:
            self.by_id[it.id].timestamp = it.timestamp
        self.times = [it.timestamp for it in newest_first]

    def of(self, uid):
        """Returns the messages that an endpoint was sent, newest first."""
        return [it for it in reversed(self.sent) if uid in it.answers]

    def _rest(self):
        """Waits until everything is decided; the statistics must say what was sent and answered."""
        for uid, endpoint in self.endpoints.items():
            stats = lambda endpoint=endpoint: self.svix.endpoint.get_stats(self.app, endpoint)
            wait_for(lambda stats=stats: stats().pending == 0, f"rest at {uid}", 60)
            delivered = sum(it.status(uid) == 0 for it in self.of(uid))
            assert (stats().success, stats().fail) == (delivered, len(self.of(uid)) - delivered), uid

    def messages(self, filters):
        return self._walk(self.svix.message.list, MessageListOptions, filters)

    def attempts_of_endpoint(self, uid, filters):
        return self._walk(
            self.svix.message_attempt.list_by_endpoint, MessageAttemptListByEndpointOptions, filters, uid
        )

    def attempts_of_message(self, message, filters, page=2):
        return self._walk(
            self.svix.message_attempt.list_by_msg, MessageAttemptListByMsgOptions, filters, message, page=page
        )

    def attempted_messages(self, uid, filters):
        return self._walk(
            self.svix.message_attempt.list_attempted_messages, MessageAttemptListAttemptedMessagesOptions, filters, uid
        )

    def _walk(self, call, options, filters, *path, page=PAGE):
        # The SDK's own types, where it has any.
        given = filters.options()
        for name, kind in (("status", MessageStatus), ("status_code_class", StatusCodeClass)):
            if name in given:
                given[name] = kind(given[name])
        items = []

        def list_page(iterator):
            found = call(self.app, *path, options(limit=page, iterator=iterator, **given))
            items.extend(found.data)
            return found

        ids = walk(list_page, lambda it: it.id)
        return items[: len(ids)]

    def filters(self, names, times, count=FILTERS):
        return random_filters(self.random, names, times, count)


@pytest.fixture(scope="module")
def world(server, receiver):
    print(f"SEMNAL_FILTER_SEED={SEED}")
    return World(server, receiver, random.Random(SEED))


def ids(items):
    return [it.id for it in items]


def check_some(counts):
    """Filters that find nothing, or everything, compare nothing."""
    assert len({count for count in counts if count}) > 2, counts


def test_messages_are_those_that_a_recount_finds(world):
    counts = []
    for filters in world.filters(KIND, world.times):
        wanted = lambda it, f=filters: f.wants_kind(it) and f.wants_time(it.timestamp)
        expected = [it.id for it in reversed(world.sent) if wanted(it)]
        assert ids(world.messages(filters)) == expected, filters
        counts.append(len(expected))
    check_some(counts)


@pytest.mark.parametrize("target", TARGETS, ids=lambda it: it.uid)
def test_attempts_of_an_endpoint_are_those_that_a_recount_finds(world, target):
    everything = world.attempts_of_endpoint(target.uid, Filters())
    made = sorted((it.msg_id, it.response_status_code, int(it.status)) for it in everything)
    assert made == sorted(
        (it.id, code or 0, 0 if code and 200 <= code < 300 else 2)
        for it in world.of(target.uid)
        for code in it.attempts(target.uid)
    )
    times = [it.timestamp for it in everything]
    assert times == sorted(times, reverse=True)
    counts = []
    for filters in world.filters(KIND + RESULT, times):
        expected = [it for it in everything if wants_attempt(world, filters, it)]
        assert ids(world.attempts_of_endpoint(target.uid, filters)) == ids(expected), filters
        counts.append(len(expected))
    check_some(counts)


def wants_attempt(world, filters, attempt):
    return (
        filters.wants_kind(world.by_id[attempt.msg_id])
        and filters.wants_time(attempt.timestamp)
        and filters.wants_result(attempt.response_status_code or None)
    )


def test_attempts_of_a_message_are_those_that_a_recount_finds(world):
    counts = []
    for message in world.random.sample([it for it in world.sent if len(it.answers) > 1], MESSAGES_LOOKED_AT):
        everything = world.attempts_of_message(message.id, Filters())
        made = {uid: message.attempts(uid) for uid in message.answers}
        found = {uid: [] for uid in message.answers}
        uids = {endpoint: uid for uid, endpoint in world.endpoints.items()}
        for it in reversed(everything):
            found[uids[it.endpoint_id]].append(it.response_status_code or None)
        assert found == made
        times = [it.timestamp for it in everything]
        # A message has one event type: here, as with Svix, that filter is ignored.
        names = ("channel", "before", "after", *RESULT, "endpoint_id")
        for filters in world.filters(names, times, FILTERS_OF_A_MESSAGE):
            endpoint = world.endpoints.get(filters.endpoint_id)
            wanted = lambda it, f=filters, e=endpoint: wants_attempt(world, f, it) and e in (None, it.endpoint_id)
            expected = [it for it in everything if wanted(it)]
            assert ids(world.attempts_of_message(message.id, filters)) == ids(expected), filters
            counts.append(len(expected))
    check_some(counts)


@pytest.mark.parametrize("target", TARGETS, ids=lambda it: it.uid)
def test_attempted_messages_are_those_that_a_recount_finds(world, target):
    counts = []
    for filters in world.filters((*KIND, "status"), world.times):
        expected = [
            it
            for it in world.of(target.uid)
            if filters.wants_kind(it)
            and filters.wants_time(it.timestamp)
            and filters.status in (None, it.status(target.uid))
        ]
        found = world.attempted_messages(target.uid, filters)
        assert [(it.id, int(it.status)) for it in found] == [(it.id, it.status(target.uid)) for it in expected], filters
        counts.append(len(expected))
    check_some(counts)


def test_attempted_destinations_are_those_that_a_recount_finds(world):
    for message in world.random.sample(world.sent, MESSAGES_LOOKED_AT):
        found = world.svix.message_attempt.list_attempted_destinations(world.app, message.id).data
        expected = {world.endpoints[uid]: message.status(uid) for uid in message.answers}
        assert {it.id: int(it.status) for it in found} == expected
