from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem import Problem
from ...models.secrets import Secrets
from ...types import Response


def _get_kwargs(
    org: int,
    ep: str,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/organizations/{org}/endpoints/{ep}/secret".format(
            org=quote(str(org), safe=""),
            ep=quote(str(ep), safe=""),
        ),
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Problem | Secrets | None:
    if response.status_code == 200:
        response_200 = Secrets.from_dict(response.json())

        return response_200

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

    if response.status_code == 409:
        response_409 = Problem.from_dict(response.json())

        return response_409

    if response.status_code == 414:
        response_414 = Problem.from_dict(response.json())

        return response_414

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
) -> Response[Problem | Secrets]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    org: int,
    ep: str,
    *,
    client: AuthenticatedClient,
) -> Response[Problem | Secrets]:
    """The secrets in force; who asked is on the audit log.

    Args:
        org (int):
        ep (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Secrets]
    """

    kwargs = _get_kwargs(
        org=org,
        ep=ep,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    org: int,
    ep: str,
    *,
    client: AuthenticatedClient,
) -> Problem | Secrets | None:
    """The secrets in force; who asked is on the audit log.

    Args:
        org (int):
        ep (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Secrets
    """

    return sync_detailed(
        org=org,
        ep=ep,
        client=client,
    ).parsed


async def asyncio_detailed(
    org: int,
    ep: str,
    *,
    client: AuthenticatedClient,
) -> Response[Problem | Secrets]:
    """The secrets in force; who asked is on the audit log.

    Args:
        org (int):
        ep (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Problem | Secrets]
    """

    kwargs = _get_kwargs(
        org=org,
        ep=ep,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    org: int,
    ep: str,
    *,
    client: AuthenticatedClient,
) -> Problem | Secrets | None:
    """The secrets in force; who asked is on the audit log.

    Args:
        org (int):
        ep (str):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Problem | Secrets
    """

    return (
        await asyncio_detailed(
            org=org,
            ep=ep,
            client=client,
        )
    ).parsed
