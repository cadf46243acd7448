/** The upload verbs: POST, PATCH, PUT, GET, DELETE under `blobs/uploads/`. distribution-spec "Pushing blobs"; reference 3.2. */

import { CodedError, hasCode } from '../../errors.ts';
import { ownText } from '../../kept.ts';
import { type ByteRange, formatHeldRange, tryParseChunkRange } from '../../oci/content-range.ts';
import {
  checkDigest,
  type Digest,
  type DigestAlgorithm,
  isDigestAlgorithm,
  tryParseDigest,
} from '../../oci/digest.ts';
import { MediaType } from '../../oci/media-type.ts';
import { type RepositoryName, tryParseRepositoryName } from '../../oci/reference.ts';
import { mountBlob } from '../../registry/blobs.ts';
import type { BlobFacts } from '../../registry/descriptor-cache.ts';
import {
  type UploadClaim,
  UploadRangeError,
  type UploadSession,
} from '../../registry/upload-session.ts';
import type { Call } from '../call.ts';
import { errorEntries, errorReply } from '../error-reply.ts';
import type { Reply, ReplyHeaders } from '../exchange.ts';
import { blobUrl, uploadUrl } from '../urls.ts';

/** POST: a mount, a whole blob in one request, or a new session. */
export async function startUpload(call: Call): Promise<Reply> {
  const mounted = await tryMount(call);
  if (mounted !== undefined) {
    return mounted;
  }
  const { uploads } = call.api;
  const wanted = call.query.get('digest');
  if (wanted !== null && wanted !== '') {
    const digest = readDigest(wanted);
    const facts = await uploads.put(call.name, call.exchange.body, digest);
    return stored(call, facts, digest);
  }
  const session = await uploads.start(call.name, announcedAlgorithm(call));
  call.note({ uploadId: session.id });
  return sessionReply(call, 202, session);
}

/** `digest-algorithm=`, or the algorithm of a mount that became an upload. */
function announcedAlgorithm(call: Call): DigestAlgorithm | undefined {
  const text = call.query.get('digest-algorithm');
  if (text === null || text === '') {
    return undefined;
  }
  if (!isDigestAlgorithm(text)) {
    throw new CodedError('DIGEST_INVALID', 'provided digest did not match uploaded content', {
      detail: 'unsupported digest algorithm',
    });
  }
  return text;
}

/**
 * A mount that can be done, else `undefined`: the client then uploads. What the caller may not pull counts as not
 * there, so that nothing is learnt by asking.
 */
async function tryMount(call: Call): Promise<Reply | undefined> {
  const digest = tryParseDigest(call.query.get('mount') ?? '');
  if (digest === undefined) {
    return undefined;
  }
  const { registry } = call.api;
  const named = call.query.get('from');
  const sources: readonly RepositoryName[] =
    named === null || named === ''
      ? registry.locations.of(digest)
      : [tryParseRepositoryName(named)].filter((name) => name !== undefined);
  for (const from of sources) {
    if (!call.grant.permits({ type: 'repository', name: from, action: 'pull' })) {
      continue;
    }
    const facts = await mountBlob(registry, call.name, from, digest);
    if (facts !== undefined) {
      call.note({ digest });
      await call.notify('mount', {
        mediaType: MediaType.octetStream,
        digest: facts.digest,
        sizeBytes: facts.sizeBytes,
        fromRepository: from,
        kind: 'blob',
      });
      return createdReply(call, digest);
    }
  }
  return undefined;
}

/** What storage can hold as the name of a session; its own ids are UUIDs. */
const idGrammar = /^[A-Za-z0-9._-]{1,128}$/;

/** Needs no token, unlike what writes; one tells how much the client was told is there. */
export async function getUpload(call: Call): Promise<Reply> {
  const { name, reference: id } = call;
  call.note({ uploadId: id });
  if (!idGrammar.test(id)) {
    return noUpload();
  }
  const { uploadTokens } = call.api.settings;
  const token = uploadTokens.tryVerify(call.query.get('_state') ?? '', { name, id });
  return sessionReply(call, 204, await call.api.uploads.status(name, id, token?.offset));
}

/** Whatever Content-Type came: clients send all sorts, and the body is bytes in any case (reference 10, row 17). */
export async function patchUpload(call: Call): Promise<Reply> {
  const { uploads } = call.api;
  return writing(
    call,
    () => readChunkRange(call),
    async (claim, range) => {
      const { body } = call.exchange;
      const session = await uploads.append(call.name, call.reference, at(claim, range), body);
      return sessionReply(call, 202, session);
    },
  );
}

export async function putUpload(call: Call): Promise<Reply> {
  const { uploads } = call.api;
  const { body } = call.exchange;
  return writing(
    call,
    () => ({ range: readChunkRange(call), digest: readDigest(call.query.get('digest') ?? '') }),
    async (claim, { range, digest }) => {
      const { name, reference: id } = call;
      const facts = await uploads.commit(name, id, at(claim, range), body, digest);
      return stored(call, facts, digest);
    },
  );
}

export async function deleteUpload(call: Call): Promise<Reply> {
  return writing(
    call,
    () => undefined,
    async (claim) => {
      await call.api.uploads.cancel(call.name, call.reference, claim);
      return { status: 204, headers: [['Docker-Upload-Uuid', call.reference]] };
    },
  );
}

