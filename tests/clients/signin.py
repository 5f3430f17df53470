"""The official Python SDK's client when a call needs a sign-in: in the older lifecycle it gets the error with the page and waits
for the notice of its end, in the newest it is asked in the middle of the call (2026-07-28) and calls again by itself.

Arguments: hotcell, URL, bearer token, legacy or auto, stdio or http, the tool's arguments as JSON.
Prints `page ADDRESS` for the person, then the result as JSON.
"""

import json
import os
import sys

import anyio
import httpx2
import mcp.types as types
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError

HOTCELL, URL, TOKEN, MODE, OVER, WRITTEN = sys.argv[1:]


def show(question):
    assert question.mode == "url"
    print(f"page {question.url}", flush=True)


async def asked(_context, question):
    show(question)
    return types.ElicitResult(action="accept")


async def use(server):
    ended, told = anyio.create_memory_object_stream(8)

    async def message(received):
        if isinstance(received, types.ElicitCompleteNotification):
            await ended.send(received.params.elicitation_id)

    async with Client(server, mode=MODE, elicitation_callback=asked, message_handler=message) as client:
        call = lambda: client.call_tool("hostile_ask", json.loads(WRITTEN))
        try:
            result = await call()
        except MCPError as error:
            [question] = UrlElicitationRequiredError.from_error(error.error).elicitations
            show(question)
            assert await told.receive() == question.elicitation_id
            result = await call()
        print(result.model_dump_json(by_alias=True, exclude_none=True), flush=True)


async def main():
    if OVER == "stdio":
        variables = {name: value for name, value in os.environ.items() if name.startswith("HOTCELL_")}
        return await use(StdioServerParameters(command=HOTCELL, args=["serve", "--log", "off"], env=variables))
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as http:
        await use(streamable_http_client(URL, http_client=http))


anyio.run(main)
