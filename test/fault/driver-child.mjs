/**
 * A process that has a filesystem driver and does what its parent asks, one message per call. Built code, as users run
 * it. Started by test/support/driver-process.ts; argv: module of the driver, root directory.
 */

import { appendFileSync, readdirSync } from 'node:fs';

const [, , driverModule, rootdirectory] = process.argv;
const { createFilesystemDriver } = await import(driverModule);
/** 0 is the driver; readers and writers get the numbers after it. */
const objects = [createFilesystemDriver({ rootdirectory, maxthreads: 100 })];

async function answer({ target, call, args }) {
  if (call === 'countDescriptors') {
    return readdirSync('/proc/self/fd').length;
  }
  if (call === 'sizeBytes') {
    return objects[target].sizeBytes;
  }
  if (call === 'appendToOpen') {
    return objects[0].openUploads.append(...args);
  }
  const value = await objects[target][call](...args);
  if (typeof value?.read === 'function' || typeof value?.write === 'function') {
    if (!Buffer.isBuffer(value)) {
      objects.push(value);
      return { object: objects.length - 1 };
    }
  }
  return value;
}

process.on('message', async (message) => {
  try {
    const value = await answer(message);
    if (process.env.IO_FAULT_LOG) {
      appendFileSync(process.env.IO_FAULT_LOG, `ack ${message.id}\n`);
    }
    process.send({ id: message.id, value });
  } catch (error) {
    const { code, message: text, retryable } = error;
    process.send({ id: message.id, error: { code, message: text, retryable } });
  }
});
process.send({ id: 0 });
