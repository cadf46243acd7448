/**
 * What client programs need around them: a folder of their own for homes, logins and stores, settings that take any
 * image from loopback, and the images to push. Daemons started here end with `close`.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempFolder } from './temp-folder.ts';
import { findProgram } from './tools.ts';
import { makeUmociImages, type UmociImages } from './umoci-images.ts';

export interface ClientResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ClientOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ClientRig {
  readonly folder: string;
  readonly images: UmociImages;
  /** Path of a signature policy that takes everything. */
  readonly policy: string;
  /** Runs a client to its end, whatever that is. */
  run(program: string, args: readonly string[], options?: ClientOptions): Promise<ClientResult>;
  /** The same, and rejects with the client's words when it fails; gives its stdout. */
  ok(program: string, args: readonly string[], options?: ClientOptions): Promise<string>;
  skopeo(...args: string[]): Promise<string>;
  /** A login file that holds nothing: what a client without a login uses. */
  readonly loggedOut: Readonly<Record<string, string>>;
  /** Starts a daemon and waits until `probe` succeeds. */
  daemon(program: string, args: readonly string[], probe: () => Promise<unknown>): Promise<void>;
  close(): Promise<void>;
}

export async function clientRig(): Promise<ClientRig> {
  const { path: folder, remove } = await tempFolder();
  const at = (name: string): string => join(folder, name);
  for (const name of ['home', 'home/.docker', 'xdg', 'tmp', 'nohome']) await mkdir(at(name));
  const policy = at('policy.json');
  await writeFile(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
  await writeFile(at('auth.json'), '{}');
  await writeFile(at('none.json'), '{}');
  await writeFile(at('registries.conf'), 'unqualified-search-registries = []\n');
  await writeFile(
    at('storage.conf'),
    `[storage]\ndriver = "vfs"\ngraphroot = "${at('graph')}"\nrunroot = "${at('runroot')}"\n`,
  );
  const base: NodeJS.ProcessEnv = {
    ...process.env,
    HOME: at('home'),
    XDG_RUNTIME_DIR: at('xdg'),
    TMPDIR: at('tmp'),
    REGISTRY_AUTH_FILE: at('auth.json'),
    CONTAINERS_REGISTRIES_CONF: at('registries.conf'),
    CONTAINERS_STORAGE_CONF: at('storage.conf'),
    BUILDAH_ISOLATION: 'chroot',
  };
  const daemons: ChildProcess[] = [];
  const images = await makeUmociImages(folder);

  async function run(
    program: string,
    args: readonly string[],
    options: ClientOptions = {},
  ): Promise<ClientResult> {
    const child = spawn(findProgram(program) ?? program, [...args], {
      env: { ...base, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: folder,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    child.stdin.on('error', () => {
      // A client that ended without reading its input: its exit code tells.
    });
    child.stdin.end(options.input ?? '');
    await once(child, 'close');
    return { code: child.exitCode, stdout, stderr };
  }

  async function ok(
    program: string,
    args: readonly string[],
    options: ClientOptions = {},
  ): Promise<string> {
    const { code, stdout, stderr } = await run(program, args, options);
    if (code !== 0) {
      throw new Error(`${program} ${args.join(' ')}: exit ${code}: ${stderr.slice(-2000)}`);
    }
    return stdout;
  }

  return {
    folder,
    images,
    policy,
    run,
    ok,
    skopeo: (...args) => ok('skopeo', ['--policy', policy, ...args]),
    loggedOut: { HOME: at('nohome'), REGISTRY_AUTH_FILE: at('none.json') },
    async daemon(program, args, probe): Promise<void> {
      const child = spawn(findProgram(program) ?? program, [...args], {
        env: base,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      daemons.push(child);
      let log = '';
      child.stderr.on('data', (data: Buffer) => {
        log = `${log}${data.toString()}`.slice(-4000);
      });
      for (;;) {
        try {
          await probe();
          return;
        } catch (error) {
          if (child.exitCode !== null) {
            throw new Error(`${program} did not start: ${log}`, { cause: error });
          }
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    },
    async close(): Promise<void> {
      for (const daemon of daemons.reverse()) {
        if (daemon.exitCode !== null) continue;
        const ended = once(daemon, 'exit');
        daemon.kill('SIGTERM');
        await ended;
      }
      await remove();
    },
  };
}
