// The official TypeScript SDK's clients when a call needs a sign-in: v1 gets the error with the page and waits for the notice of
// its end, v2 is asked in the middle of the call (2026-07-28) and calls again by itself.
// Arguments: folder of node_modules, hotcell, URL, bearer token, v1 or v2, stdio or http, the tool's arguments as JSON.
// Prints `page ADDRESS` for the person, then the result as JSON.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, hotcell, url, token, version, over, written] = process.argv.slice(2);
const required = createRequire(pathToFileURL(join(folder, "x.cjs")));
const variables = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("HOTCELL_")));
const start = { command: hotcell, args: ["serve", "--log", "off"], env: variables, stderr: "ignore" };
const headers = { requestInit: { headers: { Authorization: `Bearer ${token}` } } };
const call = { name: "hostile_ask", arguments: JSON.parse(written) };
const show = (question) => console.log(`page ${question.url}`);

const transport = (sdk) =>
  over === "stdio" ? new sdk.StdioClientTransport(start) : new sdk.StreamableHTTPClientTransport(new URL(url), headers);

async function v1() {
  const sdk = {
    ...required("@modelcontextprotocol/sdk/client/index.js"),
    ...required("@modelcontextprotocol/sdk/client/stdio.js"),
    ...required("@modelcontextprotocol/sdk/client/streamableHttp.js"),
    ...required("@modelcontextprotocol/sdk/types.js"),
  };
  const client = new sdk.Client({ name: "v1", version: "1" }, { capabilities: { elicitation: { url: {} } } });
  const ended = new Promise((told) =>
    client.setNotificationHandler(sdk.ElicitationCompleteNotificationSchema, ({ params }) => told(params.elicitationId)));
  await client.connect(transport(sdk));
  const error = await client.callTool(call).then(() => undefined, (error) => error);
  if (!(error instanceof sdk.UrlElicitationRequiredError)) throw error ?? new Error("no sign-in was needed");
  const [question] = error.elicitations;
  show(question);
  if ((await ended) !== question.elicitationId) throw new Error("another sign-in ended");
  return [client, await client.callTool(call)];
}

async function v2() {
  const sdk = { ...required("@modelcontextprotocol/client"), ...required("@modelcontextprotocol/client/stdio") };
  const options = { capabilities: { elicitation: { url: {} } }, versionNegotiation: { mode: "auto" } };
  const client = new sdk.Client({ name: "v2", version: "1" }, options);
  client.setRequestHandler("elicitation/create", async ({ params }) => {
    show(params);
    return { action: "accept" };
  });
  await client.connect(transport(sdk));
  return [client, await client.callTool(call)];
}

const [client, result] = await (version === "v1" ? v1() : v2());
console.log(JSON.stringify(result));
await client.close();
