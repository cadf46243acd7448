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

export const idle: Profile = {
  id: 'k',
  title: 'Idle: 5,000 keep-alive connections',
  question: 'What do waiting clients cost in memory, and do they slow the others?',
  minutes: 0.9,
  async open(target: Target): Promise<readonly Case[]> {
    // Before any of them: what a first run took is kept and used again by the next.
    const before = residentBytes(target.pid);
    return [
      {
        name: `GET /v2/ beside ${target.scale.idleConnections} waiting connections`,
        unit: 'requests/s',
        run: (seconds) => amongIdle(target, before, seconds),
      },
    ];
  },
};

async function amongIdle(target: Target, before: number, seconds: number): Promise<Measurement> {
  const { port, pid, rateClient, scale } = target;
  const waiting: Connection[] = [];
  try {
    while (waiting.length < scale.idleConnections) {
      const batch = Array.from(
        { length: Math.min(openedAtOnce, scale.idleConnections - waiting.length) },
        () => new Connection(port, idleReadBytes),
      );
      waiting.push(...batch);
      await Promise.all(batch.map((lane) => expect(lane, [200], { method: 'GET', path: '/v2/' })));
    }
    const grown = residentBytes(pid) - before;
    const measured = await requestRate({
      client: rateClient,
      port,
      connections: activeConnections,
      seconds,
      method: 'GET',
      path: '/v2/',
    });
    return {
      ...measured,
      notes: {
        'KiB a waiting connection': grown / 1024 / waiting.length,
        'connections kept': waiting.filter((lane) => lane.isOpen).length,
      },
    };
  } finally {
    for (const lane of waiting) {
      lane.close();
    }
  }
}
