/** `longshore notifications replay` after an endpoint was renamed: nothing is stranded, and nothing said to be queued that is not. */

import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DeadLetters, listDeadLetters } from '../../src/notifications/dead-letters.ts';
import type { NotificationEvent } from '../../src/notifications/envelope.ts';
import { lanesFolder } from '../../src/notifications/lanes.ts';
import { silentLogger } from '../../src/observe/logger.ts';
import { configFile } from '../support/launch.ts';
import { runLongshore } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

let folder: TempFolder;
beforeAll(async () => {
  folder = await tempFolder();
});
afterAll(() => folder.remove());

const old = 'https://ci.example.com/hook?a=b';

test('replay tells whose events stay, and gives them to whom it is told', async () => {
  const directory = join(folder.path, 'spool');
  await mkdir(directory);
  const dead = new DeadLetters({
    directory,
    limitBytes: 10_000,
    logger: silentLogger,
    now: Date.now,
  });
  await dead.put(
    [1, 2, 3].map((seq) => ({
      seq,
      for: [old],
      at: 1,
      event: { id: `e${seq}` } as NotificationEvent,
    })),
  );
  const file = await configFile(
    folder.path,
    `version: 0.1
storage: inmemory
notifications:
  spool: { directory: "${directory}" }
  endpoints: [{ name: new, url: "http://127.0.0.1:1" }]
`,
  );
  const replay = (...args: string[]): ReturnType<typeof runLongshore> =>
    runLongshore(['notifications', 'replay', ...args, file], {});

  expect(await replay()).toEqual({
    code: 1,
    stdout: '0 events of 0 dead-letter files queued again\n',
    stderr: `longshore: 3 events of endpoint "${old}" stay, since it is not configured: --endpoint "${old}=NEW" delivers them to NEW\n`,
  });
  expect(await listDeadLetters(directory)).toHaveLength(1);
  expect(await replay('--endpoint', `${old}=newer`)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('NEW one of those configured: "new"'),
  });
  expect(await replay('--endpoint', `${old}=new`)).toEqual({
    code: 0,
    stdout: '3 events of 1 dead-letter files queued again\n',
    stderr: '',
  });
  expect(await listDeadLetters(directory)).toEqual([]);
  expect(await readdir(lanesFolder(directory))).toHaveLength(1);
});
