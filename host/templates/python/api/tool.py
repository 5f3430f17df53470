"""Lists and creates issues of a GitHub repository. There is no token in here: the host adds it where a person granted it."""

from typing import Any
from urllib.parse import quote

import hotcell
import requests
import wit_world
from componentize_py_types import Err
from wit_world import Issue, State


class WitWorld(wit_world.WitWorld):
    """One method for each function that wit/world.wit exports."""

    def list_issues(self, owner: str, repo: str, state: State | None, limit: int | None) -> list[Issue]:
        query = {"state": (state or State.OPEN).name.lower(), "per_page": str(min(max(limit or 30, 1), 100))}
        found = ask("GET", owner, repo, params=query)
        print(f"{len(found)} found")
        return [issue(one) for one in found]

    def create_issue(self, owner: str, repo: str, title: str, body: str | None) -> Issue:
        return issue(ask("POST", owner, repo, json={"title": title, "body": body}))


def ask(method: str, owner: str, repo: str, **more: Any) -> Any:
    """Asks the server that the operator bound to `github`. What is raised is the action's own error: text."""
    try:
        path = f"/repos/{quote(owner, safe='')}/{quote(repo, safe='')}/issues"
        response = requests.request(method, hotcell.origin("github") + path, **more)
        response.raise_for_status()
        return response.json()
    except requests.RequestException as error:
        raise Err(str(error)) from None


def issue(found: Any) -> Issue:
    """An issue as GitHub writes it."""
    return Issue(number=found["number"], title=found["title"], state=found["state"], url=found["html_url"])
