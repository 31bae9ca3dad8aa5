"""For receivers: is this request from Tidings, unchanged and recent?

A request carries two signatures with one secret, and both are checked over the bytes as they came: `vomo-signature` (hex
HMAC-SHA256 of the body) and `webhook-signature` of the Standard Webhooks (which also covers the id and the time).
Comparing takes the same time whatever is compared. Needs nothing but Python.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Reason", "Verifier", "VerificationError", "Webhook"]

#: Why a request is refused.
Reason = Literal["missing_header", "timestamp", "standard_signature", "vomo_signature"]


class VerificationError(Exception):
    """The request must not be believed: answer 401."""

    def __init__(self, reason: Reason, words: str) -> None:
        super().__init__(words)
        self.reason: Reason = reason


@dataclass(frozen=True)
class Webhook:
    """A request that was verified."""

    #: The delivery's id: the same again is the same delivery.
    id: str
    #: Seconds since 1970, of this try.
    timestamp: int
    #: The type, as in `project.updated` or `project.public.updated`.
    type: str
    #: The organization that the webhook is sent to.
    organization_id: int
    #: The object.
    data: Any
    #: The bytes that were signed.
    body: bytes


def _standard_key(secret: bytes) -> bytes:
    """What follows `whsec_`, decoded; any other secret as it is."""
    if secret.startswith(b"whsec_"):
        try:
            return base64.b64decode(secret[6:], validate=True) or secret
        except binascii.Error:
            return secret
    return secret


class Verifier:
    """Verifies requests with the secrets in force: while a rotation runs, give the new and the old one."""

    def __init__(
        self,
        secrets: str | Iterable[str],
        *,
        tolerance_seconds: int = 300,
        signature_header: str = "vomo-signature",
    ) -> None:
        given = [secrets] if isinstance(secrets, str) else list(secrets)
        self._keys = [secret.encode() for secret in given]
        if not self._keys or not all(self._keys):
            raise ValueError("at least one secret, none of them empty")
        self._standard_keys = [_standard_key(key) for key in self._keys]
        self._tolerance = tolerance_seconds
        self._signature_header = signature_header.lower()

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> Webhook:
        """The webhook, or `VerificationError`. `body` is the request's body before any parsing."""
        found = {name.lower(): value for name, value in headers.items()}

        def header(name: str) -> str:
            value = found.get(name)
            if not value:
                raise VerificationError("missing_header", f"no header {name}")
            return value

        vomo = header(self._signature_header)
        webhook_id = header("webhook-id")
        stamp = header("webhook-timestamp")
        signatures = header("webhook-signature")
        if not re.fullmatch(r"[0-9]{1,12}", stamp):
            raise VerificationError("timestamp", "webhook-timestamp is no number of seconds")
        if abs((time.time() if now is None else now) - int(stamp)) > self._tolerance:
            raise VerificationError("timestamp", f"older or newer than {self._tolerance} seconds")
        signed = f"{webhook_id}.{stamp}.".encode() + body
        standard = [b"v1," + base64.b64encode(_mac(key, signed)) for key in self._standard_keys]
        if not _any_equal(signatures.encode().split(b" "), standard):
            raise VerificationError("standard_signature", "webhook-signature is of another secret, id, time or body")
        plain = [_mac(key, body).hex().encode() for key in self._keys]
        if not _any_equal([vomo.encode()], plain):
            raise VerificationError("vomo_signature", f"{self._signature_header} is of another secret or body")
        content = json.loads(body)
        return Webhook(
            id=webhook_id,
            timestamp=int(stamp),
            type=content["type"],
            organization_id=content["organization_id"],
            data=content["data"],
            body=body,
        )


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _any_equal(given: list[bytes], wanted: list[bytes]) -> bool:
    found = False
    for one in given:
        for other in wanted:
            found |= hmac.compare_digest(one, other)
    return found
