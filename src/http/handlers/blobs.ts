/** GET, HEAD and DELETE of a blob. distribution-spec "Pulling blobs", "Deleting Blobs"; reference 5. */

import { randomBytes } from 'node:crypto';
import type { ByteSource } from '../../bytes.ts';
import { clientAddress } from '../../observe/client-address.ts';
import { type ByteRange, parseRange } from '../../oci/content-range.ts';
import { type Digest, parseDigest } from '../../oci/digest.ts';
import { MediaType } from '../../oci/media-type.ts';
import {
  blobRedirectUrl,
  blobUnknown,
  deleteBlob,
  loadSmallBlob,
  openBlob,
  statBlob,
} from '../../registry/blobs.ts';
import type { BlobFacts } from '../../registry/descriptor-cache.ts';
import type { Call } from '../call.ts';
import { type Condition, evaluateConditions, rangeStillApplies } from '../conditions.ts';
import type { Reply } from '../exchange.ts';
import { concatSources } from '../multipart.ts';
import { unsupported } from '../refusals.ts';

/** Content never changes under a digest. */
const cacheControl = 'max-age=31536000';

export async function getBlob(call: Call): Promise<Reply> {
  const { api, exchange } = call;
  const digest = parseDigest(call.reference);
  call.note({ digest });
  const facts = await statBlob(api.registry, call.name, digest);
  if (facts === undefined) {
    throw blobUnknown(digest);
  }
  const redirect = api.settings.redirectBlobs ? await redirectTo(call, facts) : undefined;
  const reply = redirect ?? (await serve(call, digest, facts));
  if (reply.status < 300 || reply.status === 307) {
    await call.notify('pull', {
      mediaType: MediaType.octetStream,
      digest: facts.digest,
      sizeBytes: facts.sizeBytes,
      kind: 'blob',
    });
  }
  // Not asked of every small blob: making a signal costs as much as all the rest of it.
  return isStreamed(reply) && exchange.signal.aborted ? cancelled(reply) : reply;
}

function isStreamed(reply: Reply): boolean {
  return 'sizeBytes' in reply;
}

async function redirectTo(call: Call, facts: BlobFacts): Promise<Reply | undefined> {
  if (!call.api.registry.driver.abilities.redirects) {
    return undefined;
  }
  const url = await blobRedirectUrl(call.api.registry, facts, {
    method: call.isHead ? 'HEAD' : 'GET',
    clientAddress: clientAddress(call.exchange).text,
  });
  return url === undefined
    ? undefined
    : {
        status: 307,
        headers: [
          ['Location', url],
          ['Content-Type', MediaType.octetStream],
        ],
      };
}

async function serve(call: Call, digest: Digest, facts: BlobFacts): Promise<Reply> {
  const { exchange } = call;
  const identity: [string, string][] = [
    ['Docker-Content-Digest', digest],
    ['Etag', `"${digest}"`],
    ['Cache-Control', cacheControl],
  ];
  const condition: Condition = evaluateConditions(exchange, digest);
  if (condition === 'not-modified') {
    return { status: 304, headers: identity };
  }
  if (condition === 'failed') {
    return { status: 412, headers: [['Content-Length', '0']] };
  }
  const header = exchange.header('range');
  const wanted =
    header === undefined || !rangeStillApplies(exchange, digest)
      ? ({ kind: 'whole' } as const)
      : parseRange(header, facts.sizeBytes);
  const headers: [string, string][] = [
    ['Content-Type', MediaType.octetStream],
    ['Accept-Ranges', 'bytes'],
    ...identity,
  ];
  switch (wanted.kind) {
    case 'whole':
      return wholeBlob(call, facts, headers);
    case 'parts': {
      const [first, ...others] = wanted.parts;
      return first === undefined
        ? wholeBlob(call, facts, headers)
        : others.length === 0
          ? onePart(call, facts, headers, first)
          : manyParts(call, facts, headers, wanted.parts);
    }
    case 'unsatisfiable':
      return {
        status: 416,
        headers: [
          ['Content-Range', `bytes */${facts.sizeBytes}`],
          ['Content-Type', 'text/plain; charset=utf-8'],
        ],
        body: 'invalid range: failed to overlap\n',
      };
    case 'malformed':
      return {
        status: 416,
        headers: [['Content-Type', 'text/plain; charset=utf-8']],
        body: 'invalid range\n',
      };
  }
}

