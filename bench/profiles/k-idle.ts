/** (k) 5,000 keep-alive connections that wait: what they cost in memory, and what those that work lose. */

import { Connection } from '../load/connection.ts';
import type { Measurement } from '../load/measurement.ts';
import { expect } from '../load/push.ts';
import { requestRate } from '../load/request-rate.ts';
import { residentBytes } from '../suite/process-usage.ts';
import type { Case, Profile, Target } from './profile.ts';

const activeConnections = 8;
/** Opened together; more would overflow the listen queue. */
const openedAtOnce = 100;
const idleReadBytes = 2048;
/** Of the same requests, for memory to be what it is under them before the first connection waits. */
const warmUpSeconds = 1;

export const idle: Profile = {
  id: 'k',
  title: 'Idle: 5,000 keep-alive connections',
  question: 'What do waiting clients cost in memory, and do they slow the others?',
  minutes: 0.9,
  async open(target: Target): Promise<readonly Case[]> {
    await requests(target, warmUpSeconds);
    return [new AmongIdle(target)];
  },
};

class AmongIdle implements Case {
  readonly name: string;
  readonly unit = 'requests/s';
  readonly #target: Target;
  readonly #waiting: Connection[] = [];
  #bytesEach: number | undefined;

  constructor(target: Target) {
    this.#target = target;
    this.name = `GET /v2/ beside ${target.scale.idleConnections} waiting connections`;
  }

  /** Opens the connections, each of which asks once: neither is part of what a request costs. */
  async prepare(): Promise<void> {
    const { port, pid, scale } = this.#target;
    const before = residentBytes(pid);
    while (this.#waiting.length < scale.idleConnections) {
      const batch = Array.from(
        { length: Math.min(openedAtOnce, scale.idleConnections - this.#waiting.length) },
        () => new Connection(port, idleReadBytes),
      );
      this.#waiting.push(...batch);
      await Promise.all(batch.map((lane) => expect(lane, [200], { method: 'GET', path: '/v2/' })));
    }
    // The first time tells: what it took is kept and used again by the next.
    this.#bytesEach ??= (residentBytes(pid) - before) / this.#waiting.length;
  }

  async run(seconds: number): Promise<Measurement> {
    const measured = await requests(this.#target, seconds);
    const bytesEach = this.#bytesEach ?? 0;
    return {
      ...measured,
      notes: {
        // No more than what is tidied away meanwhile: then there is nothing to tell.
        ...(bytesEach > 0 ? { 'KiB a waiting connection': bytesEach / 1024 } : {}),
        'connections kept': this.#waiting.filter((lane) => lane.isOpen).length,
      },
    };
  }

  end(): void {
    for (const lane of this.#waiting.splice(0)) {
      lane.close();
    }
  }
}

function requests({ port, rateClient }: Target, seconds: number): Promise<Measurement> {
  return requestRate({
    client: rateClient,
    port,
    connections: activeConnections,
    seconds,
    method: 'GET',
    path: '/v2/',
  });
}
