"""A random history, made from a seed, and what every list of it must show: counted by going through what was sent.

The receiver answers as each message's payload says; the lists are compared with what the test itself knows.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

TYPES = [f"order.kind_{n}" for n in range(6)]
CHANNELS = ["ro", "de", "fr"]
# What a receiver may answer without slowing an endpoint down or ending it.
STATUSES = [200, 201, 204, 301, 302, 400, 404, 418, 500, 501]
ATTEMPTS_MAX = 3


@dataclass
class Sent:
    """A message with what its receivers answer, attempt by attempt; `None` where nobody listens."""

    event_type: str
    channels: list[str]
    answers: dict[str, list[int | None]]
    id: str = ""
    timestamp: datetime | None = None

    @property
    def body(self) -> dict:
        body = {"eventType": self.event_type, "payload": {"answers": self.answers}}
        return body | ({"channels": self.channels} if self.channels else {})

    def attempts(self, endpoint: str) -> list[int | None]:
        """Returns the statuses of every attempt at an endpoint: the first 2xx is the last."""
        made = []
        for status in self.answers[endpoint]:
            made.append(status)
            if is_success(status):
                break
        return made

    def status(self, endpoint: str) -> int:
        return 0 if is_success(self.attempts(endpoint)[-1]) else 2


@dataclass(frozen=True)
class Target:
    """An endpoint and what it takes."""

    uid: str
    event_types: list[str] | None = None
    channels: list[str] | None = None
    listens: bool = True

    def takes(self, event_type: str, channels: list[str]) -> bool:
        of_type = self.event_types is None or event_type in self.event_types
        return of_type and (self.channels is None or bool(set(self.channels) & set(channels)))


TARGETS = [
    Target("all"),
    Target("some", event_types=TYPES[:3]),
    Target("channel", channels=["ro", "fr"]),
    Target("nobody", event_types=TYPES[2:4], listens=False),
]


def is_success(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def history(random_: random.Random, count: int) -> list[Sent]:
    def one() -> Sent:
        event_type = random_.choice(TYPES)
        channels = random_.sample(CHANNELS, random_.choice([0, 1, 1, 2]))
        takers = [target for target in TARGETS if target.takes(event_type, channels)]
        answers = {
            it.uid: [random_.choice(STATUSES) if it.listens else None for _ in range(ATTEMPTS_MAX)] for it in takers
        }
        return Sent(event_type, channels, answers)

    return [one() for _ in range(count)]


def answer_of(uid: str):
    """Returns what decides the receiver's answers for an endpoint."""

    def decide(request) -> int:
        number = int(request.headers["webhook-attempt"])
        return json.loads(request.body)["answers"][uid][number - 1]

    return decide


@dataclass
class Filters:
    """Filters by their names in the SDK; what is not set is `None`."""

    event_types: list[str] | None = None
    channel: str | None = None
    before: datetime | None = None
    after: datetime | None = None
    status: int | None = None
    status_code_class: int | None = None
    endpoint_id: str | None = None
    names: tuple[str, ...] = field(default=(), compare=False)

    def options(self) -> dict:
        return {name: value for name in self.names if (value := getattr(self, name)) is not None}

    def wants_kind(self, sent: Sent) -> bool:
        of_type = self.event_types is None or sent.event_type in self.event_types
        return of_type and (self.channel is None or self.channel in sent.channels)

    def wants_time(self, time: datetime) -> bool:
        """Both ends are exclusive."""
        return (self.before is None or time < self.before) and (self.after is None or time > self.after)

    def wants_result(self, code: int | None) -> bool:
        status = 0 if is_success(code) else 2
        of_class = self.status_code_class is None or (code or 0) // 100 * 100 == self.status_code_class
        return of_class and (self.status is None or self.status == status)


def random_filters(
    random_: random.Random, names: tuple[str, ...], times: list[datetime], count: int
) -> Iterator[Filters]:
    """Yields filters on these names: each alone, then any of them together."""
    choices = {
        "event_types": lambda: random_.sample([*TYPES, "order.unheard_of"], random_.choice([1, 1, 2, 4])),
        "channel": lambda: random_.choice([*CHANNELS, "unheard-of"]),
        "before": lambda: random_.choice(times),
        "after": lambda: random_.choice(times),
        # 1 and 3 are pending and being sent: at rest there is none.
        "status": lambda: random_.choice([0, 0, 2, 2, 1, 3]),
        "status_code_class": lambda: random_.choice([0, 100, 200, 300, 400, 500]),
        "endpoint_id": lambda: random_.choice([target.uid for target in TARGETS]),
    }
    alone = [[name] for name in names]
    together = [[name for name in names if random_.random() < 0.4] for _ in range(count)]
    for chosen in alone + together:
        yield Filters(**{name: choices[name]() for name in chosen}, names=names)
