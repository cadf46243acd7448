/** Tags of a repository: resolve, list by page, delete, and find by digest. */

import { CodedError, hasCode } from '../errors.ts';
import type { Digest } from '../oci/digest.ts';
import { type RepositoryName, type Tag, tryParseTag } from '../oci/reference.ts';
import { DriverCode } from '../storage/driver.ts';
import { tagLinkPath, tagPath, tagsPath } from '../storage/layout.ts';
import { readLink } from '../storage/link-store.ts';
import type { RegistryContext } from './context.ts';
import { forEachLimited } from './parallel.ts';

export interface TagPage {
  readonly tags: readonly Tag[];
  /** More tags follow the last one given. */
  readonly hasMore: boolean;
}

/** Entries asked of storage at once when tags are looked through. */
const listPageEntries = 1000;

export function resolveTag(
  context: RegistryContext,
  name: RepositoryName,
  tag: Tag,
): Promise<Digest | undefined> {
  return readLink(context.driver, tagLinkPath(name, tag));
}

/**
 * Tags in byte order, those after `last`, at most `limit` (`undefined`: all).
 *
 * A repository without manifests is unknown, whatever page is asked for (reference 10, row 20).
 *
 * @throws `NAME_UNKNOWN`
 */
export async function listTags(
  context: RegistryContext,
  name: RepositoryName,
  page: { last?: string; limit?: number },
): Promise<TagPage> {
  if (page.limit === undefined && page.last === undefined) {
    return { tags: await allTags(context, name), hasMore: false };
  }
  const tags: Tag[] = [];
  let after = page.last;
  for (;;) {
    // One more than wanted tells whether anything follows.
    const wanted = page.limit === undefined ? undefined : page.limit - tags.length + 1;
    const entries = await context.driver.list(tagsPath(name), {
      ...(after === undefined ? {} : { after }),
      ...(wanted === undefined ? {} : { limit: wanted }),
    });
    if (entries === undefined) {
      throw nameUnknown(name);
    }
    for (const entry of entries) {
      const tag = entry.isDirectory ? tryParseTag(entry.name) : undefined;
      if (tag !== undefined && tags.length === page.limit) {
        // A page of nothing (`n=0`) has nothing to go on from.
        return { tags, hasMore: page.limit > 0 };
      }
      if (tag !== undefined) {
        tags.push(tag);
      }
    }
    if (wanted === undefined || entries.length < wanted) {
      return { tags, hasMore: false };
    }
    after = entries.at(-1)?.name;
  }
}

/** The whole list, the same array while storage keeps giving the same listing. */
async function allTags(context: RegistryContext, name: RepositoryName): Promise<readonly Tag[]> {
  const entries = await context.driver.list(tagsPath(name));
  if (entries === undefined) {
    throw nameUnknown(name);
  }
  let tags = context.tagLists.get(entries);
  if (tags === undefined) {
    tags = entries
      .map((entry) => (entry.isDirectory ? tryParseTag(entry.name) : undefined))
      .filter((tag) => tag !== undefined);
    context.tagLists.set(entries, tags);
  }
  return tags;
}

function nameUnknown(name: RepositoryName): CodedError {
  return new CodedError('NAME_UNKNOWN', 'repository name not known to registry', {
    detail: { name },
  });
}

/** @throws `MANIFEST_UNKNOWN` no such tag */
export async function deleteTag(
  context: RegistryContext,
  name: RepositoryName,
  tag: Tag,
): Promise<void> {
  try {
    await context.driver.delete(tagPath(name, tag));
  } catch (error) {
    if (hasCode(error, DriverCode.notFound)) {
      throw new CodedError('MANIFEST_UNKNOWN', 'manifest unknown', {
        detail: `unknown tag=${tag}`,
      });
    }
    throw error;
  }
}

/** Removes every tag whose current digest is one of `digests`; reads at most `tag.concurrencylimit` at a time. */
export async function untagDigest(
  context: RegistryContext,
  name: RepositoryName,
  digests: readonly Digest[],
): Promise<readonly Tag[]> {
  const removed: Tag[] = [];
  const look = async (tag: Tag): Promise<void> => {
    const current = await resolveTag(context, name, tag);
    if (current === undefined || !digests.includes(current)) {
      return;
    }
    try {
      await context.driver.delete(tagPath(name, tag));
      removed.push(tag);
    } catch (error) {
      // Another request removed or moved it meanwhile.
      if (!hasCode(error, DriverCode.notFound)) {
        throw error;
      }
    }
  };
  let after: string | undefined;
  for (;;) {
    const entries = await context.driver.list(tagsPath(name), {
      limit: listPageEntries,
      ...(after === undefined ? {} : { after }),
    });
    if (entries === undefined || entries.length === 0) {
      break;
    }
    const tags = entries
      .filter((entry) => entry.isDirectory)
      .map((entry) => tryParseTag(entry.name))
      .filter((tag) => tag !== undefined);
    await forEachLimited(tags, context.options.tagLookups, look);
    if (entries.length < listPageEntries) {
      break;
    }
    after = entries.at(-1)?.name;
  }
  return removed.sort();
}
