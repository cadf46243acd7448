/**
 * A token server for tests, over a real socket: the GET flow of docker and the OAuth2 POST flow of containerd, with
 * refresh tokens (`offline_token=true`, `access_type=offline`). Signs real tokens; its JWKS and certificate lie in
 * files for a registry's configuration.
 */

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { libtrustId, thumbprints } from '../../src/auth/token/key-id.ts';
import { type Certificate, jwkOf, makeCertificate } from './token-keys.ts';

/** Whether the user (`''` without credentials) may have the action. */
export type TokenPolicy = (user: string, type: string, name: string, action: string) => boolean;

export interface TokenServerOptions {
  /** 0 or absent: any free port. */
  readonly port?: number;
  /** User name -> password. */
  readonly users: Readonly<Record<string, string>>;
  readonly issuer?: string;
  readonly service?: string;
  /** Absent: users get everything, anonymous nothing. */
  readonly policy?: TokenPolicy;
  /** How tokens name their key. */
  readonly keyName?: 'kid' | 'libtrust' | 'literal' | 'x5c';
  readonly lifetimeSeconds?: number;
  /** False: POST answers 404, as token servers without OAuth2 do. */
  readonly oauth2?: boolean;
}

export interface TokenServer {
  /** The realm for `auth.token.realm`. */
  readonly url: string;
  readonly issuer: string;
  readonly service: string;
  readonly jwksPath: string;
  readonly certPath: string;
  /** Requests so far: `GET offline` and the like, for assertions on the flow. */
  readonly requests: string[];
  /** A token without asking over HTTP. */
  mint(user: string, access: readonly TokenAccess[], changes?: object): Promise<string>;
  close(): Promise<void>;
}

export interface TokenAccess {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
  readonly class?: string;
}

const algorithm = 'ES256';

export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  const issuer = options.issuer ?? 'test issuer';
  const service = options.service ?? 'test registry';
  const lifetimeSeconds = options.lifetimeSeconds ?? 300;
  const policy: TokenPolicy = options.policy ?? ((user) => user !== '');
  const certificate = makeCertificate({ name: 'token server', isCa: true });
  const header = headerOf(certificate, options.keyName ?? 'kid');
  const folder = await mkdtemp(join(tmpdir(), 'longshore-tokens-'));
  const certPath = join(folder, 'root.pem');
  const jwksPath = join(folder, 'jwks.json');
  await writeFile(certPath, certificate.pem);
  await writeFile(
    jwksPath,
    JSON.stringify({ keys: [jwkOf(certificate.publicKey, { kid: 'literal key' })] }),
  );
  const refreshTokens = new Map<string, string>();
  const requests: string[] = [];

  function mint(user: string, access: readonly TokenAccess[], changes: object = {}) {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      sub: user,
      aud: service,
      exp: now + lifetimeSeconds,
      nbf: now - 10,
      iat: now,
      jti: randomUUID(),
      access,
      ...changes,
    };
    return new SignJWT(claims).setProtectedHeader(header).sign(certificate.privateKey);
  }

  function passwordUser(user: string, password: string): string | undefined {
    return options.users[user] === password && password !== '' ? user : undefined;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://token.invalid');
    const form = request.method === 'POST' ? new URLSearchParams(await bodyOf(request)) : undefined;
    const wish = form ?? url.searchParams;
    const isOffline = wish.get('offline_token') === 'true' || wish.get('access_type') === 'offline';
    const grant = form?.get('grant_type') ?? 'basic';
    requests.push(`${request.method} ${grant}${isOffline ? ' offline' : ''}`);
    if (form && options.oauth2 === false) return send(response, 404, { error: 'not_found' });

    let user: string | undefined;
    if (grant === 'refresh_token') user = refreshTokens.get(form?.get('refresh_token') ?? '');
    else if (form) user = passwordUser(form.get('username') ?? '', form.get('password') ?? '');
    else if (request.headers.authorization === undefined) user = '';
    else user = passwordUser(...basicOf(request.headers.authorization));
    if (user === undefined) return send(response, 401, { details: 'incorrect credentials' });

    const holder = user;
    const access = parseScopes(wish.getAll('scope')).map((entry) => ({
      ...entry,
      actions: entry.actions.filter((action) => policy(holder, entry.type, entry.name, action)),
    }));
    const token = await mint(holder, access);
    let refreshToken: string | undefined;
    // Without OAuth2 a refresh token would be of no use: docker would keep it in place of the password.
    if (isOffline && holder !== '' && options.oauth2 !== false) {
      refreshToken = randomUUID();
      refreshTokens.set(refreshToken, holder);
    }
    return send(response, 200, {
      token,
      access_token: token,
      expires_in: lifetimeSeconds,
      issued_at: new Date().toISOString(),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    });
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      send(response, 500, { error: String(error) });
    });
  });
  await new Promise<void>((resolve) =>
    server.listen(options.port ?? 0, '127.0.0.1', () => resolve()),
  );
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/token`,
    issuer,
    service,
    jwksPath,
    certPath,
    requests,
    mint,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}

function headerOf(
  certificate: Certificate,
  keyName: string,
): { alg: string; [key: string]: unknown } {
  const base = { alg: algorithm, typ: 'JWT' };
  switch (keyName) {
    case 'x5c':
      return { ...base, x5c: [certificate.base64] };
    case 'libtrust':
      return { ...base, kid: libtrustId(certificate.publicKey) };
    case 'literal':
      return { ...base, kid: 'literal key' };
    default:
      return { ...base, kid: thumbprints(certificate.publicKey)[0] };
  }
}

/** `repository(plugin):host:5000/a/b:pull,push`, several to a parameter; a name may hold colons. */
function parseScopes(scopes: readonly string[]): TokenAccess[] {
  return scopes
    .flatMap((scope) => scope.split(' '))
    .filter((scope) => scope !== '')
    .map((scope) => {
      const first = scope.indexOf(':');
      const last = scope.lastIndexOf(':');
      const [, type = '', kind] = /^([^(]*)(?:\((.*)\))?$/.exec(scope.slice(0, first)) ?? [];
      return {
        type,
        name: scope.slice(first + 1, last),
        actions: scope.slice(last + 1).split(','),
        ...(kind === undefined ? {} : { class: kind }),
      };
    });
}

function basicOf(header: string): [string, string] {
  const text = Buffer.from(header.replace(/^basic /i, ''), 'base64').toString();
  const colon = text.indexOf(':');
  return [text.slice(0, colon), text.slice(colon + 1)];
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
