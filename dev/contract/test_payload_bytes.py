"""A payload goes out byte for byte as it came in, and its signature is over those bytes."""

import pytest
from svix.api import ApplicationIn, EndpointIn

from verifying import verify

PAYLOADS = {
    "odd_spacing": b'{ "a" :\t1 ,\r\n  "b":[ 1,2 , 3 ]\n}',
    "integers_of_64_bits_and_beyond": b'{"u":18446744073709551615,"i":-9223372036854775808,"n":12345678901234567890123}',
    "numbers_as_written": b'{"a":1.0,"b":1e2,"c":0.10,"d":-0.0,"e":1E+400}',
    "repeated_keys": b'{"a":1,"a":2,"b":{"a":3,"a":4}}',
    "order_of_keys": b'{"z":1,"y":2,"a":3}',
    "escapes": rb'{"s":"\u0219\uD83D\ude00\/\b\f\n\r\t\"\\","\u0061":1}',
    "utf_8": '{"s":"știre 😀 \u2028 \u00a0","ț":1}'.encode(),
    "empty": b"{}",
    "deep": b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
    "half_a_mebibyte": b'{"s":"' + b"x" * 524_288 + b'"}',
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_the_receiver_gets_the_payload_as_it_was_written(svix, raw, receiver, path, payload):
    application = svix.application.create(ApplicationIn(name="Acme"))
    endpoint = svix.endpoint.create(application.id, EndpointIn(url=receiver.url(path)))
    body = b'{"payload" :  ' + payload + b'  , "eventType":"shop.opened"}'
    answer = raw.send("POST", f"/api/v1/app/{application.id}/msg", body)
    assert answer.status == 202, answer.body
    [request] = receiver.wait(path, 1)
    assert request.body == payload
    assert request.headers["content-length"] == str(len(payload))
    verify(svix.endpoint.get_secret(application.id, endpoint.id).key, request)
    shown = raw.get(f"/api/v1/app/{application.id}/msg/{answer.json['id']}")
    assert payload in shown.body


def test_a_resend_has_the_same_bytes(svix, raw, receiver, path):
    application = svix.application.create(ApplicationIn(name="Acme"))
    endpoint = svix.endpoint.create(application.id, EndpointIn(url=receiver.url(path)))
    body = b'{"eventType":"shop.opened","payload":' + PAYLOADS["repeated_keys"] + b"}"
    message_id = raw.send("POST", f"/api/v1/app/{application.id}/msg", body).json["id"]
    receiver.wait(path, 1)
    svix.message_attempt.resend(application.id, message_id, endpoint.id)
    first, second = receiver.wait(path, 2)
    assert first.body == second.body == PAYLOADS["repeated_keys"]
