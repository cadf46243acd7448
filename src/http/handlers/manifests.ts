/** GET, HEAD, PUT and DELETE of a manifest by tag or digest. distribution-spec "Pulling manifests", "Pushing Manifests". */

import { LRUCache } from 'lru-cache';
import { CodedError } from '../../errors.ts';
import { tryParseDigest } from '../../oci/digest.ts';
import { parseStoredManifest } from '../../oci/manifest.ts';
import { bareMediaType, MediaType } from '../../oci/media-type.ts';
import { checkReference, type Reference, type Tag, tryParseTag } from '../../oci/reference.ts';
import type { StoredManifest } from '../../registry/manifest-cache.ts';
import {
  getManifest,
  getTagged,
  manifestUnknown,
  maxManifestBytes,
} from '../../registry/manifest-store.ts';
import { deleteManifest, putManifest } from '../../registry/manifests.ts';
import { deleteTag } from '../../registry/tags.ts';
import type { Call } from '../call.ts';
import { evaluateConditions } from '../conditions.ts';
import type { Reply, RequestBody } from '../exchange.ts';
import { readLimited } from '../read-body.ts';
import { unsupported } from '../refusals.ts';
import { manifestUrl } from '../urls.ts';

/** Tags that one push by digest may set. */
const maxTagsPerPush = 100;

/** A reference as read: what cannot be one names nothing that exists. */
function readReference(call: Call): Reference {
  const reference = checkReference(call.reference);
  if ('kind' in reference) {
    return reference;
  }
  if (reference.looksLike === 'digest') {
    throw new CodedError('DIGEST_INVALID', 'provided digest did not match uploaded content', {
      detail: reference.fault,
    });
  }
  throw manifestUnknown(`unknown tag=${call.reference.slice(0, 200)}`);
}

export async function getManifestReply(call: Call): Promise<Reply> {
  const { exchange } = call;
  const { registry, settings } = call.api;
  const reference = readReference(call);
  const found =
    reference.kind === 'tag'
      ? await getTagged(registry, call.name, reference.tag)
      : {
          digest: reference.digest,
          manifest: await getManifest(registry, call.name, reference.digest),
        };
  let { digest: shown, manifest } = found;
  const accepted = acceptedTypes(exchange.header('accept'));
  if (accepted !== undefined && !accepted.has(manifest.mediaType)) {
    const other = await negotiate(call, reference, manifest, accepted);
    if (other !== undefined) {
      manifest = other;
      shown = other.digest;
    }
  }
  call.note({ digest: shown });
  const identity: [string, string][] = [
    ['Docker-Content-Digest', shown],
    ['Etag', `"${shown}"`],
  ];
  const condition = evaluateConditions(exchange, shown);
  if (condition !== 'proceed') {
    return condition === 'failed'
      ? { status: 412, headers: [['Content-Length', '0']] }
      : { status: 304, headers: identity };
  }
  await call.notify('pull', {
    mediaType: manifest.mediaType,
    digest: shown,
    sizeBytes: manifest.bytes.length,
    kind: 'manifest',
    ...(reference.kind === 'tag' ? { tag: reference.tag } : {}),
    ...(settings.includeReferences ? { references: manifest.references } : {}),
  });
  return {
    status: 200,
    headers: [['Content-Type', manifest.mediaType], ...identity],
    body: manifest.bytes,
  };
}

/** `undefined` = whatever there is. */
type AcceptedTypes = ReadonlySet<string> | undefined;

/** A registry's clients send the same few headers all day. */
const knownHeaders: LRUCache<string, { readonly types: AcceptedTypes }> = new LRUCache({
  max: 256,
  maxEntrySize: 4096,
  maxSize: 256 * 4096,
  sizeCalculation: (_, header) => header.length + 1,
});

/** Types that a client takes. Parameters (`q`) are not looked at. */
function acceptedTypes(header: string | undefined): AcceptedTypes {
  if (header === undefined) {
    return undefined;
  }
  let known = knownHeaders.get(header);
  if (known === undefined) {
    known = { types: readTypes(header) };
    knownHeaders.set(header, known);
  }
  return known.types;
}

function readTypes(header: string): AcceptedTypes {
  if (header.trim() === '') {
    return undefined;
  }
  const types = new Set<string>();
  for (const item of header.split(',')) {
    const type = bareMediaType(item);
    if (type === '*/*' || type === 'application/*') {
      return undefined;
    }
    types.add(type);
  }
  return types;
}

/**
 * A client that named its types and did not name this one: Distribution refuses OCI manifests, and gives old Docker
 * clients the linux/amd64 child of a list. Everything else is returned as stored.
 */
