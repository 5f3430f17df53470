// A real authorisation server for the tests: npm oidc-provider, with a person who always says yes: the one that `login_hint`
// names, or alice.
//   node as.mjs FOLDER-WITH-NODE_MODULES [SECONDS-THAT-ACCESS-TOKENS-LIVE]
// Prints `ready PORT` when it listens on 127.0.0.1, and `event NAME` for what the tests count. Ends when its input ends.
import http from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const library = path.join(process.argv[2], 'node_modules', 'oidc-provider', 'lib', 'index.js');
const { default: Provider } = await import(pathToFileURL(library));

const SCOPES = 'openid offline_access notes.read notes.write';
const life = Number(process.argv[3] ?? 60);
const say = (line) => process.stdout.write(`${line}\n`);

const server = http.createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const { port } = server.address();
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'cli',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      scope: SCOPES,
    },
    {
      client_id: 'cli-with-secret',
      client_secret: 'client:secret+of/the=tests',
      application_type: 'native',
      token_endpoint_auth_method: 'client_secret_basic',
      redirect_uris: ['http://127.0.0.1/callback'],
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      scope: SCOPES,
    },
    ...['basic', 'post'].map((method) => ({
      client_id: `machine-${method}`,
      client_secret: 'machine:secret+of/the=tests',
      token_endpoint_auth_method: `client_secret_${method}`,
      redirect_uris: [],
      response_types: [],
      grant_types: ['client_credentials'],
      scope: 'notes.read notes.write',
    })),
  ],
  scopes: SCOPES.split(' '),
  pkce: { required: () => true },
  rotateRefreshToken: () => true,
  issueRefreshToken: async () => true,
  ttl: { AccessToken: life, ClientCredentials: 60, DeviceCode: 60, AuthorizationCode: 60, RefreshToken: 3600, Grant: 3600, Interaction: 3600, Session: 3600 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    revocation: { enabled: true },
    deviceFlow: {
      enabled: true,
      async userCodeInputSource(ctx, form) { ctx.body = form; },
      async userCodeConfirmSource(ctx, form) { ctx.body = form; },
      async successSource(ctx) { ctx.body = 'done'; },
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, resource) => {
        say(`event resource ${resource}`);
        const known = { scope: 'notes.read notes.write', audience: resource, accessTokenTTL: 60 };
        // A server of ours gets tokens that it can check by itself (RFC 9068).
        return { ...known, accessTokenFormat: resource.endsWith('/mcp') ? 'jwt' : 'opaque' };
      },
    },
  },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  cookies: { keys: ['tests'] },
});
provider.on('grant.success', (ctx) => {
  if (ctx.oidc.params.grant_type === 'refresh_token') say('event refreshed');
});
provider.on('grant.revoked', () => say('event grant.revoked'));
provider.on('server_error', (ctx, error) => process.stderr.write(`${error.stack}\n`));

async function sayYes(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: params.login_hint ?? 'alice' } }, { mergeWithLastSubmission: false });
  }
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(SCOPES);
  for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

const answer = provider.callback();
server.on('request', (request, response) => {
  say('event request');
  if (!request.url.startsWith('/interaction/')) return answer(request, response);
  return sayYes(request, response).catch((error) => {
    response.statusCode = 500;
    response.end(String(error));
  });
});
// The test that started this holds the other end: when it is gone, this is too.
process.stdin.on('end', () => process.exit(0)).resume();
say(`ready ${port}`);
