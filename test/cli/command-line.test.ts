/** The words of the `longshore` command: what it prints and how it ends, seen from outside. */

import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { runLongshore } from '../support/registry.ts';

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
