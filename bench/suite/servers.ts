/** Starts the registries under test, each with the same kind of configuration, a storage root and a port of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { errorText } from '../../src/errors.ts';
import { launchCommand } from '../support/launch-command.ts';

/** A registry and the command that starts it, with `{port}`, `{root}` and `{config}` to be filled in. */
export interface Peer {
  readonly name: string;
  readonly command: string;
}

export interface Server {
  readonly peer: Peer;
  readonly port: number;
  readonly pid: number;
  readonly root: string;
  stop(): Promise<void>;
}

const startMs = 30_000;
const stopMs = 10_000;
const openFiles = 20_000;
const shownLines = 10;
const shownLength = 300;

/** Us, as built and as operators start it; with flags of Node's own, without what the script adds. */
export function longshorePeer(nodeFlags: readonly string[] = []): Peer {
  const words = launchCommand(nodeFlags);
  return { name: 'longshore', command: `${words.map(quoted).join(' ')} serve {config}` };
}

export const dockerRegistry: Peer = {
  name: 'docker-registry',
  command: 'docker-registry serve {config}',
};

/**
 * Starts a registry where the suite was started, and waits until it answers. What it prints goes to `folder/server.log`.
 *
 * @param folder  Of its own: configuration, log and storage root go below it.
 * @throws with the last lines of its log when it does not answer
 */
export async function startServer(
  peer: Peer,
  folder: string,
  isRaised: boolean,
  signal: AbortSignal,
): Promise<Server> {
  const root = join(folder, 'root');
  mkdirSync(root, { recursive: true });
  const port = await freePort();
  const config = join(folder, 'config.yml');
  writeFileSync(config, configText(port, root));
  const command = fillIn(peer.command, { port: String(port), root, config });
  const nice = isRaised ? 'nice -n -15 ' : '';
  const limit = `ulimit -n ${openFiles} 2>/dev/null || ulimit -n $(ulimit -H -n)`;
  const logPath = join(folder, 'server.log');
  const log = openSync(logPath, 'a');
  const child = spawn('sh', ['-c', `${limit}; exec ${nice}${command}`], {
    stdio: ['ignore', log, log],
    // Out of the terminal's reach: the suite alone ends it, when its last run is over.
    detached: true,
  });
  closeSync(log);
  const server: Server = { peer, port, pid: child.pid ?? 0, root, stop: () => stop(child) };
  try {
    await answering(child, port, signal);
  } catch (error) {
    await stop(child);
    signal.throwIfAborted();
    throw new Error(`${peer.name} did not start: ${errorText(error)}${lastLines(logPath)}`, {
      cause: error,
    });
  }
  return server;
}

/** The end of a log, indented, to follow a message; the log itself goes with the run's folder. */
function lastLines(path: string): string {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n').slice(-shownLines);
  const text = lines.map((line) => `\n  ${line.slice(0, shownLength)}`).join('');
  return text.trim() === '' ? '; it printed nothing' : `; its last lines:${text}`;
}

/** Both programs read this: storage on files, deletion on, no access log, errors only. */
function configText(port: number, root: string): string {
  return `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: ${JSON.stringify(root)}}
  delete: {enabled: true}
  cache: {blobdescriptor: inmemory}
http: {addr: "127.0.0.1:${port}", secret: bench}
`;
}

/** Replaces each `{name}` that is known; others stay. */
export function fillIn(command: string, values: Readonly<Record<string, string>>): string {
  return command.replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : quoted(value);
  });
}

/** `NAME=COMMAND` of an option. */
export function parsePeer(text: string): Peer {
  const at = text.indexOf('=');
  const name = text.slice(0, at);
  const command = text.slice(at + 1).trim();
  if (at < 1 || !/^[\w.-]+$/.test(name) || command === '') {
    throw new RangeError(`--peer wants NAME=COMMAND, not ${JSON.stringify(text)}`);
  }
  return { name, command };
}

function quoted(text: string): string {
  return /^[\w/.:-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function answering(child: ChildProcess, port: number, signal: AbortSignal): Promise<void> {
  const until = performance.now() + startMs;
  while (!isOver(child) && performance.now() < until) {
    try {
      const reply = await fetch(`http://127.0.0.1:${port}/v2/`);
      await reply.arrayBuffer();
      if (reply.ok) {
        return;
      }
    } catch {
      // Not listening yet.
    }
    await wait(50, undefined, { signal });
  }
  throw new Error(
    isOver(child)
      ? `ended with ${child.exitCode ?? child.signalCode}`
      : `no answer on /v2/ within ${startMs / 1000} s`,
  );
}

function isOver(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function stop(child: ChildProcess): Promise<void> {
  if (isOver(child)) {
    return;
  }
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const hasEnded = await Promise.race([
    ended.then(() => true),
    wait(stopMs, false, { ref: false }),
  ]);
  if (!hasEnded) {
    child.kill('SIGKILL');
    await ended;
  }
}
