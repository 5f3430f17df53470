"""The official Python SDK's client, in both lifecycles and over both transports: it lists the tools, calls one, has a person
approve another, and checks each result against its schema by itself.

Arguments: hotcell, URL, bearer token. Prints one JSON line.
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

HOTCELL, URL, TOKEN = sys.argv[1:]
REPO = {"owner": "a", "repo": "b"}


async def yes(_context, _params):
    return types.ElicitResult(action="accept", content={"approve": True})


async def use(name, server, mode):
    async with Client(server, mode=mode, elicitation_callback=yes) as client:
        tools = await client.list_tools()
        listed = await client.call_tool("github-issues_list-issues", REPO)
        created = await client.call_tool("github-issues_create-issue", {**REPO, "title": "x", "labels": []})
        wrong = await client.call_tool("github-issues_list-issues", {"owner": 1})
        return {
            "name": name,
            "tools": [tool.name for tool in tools.tools],
            "listed": listed.structured_content,
            "created": created.structured_content,
            "wrong": [wrong.is_error, wrong.meta["hotcell/refusal"]["code"]],
        }


async def main():
    variables = {name: value for name, value in os.environ.items() if name.startswith("HOTCELL_")}
    seen = []
    for mode in ["legacy", "auto"]:
        stdio = StdioServerParameters(command=HOTCELL, args=["serve", "--log", "off"], env=variables)
        seen.append(await use(f"{mode} stdio", stdio, mode))
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as http:
            seen.append(await use(f"{mode} http", streamable_http_client(URL, http_client=http), mode))
    print(json.dumps(seen))


anyio.run(main)
