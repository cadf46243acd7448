/** A worker entry that takes its time to load and leaves a mark when it has. Started by closing-early.test.ts. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { tellLoaded } from '../../dist/src/worker/loaded.js';

Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
writeFileSync(join(process.env.LONGSHORE_TEST_MARKS, String(threadId)), '');

export default () => ({ ok: true, value: undefined });

tellLoaded();
