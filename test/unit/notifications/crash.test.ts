import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpSink } from '../../support/http-sink.ts';

const child = resolve('test/support/notifications-child.mjs');

/** Starts a child; `onAcknowledged` gets each tag as soon as the child said that it is safe. */
function startChild(
  args: readonly string[],
  onAcknowledged: (tag: string, process: ChildProcess) => void,
): ChildProcess {
  const started = spawn(process.execPath, [child, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let rest = '';
  started.stdout.on('data', (piece: Buffer) => {
    const lines = (rest + piece.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      onAcknowledged(line, started);
    }
  });
  return started;
}

describe('a killed registry', () => {
  let folder: string;
  let built: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crash-'));
    built = join(folder, 'dist');
    const config = join(folder, 'tsconfig.json');
    await writeFile(
      config,
      JSON.stringify({
        extends: resolve('tsconfig.json'),
        compilerOptions: { rootDir: resolve('.'), outDir: built, declaration: false },
        include: [resolve('src/notifications'), resolve('src/observe/logger.ts')],
      }),
    );
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await symlink(resolve('node_modules'), join(folder, 'node_modules'));
    await promisify(execFile)('npx', ['tsc', '-p', config]);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('loses no event that it acknowledged, whether the receiver took events, stalled or failed', async () => {
    const sink = await new HttpSink().open();
    const storageRoot = join(folder, 'storage');
    const acknowledged = new Set<string>();
    const misbehaviours: (() => void)[] = [
      () => {
        sink.answer = 200;
      },
      () => {
        sink.answer = 'stall';
      },
      () => {
        sink.answer = 500;
      },
    ];
    for (const [life, misbehave] of misbehaviours.entries()) {
      misbehave();
      const killAfter = 150 + life * 37;
      let acknowledgedNow = 0;
      const running = startChild(
        [built, storageRoot, sink.url, `life${life}`, '100000'],
        (tag, self) => {
          acknowledged.add(tag);
          acknowledgedNow += 1;
          if (acknowledgedNow === killAfter) {
            self.kill('SIGKILL');
          }
        },
      );
      const [, signal] = await once(running, 'close');
      expect(signal).toBe('SIGKILL');
      expect(acknowledgedNow).toBeGreaterThanOrEqual(killAfter);
    }
    sink.release();
    const last = startChild([built, storageRoot, sink.url, 'last', '0'], () => undefined);
    expect(await once(last, 'close')).toEqual([0, null]);
    const arrived = new Set(
      sink.accepted.map(({ body }) => JSON.parse(body).events[0].target.tag as string),
    );
    expect([...acknowledged].filter((tag) => !arrived.has(tag))).toEqual([]);
    const idsByTag = new Map<string, Set<string>>();
    for (const { body } of sink.accepted) {
      const [event] = JSON.parse(body).events;
      const ids = idsByTag.get(event.target.tag) ?? new Set();
      idsByTag.set(event.target.tag, ids.add(event.id));
    }
    expect([...idsByTag.values()].filter((ids) => ids.size > 1)).toEqual([]);
    await sink.close();
  });
});
