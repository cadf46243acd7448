/**
 * A client that pushes, mounts, moves tags and deletes at random in a repository of its own, and remembers what the
 * registry has acknowledged. One request at a time: when the registry dies, at most one change is uncertain.
 */

import {
  type ApiClient,
  type ApiReply,
  aDescriptor,
  anImage,
  digestOf,
  emptyConfig,
  locationOf,
  ociConfig,
  ociLayer,
} from './api-client.ts';
import { noise, sha256 } from './bytes.ts';

/** What a later look may find. `either`: asked for and not acknowledged. */
type Expectation = 'present' | 'absent' | 'either';

/** A repository to mount from, whose blobs stay. */
export interface Library {
  readonly name: string;
  readonly digests: readonly string[];
}

interface KnownBlob {
  readonly sizeBytes: number;
  readonly seed: number;
  isReferenced: boolean;
  expect: Expectation;
}

interface KnownManifest {
  readonly text: string;
  expect: Expectation;
}

/** Random numbers that are the same for the same seed. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 0x9e3779b1 + 0x7f4a7c15) >>> 0 || 1;
  }

  /** 0 to `below` - 1. */
  roll(below: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    this.#state >>>= 0;
    return this.#state % below;
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : items[this.roll(items.length)];
  }
}

const tagNames = ['v1', 'v2', 'latest'] as const;
const chunks = 3;

export class PushingWriter {
  readonly name: string;
  /** Answers that no living registry should give. */
  readonly surprises: string[] = [];
  acknowledged = 0;
  readonly #dice: Dice;
  readonly #library: Library;
  readonly #blobs: Map<string, KnownBlob> = new Map();
  readonly #manifests: Map<string, KnownManifest> = new Map();
  readonly #tags: Map<string, Set<string | undefined>> = new Map();
  #retry: ((api: ApiClient) => Promise<void>) | undefined;

  constructor(name: string, seed: number, library: Library) {
    this.name = name;
    this.#dice = new Dice(seed);
    this.#library = library;
  }

  /** Works until the connection breaks, which ends it quietly. */
  async run(api: ApiClient): Promise<void> {
    for (;;) {
      const action = this.#choose();
      this.#retry = action;
      try {
        await action(api);
      } catch (error) {
        if (error instanceof Surprise) {
          this.surprises.push(error.message);
        }
        return;
      }
      this.#retry = undefined;
      this.acknowledged += 1;
    }
  }

  /** Does again what was under way when the registry died: it must succeed now. */
  async retry(api: ApiClient): Promise<void> {
    await this.#retry?.(api);
    this.#retry = undefined;
  }

  /** Looks at everything this writer knows of; gives what is wrong. */
  async faults(api: ApiClient): Promise<string[]> {
    const faults: string[] = [];
    for (const [digest, known] of this.#blobs) {
      const reply = await api.get(`/v2/${this.name}/blobs/${digest}`);
      const fault = judge(reply, known.expect, digest);
      if (fault !== undefined) {
        faults.push(`blob ${this.name}@${digest}: ${fault}`);
      }
    }
    for (const [digest, known] of this.#manifests) {
      const reply = await api.get(`/v2/${this.name}/manifests/${digest}`);
      const fault = judge(reply, known.expect, digest) ?? (await this.#brokenReference(api, reply));
      if (fault !== undefined) {
        faults.push(`manifest ${this.name}@${digest}: ${fault}`);
      }
    }
    for (const [tag, allowed] of this.#tags) {
      const reply = await api.get(`/v2/${this.name}/manifests/${tag}`);
      const found = reply.status === 404 ? undefined : digestOf(reply.body);
      if (!allowed.has(found)) {
        faults.push(`tag ${this.name}:${tag}: ${found}, not one of ${[...allowed].join(' ')}`);
      }
      const fault = await this.#brokenReference(api, reply);
      if (fault !== undefined) {
        faults.push(`tag ${this.name}:${tag}: ${fault}`);
      }
    }
    return faults;
  }

  async #brokenReference(api: ApiClient, reply: ApiReply): Promise<string | undefined> {
    if (reply.status !== 200) {
      return undefined;
    }
    const { layers } = reply.json() as { layers: { digest: string }[] };
    for (const { digest } of layers) {
      const layer = await api.get(`/v2/${this.name}/blobs/${digest}`);
      if (layer.status !== 200 || digestOf(layer.body) !== digest) {
        return `its layer ${digest} is not whole: ${layer.status}`;
      }
    }
    return undefined;
  }

