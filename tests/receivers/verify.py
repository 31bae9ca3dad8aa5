"""Judges requests as a receiver in Python would: `vomo-signature` with hmac, the Standard Webhooks headers with the
published library (PyPI, standardwebhooks), which `./test` installs into target/test-deps.

One request per line on stdin, {"secret", "headers": {name: value}, "body_base64"}; one line out: `ok` or `bad: why`.
--frozen: the library sees the request's own time as now, for requests that were signed long ago.
"""

import base64
import hashlib
import hmac
import json
import sys
from datetime import datetime, timezone

from standardwebhooks import Webhook, WebhookVerificationError, webhooks

FROZEN = "--frozen" in sys.argv


def freeze(seconds):
    """Gives the library a clock that stands at `seconds`."""

    class Frozen(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromtimestamp(seconds, tz=tz or timezone.utc)

    webhooks.datetime = Frozen


def judge(request):
    secret = request["secret"]
    headers = {name.lower(): value for name, value in request["headers"].items()}
    body = base64.b64decode(request["body_base64"], validate=True)
    vomo = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(vomo, headers.get("vomo-signature", "")):
        return "bad: vomo-signature"
    if FROZEN:
        freeze(int(headers["webhook-timestamp"]))
    library = Webhook(secret if secret.startswith("whsec_") else secret.encode())
    try:
        library.verify(body, headers)
    except WebhookVerificationError as error:
        return f"bad: webhook-signature: {error}"
    return "ok"


for line in sys.stdin:
    print(judge(json.loads(line)), flush=True)
