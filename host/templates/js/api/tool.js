// Lists and creates issues of a GitHub repository. There is no token in here: the host adds it where a person granted it.
/** @import { Issue, State } from "author:tool/tool" */
import { origin } from "hotcell:tool/http@0.1.0";

/**
 * @param {string} owner
 * @param {string} repo
 * @param {State} [state]
 * @param {number} [limit]
 * @returns {Promise<Issue[]>}
 */
export async function listIssues(owner, repo, state = "open", limit = 30) {
  const url = issues(owner, repo);
  url.searchParams.set("state", state);
  url.searchParams.set("per_page", String(Math.min(Math.max(limit, 1), 100)));
  const found = await json(await fetch(url));
  console.log(`${found.length} found`);
  return found.map(issue);
}

/**
 * @param {string} owner
 * @param {string} repo
 * @param {string} title
 * @param {string} [body]
 * @returns {Promise<Issue>}
 */
export async function createIssue(owner, repo, title, body) {
  const asked = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ title, body }) };
  return issue(await json(await fetch(issues(owner, repo), asked)));
}

/** Where a repository's issues are, on the server that the operator bound to `github`. @param {string[]} names */
function issues(...names) {
  return new URL(["/repos", ...names.map(encodeURIComponent), "issues"].join("/"), origin("github"));
}

/** What is thrown is the action's own error: text, as `wit/world.wit` says. @param {Response} response */
async function json(response) {
  if (!response.ok) throw `the server answered ${response.status}`;
  return response.json();
}

/** An issue as GitHub writes it. @param {any} found @returns {Issue} */
function issue(found) {
  return { number: found.number, title: found.title, state: found.state, url: found.html_url };
}
