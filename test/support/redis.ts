/** A real redis-server of the test's own, on a free loopback port; ended by its pid. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from './free-port.ts';

export interface RedisServer {
  readonly port: number;
  readonly addr: string;
  /** Stops it dead, as a crash or a full machine does. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>;
  /** Lets it hang without ending it, and go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
}

/** @param args  Options beside the port, e.g. TLS, for which `port` is the TLS port. */
export async function startRedis(
  args: readonly string[] = [],
  { portOption = '--port' }: { portOption?: string } = {},
): Promise<RedisServer> {
  const port = await freePort();
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(
      'redis-server',
      [portOption, String(port), '--bind', '127.0.0.1', '--save', '', ...args],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await listening(child);
  };
  await start();
  return {
    port,
    addr: `127.0.0.1:${port}`,
    async kill(): Promise<void> {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
    },
    restart: start,
    signal: (name) => {
      child.kill(name);
    },
  };
}

function listening(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (data: Buffer) => {
      text += data.toString();
      if (text.includes('Ready to accept connections')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`redis-server ended (${code}): ${text}`)));
    child.once('error', reject);
  });
}
