/**
 * Matches repository names against the globs of access rules: `*` and `?` stay within a path component, `**` crosses
 * them. Pure; runs in time bounded by name length times pattern length, since the names come from clients.
 */

import { CodedError } from '../../errors.ts';

/** True when the whole repository name matches. */
export type RepositoryGlob = (repository: string) => boolean;

const maxPatternLength = 255;
const maxCrossings = 4;
/** Parts of repository names, plus the wildcards. */
const allowed = /^[a-z0-9._\-/*?]+$/;

/**
 * Compiles a glob. `**` followed by a slash at the start or after a slash also matches no component at all, so that
 * `a/**` + `/b` covers `a/b`.
 *
 * @throws CodedError `ACCESS_RULE_INVALID` with a message fit for an operator
 */
export function compileRepositoryGlob(pattern: string): RepositoryGlob {
  if (pattern.length > maxPatternLength || !allowed.test(pattern)) {
    throw new CodedError(
      'ACCESS_RULE_INVALID',
      `repository "${pattern}" is not a glob of a repository name (lower case letters, digits, . _ - / and * ** ?)`,
    );
  }
  if (pattern.split('**').length - 1 > maxCrossings) {
    throw new CodedError(
      'ACCESS_RULE_INVALID',
      `repository "${pattern}" has more than ${maxCrossings} times **`,
    );
  }
  const variants = expandEmptyCrossings(pattern);
  return (repository) => variants.some((variant) => matches(variant, repository));
}

/** Each `**` + `/` at the start of a component may stand for nothing: up to 16 patterns. */
function expandEmptyCrossings(pattern: string): readonly string[] {
  const at = /(?:^|\/)\*\*\//.exec(pattern);
  if (at === null) return [pattern];
  const head = pattern.slice(0, at.index) + (at[0].startsWith('/') ? '/' : '');
  const rest = expandEmptyCrossings(pattern.slice(at.index + at[0].length));
  return rest.flatMap((tail) => [`${head}**/${tail}`, head + tail]);
}

/**
 * Walks both strings once, going back to the last `*` when a literal fails, and to the last `**` when that `*` would
 * have to cross a slash. Earlier wildcards never need another try: the earliest match leaves the most for the rest.
 */
function matches(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let starName = 0;
  let crossing = -1;
  let crossingName = 0;
  while (n < name.length || p < pattern.length) {
    if (pattern.startsWith('**', p)) {
      crossing = p;
      crossingName = n;
      star = -1;
      p += 2;
    } else if (pattern[p] === '*') {
      star = p;
      starName = n;
      p += 1;
    } else if (
      n < name.length &&
      p < pattern.length &&
      (pattern[p] === name[n] || (pattern[p] === '?' && name[n] !== '/'))
    ) {
      p += 1;
      n += 1;
    } else if (star >= 0 && starName < name.length && name[starName] !== '/') {
      starName += 1;
      n = starName;
      p = star + 1;
    } else if (crossing >= 0 && crossingName < name.length) {
      crossingName += 1;
      n = crossingName;
      p = crossing + 2;
      star = -1;
    } else {
      return false;
    }
  }
  return true;
}
