/** A registry behind one of the ways to say who may use it, for tests that log in with real clients or by hand. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { type FrontEndName, type RunningRegistry, startRegistry } from './registry.ts';
import { tempFolder } from './temp-folder.ts';
import { startTokenServer, type TokenServer } from './token-server.ts';

/** `rules`: everybody pulls from `public/`, `user` may do everything, `reader` pulls from `team/`. */
export type Guard = 'plain' | 'htpasswd' | 'token' | 'rules';

export const user = 'pusher';
/** With characters that clients must take care of. */
export const password = 'open:sesame %41&"';
export const reader = 'reader';
export const readerPassword = 'only-reading';
/** bcrypt's least: tests log in often. */
const cost = 4;

export interface GuardedRegistry extends RunningRegistry {
  /** With `token`. */
  readonly tokens: TokenServer | undefined;
  /** With `htpasswd` and `rules`. */
  readonly htpasswd: string;
  close(): Promise<void>;
}

export function htpasswdLine(name: string, word: string): string {
  return `${name}:${hashSync(word, cost)}\n`;
}

export async function startGuarded(
  guard: Guard,
  frontEnd: FrontEndName,
  log: Record<string, unknown> = { level: 'info' },
): Promise<GuardedRegistry> {
  const folder = await tempFolder();
  const htpasswd = join(folder.path, 'htpasswd');
  await writeFile(htpasswd, htpasswdLine(user, password) + htpasswdLine(reader, readerPassword));
  const tokens =
    guard === 'token'
      ? await startTokenServer({
          users: { [user]: password, [reader]: readerPassword },
          policy: (name, type, _, action) =>
            name === user || (name === reader && type === 'repository' && action === 'pull'),
        })
      : undefined;
  const registry = await startRegistry({
    frontEnd,
    config: { log, ...authSection(guard, htpasswd, tokens) },
  });
  return {
    ...registry,
    tokens,
    htpasswd,
    async close(): Promise<void> {
      await registry.stop();
      await tokens?.close();
      await folder.remove();
    },
  };
}

function authSection(guard: Guard, path: string, tokens: TokenServer | undefined): object {
  const realm = 'test realm';
  switch (guard) {
    case 'plain':
      return {};
    case 'htpasswd':
      return { auth: { htpasswd: { realm, path } } };
    case 'token':
      return {
        auth: {
          token: {
            realm: tokens?.url,
            service: tokens?.service,
            issuer: tokens?.issuer,
            jwks: tokens?.jwksPath,
            rootcertbundle: tokens?.certPath,
          },
        },
      };
    case 'rules': {
      const access = [
        { anonymous: true, repository: 'public/**', actions: ['pull'] },
        { users: [user], repository: '**', actions: ['*'] },
        { users: [reader], repository: 'team/**', actions: ['pull'] },
      ];
      return { auth: { htpasswd: { realm, path, access } } };
    }
  }
}
