/**
 * The rules of `auth.htpasswd.access`: who may do what in which repositories. Rules only ever allow; what no rule
 * allows is refused. Off (every valid user may do everything) when the key is absent. Asked by htpasswd.ts.
 */

import { CodedError, errorText } from '../../errors.ts';
import type { Access } from '../access.ts';
import type { AccessRuleOptions } from '../options.ts';
import { compileRepositoryGlob, type RepositoryGlob } from './repository-glob.ts';

export interface AccessRules {
  /** True when some rule is for requests without credentials. */
  readonly hasAnonymous: boolean;
  /** What `user` (`undefined` = without credentials) may do. Keep the result for one request or longer, as wanted. */
  allows(user: string | undefined, access: Access): boolean;
  /** Group members and users that rules name, for a start-up check against the file. */
  readonly namedUsers: ReadonlySet<string>;
}

interface Rule {
  readonly everybodySignedIn: boolean;
  readonly anonymous: boolean;
  readonly users: ReadonlySet<string>;
  readonly covers: RepositoryGlob;
  readonly actions: ReadonlySet<string>;
}

/** @throws CodedError `ACCESS_RULE_INVALID`, naming the rule by its place in the list */
export function compileAccessRules(
  options: readonly AccessRuleOptions[],
  groups: Readonly<Record<string, readonly string[]>>,
): AccessRules {
  const rules = options.map((option, index) => compileRule(option, groups, index));
  const hasAnonymous = rules.some((rule) => rule.anonymous);
  return {
    hasAnonymous,
    namedUsers: new Set(rules.flatMap((rule) => [...rule.users])),
    allows(user, access) {
      if (access.type === 'registry') {
        // Listing is not a right of its own: the catalog leaves out what the grant does not see, so anybody who can
        // pull something may ask for the list.
        return access.name === 'catalog' && (user !== undefined || hasAnonymous);
      }
      if (access.type !== 'repository') return false;
      return rules.some(
        (rule) =>
          (rule.actions.has(access.action) || rule.actions.has('*')) &&
          isFor(rule, user) &&
          rule.covers(access.name),
      );
    },
  };
}

function isFor(rule: Rule, user: string | undefined): boolean {
  // Signing in never takes rights away: a rule for anonymous requests is for everybody.
  if (rule.anonymous) return true;
  return user !== undefined && (rule.everybodySignedIn || rule.users.has(user));
}

function compileRule(
  option: AccessRuleOptions,
  groups: Readonly<Record<string, readonly string[]>>,
  index: number,
): Rule {
  const fault = (text: string): CodedError =>
    new CodedError('ACCESS_RULE_INVALID', `access rule ${index + 1}: ${text}`);
  const users = new Set(option.users);
  for (const group of option.groups) {
    if (!Object.hasOwn(groups, group)) throw fault(`group "${group}" is not in groups`);
    for (const member of groups[group] ?? []) users.add(member);
  }
  const everybodySignedIn = users.delete('*');
  if (option.users.length === 0 && option.groups.length === 0 && !option.anonymous) {
    throw fault('needs users, groups or anonymous: true');
  }
  if (option.actions.length === 0) throw fault('has no actions');
  let covers: RepositoryGlob;
  try {
    covers = compileRepositoryGlob(option.repository);
  } catch (cause) {
    throw fault(errorText(cause));
  }
  return {
    everybodySignedIn,
    anonymous: option.anonymous,
    users,
    covers,
    actions: new Set(option.actions),
  };
}
