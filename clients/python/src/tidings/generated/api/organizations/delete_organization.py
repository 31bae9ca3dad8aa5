from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.erasure import Erasure
from ...models.problem import Problem
from ...types import UNSET, Response, Unset


def _get_kwargs(
    org: int,
    *,
    erase: bool | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["erase"] = erase

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "delete",
        "url": "/v1/organizations/{org}".format(
            org=quote(str(org), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Any | Erasure | Problem | None:
    if response.status_code == 202:
        response_202 = Erasure.from_dict(response.json())

        return response_202

    if response.status_code == 204:
        response_204 = cast(Any, None)
        return response_204

    if response.status_code == 400:
        response_400 = Problem.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = Problem.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Problem.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = Problem.from_dict(response.json())

        return response_404

    if response.status_code == 406:
        response_406 = Problem.from_dict(response.json())

        return response_406

    if response.status_code == 408:
        response_408 = Problem.from_dict(response.json())

        return response_408

    if response.status_code == 414:
        response_414 = Problem.from_dict(response.json())

        return response_414

    if response.status_code == 422:
        response_422 = Problem.from_dict(response.json())

        return response_422

    if response.status_code == 431:
        response_431 = Problem.from_dict(response.json())

        return response_431

    if response.status_code == 500:
        response_500 = Problem.from_dict(response.json())

        return response_500

    if response.status_code == 503:
        response_503 = Problem.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Any | Erasure | Problem]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    org: int,
    *,
    client: AuthenticatedClient,
    erase: bool | Unset = UNSET,
) -> Response[Any | Erasure | Problem]:
    """Delete an organization and its endpoints; what waits is cancelled. Its history stays for as long as
    it is kept, so that
    what was sent until then can be accounted for; with `erase=true` everything of it goes, for good.

    Args:
        org (int):
        erase (bool | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | Erasure | Problem]
    """

    kwargs = _get_kwargs(
        org=org,
        erase=erase,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    org: int,
    *,
    client: AuthenticatedClient,
    erase: bool | Unset = UNSET,
) -> Any | Erasure | Problem | None:
    """Delete an organization and its endpoints; what waits is cancelled. Its history stays for as long as
    it is kept, so that
    what was sent until then can be accounted for; with `erase=true` everything of it goes, for good.

    Args:
        org (int):
        erase (bool | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | Erasure | Problem
    """

    return sync_detailed(
        org=org,
        client=client,
        erase=erase,
    ).parsed


async def asyncio_detailed(
    org: int,
    *,
    client: AuthenticatedClient,
    erase: bool | Unset = UNSET,
) -> Response[Any | Erasure | Problem]:
    """Delete an organization and its endpoints; what waits is cancelled. Its history stays for as long as
    it is kept, so that
    what was sent until then can be accounted for; with `erase=true` everything of it goes, for good.

    Args:
        org (int):
        erase (bool | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | Erasure | Problem]
    """

    kwargs = _get_kwargs(
        org=org,
        erase=erase,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    org: int,
    *,
    client: AuthenticatedClient,
    erase: bool | Unset = UNSET,
) -> Any | Erasure | Problem | None:
    """Delete an organization and its endpoints; what waits is cancelled. Its history stays for as long as
    it is kept, so that
    what was sent until then can be accounted for; with `erase=true` everything of it goes, for good.

    Args:
        org (int):
        erase (bool | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | Erasure | Problem
    """

    return (
        await asyncio_detailed(
            org=org,
            client=client,
            erase=erase,
        )
    ).parsed
