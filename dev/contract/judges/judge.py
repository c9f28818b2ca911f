"""Puts cases to the Python example: lines `secret, now, id, timestamp, signature, body` in, `accept` or `refuse: why` out.

Fields are separated by tabs; the last four are base64. EXAMPLE names the directory of the example. The other files
here do the same for the other languages; test_verify_examples.py runs them.
"""

import base64
import os
import sys

sys.path.insert(0, os.environ["EXAMPLE"])
from verify import Refused, verify  # noqa: E402

for line in sys.stdin:
    secret, now, *encoded = line.rstrip("\n").split("\t")
    message_id, timestamp, signature, body = (base64.b64decode(field) for field in encoded)
    headers = {
        "webhook-id": message_id.decode("latin-1"),
        "webhook-timestamp": timestamp.decode("latin-1"),
        "webhook-signature": signature.decode("latin-1"),
    }
    try:
        verify(secret, headers, body, int(now))
        print("accept")
    except Refused as why:
        print("refuse:", why)
