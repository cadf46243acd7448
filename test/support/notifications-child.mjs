/**
 * A process that records events as fast as they become durable and says which are, to be killed at any moment.
 * Arguments: folder of the built code, storage root, URL of the sink, prefix of the tags, how many events. With 0
 * it delivers what earlier ones left, and ends.
 */

import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [built, storageRoot, url, prefix, count] = process.argv.slice(2);
const room = (file) => import(pathToFileURL(`${built}/src/${file}`).href);
const { Notifications } = await room('notifications/notifications.js');
const { silentLogger } = await room('observe/logger.js');

const notifications = new Notifications(
  {
    events: { includereferences: false },
    endpoints: [
      {
        name: 'sink',
        disabled: false,
        url,
        headers: {},
        timeout: 5000,
        threshold: 3,
        backoff: 10,
        ignoredmediatypes: [],
        ignore: { mediatypes: [], actions: [] },
      },
    ],
    spool: { enabled: true, maxevents: 1_000_000, maxbytes: 1e9 },
  },
  { source: { addr: 'child', instanceID: prefix }, storageRoot, logger: silentLogger },
);
await notifications.start();

let next = 0;
async function client() {
  while (next < Number(count)) {
    const tag = `${prefix}-${next}`;
    next += 1;
    await notifications.record({
      action: 'push',
      target: { repository: 'a', mediaType: 'm', digest: 'd', sizeBytes: 1, tag, kind: 'manifest' },
      origin: {
        requestId: '',
        clientAddress: '',
        host: '',
        method: 'PUT',
        userAgent: '',
        userName: '',
        urlRoot: '/',
      },
    });
    // What a client reads as 201. Written at once: a buffered line would die with the process.
    writeSync(1, `${tag}\n`);
  }
}
if (Number(count) === 0) {
  await notifications.stop(60_000);
} else {
  await Promise.all(Array.from({ length: 8 }, client));
}
