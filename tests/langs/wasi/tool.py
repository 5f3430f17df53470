"""A program that was written for another host: `wasi:http` by componentize-py's own event loop, and nothing of Hotcell's."""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import poll_loop
import wit_world
from componentize_py_types import Err
from wit_world.imports.types import Fields, IncomingResponse, Method_Get, OutgoingRequest, Scheme_Http, Scheme_Https


class WitWorld(wit_world.WitWorld):
    def titles(self, url: str) -> list[str]:
        loop = poll_loop.PollLoop()
        asyncio.set_event_loop(loop)
        try:
            return [found["title"] for found in loop.run_until_complete(get(url))]
        except Err as error:
            raise Err(str(error.value)) from None
        finally:
            loop.close()


async def get(url: str) -> Any:
    parts = urlsplit(url)
    request = OutgoingRequest(Fields.from_list([("accept", b"application/json"), ("user-agent", b"another/1.0")]))
    request.set_method(Method_Get())
    request.set_scheme(Scheme_Https() if parts.scheme == "https" else Scheme_Http())
    request.set_authority(parts.netloc)
    request.set_path_with_query(f"{parts.path}?{parts.query}" if parts.query else parts.path)
    response: IncomingResponse = await poll_loop.send(request)
    if response.status() != 200:
        raise Err(f"the server answered {response.status()}")
    stream = poll_loop.Stream(response.consume())
    body = b""
    while (piece := await stream.next()) is not None:
        body += piece
    return json.loads(body)
