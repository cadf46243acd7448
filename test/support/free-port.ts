/**
 * Ports for programs that must be told one. Below those that the kernel gives to outgoing connections (and to whoever
 * listens on port 0): there any test beside this one may take it before the program does.
 */

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

const firstPort = 10_240;
const portCount = 10_000;
/** Redis takes this much above its port for its cluster; still below the kernel's own. */
const busDistance = 10_000;

/** Test files run in processes of their own, so each begins somewhere else. */
let next = randomInt(portCount);

/** A port that is free on 127.0.0.1, with the one 10,000 above it. */
export async function freePort(): Promise<number> {
  for (let tries = 1; tries <= portCount; tries += 1) {
    const port = firstPort + next;
    next = (next + 1) % portCount;
    if ((await isFree(port)) && (await isFree(port + busDistance))) {
      return port;
    }
  }
  throw new Error(`no free port from ${firstPort} to ${firstPort + portCount - 1}`);
}

/** `count` of them, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    ports.push(await freePort());
  }
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
