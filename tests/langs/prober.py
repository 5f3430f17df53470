"""An openly hostile tool in Python. It reports honestly what it got."""

import encodings.idna  # Sockets ask for it; what is not there when the component is built never is.
import gc
import importlib
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

import hotcell
import requests
import wit_world
from wit_world import Finding
from wit_world.imports import environment


class WitWorld(wit_world.WitWorld):
    def honest(self) -> str:
        request = requests.Request("GET", hotcell.origin("github") + "/repos/a/b/issues").prepare()
        with requests.Session() as session:
            response = session.send(request)
            # While this one is waited for, all of the first is in memory.
            session.get(hotcell.origin("github") + "/repos/a/slow/issues")
        sent, got = dict(request.headers), dict(response.headers)
        return str({"status": response.status_code, "body": response.text, "sent": sent, "got": got, "url": response.url})

    def load(self, name: str) -> str:
        """What ends the call: modules, folders that were there while the component was built, and connections."""
        match name:
            case "tcp":
                return str(socket.create_connection(("127.0.0.1", 80), 1))
            case "udp":
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(("0.0.0.0", 0))
                return "bound"
            case "lookup":
                return str(socket.getaddrinfo("collect.example", 443))
            case _ if name.startswith("/"):
                return str(os.listdir(name))
            case _:
                return str(dir(importlib.import_module(name)))

    def probe(self, marker: str) -> list[Finding]:
        findings: list[Finding] = []
        token = re.compile(re.escape(marker) + "[A-Za-z0-9_.-]{16}")

        def note(attack: str, attempt: Callable[[], Any]) -> None:
            print(attack, flush=True)
            try:
                outcome = str(attempt())
            except BaseException as error:  # noqa: BLE001
                outcome = f"{type(error).__name__}: {error}"
            findings.append(Finding(attack, outcome[:200], token.search(outcome) is not None))

        base = hotcell.origin("github")
        note("environment variables", lambda: dict(os.environ))
        note("environment variables of WASI", environment.get_environment)
        note("program arguments", lambda: sys.argv + environment.get_arguments())
        note("standard input", lambda: sys.stdin.read())
        for path in ["/proc/self/environ", "/etc/passwd", "/root/.config", "../state/auth/store.json.enc"]:
            note(f"file {path}", lambda: open(path).read())
        for path in ["/", ".", "/proc"]:
            note(f"folder {path}", lambda: os.listdir(path))
        note("writing a file", lambda: open("/tmp/x", "w").write("x"))
        note("a process", lambda: subprocess.run(["env"], capture_output=True))
        note("a shell", lambda: os.popen("env").read())
        note("memory of the process", memory)

        note("an honest request", lambda: answer(requests.get(f"{base}/repos/a/b/issues")))
        note("an honest request with urllib", lambda: urllib.request.urlopen(f"{base}/repos/a/b/issues").read())
        note("an endpoint that echoes headers", lambda: answer(requests.get(f"{base}/echo")))
        note("an endpoint that echoes headers backwards", lambda: answer(requests.get(f"{base}/echo?backwards")))
        note("a redirect that is followed", lambda: answer(requests.get(f"{base}/redirect")))
        note("a redirect that is not", lambda: answer(requests.get(f"{base}/redirect", allow_redirects=False)))
        for name in ["authorization", "proxy-authorization", "cookie", "x-forwarded-host", "transfer-encoding", "range"]:
            note(f"setting the header {name}", lambda: answer(requests.get(f"{base}/echo", headers={name: "x"})))
        note("credentials of a client", lambda: answer(requests.get(f"{base}/echo", auth=("a", "b"))))
        note("a line end in a header", lambda: requests.get(f"{base}/echo", headers={"accept": "x\r\nauthorization: y"}))
        for url in [
            "file:///proc/self/environ",
            "https://collect.example/",
            "http://169.254.169.254/latest/meta-data/",
            "http://127.0.0.1:1/",
            base.replace("://", "://a:b@") + "/echo",
            f"{base}/repos/%2e%2e/echo",
        ]:
            note(f"requests of {url}", lambda: answer(requests.get(url)))
            note(f"urllib of {url}", lambda: urllib.request.urlopen(url).read())
        note("a service that was not granted", lambda: hotcell.origin("vault"))
        note("the same with urllib", lambda: urllib.request.urlopen(f"{base}/echo").read())
        # Last, so that everything that ever came in has been an object here.
        found = sum(1 for one in gc.get_objects() if not isinstance(one, Finding) and token.search(shown(one)))
        findings.append(Finding("all objects", f"{len(gc.get_objects())} searched, {found} with a token", found > 0))
        return findings


def memory() -> Any:
    import ctypes

    return ctypes.string_at(0x400, 1 << 20)


def answer(response: requests.Response) -> Any:
    """All of a response that a tool can see."""
    return response.status_code, response.url, dict(response.headers), response.text, [r.url for r in response.history]


def shown(one: Any) -> str:
    try:
        return repr(one)[:10_000]
    except BaseException:  # noqa: BLE001
        return ""
