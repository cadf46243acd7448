/**
 * The open connections of one front end, so that it can drain: idle ones end at once, busy ones when their last
 * exchange is over. Knows nothing of HTTP; each protocol says what "end" means for its connections.
 */

import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { Slots } from '../src/slots.ts';

/** Turns of the loop in which requests that have arrived already are still read and count as running. */
const turnsToRead = 3;

export interface Connection {
  readonly socket: Socket;
  openExchanges: number;
  /** Asks for a polite end: GOAWAY for HTTP/2, FIN for HTTP/1. Set by the protocol once it is known. */
  end: () => void;
  /** Tells a busy client that no more exchanges are taken (HTTP/2). HTTP/1 says it on its last reply. */
  announceEnd: () => void;
}

export class Connections {
  readonly #open: Slots<Connection> = new Slots();
  #isDraining = false;
  #onEmpty: (() => void) | undefined;

  get isDraining(): boolean {
    return this.#isDraining;
  }

  get count(): number {
    return this.#open.size;
  }

  add(socket: Socket): Connection {
    const connection: Connection = {
      socket,
      openExchanges: 0,
      end: () => socket.destroy(),
      announceEnd: () => {},
    };
    const number = this.#open.add(connection);
    socket.once('close', () => {
      this.#open.take(number);
      if (this.#open.size === 0) this.#onEmpty?.();
    });
    return connection;
  }

  exchangeStarted(connection: Connection): void {
    connection.openExchanges += 1;
  }

  exchangeEnded(connection: Connection): void {
    connection.openExchanges -= 1;
    if (this.#isDraining && connection.openExchanges === 0) connection.end();
  }

  /** Ends idle connections now and busy ones as they finish; cuts the rest after `graceMs`. */
  async drain(graceMs: number): Promise<{ cut: number }> {
    this.#isDraining = true;
    for (let turn = 0; turn < turnsToRead; turn += 1) await setImmediate();
    for (const connection of this.#open.values()) {
      if (connection.openExchanges === 0) connection.end();
      else connection.announceEnd();
    }
    if (this.#open.size > 0 && graceMs > 0) await this.#emptyWithin(graceMs);
    let cut = 0;
    for (const connection of this.#open.values()) {
      cut += connection.openExchanges;
      connection.socket.destroy();
    }
    return { cut };
  }

  #emptyWithin(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
