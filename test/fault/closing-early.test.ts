import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { WorkerPool } from '../../src/pool/worker-pool.ts';
import { tempFolder } from '../support/temp-folder.ts';

const entry = new URL('./slow-entry.mjs', import.meta.url);
const options = { count: 3, queue: 10, inflightbytes: 1_048_576, smallbody: 0 };

describe('a pool that is closed while its threads still load', () => {
  // Node aborts the whole process when a thread is ended in the middle of loading (seen as SIGABRT at SIGTERM).
  it('ends them only once they have loaded', async () => {
    const marks = await tempFolder();
    process.env['LONGSHORE_TEST_MARKS'] = marks.path;
    const pool = new WorkerPool(options, { name: 'inmemory', options: {} }, entry);
    await pool.close();
    expect(readdirSync(marks.path)).toHaveLength(options.count);
    await marks.remove();
  });
});
