/** A request body as it reaches a worker: pieces over a MessagePort, buffers handed back once they were used. */

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { ByteSource } from '../bytes.ts';
import type { FromWorker, ToWorker } from './protocol.ts';

/**
 * The sender bounds how many pieces wait here. The caller closes the port.
 *
 * Each message wakes the other thread. So where a second piece is there already when the first is done, both buffers go
 * back together; no more than two, since what is held here the sender cannot fill, and other bodies of this thread want
 * their turn of the loop.
 */
export function portSource(port: MessagePort): ByteSource {
  const waiting: ToWorker[] = [];
  let wake: ((message: ToWorker) => void) | undefined;
  let held: ArrayBuffer | undefined;
  let done: ArrayBuffer[] = [];
  let hasEnded = false;

  port.on('message', (message: ToWorker) => {
    if (wake === undefined) {
      waiting.push(message);
    } else {
      const resolve = wake;
      wake = undefined;
      resolve(message);
    }
  });
  // A sender that died (the main thread ends) leaves a body without its end.
  port.on('close', () => wake?.({ end: true }));

  const giveBack = (): void => {
    if (done.length > 0) {
      const buffers = done;
      const message: FromWorker = { buffers };
      done = [];
      port.postMessage(message, buffers);
    }
  };
  const finishHeld = (): void => {
    if (held !== undefined) {
      done.push(held);
      held = undefined;
    }
  };
  const nextNow = (): ToWorker | undefined =>
    waiting.shift() ?? receiveMessageOnPort(port)?.message;

  return {
    async read(): Promise<Uint8Array | undefined> {
      finishHeld();
      let message = done.length === 1 ? nextNow() : undefined;
      if (message === undefined) {
        giveBack();
        if (hasEnded) {
          return undefined;
        }
        message =
          waiting.shift() ??
          (await new Promise<ToWorker>((resolve) => {
            wake = resolve;
          }));
      }
      if ('end' in message) {
        hasEnded = true;
        giveBack();
        return undefined;
      }
      held = message.buffer;
      return new Uint8Array(message.buffer, message.offset, message.length);
    },
    cancel(): void {
      finishHeld();
      giveBack();
      hasEnded = true;
    },
  };
}
