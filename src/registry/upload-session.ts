/**
 * Upload sessions: start, append, status, commit, cancel. distribution-spec "Pushing blobs"; reference 3.
 *
 *   (none) --start--> open --append*--> open --commit--> (none), blob visible
 *                      │  └─ wrong offset: RANGE_INVALID, nothing written
 *                      │  └─ body cut short: what arrived stays, still open
 *                      ├── commit, wrong digest: DIGEST_INVALID, still open
 *                      └── cancel --> (none)
 *
 * All state is in storage, so that any instance can serve the next request. What this process remembers of a session
 * (upload-knowledge.ts, session-ends.ts) only saves work and is checked against the stored size each time. One writer at a time per
 * session and process: a second one gets RANGE_INVALID at once. Across processes nothing locks; there the digest
 * decides at commit.
 */

import { LRUCache } from 'lru-cache';
import { CodedError, hasCode } from '../errors.ts';
import {
  algorithmOf,
  canonicalAlgorithm,
  type Digest,
  type DigestAlgorithm,
  digestBytes,
  digestOf,
  encodedOf,
} from '../oci/digest.ts';
import type { RepositoryName } from '../oci/reference.ts';
import { type AppendOutcome, isOffsetMismatch } from '../storage/append-upload.ts';
import { type BodySource, readBody } from '../storage/body-store.ts';
import { DriverCode, type FileFacts, type WriteStep } from '../storage/driver.ts';
import {
  blobDataPath,
  layerLinkPath,
  uploadDataPath,
  uploadLinkName,
  uploadLinkPath,
  uploadStartedAtPath,
} from '../storage/layout.ts';
import { sizedBody } from '../storage/sized-body.ts';
import { getStartedAt, putStartedAt } from '../storage/upload-store.ts';
import { linkSteps, noteStored } from './blobs.ts';
import type { RegistryContext } from './context.ts';
import type { BlobFacts } from './descriptor-cache.ts';
import { SessionEnds } from './session-ends.ts';
import {
  publishOrUnknown,
  smallBody,
  syncOrUnknown,
  type UploadClaim,
  UploadKnowledge,
  type UploadSession,
  uploadUnknown,
} from './upload-knowledge.ts';

export type { UploadClaim, UploadSession } from './upload-knowledge.ts';

/** RANGE_INVALID that also tells where the upload stands, for the headers of the 416. */
export class UploadRangeError extends CodedError {
  readonly session: UploadSession;

  constructor(session: UploadSession) {
    super('RANGE_INVALID', 'invalid content range');
    this.session = session;
  }
}

/** Sessions of which this process remembers when they began. */
const maxRemembered = 10_000;

export class UploadSessions {
  readonly #context: RegistryContext;
  readonly #locked: Set<string> = new Set();
  readonly #startedAtMs: LRUCache<string, number> = new LRUCache({ max: maxRemembered });
  readonly #knowledge: UploadKnowledge;
  readonly #ends: SessionEnds;

  constructor(context: RegistryContext) {
    this.#context = context;
    this.#knowledge = new UploadKnowledge(context);
    this.#ends = new SessionEnds(context, this.#knowledge);
  }

