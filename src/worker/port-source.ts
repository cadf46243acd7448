/** A request body as it reaches a worker: pieces over a MessagePort, buffers handed back once they were used. */

import type { MessagePort } from 'node:worker_threads';
import type { ByteSource } from '../bytes.ts';
import type { FromWorker, ToWorker } from './protocol.ts';

/** The sender bounds how many pieces wait here. The caller closes the port. */
export function portSource(port: MessagePort): ByteSource {
  const waiting: ToWorker[] = [];
  let wake: ((message: ToWorker) => void) | undefined;
  let held: ArrayBuffer | undefined;
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
    if (held !== undefined) {
      const buffer = held;
      const message: FromWorker = { buffer };
      held = undefined;
      port.postMessage(message, [buffer]);
    }
  };

  return {
    async read(): Promise<Uint8Array | undefined> {
      giveBack();
      if (hasEnded) {
        return undefined;
      }
      const message =
        waiting.shift() ??
        (await new Promise<ToWorker>((resolve) => {
          wake = resolve;
        }));
      if ('end' in message) {
        hasEnded = true;
        return undefined;
      }
      held = message.buffer;
      return new Uint8Array(message.buffer, message.offset, message.length);
    },
    cancel(): void {
      giveBack();
      hasEnded = true;
    },
  };
}
