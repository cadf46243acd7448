/**
 * Grammar of repository names, tags and references. Pure; distribution-spec "Pulling manifests", and Distribution's
 * wider form of a name, whose first component may read as a domain (reference 1.2).
 */

import { checkDigest, type Digest } from './digest.ts';

/** A checked repository name, at most `maxNameBytes` long, fit to be a storage path. */
export type RepositoryName = string & { readonly __repositoryName: true };
/** A checked tag. */
export type Tag = string & { readonly __tag: true };

export type Reference =
  | { readonly kind: 'digest'; readonly digest: Digest }
  | { readonly kind: 'tag'; readonly tag: Tag };

export const maxNameBytes = 255;

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
/** Distribution takes a first component such as `Foo` for a domain, if others follow it; ports cannot be stored. */
const domain =
  '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*';
const nameGrammar = new RegExp(`^(?:${component}|${domain}(?=/))(?:/${component})*$`);
const tagGrammar = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

export function tryParseRepositoryName(text: string): RepositoryName | undefined {
  // The length goes first: it bounds what the grammar has to look at.
  return text.length <= maxNameBytes && nameGrammar.test(text)
    ? (text as RepositoryName)
    : undefined;
}

export function tryParseTag(text: string): Tag | undefined {
  return tagGrammar.test(text) ? (text as Tag) : undefined;
}

/** A reference, or what is wrong with it. Whatever holds a colon can only be a digest. */
export function checkReference(
  text: string,
): Reference | { readonly fault: string; readonly looksLike: 'digest' | 'tag' } {
  if (text.includes(':')) {
    const result = checkDigest(text);
    return 'digest' in result
      ? { kind: 'digest', digest: result.digest }
      : { fault: result.fault, looksLike: 'digest' };
  }
  const tag = tryParseTag(text);
  return tag === undefined
    ? {
        fault: 'a tag is 1 to 128 of A-Z a-z 0-9 _ . - and begins with none of . -',
        looksLike: 'tag',
      }
    : { kind: 'tag', tag };
}
