/**
 * A TCP connection that speaks HTTP by hand, for what a well-behaved client never sends.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class RawConnection {
  readonly socket: Socket;
  text = '';
  isClosed = false;
  readonly #closed: Promise<void>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      this.text += chunk;
    });
    socket.on('error', () => {
      // A reset is one of the ways a server closes; `closed` tells.
    });
    this.#closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.isClosed = true;
        resolve();
      });
    });
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const connection = new RawConnection(socket);
    await once(socket, 'connect');
    return connection;
  }

  send(data: string | Uint8Array): void {
    this.socket.write(data);
  }

  /** Waits until what came matches, and gives all text so far. Throws when the server closes first. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) {
      if (this.isClosed) {
        throw new Error(`closed before ${pattern}: ${this.text.slice(0, 500)}`);
      }
      await Promise.race([once(this.socket, 'data'), this.#closed]);
    }
    return this.text;
  }

  /** Waits for the server to close, and gives all it said. */
  async closed(): Promise<string> {
    await this.#closed;
    return this.text;
  }

  end(): void {
    this.socket.destroy();
  }
}
