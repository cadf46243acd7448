/** The words of the `longshore` command: what it prints and how it ends, seen from outside. */

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { launcher, runLongshore } from '../support/registry.ts';

test.each([['--version'], ['-v']])('%s prints name and version on stdout', async (flag) => {
  const { version } = JSON.parse(
    await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string };
  expect(await runLongshore([flag])).toEqual({
    code: 0,
    stdout: `longshore ${version}\n`,
    stderr: '',
  });
});

test.each([[['help']], [['--help']], [['-h']], [[]], [['serve', '--help']]])(
  'the usage is printed on stdout: %j',
  async (args) => {
    const { code, stdout, stderr } = await runLongshore(args);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    for (const command of ['serve', 'config', 'garbage-collect', 'verify', 'reindex', 'replay']) {
      expect(stdout).toContain(
        `longshore ${command === 'replay' ? 'notifications ' : ''}${command}`,
      );
    }
  },
);

describe('what cannot be meant is refused in one line, the usage after it', () => {
  test.each([
    [['frobnicate'], 'unknown command "frobnicate"'],
    [['notifications'], 'unknown command "notifications"'],
    [['notifications', 'clear'], 'unknown command "notifications clear"'],
    [['serve', '--frob'], 'unknown option --frob'],
    [['serve', '-x', 'c.yml'], 'unknown option -x'],
    [['serve', '--json', 'c.yml'], 'serve has no option --json'],
    [['verify', '--dry-run', 'c.yml'], 'verify has no option --dry-run'],
    [['serve', 'a.yml', 'b.yml'], 'serve takes one configuration file, "b.yml" is one too many'],
    [['garbage-collect', '--min-age', 'soon', 'c.yml'], '--min-age takes a duration such as 2h'],
    [['verify', '--rate', 'fast', 'c.yml'], '--rate takes a number of bytes, not "fast"'],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await runLongshore(args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    const [first, blank, second] = stderr.split('\n');
    expect(first).toMatch(/^longshore: /);
    expect(first).toContain(message);
    expect(blank).toBe('');
    expect(second).toMatch(/^longshore - /);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe('a command whose output nobody takes ends without a stack trace', () => {
  let folder = '';
  let file = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-output-'));
    file = join(folder, 'config.yml');
    const root = join(folder, 'root');
    await mkdir(root);
    const storage = `storage: {filesystem: {rootdirectory: ${root}}}`;
    await writeFile(file, `version: 0.1\n${storage}\nhttp: {addr: 127.0.0.1:0, secret: s}\n`);
  });

  afterAll(() => rm(folder, { recursive: true }));

  const commands = [['help'], ['--version'], ['config'], ['verify'], ['reindex']] as const;
  const callOf = (args: readonly string[]): readonly string[] =>
    args[0] === 'help' || args[0] === '--version' ? args : [...args, file];

  test.each(commands)('%s: its reader has gone', async (...args) => {
    const child = spawnLongshore(callOf(args), ['ignore', 'pipe', 'pipe']);
    child.stdout?.destroy();
    expect(await endOf(child)).toEqual({ code: 141, stderr: '' });
  });

  test.each(commands)('%s: the disk is full', async (...args) => {
    const full = await open('/dev/full', 'w');
    try {
      const child = spawnLongshore(callOf(args), ['ignore', full.fd, 'pipe']);
      expect(await endOf(child)).toEqual({
        code: 1,
        stderr:
          'longshore: cannot write to standard output: ENOSPC: no space left on device, write\n',
      });
    } finally {
      await full.close();
    }
  });

  test('serve: its readers have gone, it serves and ends as ordered', async () => {
    const port = await freePort();
    const child = spawnLongshore(['serve', file], ['ignore', 'pipe', 'pipe'], {
      REGISTRY_HTTP_ADDR: `127.0.0.1:${port}`,
    });
    child.stdout?.destroy();
    child.stderr?.destroy();
    await vi.waitFor(
      async () => {
        expect((await fetch(`http://127.0.0.1:${port}/v2/`)).status).toBe(200);
      },
      { timeout: 20_000 },
    );
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(child.exitCode).toBe(0);
  });
});

function spawnLongshore(
  args: readonly string[],
  stdio: StdioOptions,
  env: Record<string, string> = {},
): ChildProcess {
  return spawn(process.execPath, [launcher, ...args], {
    env: { ...process.env, ...env },
    stdio,
  });
}

async function endOf(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  let stderr = '';
  child.stderr?.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  await once(child, 'close');
  return { code: child.exitCode, stderr };
}
