"""`requests` and `urllib.request` over Hotcell: both hand their requests to the host, which adds the token and sends.

Importing it does that. It is yours to change: nothing in here is trusted, and no token ever comes by.
"""

import email.message
import io
import urllib.request
import urllib.response
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import requests
import requests.adapters
import requests.utils
from componentize_py_types import Err
from wit_world.imports import http
from wit_world.imports.http import Error as Error

# The host writes these, and refuses a request that brings them. Clients add them without being asked.
WRITTEN_BY_HOST = {"accept-encoding", "connection", "content-length", "host", "user-agent"}


class Refused(requests.RequestException):
    """There is no answer. `reason` says why in one word; the person who runs the tool is told more."""

    def __init__(self, reason: Error) -> None:
        super().__init__(f"hotcell: {reason.name.lower().replace('_', '-')}")
        self.reason = reason


def origin(service: str) -> str:
    """The origin that the operator bound to a service, such as `https://api.github.com`."""
    try:
        return http.origin(service)
    except Err as error:
        raise Refused(error.value) from None


def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> http.Response:
    """Sends one request and waits for the whole answer."""
    if method not in http.Method.__members__:
        raise Refused(Error.BAD_REQUEST)
    fields = [http.Header(name, value) for name, value in headers.items() if name.lower() not in WRITTEN_BY_HOST]
    try:
        return http.send(http.Request(http.Method[method], url, fields, body))
    except Err as error:
        raise Refused(error.value) from None


class Adapter(requests.adapters.BaseAdapter):
    """For `requests`. Timeouts, certificates and proxies are the host's business."""

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        headers = {name: text(value) for name, value in request.headers.items()}
        got = send(request.method or "GET", request.url or "", headers, whole(request.body))
        response = requests.Response()
        response.request, response.url = request, request.url or ""
        response.status_code, response.reason = got.status, phrase(got.status)
        for name, value in fields(got).items():
            response.headers[name] = f"{response.headers[name]}, {value}" if name in response.headers else value
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        response.raw = io.BytesIO(got.body)
        return response

    def close(self) -> None:
        """Nothing stays open between requests."""


class Handler(urllib.request.BaseHandler):
    """For `urllib.request`."""

    def http_open(self, request: urllib.request.Request) -> urllib.response.addinfourl:
        headers, body = dict(request.header_items()), whole(request.data)
        if body is not None:
            headers.setdefault("Content-type", "application/x-www-form-urlencoded")
        got = send(request.get_method(), request.full_url, headers, body)
        response = urllib.response.addinfourl(io.BytesIO(got.body), fields(got), request.full_url, got.status)
        setattr(response, "msg", phrase(got.status))
        return response

    https_open = http_open


def text(value: str | bytes) -> str:
    """A header's value as text."""
    return value if isinstance(value, str) else value.decode("latin-1")


def whole(body: Any) -> bytes | None:
    """A body as clients have it, whole: nothing, text, bytes, a file, or pieces."""
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    pieces = [body.read()] if hasattr(body, "read") else body
    return b"".join(whole(piece) or b"" for piece in pieces)


def fields(response: http.Response) -> email.message.Message:
    """The headers of an answer."""
    message = email.message.Message()
    for field in response.headers:
        message[field.name] = field.value
    return message


def phrase(status: int) -> str:
    """The words that belong to a status (RFC 9110 section 15)."""
    return next((known.phrase for known in HTTPStatus if known == status), "")


def install() -> None:
    """Every session of `requests`, and `urllib.request.urlopen`, go through the host from now on."""
    setattr(requests.sessions, "HTTPAdapter", Adapter)
    opener = urllib.request.OpenerDirector()
    for handler in (
        Handler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    urllib.request.install_opener(opener)


install()