async function negotiate(
  call: Call,
  reference: Reference,
  manifest: StoredManifest,
  accepted: ReadonlySet<string>,
): Promise<StoredManifest | undefined> {
  if (manifest.mediaType === MediaType.ociManifest) {
    throw new CodedError(
      'NOT_ACCEPTABLE',
      'OCI manifest found, but accept header does not support OCI manifests',
    );
  }
  const isOldClient = accepted.has(MediaType.dockerManifest);
  if (manifest.mediaType !== MediaType.dockerList || reference.kind !== 'tag' || !isOldClient) {
    return undefined;
  }
  const child = parseStoredManifest(manifest.bytes).manifests.find(
    ({ platform }) => platform?.architecture === 'amd64' && platform.os === 'linux',
  );
  const digest = child === undefined ? undefined : tryParseDigest(child.digest);
  if (digest === undefined) {
    throw manifestUnknown(`no linux/amd64 manifest in ${manifest.digest}`);
  }
  return getManifest(call.api.registry, call.name, digest);
}

export async function putManifestReply(call: Call): Promise<Reply> {
  const { exchange } = call;
  const { registry, settings } = call.api;
  const bytes = await readManifestBody(exchange.body);
  const reference = checkReference(call.reference);
  if (!('kind' in reference)) {
    throw reference.looksLike === 'digest'
      ? new CodedError('DIGEST_INVALID', 'provided digest did not match uploaded content', {
          detail: reference.fault,
        })
      : new CodedError('TAG_INVALID', 'manifest tag did not match URI', {
          detail: reference.fault,
        });
  }
  const tags = reference.kind === 'digest' ? requestedTags(call) : [];
  const grantedClass = call.grant.classOf?.(call.name);
  const { digest, manifest, subject } = await putManifest(registry, call.name, {
    reference,
    bytes,
    contentType: exchange.header('content-type') ?? '',
    tags,
    ...(grantedClass === undefined ? {} : { grantedClass }),
  });
  call.note({ digest });
  const target = {
    mediaType: manifest.mediaType,
    digest,
    sizeBytes: bytes.length,
    kind: 'manifest',
    ...(settings.includeReferences ? { references: manifest.references } : {}),
  } as const;
  const names = reference.kind === 'tag' ? [reference.tag] : tags;
  if (names.length === 0) {
    await call.notify('push', target);
  } else {
    // Side by side: they share a sync of the spool.
    await Promise.all(names.map((tag) => call.notify('push', { ...target, tag })));
  }
  const headers: [string, string][] = [
    ['Location', manifestUrl(call.root, call.name, digest)],
    ['Docker-Content-Digest', digest],
    ['Content-Length', '0'],
    ...tags.map((tag): [string, string] => ['OCI-Tag', tag]),
  ];
  if (subject !== undefined) {
    headers.push(['OCI-Subject', subject]);
  }
  return { status: 201, headers };
}

function requestedTags(call: Call): Tag[] {
  const tags: Tag[] = [];
  for (const text of new Set(call.query.getAll('tag'))) {
    const tag = tryParseTag(text);
    if (tag === undefined) {
      throw new CodedError('TAG_INVALID', 'manifest tag did not match URI', {
        detail: `"${text.slice(0, 200)}" is no tag`,
      });
    }
    tags.push(tag);
  }
  if (tags.length > maxTagsPerPush) {
    throw new CodedError('TAG_INVALID', 'manifest tag did not match URI', {
      detail: `at most ${maxTagsPerPush} tags in one push`,
    });
  }
  return tags;
}

async function readManifestBody(body: RequestBody): Promise<Buffer> {
  const bytes = await readLimited(body, maxManifestBytes);
  if (bytes === undefined) {
    throw new CodedError('MANIFEST_TOO_LARGE', 'manifest invalid', {
      detail: `a manifest has at most ${maxManifestBytes} bytes`,
    });
  }
  return bytes;
}

export async function removeManifest(call: Call): Promise<Reply> {
  const { registry } = call.api;
  if (!registry.options.deleteEnabled) {
    throw unsupported();
  }
  const reference = readReference(call);
  if (reference.kind === 'tag') {
    await deleteTag(registry, call.name, reference.tag);
    await call.notify('delete', { mediaType: '', digest: '', sizeBytes: 0, tag: reference.tag });
  } else {
    call.note({ digest: reference.digest });
    const tags = await deleteManifest(registry, call.name, reference.digest);
    await call.notify('delete', { mediaType: '', digest: reference.digest, sizeBytes: 0 });
    for (const tag of tags) {
      await call.notify('delete', { mediaType: '', digest: '', sizeBytes: 0, tag });
    }
  }
  return { status: 202, headers: [['Content-Length', '0']] };
}
