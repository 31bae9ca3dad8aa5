"""The client: the generated operations over a connection that knows keys, retries and problems.

`Tidings.api` is what the functions in `tidings.generated.api` take as their `client`, so that every operation of the document
has both. What is here beside is what those functions cannot know: idempotency keys, waiting, pages.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from .generated.api.events import post_event
from .generated.client import AuthenticatedClient
from .generated.models import EventAccepted, EventInput

__all__ = ["FieldProblem", "ProblemError", "Tidings"]

T = TypeVar("T")


@dataclass(frozen=True)
class FieldProblem:
    """One thing wrong with one field or parameter."""

    #: An RFC 6901 pointer into the body, or the name of a parameter.
    pointer: str
    code: str
    detail: str


@dataclass
class ProblemError(Exception):
    """The server refused (RFC 9457). Decide by `code`, which is stable."""

    status: int
    code: str
    title: str
    detail: str
    #: Names the request in the server's log.
    request_id: str | None = None
    errors: list[FieldProblem] = field(default_factory=list)
    #: Seconds to wait, where the server says so.
    retry_after: float | None = None

    def __str__(self) -> str:
        places = "".join(f" {error.pointer}: {error.detail}" for error in self.errors)
        return f"{self.status} {self.code}: {self.detail}{places}"

    @classmethod
    def of(cls, problem: Mapping[str, Any], retry_after: float | None = None) -> ProblemError:
        """From a problem document. What it lacks is empty, and codes that this client does not know are no fault."""
        errors = [FieldProblem(e.get("pointer", ""), e.get("code", ""), e.get("detail", "")) for e in problem.get("errors", [])]
        return cls(
            status=int(problem.get("status", 0)),
            code=str(problem.get("code", "unknown")),
            title=str(problem.get("title", "")),
            detail=str(problem.get("detail", "")),
            request_id=problem.get("request_id"),
            errors=errors,
            retry_after=retry_after,
        )


class _Connection(httpx.BaseTransport):
    """Tries again what may be tried again, and raises what was refused."""

    def __init__(self, inner: httpx.BaseTransport, tries: int, longest_wait: float, sleep: Callable[[float], None]) -> None:
        self._inner = inner
        self._tries = tries
        self._longest_wait = longest_wait
        self._sleep = sleep

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        for number in range(1, self._tries + 1):
            try:
                response = self._inner.handle_request(request)
            except httpx.TransportError:
                # Whether it arrived is not known: again only where twice is once.
                if number == self._tries or not _may_repeat(request):
                    raise
                self._wait(number, None)
                continue
            if response.status_code < 400:
                return response
            response.read()
            problem = _problem(response)
            # With these nothing was stored.
            if problem.status not in (429, 503) or number == self._tries:
                raise problem
            self._wait(number, problem.retry_after)
        raise AssertionError("the last try returns or raises")

    def _wait(self, number: int, asked: float | None) -> None:
        backoff = min(0.25 * 2**number, 10.0) * random.uniform(0.5, 1.0)
        self._sleep(min(backoff if asked is None else asked, self._longest_wait))

    def close(self) -> None:
        self._inner.close()


def _may_repeat(request: httpx.Request) -> bool:
    return request.method in ("GET", "PUT", "DELETE") or "idempotency-key" in request.headers or "keyed" in request.extensions


def _problem(response: httpx.Response) -> ProblemError:
    wait = response.headers.get("retry-after", "")
    retry_after = float(wait) if wait.isdecimal() else None
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or "code" not in problem:
        problem = {"code": "unknown", "title": response.reason_phrase, "detail": response.text[:200]}
    return ProblemError.of({**problem, "status": response.status_code}, retry_after)


class Tidings:
    """A server and a key. Use it in a `with`, or `close()` it."""

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        timeout_seconds: float = 10.0,
        tries: int = 4,
        longest_wait_seconds: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        inner = transport or httpx.HTTPTransport()
        self.http = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=timeout_seconds,
            transport=_Connection(inner, tries, longest_wait_seconds, sleep),
        )
        #: For the functions in `tidings.generated.api`.
        self.api = AuthenticatedClient(base_url=base_url, token=key).set_httpx_client(self.http)

    def close(self) -> None:
        self.http.close()

    def __enter__(self) -> Tidings:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, operation: Callable[..., T | object | None], *args: Any, **kwargs: Any) -> T:
        """Calls the `sync` of a generated operation. Problems are raised, so what comes back is its answer."""
        return operation(*args, client=self.api, **kwargs)  # type: ignore[return-value]

    def post_event(
        self,
        type: str,
        organization_id: int,
        data: Mapping[str, Any],
        *,
        public: bool = False,
        reference: str | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Posts an event; when this returns its id, it is on disk.

        A key is made when none is given, so that this call's own retries post it once. Give one of your own where the call
        itself may be made again: the id of a row in an outbox.
        """
        body = {"type": type, "organization_id": organization_id, "data": dict(data)}
        if public:
            body["public"] = True
        if reference is not None:
            body["reference"] = reference
        accepted: EventAccepted = self.call(
            post_event.sync, body=EventInput.from_dict(body), idempotency_key=idempotency_key or str(uuid.uuid4())
        )
        return accepted.id

    def post_events(self, events: Sequence[Mapping[str, Any]]) -> list[str | ProblemError]:
        """Posts up to 1,000 events in one commit: for each its id, or why it was refused."""
        keyed = [{"idempotency_key": str(uuid.uuid4()), **event} for event in events]
        answer = self.http.post("/v1/events/batch", json={"events": keyed}, extensions={"keyed": True})
        results = answer.json()["results"]
        return [result["id"] if "id" in result else ProblemError.of(result["error"]) for result in results]

    def pages(self, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Every item of a list: `for delivery in tidings.pages(list_deliveries.sync, 4417)`."""
        cursor: str | None = None
        while True:
            page = self.call(operation, *args, **kwargs, **({"cursor": cursor} if cursor else {}))
            yield from page.data
            cursor = page.next_cursor
            if cursor is None:
                return
