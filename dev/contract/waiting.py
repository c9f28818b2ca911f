"""Waits for conditions with a deadline: the only place in the contract tests where time passes on purpose.

Nothing waits for a fixed time and hopes; what must *not* happen is proved by waiting for something later instead.
"""

import time

DEADLINE_SECONDS = 20.0
# The pause between two looks at something that can only be asked.
POLL_SECONDS = 0.02


def wait_for(look, what: str, deadline_seconds: float = DEADLINE_SECONDS):
    """Returns the first true answer of `look`; fails with its last answer when none comes in time."""
    give_up_at = time.monotonic() + deadline_seconds
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > give_up_at:
            raise AssertionError(f"no {what} within {deadline_seconds} s; the last look gave {answer!r}")
        time.sleep(POLL_SECONDS)
