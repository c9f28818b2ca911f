#!/usr/bin/env python3
"""Copies event types, applications and endpoints (secrets, headers, filters) from one server to another.

    pip install svix
    export FROM_TOKEN=… TO_TOKEN=…
    python3 move-from-svix.py --from-url https://api.svix.com --to-url http://127.0.0.1:8080 --dry-run

Either server may be Svix or Semnal. Nothing is changed at the first, and nothing is deleted at the second. Run it as
often as you like: it makes what is missing, changes what differs, and leaves the rest. An application or endpoint
without a uid gets its old id as its uid, so that code which has the old id in a path goes on working.

Prints a line for everything that it makes or changes, and one that begins with `!` for what you must look after
yourself. Exit code 0 when all is there, 1 when there were such lines.
"""

import argparse
import base64
import os
import secrets
import sys

from svix.api import (
    ApplicationIn,
    ApplicationListOptions,
    EndpointHeadersIn,
    EndpointIn,
    EndpointListOptions,
    EndpointSecretRotateIn,
    EndpointUpsertIn,
    EventTypeListOptions,
    EventTypeUpsertIn,
    Svix,
    SvixOptions,
)
from svix.exceptions import HttpError, HTTPValidationError

PAGE = 100
APPLICATION_FIELDS = ["name", "throttle_rate", "metadata"]
ENDPOINT_FIELDS = ["url", "description", "throttle_rate", "disabled", "event_types", "channels", "metadata"]
EVENT_TYPE_FIELDS = ["description", "archived", "deprecated", "schemas", "group_name"]


class Move:
    def __init__(self, source: Svix, target: Svix, dry_run: bool):
        self.source = source
        self.target = target
        self.dry_run = dry_run
        self.counts = {"made": 0, "changed": 0, "unchanged": 0}
        self.to_look_after = 0

    def run(self):
        whole = {"include_archived": True, "with_content": True}
        for event_type in every(self.source.event_type.list, EventTypeListOptions, **whole):
            self.attempt(f"event type {event_type.name}", self.event_type, event_type)
        for application in every(self.source.application.list, ApplicationListOptions):
            self.attempt(f"application {application.name!r}", self.application, application)

    def attempt(self, what, step, *arguments):
        """Goes on with the rest when the target refuses something."""
        try:
            step(*arguments)
        except HTTPValidationError as refused:
            self.look_after(f"{what} was refused: " + "; ".join(problem.msg for problem in refused.detail))
        except HttpError as refused:
            self.look_after(f"{what} was refused: {refused.status_code} {refused.detail}")

    def event_type(self, old):
        if old.feature_flag or old.feature_flags:
            self.look_after(f"event type {old.name}: set its feature flag yourself")
        found = existing(self.target.event_type.get, old.name)
        if self.needs_change("event type", old.name, old, found, EVENT_TYPE_FIELDS):
            self.target.event_type.upsert(old.name, EventTypeUpsertIn(**fields(old, EVENT_TYPE_FIELDS)))

    def application(self, old):
        uid = old.uid or old.id
        found = existing(self.target.application.get, uid)
        if self.needs_change("application", f"{old.id} as {uid}", old, found, APPLICATION_FIELDS):
            self.target.application.upsert(uid, ApplicationIn(uid=uid, **fields(old, APPLICATION_FIELDS)))
        for endpoint in every(lambda options: self.source.endpoint.list(old.id, options), EndpointListOptions):
            self.attempt(f"endpoint {endpoint.url} of {uid}", self.endpoint, old.id, uid, endpoint)

    def endpoint(self, old_app, app, old):
        uid = old.uid or old.id
        name = f"{old.id} as {uid} of {app}: {old.url}"
        secret = self.source.endpoint.get_secret(old_app, old.id).key
        headers = self.source.endpoint.get_headers(old_app, old.id)
        found = existing(self.target.endpoint.get, app, uid)
        if not found:
            for header in headers.sensitive:
                self.look_after(f"endpoint {name}: set its header {header} yourself, its value is not shown")
        if found is None:
            self.count("made", "endpoint", name)
            return self.make_endpoint(app, uid, name, old, secret, headers.headers)
        wanted = fields(old, ENDPOINT_FIELDS)
        changed = differing(wanted, fields(found, ENDPOINT_FIELDS))
        if secret.startswith("whpk_"):
            # It was made with a key pair of its own, and whoever switched it on since did so on purpose.
            wanted["disabled"] = found.disabled
            changed = differing(wanted, fields(found, ENDPOINT_FIELDS))
        elif secret != self.target.endpoint.get_secret(app, uid).key:
            changed.append("secret")
        if headers.headers != self.target.endpoint.get_headers(app, uid).headers:
            changed.append("headers")
        if not changed:
            self.counts["unchanged"] += 1
            return
        self.count("changed", "endpoint", f"{name} ({', '.join(changed)})")
        if self.dry_run:
            return
        self.target.endpoint.upsert(app, uid, EndpointUpsertIn(uid=uid, **wanted))
        if "secret" in changed:
            rotation = EndpointSecretRotateIn(key=secret, grace_period_seconds=0)
            self.target.endpoint.rotate_secret(app, uid, rotation)
        if "headers" in changed:
            self.target.endpoint.set_headers(app, uid, EndpointHeadersIn(headers=headers.headers))

    def make_endpoint(self, app, uid, name, old, secret, headers):
        wanted = fields(old, ENDPOINT_FIELDS)
        if secret.startswith("whpk_"):
            # The private key never leaves the old server. Disabled, since nobody has the new public key yet.
            secret, wanted["disabled"] = "whsk_" + base64.b64encode(secrets.token_bytes(32)).decode(), True
            self.look_after(f"endpoint {name}: has a new ed25519 key and is disabled; give the receiver its public key")
        if not self.dry_run:
            self.target.endpoint.create(app, EndpointIn(uid=uid, secret=secret, headers=headers, **wanted))

    def needs_change(self, kind, name, old, found, names) -> bool:
        """Says what is to be done, and tells whether to do it."""
        if found is None:
            self.count("made", kind, name)
        elif changed := differing(fields(old, names), fields(found, names)):
            self.count("changed", kind, f"{name} ({', '.join(changed)})")
        else:
            self.counts["unchanged"] += 1
            return False
        return not self.dry_run

    def count(self, what, kind, name):
        self.counts[what] += 1
        print(what, kind, name)

    def look_after(self, text):
        self.to_look_after += 1
        print("!", text)


