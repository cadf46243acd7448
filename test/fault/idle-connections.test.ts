/**
 * 5,000 clients that connect, ask once and then say nothing: the built server must go on serving, within its bounds, and
 * have everything back when they are gone.
 */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RawConnection } from '../support/raw-connection.ts';
import { frontEnds, type RunningRegistry, startRegistry } from '../support/registry.ts';

const idleCount = 5000;
/** Connections that the registry takes beside the idle ones. */
const spareCount = 20;
/** What the server and this process open besides. */
const otherFiles = 500;
/** That the server may open once it serves. */
const fewFiles = 10;
const openAtOnce = 250;
/** Of a connection, on average, before its memory counts as unbounded. Seen: 4 KB with uws, 11 KB with node. */
const mostBytesEach = 64 * 1024;

const get = 'GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n';

/** Node raises the soft limit by itself; the hard one is inherited by the server. */
function raiseFileLimit(): string | undefined {
  const needed = idleCount + spareCount + otherFiles;
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(
    readFileSync('/proc/self/limits', 'utf8'),
  )?.[1];
  if (hard === 'unlimited' || Number(hard) >= needed) return undefined;
  try {
    execFileSync('prlimit', ['--pid', `${process.pid}`, `--nofile=${needed}:${needed}`]);
    return undefined;
  } catch {
    return `skipped: the hard limit of open files is ${hard}, and ${needed} are needed`;
  }
}

const cannot = raiseFileLimit();

describe.skipIf(cannot !== undefined)(
  `5,000 idle connections${cannot === undefined ? '' : ` (${cannot})`}`,
  () => {
    describe.each(frontEnds)('%s', (frontEnd) => {
      let registry: RunningRegistry;
      beforeAll(async () => {
        registry = await startRegistry({
          frontEnd,
          config: { http: { limits: { maxconnections: idleCount + spareCount } } },
        });
      });
      afterAll(async () => {
        await registry.stop();
      });

      const openFiles = (): number => readdirSync(`/proc/${registry.pid}/fd`).length;
      const memoryBytes = (): number => {
        const status = readFileSync(`/proc/${registry.pid}/status`, 'utf8');
        return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
      };

      /** Opens a connection, gets an answer on it and leaves it open. */
      async function idle(): Promise<RawConnection> {
        const connection = await RawConnection.open(registry.port);
        connection.send(get);
        expect(await connection.until(/\r\n\r\n\{\}$/)).toMatch(/^HTTP\/1\.1 200 /);
        return connection;
      }

      async function many(count: number): Promise<RawConnection[]> {
        const open: RawConnection[] = [];
        while (open.length < count) {
          const size = Math.min(openAtOnce, count - open.length);
          open.push(...(await Promise.all(Array.from({ length: size }, idle))));
        }
        return open;
      }

      it('leave room for new requests, up to the bound, and give all back', async () => {
        const filesBefore = openFiles() + fewFiles;
        // What the first requests of all cost is not the connections'.
        for (const connection of await many(openAtOnce)) connection.end();
        await vi.waitFor(() => expect(openFiles()).toBeLessThanOrEqual(filesBefore));
        const bytesBefore = memoryBytes();

        const idlers = await many(idleCount);
        const spare = await many(spareCount);
        expect(openFiles()).toBeGreaterThanOrEqual(idleCount + spareCount);
        expect(idlers.filter(({ isClosed }) => isClosed)).toHaveLength(0);

        const beyond = await RawConnection.open(registry.port);
        beyond.send(get);
        expect(await beyond.closed()).toBe('');

        // A place that becomes free is taken by the next client.
        for (const connection of spare) connection.end();
        await vi.waitFor(() => expect(openFiles()).toBeLessThanOrEqual(filesBefore + idleCount));
        for (let turn = 0; turn < spareCount / 2; turn += 1) (await idle()).end();

        const [last] = idlers;
        last?.send(get);
        expect(await last?.until(/\{\}HTTP\/1\.1 200 [\s\S]*\{\}$/)).toBeDefined();
        const bytesEach = (memoryBytes() - bytesBefore) / idleCount;
        expect(bytesEach).toBeLessThan(mostBytesEach);

        for (const connection of idlers) connection.end();
        await vi.waitFor(() => expect(openFiles()).toBeLessThanOrEqual(filesBefore), {
          timeout: 10_000,
        });
        for (let turn = 0; turn < 3; turn += 1) (await idle()).end();
        expect(registry.log()).toMatch(/maxconnections|configured number of connections/);
      });
    });
  },
);
