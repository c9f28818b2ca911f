"""Loaded by schemathesis itself (test_openapi.py names this file): nobody waits or listens longer than an answer takes."""

import re

import schemathesis

from victim import AT_ONCE

REFUSED = re.compile(r"-\d+|\d{5,}|(?=.*[^\d+])[ -~]+")


@schemathesis.hook
def before_call(context, case, kwargs):
    """Sets `timeout` to 0 where it would be taken; what the server refuses is sent as it is."""
    if case.path not in AT_ONCE:
        return
    query = dict(case.query or {})
    given = query.get("timeout")
    if isinstance(given, (dict, list)) or not REFUSED.fullmatch("" if given is None else str(given)):
        case.query = {**query, "timeout": 0}
