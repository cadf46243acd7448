/**
 * The descriptor cache in Redis, with Distribution's keys, so that both may share one. A Redis that is down, slow or
 * wrong costs a look into storage and nothing else; what could not be cleared is remembered and cleared later.
 *
 *   repository::<name>::blobs            set of digests
 *   repository::<name>::blobs::<digest>  hash: mediatype
 *   blobs::<digest>                      hash: digest, size, mediatype
 */

import { Cluster } from 'ioredis';
import { LRUCache } from 'lru-cache';
import type { Logger } from '../../observe/logger.ts';
import { type Digest, tryParseDigest } from '../../oci/digest.ts';
import { MediaType } from '../../oci/media-type.ts';
import type { RepositoryName } from '../../oci/reference.ts';
import type { RedisClient } from './redis-client.ts';

/** As registry/descriptor-cache.ts has it. */
interface BlobFacts {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface RedisCacheObserver {
  request(): void;
  hit(): void;
  /** A lookup, store or delete that Redis did not do, also when it was not even asked: it is known to be away. */
  error(): void;
  operation(operation: 'RepoStat' | 'RepoSetDescriptor', seconds: number): void;
}

export interface RedisCacheParts {
  readonly client: RedisClient;
  readonly retries: { readonly count: number; readonly minMs: number; readonly maxMs: number };
  readonly observer: RedisCacheObserver;
  readonly logger: Logger;
  readonly nowMs?: () => number;
}

/** After a command that timed out nobody else waits as long: Redis is asked again after this. */
const pauseMs = 1_000;
const retryClearsMs = 1_000;
/** A reader that looked before a delete may store what it saw after it; it has long finished by then. */
const forgetClearedMs = 30_000;
const maxCleared = 10_000;
/** Blobs deleted while Redis is down. Beyond it a delete is only logged. */
const maxPendingClears = 10_000;
/** Commands under way at a time; beyond it storage is asked. */
const maxInFlight = 10_000;

export interface RedisState {
  /** Connections that take commands. */
  readonly open: number;
  /** Lookups, stores and deletes under way. */
  readonly commands: number;
  /** Deletes that Redis has not heard of yet. */
  readonly pendingClears: number;
}

interface Entry {
  readonly name: RepositoryName;
  readonly digest: Digest;
}

export class RedisDescriptorCache {
  readonly #client: RedisClient;
  readonly #parts: RedisCacheParts;
  readonly #nowMs: () => number;
  readonly #cleared = new LRUCache<string, true>({ max: maxCleared, ttl: forgetClearedMs });
  readonly #pendingClears = new Map<string, Entry>();
  #clearTimer: NodeJS.Timeout | undefined;
  #pausedUntilMs = 0;
  #inFlight = 0;

  constructor(parts: RedisCacheParts) {
    this.#parts = parts;
    this.#client = parts.client;
    this.#nowMs = parts.nowMs ?? Date.now;
  }

  /** Deletes that Redis has not heard of yet. */
  get pendingClears(): number {
    return this.#pendingClears.size;
  }

  /** For `/debug/vars`. */
  get state(): RedisState {
    const client = this.#client;
    const connections = client instanceof Cluster ? client.nodes() : [client];
    return {
      open: connections.filter(({ status }) => status === 'ready').length,
      commands: this.#inFlight,
      pendingClears: this.#pendingClears.size,
    };
  }

  async get(name: RepositoryName, digest: Digest): Promise<BlobFacts | undefined> {
    const { observer } = this.#parts;
    observer.request();
    if (!this.#isUsable()) {
      observer.error();
      return undefined;
    }
    if (this.#pendingClears.has(idOf(name, digest))) {
      return undefined;
    }
    const startedAtMs = performance.now();
    try {
      const [isMember, facts, mediaType] = await this.#run(() =>
        Promise.all([
          this.#client.sismember(setKey(name), digest),
          this.#client.hmget(blobKey(digest), 'digest', 'size', 'mediatype'),
          this.#client.hget(ownKey(name, digest), 'mediatype'),
        ]),
      );
      const found = isMember === 1 && mediaType !== null ? readFacts(facts) : undefined;
      // A delete may have come while the answer was under way.
      if (found === undefined || this.#cleared.has(idOf(name, digest))) {
        return undefined;
      }
      observer.hit();
      return found;
    } catch (error) {
      this.#failed('lookup', error);
      return undefined;
    } finally {
      observer.operation('RepoStat', (performance.now() - startedAtMs) / 1000);
    }
  }

  /** Returns at once; what cannot be stored is not. */
  set(name: RepositoryName, digest: Digest, facts: BlobFacts): void {
    if (this.#cleared.has(idOf(name, digest))) {
      return;
    }
    if (!this.#isUsable()) {
      this.#parts.observer.error();
      return;
    }
    void this.#store(name, digest, facts);
  }

