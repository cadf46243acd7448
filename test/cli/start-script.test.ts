/** src/longshore.sh, which `longshore` and `npm start` run: what it starts is the program itself, in less memory. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startRegistry } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

const script = fileURLToPath(new URL('../../src/longshore.sh', import.meta.url));
const mib = 1024 * 1024;

let folder: TempFolder;
let probe = '';
let atEnd = '';

beforeAll(async () => {
  folder = await tempFolder();
  probe = join(folder.path, 'probe.cjs');
  await writeFile(
    probe,
    `const { heap_size_limit } = require('node:v8').getHeapStatistics();
     process.stdout.write(JSON.stringify({ heap: heap_size_limit, args: process.argv.slice(2) }));
     process.exit(3);`,
  );
  atEnd = join(folder.path, 'at-end.cjs');
  await writeFile(
    atEnd,
    `process.on('exit', () => require('node:fs').writeSync(1, JSON.stringify(process.env)));`,
  );
});

afterAll(() => folder.remove());

test('is what the package installs as the command, and may be run', async () => {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { bin, files } = JSON.parse(text) as { bin: object; files: string[] };
  expect(bin).toEqual({ longshore: 'src/longshore.sh' });
  expect(files).toContain('src/longshore.sh');
  expect((await run(script, ['--version'])).stdout).toMatch(/^longshore \d/);
});

test('is found through links to it, as npm makes them, from any folder', async () => {
  const link = join(folder.path, 'a link');
  const linkToLink = join(folder.path, 'another');
  await symlink(script, link);
  await symlink(link, linkToLink);
  expect((await run(linkToLink, ['--version'])).stdout).toMatch(/^longshore \d/);
});

test('hands on words as they are, and the exit code', async () => {
  const words = ['two words', '', '*', '$HOME', "it's"];
  const { code, stdout } = await run(script, words, `--require ${probe}`);
  expect(code).toBe(3);
  expect((JSON.parse(stdout) as { args: string[] }).args).toEqual(words);
  expect((await run(script, ['frobnicate'])).code).toBe(1);
});

test('bounds the young generation at 4 MiB, unless NODE_OPTIONS says another size', async () => {
  // V8 counts the young generation three times in its limit.
  const bounded = await heapLimit('');
  expect((await heapLimit('--max-semi-space-size=16')) - bounded).toBe(3 * 12 * mib);
  expect((await heapLimit('--max-semi-space-size=2')) - bounded).toBe(3 * -2 * mib);
});

const unspeakable = {
  'REGISTRY_HTTP_HEADERS_X-Lines': '[a,\n b]\n\n',
  'X..dots': '',
  '1st': `it's "quoted" $HOME \`id\` \\ *`,
  'X-Müller': 'À la carte, 9 €',
  'BASH_FUNC_f%%': '() { :\nA=b\n}',
  'X-equals': 'a=b=c',
};

describe.each(['sh', 'dash', 'bash', 'bash --posix', 'busybox sh'])('run by %s', (shell) => {
  const [program = '', ...before] = shell.split(' ');
  const isHere = spawnSync(program, [...before, '-c', ':']).status === 0;

  test.skipIf(!isHere)('hands on variables whose names are none to a shell', async () => {
    const env = { ...unspeakable, PLAIN: 'A-B=c\nX-no=\n' };
    const seen = await environmentOf(program, [...before, script], env);
    expect(seen).toMatchObject(env);
    expect(seen).not.toHaveProperty('X-no');
    expect(seen).not.toHaveProperty('LONGSHORE_LOST_VARIABLES');
  });
});

test('a variable with dashes in its name reaches the registry and each of its processes', async () => {
  const registry = await startRegistry({
    command: [script],
    config: { http: { processes: 2 } },
    env: { 'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin': '["*"]' },
  });
  onTestFinished(async () => void (await registry.stop()));
  for (let i = 0; i < 8; i++) {
    const { headers } = await fetch(`${registry.url}/v2/`, { headers: { connection: 'close' } });
    expect(headers.get('access-control-allow-origin')).toBe('*');
  }
});

test('a registry started by it has the pid of the script and ends by SIGTERM', async () => {
  const registry = await startRegistry({ command: [script] });
  onTestFinished(async () => void (await registry.stop()));
  const commandLine = await readFile(`/proc/${registry.pid}/cmdline`, 'utf8');
  expect(commandLine.split('\0').slice(1, 3)).toEqual([
    expect.stringMatching(/\/dist\/src\/launch\.cjs$/),
    'serve',
  ]);
  expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
  expect(await registry.stop()).toBe(0);
});

/** What the program has in its environment at its end. */
async function environmentOf(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const { stdout } = await run(program, [...args, '--version'], `--require ${atEnd}`, env);
  return JSON.parse(stdout.slice(stdout.indexOf('{'))) as Record<string, string>;
}

async function heapLimit(options: string): Promise<number> {
  const { stdout } = await run(script, [], `--require ${probe} ${options}`);
  return (JSON.parse(stdout) as { heap: number }).heap;
}

async function run(
  command: string,
  args: readonly string[],
  options = '',
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; stdout: string }> {
  const child = spawn(command, args, {
    cwd: folder.path,
    env: { ...process.env, ...env, NODE_OPTIONS: options },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let stdout = '';
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
  });
  await once(child, 'close');
  return { code: child.exitCode, stdout };
}
