"""Fixtures of the contract tests: a running server, a receiver, and clients that know only a URL and a token."""

import itertools

import pytest
from svix.api import Svix, SvixOptions

import tokens
from raw_http import RawClient
from receiver import Receiver
from semnal_server import Server

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server per file of tests; its log is searched for secrets when it stops."""
    running = Server(tmp_path_factory.mktemp("server"), SEMNAL_JWT_SECRET=tokens.JWT_SECRET)
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def key(server):
    """An API key of the default organisation."""
    return server.create_key("contract tests")


@pytest.fixture(scope="module")
def svix(server, key):
    """The unmodified SDK, told only the URL and a token."""
    return Svix(key, SvixOptions(server_url=server.url))


@pytest.fixture
def organisation_id():
    return tokens.new_organisation_id()


@pytest.fixture
def fresh_svix(server, organisation_id):
    """The SDK in an organisation of its own, where lists hold only what the test made."""
    token = tokens.organisation_token(organisation_id)
    return Svix(token, SvixOptions(server_url=server.url))


@pytest.fixture(scope="module")
def raw(server, key):
    return RawClient(server.port, key)


@pytest.fixture(scope="module")
def receiver():
    running = Receiver()
    yield running
    running.close()


@pytest.fixture
def path():
    """A path at the receiver that no other test uses."""
    return f"/hook-{next(_numbers)}"