  #choose(): (api: ApiClient) => Promise<void> {
    const kind = this.#dice.roll(10);
    if (kind < 3) {
      return this.#pushBlob(1 + this.#dice.roll(20_000), 'whole');
    }
    if (kind < 5) {
      return this.#pushBlob(
        150_000 + this.#dice.roll(600_000),
        this.#dice.pick(['streamed', 'chunked']) ?? 'whole',
      );
    }
    if (kind === 5) {
      return this.#mount();
    }
    if (kind < 8) {
      return this.#pushManifest();
    }
    return kind === 8 ? this.#deleteManifest() : this.#deleteBlob();
  }

  #pushBlob(
    sizeBytes: number,
    way: 'whole' | 'streamed' | 'chunked',
  ): (api: ApiClient) => Promise<void> {
    const seed = this.#dice.roll(2 ** 30);
    const bytes = noise(sizeBytes, seed);
    const digest = `sha256:${sha256(bytes)}`;
    const known: KnownBlob = { sizeBytes, seed, isReferenced: false, expect: 'either' };
    this.#blobs.set(digest, known);
    return async (api) => {
      await upload(api, this.name, bytes, digest, way);
      known.expect = 'present';
    };
  }

  #mount(): (api: ApiClient) => Promise<void> {
    const { name: from, digests } = this.#library;
    const digest = this.#dice.pick(digests) ?? '';
    const known: KnownBlob = this.#blobs.get(digest) ?? {
      sizeBytes: 0,
      seed: 0,
      isReferenced: false,
      expect: 'either',
    };
    known.expect = known.expect === 'present' ? 'present' : 'either';
    this.#blobs.set(digest, known);
    return async (api) => {
      const reply = await api.send(
        'POST',
        `/v2/${this.name}/blobs/uploads/?mount=${digest}&from=${from}`,
        { body: '' },
      );
      expectStatus(reply, 201);
      known.expect = 'present';
    };
  }

  #pushManifest(): (api: ApiClient) => Promise<void> {
    const usable = [...this.#blobs].filter(([, blob]) => blob.expect === 'present');
    const layers = usable.slice(-3).map(([digest, blob]) => {
      blob.isReferenced = true;
      return { mediaType: ociLayer, digest, size: blob.sizeBytes };
    });
    const note = { annotations: { n: String(this.#dice.roll(2 ** 30)) } };
    const text = JSON.stringify(
      anImage({ config: aDescriptor(emptyConfig, ociConfig), layers, ...note }),
    );
    const digest = digestOf(text);
    const tag = this.#dice.pick(tagNames) ?? 'v1';
    const known: KnownManifest = { text, expect: 'either' };
    const before = this.#tags.get(tag) ?? new Set([undefined]);
    return async (api) => {
      await upload(api, this.name, Buffer.from(emptyConfig), digestOf(emptyConfig), 'whole');
      this.#manifests.set(digest, known);
      this.#tags.set(tag, new Set([...before, digest]));
      expectStatus(await api.putManifest(this.name, tag, text), 201);
      known.expect = 'present';
      this.#tags.set(tag, new Set([digest]));
    };
  }

  #deleteManifest(): (api: ApiClient) => Promise<void> {
    const [digest, known] =
      this.#dice.pick([...this.#manifests].filter(([, { expect }]) => expect === 'present')) ?? [];
    if (digest === undefined || known === undefined) {
      return this.#mount();
    }
    return async (api) => {
      known.expect = 'either';
      for (const allowed of this.#tags.values()) {
        if (allowed.has(digest)) {
          allowed.add(undefined);
        }
      }
      const reply = await api.delete(`/v2/${this.name}/manifests/${digest}`);
      // Done again after a crash, it may have been done before.
      if (reply.status !== 404) {
        expectStatus(reply, 202);
      }
      known.expect = 'absent';
      for (const allowed of this.#tags.values()) {
        allowed.delete(digest);
        if (allowed.size === 0) {
          allowed.add(undefined);
        }
      }
    };
  }

  #deleteBlob(): (api: ApiClient) => Promise<void> {
    const [digest, known] =
      this.#dice.pick(
        [...this.#blobs].filter(([, blob]) => blob.expect === 'present' && !blob.isReferenced),
      ) ?? [];
    if (digest === undefined || known === undefined) {
      return this.#mount();
    }
    return async (api) => {
      known.expect = 'either';
      const reply = await api.delete(`/v2/${this.name}/blobs/${digest}`);
      if (reply.status !== 404) {
        expectStatus(reply, 202);
      }
      known.expect = 'absent';
    };
  }
}

class Surprise extends Error {}

function expectStatus(reply: ApiReply, status: number): void {
  if (reply.status !== status) {
    throw new Surprise(`${reply.status} ${reply.text}, not ${status}`);
  }
}

export async function upload(
  api: ApiClient,
  name: string,
  bytes: Buffer,
  digest: string,
  way: 'whole' | 'streamed' | 'chunked',
): Promise<void> {
  const start = await api.send('POST', `/v2/${name}/blobs/uploads/`, { body: '' });
  expectStatus(start, 202);
  let location = locationOf(start);
  if (way === 'streamed') {
    const reply = await api.send('PATCH', location, { body: [bytes] });
    expectStatus(reply, 202);
    location = locationOf(reply);
  } else if (way === 'chunked') {
    const step = Math.ceil(bytes.length / chunks);
    for (let at = 0; at < bytes.length; at += step) {
      const chunk = bytes.subarray(at, at + step);
      const range = { 'content-range': `${at}-${at + chunk.length - 1}` };
      const reply = await api.patch(location, chunk, range);
      expectStatus(reply, 202);
      location = locationOf(reply);
    }
  }
  expectStatus(await api.finishUpload(location, digest, way === 'whole' ? bytes : ''), 201);
}

function judge(reply: ApiReply, expected: Expectation, digest: string): string | undefined {
  if (reply.status === 200) {
    const isWhole = digestOf(reply.body) === digest;
    return !isWhole ? 'torn' : expected === 'absent' ? 'deleted, and there again' : undefined;
  }
  return reply.status === 404 && expected !== 'present'
    ? undefined
    : `${reply.status}, ${expected}`;
}