  /** Begins a session. `algorithm` is what the client announced it will commit with. */
  async start(name: RepositoryName, algorithm?: DigestAlgorithm): Promise<UploadSession> {
    const { driver } = this.#context;
    let begun = await this.#ends.spare(name);
    if (begun === undefined) {
      begun = { id: this.#context.newId(), startedAtMs: this.#context.now() };
      await putStartedAt(driver, name, begun.id, begun.startedAtMs);
    }
    const { id, startedAtMs } = begun;
    this.#startedAtMs.set(id, startedAtMs);
    const session = { name, id, startedAtMs, sizeBytes: 0 };
    await this.#knowledge.begin(session, algorithm);
    return session;
  }

  /**
   * @param acknowledgedBytes  What a client was told that the session holds. Such bytes stay until another instance
   *   makes them a blob (or a power cut takes them, where chunks are not synced): a session without a byte of them has
   *   ended, though it may not be tidied away yet.
   * @throws `BLOB_UPLOAD_UNKNOWN`
   */
  async status(name: RepositoryName, id: string, acknowledgedBytes = 0): Promise<UploadSession> {
    const { driver } = this.#context;
    if (this.#ends.has(id)) {
      throw uploadUnknown();
    }
    const known = this.#startedAtMs.get(id);
    const size = driver.uploadSizeBytes(uploadDataPath(name, id));
    const [startedAtMs, sizeBytes = 0] = await Promise.all([
      known ?? getStartedAt(driver, name, id),
      size,
    ]);
    if (startedAtMs === undefined || (sizeBytes === 0 && acknowledgedBytes > 0)) {
      throw uploadUnknown();
    }
    // Remembered only: whether it is still there must be asked, since another instance may have ended it. Data tells.
    const mayHaveEnded = known !== undefined && sizeBytes === 0;
    if (mayHaveEnded && (await driver.stat(uploadStartedAtPath(name, id))) === undefined) {
      throw uploadUnknown();
    }
    return { name, id, startedAtMs, sizeBytes };
  }

  /**
   * Adds a body to the end of a session.
   *
   * @returns the session with its new size; its bytes are durable but no blob until `commit`
   * @throws `BLOB_UPLOAD_UNKNOWN`; UploadRangeError when the claim is not the end, or another request is writing;
   *   the body's own failure, with what had arrived kept
   * @see distribution-spec "Pushing a blob in chunks"
   */
  append(
    name: RepositoryName,
    id: string,
    claim: UploadClaim,
    body: BodySource,
  ): Promise<UploadSession> {
    return this.#exclusively(name, id, claim, async () => {
      const held = this.#remembered(name, id, claim) ?? (await this.#require(name, id, claim));
      return this.#append(held, claim, await this.#sized(body));
    });
  }

  /**
   * Ends a session: adds the last body, if any, checks the digest and makes the blob visible in the repository.
   *
   * @throws as `append`, but a whole blob that is cut short may leave nothing; `DIGEST_INVALID` when the bytes are not
   *   those of `digest`, with the session still usable
   */
  commit(
    name: RepositoryName,
    id: string,
    claim: UploadClaim,
    sent: BodySource,
    digest: Digest,
  ): Promise<BlobFacts> {
    return this.#exclusively(name, id, claim, async () => {
      // Asked together with the session, to save a round: blobs are nearly always named by their SHA-256.
      const [held, existing] = await Promise.all([
        this.#require(name, id, claim),
        algorithmOf(digest) === canonicalAlgorithm
          ? this.#context.driver.stat(blobDataPath(digest))
          : undefined,
      ]);
      const body = await this.#sized(sent);
      const hasBody = body.sizeBytes !== 0;
      if (hasBody && held.sizeBytes === 0 && this.#isSmall(body)) {
        return this.#commitSmall(held, claim, body, digest);
      }
      if (hasBody && held.sizeBytes === 0 && this.#canPutInPlace(digest)) {
        // As containerd pushes. A body that is cut short or wrong leaves the session as it was: at its start.
        const facts = await this.#putInPlace(name, body, digest);
        await this.#ends.end(held);
        return facts;
      }
      const session = hasBody ? await this.#append(held, claim, body) : held;
      return this.#finish(session, digest, existing);
    });
  }

  /** One request for a whole blob (POST with `digest=`): nothing stays behind when it fails. */
  async put(name: RepositoryName, sent: BodySource, digest: Digest): Promise<BlobFacts> {
    const body = await this.#sized(sent);
    if (this.#isSmall(body)) {
      const bytes = await readSmall(body);
      if (digestBytes(bytes, algorithmOf(digest)) !== digest) {
        throw digestMismatch(digest);
      }
      return this.#store(name, bytes, digest);
    }
    if (this.#canPutInPlace(digest)) {
      return this.#putInPlace(name, body, digest);
    }
    const session = await this.start(name, algorithmOf(digest));
    try {
      const claim = { offset: 0, startedAtMs: session.startedAtMs };
      return await this.commit(name, session.id, claim, body, digest);
    } catch (error) {
      await this.#ends.discard(name, session.id);
      throw error;
    }
  }

  /** @throws `BLOB_UPLOAD_UNKNOWN`, UploadRangeError */
  cancel(name: RepositoryName, id: string, claim: UploadClaim): Promise<void> {
    return this.#exclusively(name, id, claim, async () => {
      await this.#require(name, id, claim);
      await this.#ends.discard(name, id);
    });
  }

  /** Resolves when sessions that ended are also gone from storage. */
  async settle(): Promise<void> {
    await this.#knowledge.settle();
    await this.#ends.settle();
  }

  /** Runs `work` as the session's only writer; a second one is told where the upload stands. */
  async #exclusively<T>(
    name: RepositoryName,
    id: string,
    claim: UploadClaim,
    work: () => Promise<T>,
  ): Promise<T> {
    if (this.#locked.has(id)) {
      throw new UploadRangeError(await this.status(name, id, claim.offset));
    }
    this.#locked.add(id);
    try {
      return await work();
    } finally {
      this.#locked.delete(id);
    }
  }

  /** The stored session, when it stands where the claim says. */
  async #require(name: RepositoryName, id: string, claim: UploadClaim): Promise<UploadSession> {
    const session = await this.status(name, id, claim.offset);
    const start = claim.range?.start ?? session.sizeBytes;
    if (claim.offset !== session.sizeBytes || start !== session.sizeBytes) {
      throw new UploadRangeError(session);
    }
    return session;
  }

  #sized(body: BodySource): Promise<BodySource> {
    return sizedBody(body, this.#context.options.smallBodyBytes);
  }

  /**
   * The session as this process left it, when the claim agrees: saves a chunk the question to storage. Appending checks
   * the stored size all the same, where it does not drop what another instance has stored.
   */
  #remembered(name: RepositoryName, id: string, claim: UploadClaim): UploadSession | undefined {
    const { offset, startedAtMs } = claim;
    const isRemembered =
      this.#context.driver.abilities.readsUncommitted &&
      this.#knowledge.sizeBytes(id) === offset &&
      (claim.range?.start ?? offset) === offset;
    return isRemembered ? { name, id, startedAtMs, sizeBytes: offset } : undefined;
  }

  #isSmall(body: BodySource): boolean {
    return body.sizeBytes !== undefined && body.sizeBytes <= this.#context.options.smallBodyBytes;
  }

  async #append(
    session: UploadSession,
    claim: UploadClaim,
    body: BodySource,
  ): Promise<UploadSession> {
    const { name, id } = session;
    const isSmall = this.#isSmall(body);
    const hash = await this.#knowledge.plan(session, claim, isSmall);
    const leavesLink = isSmall && body.sizeBytes !== 0 && this.#knowledge.takesLink(session, hash);
    let outcome: AppendOutcome;
    try {
      const path = uploadDataPath(name, id);
      const request = { path, offset: session.sizeBytes, hash };
      outcome = await this.#context.bodies.append(
        leavesLink ? { ...request, linkName: uploadLinkName } : request,
        body,
      );
    } catch (error) {
      if (isOffsetMismatch(error) || hasCode(error, DriverCode.conflict)) {
        // Another instance wrote, or ended the session.
        throw new UploadRangeError(await this.status(name, id, session.sizeBytes));
      }
      throw hasCode(error, DriverCode.notFound) ? uploadUnknown() : error;
    }
    await this.#knowledge.learn(session, outcome, hash, isSmall);
    if (outcome.failure !== undefined) {
      throw outcome.failure;
    }
    return { ...session, sizeBytes: outcome.sizeBytes };
  }

  /** The closing PUT carries the whole of a small blob: no need to write it into the session first. */
  async #commitSmall(
    session: UploadSession,
    claim: UploadClaim,
    body: BodySource,
    digest: Digest,
  ): Promise<BlobFacts> {
    const bytes = await readSmall(body);
    if (digestBytes(bytes, algorithmOf(digest)) !== digest) {
      // As on every other path, the bytes stay in the session: the client may commit them by their right digest.
      await this.#append(session, claim, smallBody(bytes));
      throw digestMismatch(digest);
    }
    const next = await this.#ends.next(session);
    const facts = await this.#store(session.name, bytes, digest, next?.step);
    await this.#ends.end(session, next?.spare);
    return facts;
  }

  async #store(
    name: RepositoryName,
    bytes: Buffer,
    digest: Digest,
    last?: WriteStep,
  ): Promise<BlobFacts> {
    const stored = digestBytes(bytes);
    await this.#context.driver.apply([
      { kind: 'put', path: blobDataPath(stored), content: bytes },
      ...linkSteps(name, stored, digest),
      ...(last === undefined ? [] : [last]),
    ]);
    return this.#committed(name, digest, { digest: stored, sizeBytes: bytes.length });
  }

  #canPutInPlace(digest: Digest): boolean {
    return (
      this.#context.driver.openReplacement !== undefined &&
      algorithmOf(digest) === canonicalAlgorithm
    );
  }

  /** Straight to where the blob belongs: nothing in a session, and no copy at its end. */
  async #putInPlace(name: RepositoryName, body: BodySource, digest: Digest): Promise<BlobFacts> {
    const { bodies, driver } = this.#context;
    const outcome = await bodies.put({ path: blobDataPath(digest), digest }, body);
    if (outcome.failure !== undefined) {
      throw outcome.failure;
    }
    if (!outcome.isStored) {
      throw digestMismatch(digest);
    }
    await driver.apply(linkSteps(name, digest, digest));
    return this.#committed(name, digest, { digest, sizeBytes: outcome.sizeBytes });
  }

  async #finish(
    session: UploadSession,
    digest: Digest,
    existing: FileFacts | undefined,
  ): Promise<BlobFacts> {
    const { name, sizeBytes } = session;
    const digests = await this.#knowledge.digests(session, algorithmOf(digest));
    if (digests[algorithmOf(digest)] !== encodedOf(digest) || digests.sha256 === undefined) {
      throw digestMismatch(digest);
    }
    const stored = digestOf(canonicalAlgorithm, digests.sha256);
    const [dataSteps, movesData] = await this.#dataSteps(session, stored, existing);
    const next = movesData ? await this.#ends.next(session) : undefined;
    const links = linkSteps(name, stored, digest);
    if (this.#knowledge.hasLink(session)) {
      const from = uploadLinkPath(name, session.id);
      links[0] = { kind: 'move', from, to: layerLinkPath(name, stored) };
    }
    await this.#context.driver.apply([
      ...dataSteps,
      ...links,
      ...(next === undefined ? [] : [next.step]),
    ]);
    await this.#ends.end(session, next?.spare);
    return this.#committed(name, digest, { digest: stored, sizeBytes });
  }

  /** The steps that put the bytes in their place, and whether that takes them out of the session. */
  async #dataSteps(
    session: UploadSession,
    stored: Digest,
    existing: FileFacts | undefined,
  ): Promise<[WriteStep[], boolean]> {
    const { driver } = this.#context;
    const to = blobDataPath(stored);
    if (session.sizeBytes === 0) {
      return [[{ kind: 'put', path: to, content: '' }], false];
    }
    // A blob cut short by a crash is replaced; a whole one is left as it is.
    const keepExisting = existing?.sizeBytes === session.sizeBytes;
    const from = uploadDataPath(session.name, session.id);
    if (!driver.abilities.readsUncommitted) {
      if (!keepExisting) {
        await publishOrUnknown(this.#context, from, to);
      }
      return [[], false];
    }
    await syncOrUnknown(driver, from);
    return [[{ kind: 'move', from, to, keepExisting }], !keepExisting];
  }

  async #committed(name: RepositoryName, digest: Digest, facts: BlobFacts): Promise<BlobFacts> {
    await noteStored(this.#context, name, digest, facts);
    return facts;
  }
}

function digestMismatch(digest: Digest): CodedError {
  return new CodedError('DIGEST_INVALID', 'provided digest did not match uploaded content', {
    detail: `invalid digest for referenced layer: ${digest}, content does not match digest`,
  });
}

async function readSmall(body: BodySource): Promise<Buffer> {
  const { bytes, failure } = await readBody(body);
  if (failure !== undefined) {
    throw failure;
  }
  return bytes;
}