function at(claim: UploadClaim, range: ByteRange | undefined): UploadClaim {
  return range === undefined ? claim : { ...claim, range };
}

/**
 * Checks the token, reads what else the request says, then runs `work`; a request that came out of order is told where
 * the upload stands.
 */
async function writing<T>(
  call: Call,
  read: () => T,
  work: (claim: UploadClaim, asked: T) => Promise<Reply>,
): Promise<Reply> {
  call.note({ uploadId: call.reference });
  const { offset, startedAtMs } = call.api.settings.uploadTokens.verify(
    call.query.get('_state') ?? '',
    { name: call.name, id: call.reference },
  );
  let asked: T;
  try {
    asked = read();
  } catch (error) {
    return malformed(call, offset, error);
  }
  try {
    return await work({ offset, startedAtMs }, asked);
  } catch (error) {
    if (error instanceof UploadRangeError) {
      return errorReply(errorEntries(error), sessionHeaders(call, error.session));
    }
    throw error;
  }
}

/**
 * The reply to a request that cannot be read. What is wrong with its session comes first (reference 3.2): storage is
 * asked only now, since a request in order is spared that question.
 */
async function malformed(call: Call, offset: number, error: unknown): Promise<Reply> {
  const session = await call.api.uploads.status(call.name, call.reference, offset);
  // A range of another length than the body may begin elsewhere too.
  const range = hasCode(error, 'SIZE_INVALID') ? sentRange(call) : undefined;
  const isInOrder = session.sizeBytes === offset && (range?.start ?? offset) === offset;
  const shown = isInOrder ? error : new UploadRangeError(session);
  if (hasCode(shown, 'RANGE_INVALID')) {
    return errorReply(errorEntries(shown), sessionHeaders(call, session));
  }
  throw shown;
}

function sentRange(call: Call): ByteRange | undefined {
  return tryParseChunkRange(call.exchange.header('content-range') ?? '');
}

/** @throws `SIZE_INVALID` Content-Length and Content-Range differ; RANGE_INVALID it cannot be read */
function readChunkRange(call: Call): ByteRange | undefined {
  const text = call.exchange.header('content-range');
  if (text === undefined || text === '') {
    return undefined;
  }
  const range = sentRange(call);
  if (range === undefined) {
    throw new CodedError('RANGE_INVALID', 'invalid content range', {
      detail: `invalid content range format, ${text.slice(0, 100)}`,
    });
  }
  const { sizeBytes } = call.exchange.body;
  // A closing PUT without a body may carry the range of the last chunk: nothing of it is sent again.
  const isBare = sizeBytes === 0 && call.exchange.method === 'PUT';
  if (isBare) {
    return undefined;
  }
  if (sizeBytes !== undefined && sizeBytes !== range.end - range.start + 1) {
    throw new CodedError('SIZE_INVALID', 'provided length did not match content length');
  }
  return range;
}

function readDigest(text: string): Digest {
  if (text === '') {
    throw new CodedError('DIGEST_INVALID', 'provided digest did not match uploaded content', {
      detail: 'digest missing',
    });
  }
  const result = checkDigest(text);
  if ('digest' in result) {
    // Caches keep it, and would keep the query with its token along with it.
    return ownText(result.digest);
  }
  throw new CodedError('DIGEST_INVALID', 'provided digest did not match uploaded content', {
    detail: `digest parsing failed: ${result.fault}`,
  });
}

async function stored(call: Call, facts: BlobFacts, digest: Digest): Promise<Reply> {
  call.note({ digest });
  await call.notify('push', {
    mediaType: MediaType.octetStream,
    digest: facts.digest,
    sizeBytes: facts.sizeBytes,
    kind: 'blob',
  });
  return createdReply(call, digest);
}

function createdReply(call: Call, digest: Digest): Reply {
  return {
    status: 201,
    headers: [
      ['Location', blobUrl(call.root, call.name, digest)],
      ['Docker-Content-Digest', digest],
      ['Content-Length', '0'],
    ],
  };
}

function sessionReply(call: Call, status: 202 | 204, session: UploadSession): Reply {
  const headers = sessionHeaders(call, session);
  // RFC 9110 8.6: a 204 has no Content-Length.
  return { status, headers: status === 204 ? headers : [...headers, ['Content-Length', '0']] };
}

/** Where the upload goes on and how much of it is held. */
function sessionHeaders(call: Call, session: UploadSession): ReplyHeaders {
  const { api } = call;
  const { id, name, sizeBytes, startedAtMs } = session;
  const state = api.settings.uploadTokens.sign({ name, id, offset: sizeBytes, startedAtMs });
  const minChunk = api.registry.driver.abilities.minChunkBytes;
  return [
    ['Location', uploadUrl(call.root, name, id, state)],
    ['Docker-Upload-Uuid', id],
    ['Range', formatHeldRange(sizeBytes)],
    ...(minChunk > 0 ? [['OCI-Chunk-Min-Length', String(minChunk)] as const] : []),
  ];
}

/** GET of the collection and other verbs on it: there is no upload without an id. */
export function noUpload(): Reply {
  throw new CodedError('BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
}
