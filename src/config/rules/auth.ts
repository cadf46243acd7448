/** Rules of the `auth` section. */

import { compileRepositoryGlob } from '../../auth/htpasswd/repository-glob.ts';
import { errorText } from '../../errors.ts';
import { givenProviders } from '../shorthand.ts';
import { suggestion } from '../suggest.ts';
import type { RuleContext } from './context.ts';

const providers = ['silly', 'htpasswd', 'token'];

export function checkAuth(context: RuleContext): void {
  const names = givenProviders(context.raw).sort();
  if (names.length > 1) {
    context.fault('auth', `must provide exactly one type. Provided: [${names.join(' ')}]`);
  }
  for (const name of names) {
    if (providers.includes(name)) continue;
    context.fault(
      `auth.${name}`,
      `no access controller registered with name: ${name}${suggestion(name, [...providers, 'none'])}`,
    );
  }
  const { token, htpasswd } = context.draft.auth;
  if (token !== undefined && token.rootcertbundle === undefined && token.jwks === undefined) {
    context.fault(
      'auth.token.rootcertbundle',
      'token auth requires at least one token signing key: set rootcertbundle or jwks',
    );
  }
  if (token !== undefined && !token.autoredirectpath.startsWith('/')) {
    context.fault('auth.token.autoredirectpath', 'must begin with a slash', token.autoredirectpath);
  }
  for (const [index, rule] of (htpasswd?.access ?? []).entries()) {
    const path = `auth.htpasswd.access[${index}]`;
    for (const group of rule.groups) {
      const known = Object.keys(htpasswd?.groups ?? {});
      if (known.includes(group)) continue;
      context.fault(
        `${path}.groups`,
        `no such group in auth.htpasswd.groups${suggestion(group, known)}`,
        group,
      );
    }
    if (rule.users.length === 0 && rule.groups.length === 0 && !rule.anonymous) {
      context.fault(path, 'is for nobody: set users, groups or anonymous');
    }
    if (!context.isFaulted(`${path}.actions`) && rule.actions.length === 0) {
      context.fault(`${path}.actions`, 'allows nothing: name pull, push, delete or *');
    }
    checkGlob(context, `${path}.repository`, rule.repository);
  }
}

function checkGlob(context: RuleContext, path: string, pattern: string): void {
  if (context.isFaulted(path)) return;
  try {
    compileRepositoryGlob(pattern);
  } catch (error) {
    context.fault(path, errorText(error));
  }
}
