/** Lists that come in pages: tags of a repository, the catalog, referrers of a digest. */

import { parseDigest } from '../../oci/digest.ts';
import { MediaType } from '../../oci/media-type.ts';
import { listRepositories } from '../../registry/catalog.ts';
import { listReferrers } from '../../registry/referrers.ts';
import { listTags } from '../../registry/tags.ts';
import type { Call } from '../call.ts';
import { jsonLine } from '../error-reply.ts';
import type { Reply } from '../exchange.ts';
import { pageNumberInvalid } from '../refusals.ts';

/** Repositories in a page of the catalog when the client names no number (reference 1.6). */
const defaultCatalogPage = 100;
const wholeNumber = /^[+-]?\d{1,15}$/;

/** The value of `n`; `undefined` when absent or empty. `show` says how a bad one is told back. */
function pageSize(call: Call, show: (text: string) => number | string): number | undefined {
  const text = call.query.get('n');
  if (text === null || text === '') {
    return undefined;
  }
  const n = wholeNumber.test(text) ? Number(text) : Number.NaN;
  if (!(n >= 0)) {
    throw pageNumberInvalid(show(text));
  }
  return n;
}

/** Always path-absolute: the path of the request with a query of `last` and `n` (reference 1.5). */
function nextLink(call: Call, query: Record<string, string>): [string, string] {
  return ['Link', `<${call.exchange.path}?${new URLSearchParams(query)}>; rel="next"`];
}

export async function getTags(call: Call): Promise<Reply> {
  const { registry, settings } = call.api;
  const asked = pageSize(call, (text) => (wholeNumber.test(text) ? Number(text) : 0));
  const limit = asked === undefined ? undefined : Math.min(asked, settings.maxTags);
  const last = call.query.get('last');
  const page = await listTags(registry, call.name, {
    ...(limit === undefined ? {} : { limit }),
    ...(last === null || last === '' ? {} : { last }),
  });
  const final = page.tags.at(-1);
  return {
    status: 200,
    headers: [
      ['Content-Type', 'application/json'],
      ...(page.hasMore && final !== undefined
        ? [nextLink(call, { last: final, n: String(limit) })]
        : []),
    ],
    body: tagsBody(call, page.tags),
  };
}

/** Printing 10,000 tags takes longer than all the rest of the request. */
function tagsBody(call: Call, tags: readonly string[]): string {
  const { tagBodies } = call.api;
  const printed = tagBodies.get(tags);
  if (printed !== undefined) {
    return printed;
  }
  const body = jsonLine({ name: call.name, tags });
  tagBodies.set(tags, body);
  return body;
}

export async function getCatalog(call: Call): Promise<Reply> {
  const { registry, settings } = call.api;
  const max = settings.maxCatalogEntries;
  const limit = Math.min(pageSize(call, (text) => text) ?? defaultCatalogPage, max);
  const last = call.query.get('last');
  const page = await listRepositories(registry, {
    limit,
    ...(last === null || last === '' ? {} : { last }),
    isVisible: (name) => call.grant.sees?.(name) ?? true,
  });
  const final = page.repositories.at(-1);
  return {
    status: 200,
    headers: [
      ['Content-Type', 'application/json'],
      ...(page.hasMore && final !== undefined
        ? [nextLink(call, { last: final, n: String(limit) })]
        : []),
    ],
    body: jsonLine({ repositories: page.repositories }),
  };
}

/** distribution-spec "Listing Referrers": never 404, an unknown digest has none. */
export async function getReferrers(call: Call): Promise<Reply> {
  const subject = parseDigest(call.reference);
  call.note({ digest: subject });
  const artifactType = call.query.get('artifactType') || undefined;
  const after = call.query.get('last') || undefined;
  const page = await listReferrers(call.api.registry, call.name, subject, {
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(after === undefined ? {} : { after }),
  });
  const headers: [string, string][] = [['Content-Type', MediaType.ociIndex]];
  if (artifactType !== undefined) {
    headers.push(['OCI-Filters-Applied', 'artifactType']);
  }
  if (page.next !== undefined) {
    const filter = artifactType === undefined ? {} : { artifactType };
    headers.push(nextLink(call, { ...filter, last: page.next }));
  }
  return {
    status: 200,
    headers,
    // Without the escapes of jsonLine, which could swell a page past the size that was counted.
    body: `${JSON.stringify({
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: page.descriptors,
    })}\n`,
  };
}
