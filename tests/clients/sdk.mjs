// The official TypeScript SDK's clients, v1 (initialize) and v2 (2026-07-28), over both transports: they list the tools, call
// one, have a person approve another, and check each result against its schema by themselves.
// Arguments: folder of node_modules, hotcell, URL, bearer token. Prints one JSON line.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, hotcell, url, token] = process.argv.slice(2);
const required = createRequire(pathToFileURL(join(folder, "x.cjs")));
const seen = [];

const variables = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("HOTCELL_")));
const start = { command: hotcell, args: ["serve", "--log", "off"], env: variables, stderr: "ignore" };
const headers = { requestInit: { headers: { Authorization: `Bearer ${token}` } } };
const yes = async () => ({ action: "accept", content: { approve: true } });
const repo = { owner: "a", repo: "b" };

async function use(name, client, transport) {
  await client.connect(transport);
  const { tools } = await client.listTools();
  const listed = await client.callTool({ name: "github-issues_list-issues", arguments: repo });
  const created = await client.callTool({ name: "github-issues_create-issue", arguments: { ...repo, title: "x", labels: [] } });
  const wrong = await client.callTool({ name: "github-issues_list-issues", arguments: { owner: 1 } });
  seen.push({
    name,
    tools: tools.map((tool) => tool.name),
    listed: listed.structuredContent,
    created: created.structuredContent,
    wrong: [wrong.isError, wrong._meta["hotcell/refusal"].code],
    version: client.getNegotiatedProtocolVersion?.() ?? "initialize",
  });
  await client.close();
}

const v1 = {
  ...required("@modelcontextprotocol/sdk/client/index.js"),
  ...required("@modelcontextprotocol/sdk/client/stdio.js"),
  ...required("@modelcontextprotocol/sdk/client/streamableHttp.js"),
  ...required("@modelcontextprotocol/sdk/types.js"),
};
for (const transport of [new v1.StdioClientTransport(start), new v1.StreamableHTTPClientTransport(new URL(url), headers)]) {
  const client = new v1.Client({ name: "v1", version: "1" }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(v1.ElicitRequestSchema, yes);
  await use(`v1 ${transport.constructor.name}`, client, transport);
}

const v2 = { ...required("@modelcontextprotocol/client"), ...required("@modelcontextprotocol/client/stdio") };
for (const transport of [new v2.StdioClientTransport(start), new v2.StreamableHTTPClientTransport(new URL(url), headers)]) {
  const options = { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode: "auto" } };
  const client = new v2.Client({ name: "v2", version: "1" }, options);
  client.setRequestHandler("elicitation/create", yes);
  await use(`v2 ${transport.constructor.name}`, client, transport);
}

console.log(JSON.stringify(seen));
