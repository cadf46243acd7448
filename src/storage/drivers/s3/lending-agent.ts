/**
 * Sockets for downloads: each reads into one buffer of its own again and again, and lends out what it read. Node's HTTP
 * parser copies every piece of a body into a fresh buffer; the copies and their collection were three quarters of a
 * download's CPU time (bench/s3.ts). Used by client.ts, which makes the agent, and pieces.ts, which borrows.
 *
 *   head, small bodies:  socket ──read──> [its buffer] ──copy──> HTTP parser ──> message
 *   borrowed body:       socket ──read──> [its buffer] ──> borrower, and no further read until `readMore`
 */

import { Agent, type ClientRequestArgs, IncomingMessage } from 'node:http';
import { connect, type NetConnectOpts, type Socket } from 'node:net';

/** Also what a download to a slow client holds. Larger reads bring nothing: sockets rarely have more at hand. */
const readBytes = 256 * 1024;
/** Idle ones keep their buffers. */
const maxIdleSockets = 16;

/** Sockets made here; the function is the borrower's. */
const takers = new WeakMap<Socket, ((bytes: Uint8Array) => void) | undefined>();

/** Without a bound on sockets: there are as many as clients download, and none of these may keep other calls waiting. */
export class LendingAgent extends Agent {
  constructor() {
    super({ keepAlive: true, maxFreeSockets: maxIdleSockets });
  }

  override createConnection(options: ClientRequestArgs): Socket {
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    const socket: Socket = connect({
      ...(options as NetConnectOpts),
      onread: {
        buffer,
        callback: (length) => {
          const bytes = buffer.subarray(0, length);
          const take = takers.get(socket);
          if (take === undefined) {
            // The HTTP client listens to this event; Node itself emits it only on sockets without `onread`.
            socket.emit('data', Buffer.from(bytes));
            return true;
          }
          take(bytes);
          return false;
        },
      },
    });
    takers.set(socket, undefined);
    return socket;
  }
}

export interface Loan {
  /** What the parser had taken before; the caller's to keep. */
  readonly first: Uint8Array | undefined;
  /** Lets the socket read on, over the bytes that it lent. */
  readMore(): void;
}

/**
 * Takes the rest of a message's body straight from its socket. `take` gets pieces that are valid until `readMore`, or
 * for good once the message is destroyed: which the borrower must do, since the parser knows nothing of these bytes. A
 * connection that ends early shows as the message's `error` and `close`, as ever.
 *
 * @returns `undefined`, and nothing is borrowed, when the message came over another kind of socket
 */
export function borrow(message: unknown, take: (bytes: Uint8Array) => void): Loan | undefined {
  if (!(message instanceof IncomingMessage) || !takers.has(message.socket)) {
    return undefined;
  }
  const { socket } = message;
  const first = (message.read() as Uint8Array | null) ?? undefined;
  takers.set(socket, take);
  return { first, readMore: () => socket.resume() };
}