async function wholeBlob(
  call: Call,
  facts: BlobFacts,
  headers: [string, string][],
): Promise<Reply> {
  const { api, isHead, name, reference } = call;
  const bytes = isHead
    ? undefined
    : await loadSmallBlob(api.registry, name, parseDigest(reference), facts);
  return bytes === undefined
    ? bytesReply(call, facts, 200, headers, { start: 0, end: facts.sizeBytes - 1 })
    : { status: 200, headers, body: bytes };
}

function onePart(
  call: Call,
  facts: BlobFacts,
  headers: [string, string][],
  part: ByteRange,
): Promise<Reply> | Reply {
  const range: [string, string] = ['Content-Range', contentRange(part, facts.sizeBytes)];
  return bytesReply(call, facts, 206, [...headers, range], part);
}

async function bytesReply(
  call: Call,
  facts: BlobFacts,
  status: number,
  headers: [string, string][],
  part: ByteRange,
): Promise<Reply> {
  const sizeBytes = part.end - part.start + 1;
  if (call.isHead || sizeBytes === 0) {
    return { status, headers: [...headers, ['Content-Length', String(sizeBytes)]] };
  }
  return { status, headers, body: await openPart(call, facts, part), sizeBytes };
}

function openPart(call: Call, facts: BlobFacts, part: ByteRange): Promise<ByteSource> {
  const { api, exchange, name, reference } = call;
  const range = { offset: part.start, endOffset: part.end + 1 };
  return openBlob(api.registry, name, parseDigest(reference), facts, range, exchange.signal);
}

function contentRange(part: ByteRange, sizeBytes: number): string {
  return `bytes ${part.start}-${part.end}/${sizeBytes}`;
}

/** RFC 9110 14.6: each part with its own head. Parts are opened one after the other, so one handle is held. */
function manyParts(
  call: Call,
  facts: BlobFacts,
  headers: [string, string][],
  parts: readonly ByteRange[],
): Reply {
  const boundary = randomBytes(15).toString('hex');
  const heads = parts.map((part, index) =>
    Buffer.from(
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Range: ${contentRange(part, facts.sizeBytes)}\r\nContent-Type: ${MediaType.octetStream}\r\n\r\n`,
    ),
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  const sizeBytes = parts.reduce(
    (sum, part, index) => sum + part.end - part.start + 1 + (heads[index]?.length ?? 0),
    tail.length,
  );
  const all = headers.map(([name, value]): [string, string] =>
    name === 'Content-Type' ? [name, `multipart/byteranges; boundary=${boundary}`] : [name, value],
  );
  if (call.isHead) {
    return { status: 206, headers: [...all, ['Content-Length', String(sizeBytes)]] };
  }
  const opened = parts.flatMap((part, index): (Buffer | (() => Promise<ByteSource>))[] => [
    heads[index] ?? tail,
    (): Promise<ByteSource> => openPart(call, facts, part),
  ]);
  return { status: 206, headers: all, body: concatSources([...opened, tail]), sizeBytes };
}

/** The client left while events were recorded: nobody will read the body. */
function cancelled(reply: Reply): Reply {
  if ('sizeBytes' in reply) {
    reply.body.cancel();
  }
  return { status: reply.status, headers: reply.headers };
}

export async function removeBlob(call: Call): Promise<Reply> {
  const { registry } = call.api;
  const digest = parseDigest(call.reference);
  call.note({ digest });
  if (!registry.options.deleteEnabled) {
    throw unsupported();
  }
  await deleteBlob(registry, call.name, digest);
  await call.notify('delete', { mediaType: '', digest, sizeBytes: 0 });
  return { status: 202, headers: [['Content-Length', '0']] };
}