def every(list_page, options, **filters):
    """Yields the items of all pages."""
    iterator = None
    while True:
        page = list_page(options(limit=PAGE, iterator=iterator, **filters))
        yield from page.data
        if page.done:
            return
        iterator = page.iterator


def existing(get, *names):
    try:
        return get(*names)
    except HttpError as error:
        if error.status_code == 404:
            return None
        raise


def fields(it, names):
    return {name: getattr(it, name) for name in names}


def differing(wanted, found):
    """Returns the names of what differs. Absent, empty and false say the same; lists of names have no order."""
    plain = lambda value: (sorted(value) if isinstance(value, list) else value) or None  # noqa: E731
    return [name for name in wanted if plain(wanted[name]) != plain(found[name])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from-url", required=True, help="the server to read from; its token is in FROM_TOKEN")
    parser.add_argument("--to-url", required=True, help="the server to write to; its token is in TO_TOKEN")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    arguments = parser.parse_args()
    missing = [name for name in ("FROM_TOKEN", "TO_TOKEN") if not os.environ.get(name)]
    if missing:
        parser.error(f"set {' and '.join(missing)} in the environment")
    source = Svix(os.environ["FROM_TOKEN"], SvixOptions(server_url=arguments.from_url))
    target = Svix(os.environ["TO_TOKEN"], SvixOptions(server_url=arguments.to_url))
    move = Move(source, target, arguments.dry_run)
    try:
        move.run()
    except HttpError as error:
        print(f"! stopped: {error.status_code} {error.detail}", file=sys.stderr)
        return 1
    counts = ", ".join(f"{count} {what}" for what, count in move.counts.items())
    note = " (nothing was changed: --dry-run)" if move.dry_run else ""
    print(f"{counts}, {move.to_look_after} to look after{note}")
    return 1 if move.to_look_after else 0


if __name__ == "__main__":
    sys.exit(main())
