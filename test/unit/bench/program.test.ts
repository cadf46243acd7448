import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Results } from '../../../bench/figures/results.ts';

// `npm run bench` as its users have it: built, with servers, a load process, and a terminal's signals.
const project = fileURLToPath(new URL('../../..', import.meta.url));
/** Below the project, for its packages and its server; not beside other tests' built code. */
const built = join(project, 'dist/bench-test');
const quickly = ['--quick', '--only-us', '--runs', '1', '--seconds', '0.2', '--warm-up', '0.1'];
const minutes = 60_000;
let folder: string;

beforeAll(() => {
  const tsc = join(project, 'node_modules/.bin/tsc');
  const { status, stdout } = spawnSync(tsc, ['-p', 'bench/tsconfig.json', '--outDir', built], {
    cwd: project,
  });
  expect(status, stdout.toString()).toBe(0);
}, 4 * minutes);

afterAll(() => rmSync(built, { recursive: true }));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-bench-test-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

interface Running {
  readonly child: ChildProcess;
  /** All it printed so far, both streams. */
  printed(): string;
  readonly code: Promise<number | null>;
}

/** In a group of its own, as a shell starts a job: a terminal's signals go to all of the group. */
function start(args: readonly string[]): Running {
  const program = join(built, 'bench/main.js');
  const all = [program, ...quickly, '--root', 'storage', '--out', 'out', ...args];
  const child = spawn(process.execPath, all, { cwd: folder, detached: true });
  let text = '';
  child.stdout.on('data', (piece) => {
    text += piece;
  });
  child.stderr.on('data', (piece) => {
    text += piece;
  });
  return { child, printed: () => text, code: once(child, 'close').then(([code]) => code) };
}

async function printedBy({ child, printed }: Running, text: string): Promise<void> {
  while (!printed().includes(text)) {
    expect(child.exitCode, printed()).toBeNull();
    await wait(20);
  }
}

function saved(): Results | undefined {
  const name = readdirSync(join(folder, 'out')).find((each) => each.endsWith('.json'));
  return name === undefined
    ? undefined
    : JSON.parse(readFileSync(join(folder, 'out', name), 'utf8'));
}

/** Command lines that name the test's folder: the registry's does. */
function leftProcesses(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(folder));
}

describe('npm run bench', () => {
  beforeEach(() => {
    spawnSync('mkdir', [join(folder, 'storage')]);
  });

  const ends: [string, string, (child: ChildProcess) => void][] = [
    ['Ctrl-C, and again', 'ended by SIGINT', ({ pid }) => process.kill(-(pid ?? 0), 'SIGINT')],
    ['a closed terminal', 'ended by SIGHUP', ({ pid }) => process.kill(-(pid ?? 0), 'SIGHUP')],
    ['a reader that went', 'nobody takes the output', ({ stdout }) => stdout?.destroy()],
  ];
  it.each(ends)(
    'keeps what was done before %s, and leaves nothing behind',
    async (_, cut, end) => {
      const running = start(['--profile', 'j,d,a']);
      await printedBy(running, '\n(d) ');
      end(running.child);
      await wait(100);
      end(running.child);
      // The second signal may find it at its end, where Node.js has put its handlers away: null.
      expect([1, null]).toContain(await running.code);
      const { cases = [], ...results } = saved() ?? {};
      expect(results).toMatchObject({ cut });
      // What is written to nobody is known a line later.
      expect(['j', 'j d']).toContain(cases.map(({ profile }) => profile).join(' '));
      expect(cases.flatMap(({ failures }) => failures)).toEqual([]);
      expect(readdirSync(join(folder, 'storage'))).toEqual([]);
      expect(leftProcesses()).toEqual([]);
    },
    4 * minutes,
  );

  it(
    'keeps what was done before a registry that does not start, and shows the end of its log',
    async () => {
      writeFileSync(join(folder, 'once.mjs'), startsOnce);
      const running = start(['--profile', 'j,d', '--peer', 'once=node once.mjs {port}']);
      expect(await running.code).toBe(1);
      const cut = 'once did not start: ended with 3; its last lines:\n  first\n  no second time';
      expect(running.printed()).toContain(`bench: ${cut}; what was done before is kept\n`);
      expect(saved()).toMatchObject({ cut, cases: [{ profile: 'j' }] });
      expect(readdirSync(join(folder, 'storage'))).toEqual([]);
    },
    4 * minutes,
  );

  it(
    'refuses a text that no case has in its name',
    async () => {
      const running = start(['--profile', 'd', '--case', 'nothing']);
      expect(await running.code).toBe(1);
      expect(running.printed()).toContain("--case nothing: no case's name holds it: 1 MiB, 8 conn");
      expect(saved()).toBeUndefined();
    },
    4 * minutes,
  );

  it('looks whether it may write its results before it starts anything', async () => {
    writeFileSync(join(folder, 'file'), '');
    for (const out of ['file', 'file/below']) {
      const running = start(['--out', out]);
      expect(await running.code).toBe(1);
      expect(running.printed()).toMatch(/^bench: --out file.* cannot be written to: /);
    }
  });
});

/** A registry that answers everything, in one profile only. */
const startsOnce = `
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
if (existsSync('started')) {
  console.log('first');
  console.error('no second time');
  process.exit(3);
}
writeFileSync('started', '');
createServer((request, response) => response.end()).listen(Number(process.argv[2]), '127.0.0.1');
`;
