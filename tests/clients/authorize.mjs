// The official TypeScript SDK's clients before a server that wants users: 401, the resource's metadata, the authorisation
// server's, a login in the browser, the token, the call. Nothing here knows where the authorisation server is.
// Arguments: folder of node_modules, URL, v1 or v2, the tool's arguments as JSON.
// Prints `page ADDRESS` for the browser, reads where that ended, prints `token TOKEN` and the result as JSON.
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { pathToFileURL } from "node:url";

const [folder, url, version, written] = process.argv.slice(2);
const required = createRequire(pathToFileURL(join(folder, "x.cjs")));
const sdk =
  version === "v1"
    ? {
        ...required("@modelcontextprotocol/sdk/client/index.js"),
        ...required("@modelcontextprotocol/sdk/client/streamableHttp.js"),
        ...required("@modelcontextprotocol/sdk/client/auth.js"),
      }
    : required("@modelcontextprotocol/client");
const lines = createInterface({ input: process.stdin });

// A client that was registered by hand, as RFC 8252 has it.
class Registered {
  redirectUrl = "http://127.0.0.1:9/callback";
  clientMetadata = { client_name: "agent", redirect_uris: [this.redirectUrl] };
  clientInformation = () => ({ client_id: "cli" });
  state = () => "state-of-the-client";
  tokens = () => this.held;
  saveTokens = (tokens) => (this.held = tokens);
  codeVerifier = () => this.verifier;
  saveCodeVerifier = (verifier) => (this.verifier = verifier);
  redirectToAuthorization = (address) => console.log(`page ${address}`);
}

const provider = new Registered();
const transport = () => new sdk.StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
const client = () => new sdk.Client({ name: version, version: "1" }, { versionNegotiation: { mode: "auto" } });

const first = transport();
const refused = await client().connect(first).then(() => undefined, (error) => error);
if (!(refused instanceof sdk.UnauthorizedError)) throw refused ?? new Error("nobody asked for a token");
const answer = new URL((await lines[Symbol.asyncIterator]().next()).value).searchParams;
if (answer.get("state") !== provider.state()) throw new Error("another state came back");
await (version === "v1" ? first.finishAuth(answer.get("code")) : first.finishAuth(answer));
console.log(`token ${provider.held.access_token}`);

const connected = client();
await connected.connect(transport());
console.log(JSON.stringify(await connected.callTool({ name: "hostile_ask", arguments: JSON.parse(written) })));
await connected.close();
lines.close();
