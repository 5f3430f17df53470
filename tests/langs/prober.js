// An openly hostile tool in JavaScript. It reports honestly what it got.
import { origin, send } from "hotcell:tool/http@0.1.0";
import { getArguments, getEnvironment, initialCwd } from "wasi:cli/environment@0.2.6";

export async function honest() {
  const request = new Request(`${origin("github")}/repos/a/b/issues`, { headers: { accept: "application/json" } });
  const response = await fetch(request);
  const [status, body] = [response.status, await response.text()];
  // While this one is waited for, all of the first is in memory.
  await fetch(`${origin("github")}/repos/a/slow/issues`);
  return JSON.stringify({
    status,
    body,
    sent: [...request.headers],
    got: [...response.headers],
    url: response.url,
  });
}

export async function probe(marker) {
  const findings = [];
  const token = new RegExp(`${marker.replace(/[^a-z0-9_]/gi, "\\$&")}[A-Za-z0-9_.-]{16}`);
  const note = async (attack, attempt) => {
    console.log(attack);
    let outcome;
    try {
      outcome = text(await attempt());
    } catch (error) {
      outcome = `${error?.constructor?.name ?? typeof error}: ${text(error?.message ?? error)}`;
    }
    findings.push({ attack, outcome: outcome.slice(0, 200), gotToken: token.test(outcome) });
  };
  const base = origin("github");

  await note("environment variables", () => getEnvironment());
  await note("program arguments", () => getArguments());
  await note("the working folder", () => initialCwd());
  await note("names of the global object", () => Object.getOwnPropertyNames(globalThis));
  await note("values of the global object", () => everything(globalThis));
  for (const name of ["process", "require", "Deno", "Bun", "WebAssembly", "SharedArrayBuffer", "Atomics", "XMLHttpRequest", "WebSocket", "localStorage", "caches", "navigator"]) {
    await note(`global ${name}`, () => everything(globalThis[name]));
  }
  await note("making code", () => new Function("return globalThis.process")());

  await note("an honest request", () => answer(fetch(`${base}/repos/a/b/issues`)));
  const request = new Request(`${base}/repos/a/b/issues`, { headers: { accept: "text/plain" } });
  await fetch(request);
  await note("the request's headers, read back", () => [...request.headers]);
  await note("the request, copied and read back", () => [...request.clone().headers]);
  await note("an endpoint that echoes headers", () => answer(fetch(`${base}/echo`)));
  await note("an endpoint that echoes headers backwards", () => answer(fetch(`${base}/echo?backwards`)));
  await note("a redirect that is followed", () => answer(fetch(`${base}/redirect`)));
  await note("a redirect that is not", () => answer(fetch(`${base}/redirect`, { redirect: "manual" })));
  await note("cookies and credentials", () => answer(fetch(`${base}/repos/a/b/issues`, { credentials: "include" })));
  for (const name of ["authorization", "proxy-authorization", "cookie", "host", "x-forwarded-host", "transfer-encoding", "content-length", "range", "connection"]) {
    await note(`setting the header ${name}`, () => answer(fetch(`${base}/echo`, { headers: { [name]: "x" } })));
  }
  await note("a line end in a header", () => answer(fetch(`${base}/echo`, { headers: { accept: "x\r\nauthorization: y" } })));
  for (const url of ["file:///proc/self/environ", "data:text/plain,x", "ftp://127.0.0.1/", "https://collect.example/", "http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/", `${base.replace("://", "://a:b@")}/echo`, `${base}/repos/../echo`, `${base}/repos/%2e%2e/echo`, "/echo", ""]) {
    await note(`fetch of ${url || "nothing"}`, () => answer(fetch(url)));
  }
  await note("the other way out, with a header of its own", () =>
    send({ method: "get", url: `${base}/repos/a/b/issues`, headers: [{ name: "authorization", value: "x" }] }));
  await note("a service that was not granted", () => origin("vault"));
  await note("the same by the other way out", () => send({ method: "get", url: `${base}/echo`, headers: [] }));
  return findings;
}

/** A module that is loaded while the tool runs. The engine ends the call where there is none. */
export async function load(name) {
  return text(Object.keys(await import(name)));
}

/** All of a response that a tool can see. */
async function answer(fetched) {
  const response = await fetched;
  return [response.status, response.url, [...response.headers], await response.text()];
}

/** Names and values, one level below. */
function everything(value) {
  if (value === undefined || value === null) return value;
  return Object.getOwnPropertyNames(value).map((name) => {
    try {
      return [name, String(value[name]).slice(0, 100)];
    } catch (error) {
      return [name, String(error)];
    }
  });
}

function text(value) {
  if (typeof value === "string") return value;
  if (value?.body instanceof Uint8Array) return `${value.status} ${new TextDecoder().decode(value.body)}`;
  return JSON.stringify(value) ?? String(value);
}