  /** Resolves when Redis has forgotten, or is known not to answer: then it is told later. */
  async delete(name: RepositoryName, digest: Digest): Promise<void> {
    const id = idOf(name, digest);
    this.#cleared.set(id, true);
    try {
      if (!this.#isUsable()) throw new Error('redis does not answer');
      await this.#run(() => this.#clear(name, digest));
    } catch (error) {
      this.#failed('delete', error);
      if (this.#pendingClears.size >= maxPendingClears) {
        this.#parts.logger.error('the redis cache may show a deleted blob', { name, digest });
        return;
      }
      this.#pendingClears.set(id, { name, digest });
      this.#clearTimer ??= setTimeout(() => void this.#clearPending(), retryClearsMs).unref();
    }
  }

  /** Tells Redis once more what it should forget, then disconnects. */
  async close(): Promise<void> {
    clearTimeout(this.#clearTimer);
    if (this.#pendingClears.size > 0) {
      await this.#clearPending();
      clearTimeout(this.#clearTimer);
    }
    for (const { name, digest } of this.#pendingClears.values()) {
      this.#parts.logger.error('the redis cache may show a deleted blob', { name, digest });
    }
    this.#client.disconnect();
  }

  async #store(name: RepositoryName, digest: Digest, facts: BlobFacts): Promise<void> {
    const startedAtMs = performance.now();
    try {
      await this.#run(() =>
        Promise.all(
          (facts.digest === digest ? [digest] : [digest, facts.digest]).flatMap((under) => [
            this.#client.hset(blobKey(under), 'digest', facts.digest, 'size', facts.sizeBytes),
            this.#client.hsetnx(blobKey(under), 'mediatype', MediaType.octetStream),
            this.#client.hset(ownKey(name, under), 'mediatype', MediaType.octetStream),
            this.#client.sadd(setKey(name), under),
          ]),
        ),
      );
      // A delete that came meanwhile may have been overtaken.
      if (this.#cleared.has(idOf(name, digest))) {
        await this.delete(name, digest);
      }
    } catch (error) {
      this.#failed('store', error);
    } finally {
      this.#parts.observer.operation('RepoSetDescriptor', (performance.now() - startedAtMs) / 1000);
    }
  }

  async #clear(name: RepositoryName, digest: Digest): Promise<void> {
    // Not MULTI: in a cluster the keys live on different nodes. The first command alone makes it a miss.
    await Promise.all([
      this.#client.srem(setKey(name), digest),
      this.#client.del(ownKey(name, digest)),
      this.#client.hdel(blobKey(digest), 'digest', 'size', 'mediatype'),
    ]);
  }

  async #clearPending(): Promise<void> {
    this.#clearTimer = undefined;
    try {
      for (const [id, { name, digest }] of this.#pendingClears) {
        await this.#clear(name, digest);
        this.#pendingClears.delete(id);
      }
    } catch {
      // Still down, as the log says; tried again below.
    }
    if (this.#pendingClears.size > 0) {
      this.#clearTimer = setTimeout(() => void this.#clearPending(), retryClearsMs).unref();
    }
  }

  /** Runs idempotent commands, again after a failure while the connection stands. */
  async #run<T>(work: () => Promise<T>): Promise<T> {
    const { count, maxMs, minMs } = this.#parts.retries;
    this.#inFlight += 1;
    try {
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await work();
        } catch (error) {
          if (attempt >= count || !this.#isUsable() || isTimeout(error) || isReply(error)) {
            throw error;
          }
          const waitMs = Math.min(maxMs, minMs * 2 ** attempt);
          await new Promise((resolve) => setTimeout(resolve, Math.max(0, waitMs)));
        }
      }
    } finally {
      this.#inFlight -= 1;
    }
  }

  #isUsable(): boolean {
    return (
      this.#client.status === 'ready' &&
      this.#inFlight < maxInFlight &&
      this.#nowMs() >= this.#pausedUntilMs
    );
  }

  #failed(what: string, error: unknown): void {
    this.#parts.observer.error();
    if (isTimeout(error)) {
      this.#pausedUntilMs = this.#nowMs() + pauseMs;
    }
    this.#parts.logger.debug(`redis cache: ${what} failed`, { error });
  }
}

function setKey(name: RepositoryName): string {
  return `repository::${name}::blobs`;
}

function ownKey(name: RepositoryName, digest: Digest): string {
  return `repository::${name}::blobs::${digest}`;
}

function blobKey(digest: Digest): string {
  return `blobs::${digest}`;
}

function idOf(name: RepositoryName, digest: Digest): string {
  return `${name}@${digest}`;
}

/** What others wrote is checked: a broken entry is a miss. */
function readFacts([digestText, size]: readonly (string | null)[]): BlobFacts | undefined {
  const digest = digestText ? tryParseDigest(digestText) : undefined;
  const isSize = /^\d{1,15}$/.test(size ?? '');
  return digest === undefined || !isSize ? undefined : { digest, sizeBytes: Number(size) };
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && /timed out/i.test(error.message);
}

/** An error that Redis itself answered with: asking again gives the same. */
function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}
