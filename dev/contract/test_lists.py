"""Lists: every item once, in the promised order, forwards and back, with the unmodified SDK."""

import pytest
from svix.api import (
    ApplicationIn,
    ApplicationListOptions,
    EndpointIn,
    EndpointListOptions,
    EventTypeIn,
    EventTypeListOptions,
    MessageAttemptListByMsgOptions,
    MessageIn,
    MessageListOptions,
    Ordering,
)
from svix.exceptions import HTTPValidationError

from waiting import wait_for

ITEMS = 5
PAGE = 2
PAGES_MAX = 20


def check_paging(list_page, identify, expected):
    """Walks to the end and back to the start. `list_page` takes an iterator, `expected` is the whole list."""
    pages = [list_page(None)]
    while not pages[-1].done:
        assert pages[-1].iterator, "there is more, but no iterator"
        pages.append(list_page(pages[-1].iterator))
        assert len(pages) < PAGES_MAX
    forwards = [[identify(item) for item in page.data] for page in pages]
    assert [item for page in forwards for item in page] == expected
    assert all(len(page) == PAGE for page in forwards[:-1])

    current = pages[-1]
    for page in reversed(forwards[:-1]):
        assert current.prev_iterator, "there is something before, but no iterator"
        current = list_page(current.prev_iterator)
        assert [identify(item) for item in current.data] == page, "a previous page is in the same order"


@pytest.mark.parametrize("order", [None, Ordering.ASCENDING, Ordering.DESCENDING])
def test_applications_come_oldest_first_unless_told_otherwise(fresh_svix, order):
    made = [fresh_svix.application.create(ApplicationIn(name=f"Shop {n}")).id for n in range(ITEMS)]
    check_paging(
        lambda iterator: fresh_svix.application.list(
            ApplicationListOptions(limit=PAGE, iterator=iterator, order=order)
        ),
        lambda application: application.id,
        made[::-1] if order is Ordering.DESCENDING else made,
    )


@pytest.mark.parametrize("order", [None, Ordering.ASCENDING, Ordering.DESCENDING])
def test_event_types_come_by_name_unless_told_otherwise(fresh_svix, order):
    names = [f"shop.event_{n}" for n in range(ITEMS)]
    for name in names[::-1]:
        fresh_svix.event_type.create(EventTypeIn(name=name, description="Something happened"))
    check_paging(
        lambda iterator: fresh_svix.event_type.list(
            EventTypeListOptions(limit=PAGE, iterator=iterator, order=order)
        ),
        lambda event_type: event_type.name,
        names[::-1] if order is Ordering.DESCENDING else names,
    )


@pytest.mark.parametrize("order", [None, Ordering.ASCENDING, Ordering.DESCENDING])
def test_endpoints_come_newest_first_unless_told_otherwise(svix, receiver, path, order):
    application = svix.application.create(ApplicationIn(name="Acme"))
    made = [svix.endpoint.create(application.id, EndpointIn(url=receiver.url(path))).id for _ in range(ITEMS)]
    check_paging(
        lambda iterator: svix.endpoint.list(
            application.id, EndpointListOptions(limit=PAGE, iterator=iterator, order=order)
        ),
        lambda endpoint: endpoint.id,
        made if order is Ordering.ASCENDING else made[::-1],
    )


def test_messages_come_newest_first(svix):
    application = svix.application.create(ApplicationIn(name="Acme"))
    made = [
        svix.message.create(application.id, MessageIn(event_type="shop.opened", payload={"n": n})).id
        for n in range(ITEMS)
    ]
    check_paging(
        lambda iterator: svix.message.list(application.id, MessageListOptions(limit=PAGE, iterator=iterator)),
        lambda message: message.id,
        made[::-1],
    )


def test_attempts_of_a_message_come_newest_first(svix, receiver, path):
    receiver.answer(path, [500, 500])
    application = svix.application.create(ApplicationIn(name="Acme"))
    endpoint = svix.endpoint.create(application.id, EndpointIn(url=receiver.url(path)))
    message = svix.message.create(application.id, MessageIn(event_type="shop.opened", payload={}))

    def attempts(count):
        return wait_for(
            lambda: len(found := svix.message_attempt.list_by_msg(application.id, message.id).data) >= count and found,
            f"{count} attempts",
        )

    attempts(3)
    for count in (4, 5):
        svix.message_attempt.resend(application.id, message.id, endpoint.id)
        attempts(count)
    made = attempts(ITEMS)
    assert [one.timestamp for one in made] == sorted((one.timestamp for one in made), reverse=True)
    assert [one.response_status_code for one in made] == [200, 200, 200, 500, 500]
    check_paging(
        lambda iterator: svix.message_attempt.list_by_msg(
            application.id, message.id, MessageAttemptListByMsgOptions(limit=PAGE, iterator=iterator)
        ),
        lambda attempt: attempt.id,
        [one.id for one in made],
    )


def test_messages_are_found_by_type_and_channel(svix):
    application = svix.application.create(ApplicationIn(name="Acme"))

    def make(event_type, channels):
        return svix.message.create(
            application.id, MessageIn(event_type=event_type, payload={}, channels=channels)
        ).id

    opened = make("shop.opened", ["ro"])
    closed = make("shop.closed", ["de"])

    def found(**filters):
        return [one.id for one in svix.message.list(application.id, MessageListOptions(**filters)).data]

    assert found() == [closed, opened]
    assert found(event_types=["shop.opened"]) == [opened]
    assert found(event_types=["shop.opened", "shop.closed"]) == [closed, opened]
    assert found(channel="de") == [closed]
    assert found(event_types=["shop.renamed"]) == []


def test_an_empty_list_is_done(fresh_svix):
    page = fresh_svix.application.list()
    assert (page.data, page.done) == ([], True)


@pytest.mark.parametrize("limit", [0, 251])
def test_a_limit_outside_1_to_250_is_refused(svix, limit):
    with pytest.raises(HTTPValidationError) as refused:
        svix.application.list(ApplicationListOptions(limit=limit))
    assert "limit" in refused.value.detail[0].loc


def test_an_iterator_that_nobody_gave_out_is_refused(raw):
    answer = raw.get("/api/v1/app?iterator=%00not-an-iterator")
    assert answer.status in (400, 422), answer.body
