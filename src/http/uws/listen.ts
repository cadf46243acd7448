/**
 * Opens listeners of a uWS app, and finds out why one did not open: the add-on itself only says "no".
 */

import { chmod } from 'node:fs/promises';
import { createServer } from 'node:net';
import { CodedError } from '../../errors.ts';
import type { BoundAddress, ListenAddress } from '../exchange.ts';
import { clearStaleSocket, listenFailure } from '../listen-address.ts';
import type { Uws, UwsApp, UwsListenSocket } from './types.ts';

export interface Listener {
  readonly socket: UwsListenSocket;
  readonly bound: BoundAddress;
}

/** Rejects with `LISTEN_FAILED` and one clear line. */
export async function openListener(
  uws: Uws,
  app: UwsApp,
  address: ListenAddress,
): Promise<Listener> {
  switch (address.kind) {
    case 'fd':
      throw new CodedError(
        'LISTEN_FAILED',
        'the uWebSockets.js front end cannot take over an open socket: set http.frontend to node for socket activation',
      );
    case 'unix':
      return await listenUnix(app, address.path);
    case 'tcp':
      return await listenTcp(uws, app, address);
  }
}

async function listenTcp(
  uws: Uws,
  app: UwsApp,
  { host, port, isShared }: Extract<ListenAddress, { kind: 'tcp' }>,
): Promise<Listener> {
  const bareHost = host === '' ? '::' : host.replace(/^\[(.*)\]$/, '$1');
  const socket = await new Promise<UwsListenSocket | false>((resolve) => {
    // Its own default lets a second registry, started by mistake, take half of the connections.
    app.listen(bareHost, port, isShared ? 0 : uws.LIBUS_LISTEN_EXCLUSIVE_PORT, resolve);
  });
  const shownHost = bareHost.includes(':') ? `[${bareHost}]` : bareHost;
  if (socket === false) {
    throw listenFailure(
      { kind: 'tcp', host, port },
      await whyNotListening({ host: bareHost, port }),
    );
  }
  const boundPort = uws.us_socket_local_port(socket);
  return { socket, bound: { text: `${shownHost}:${boundPort}`, port: boundPort } };
}

async function listenUnix(app: UwsApp, path: string): Promise<Listener> {
  await clearStaleSocket(path);
  const socket = await new Promise<UwsListenSocket | false>((resolve) => {
    app.listen_unix(resolve, path);
  });
  if (socket === false) {
    throw listenFailure({ kind: 'unix', path }, await whyNotListening({ path }));
  }
  // The add-on leaves it to its owner alone; Distribution, Node and what operators set up go by the umask.
  await chmod(path, 0o777 & ~process.umask());
  return { socket, bound: { text: path, port: 0 } };
}

/** Tries the same address with Node's own server, which names the cause. */
function whyNotListening(at: { host: string; port: number } | { path: string }): Promise<unknown> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', resolve);
    probe.listen({ ...at, exclusive: true }, () => {
      probe.close(() => resolve(new Error('the address was refused for an unknown reason')));
    });
  });
}
