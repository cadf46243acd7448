import { expect, it } from 'vitest';
import { createBufferPool } from '../../../../src/http/buffer-pool.ts';
import { chooseFrontEnd } from '../../../../src/http/uws/choose.ts';
import { loaded, minimal } from '../../../support/config.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { ScriptedHandler } from '../../../support/scripted-handler.ts';
import { loadUwsForTests } from '../../../support/uws.ts';

loadUwsForTests();

async function warningsOf(http: string): Promise<string[]> {
  const logger = recordingLogger();
  const frontEnd = chooseFrontEnd(loaded(`${minimal}http: ${http}\n`).http, {
    handler: new ScriptedHandler(),
    logger,
    pool: createBufferPool({ maxBuffers: 4 }),
    limits: {
      maxHeaderBytes: 32_768,
      headerTimeoutMs: 1_000,
      idleTimeoutMs: 1_000,
      noProgressTimeoutMs: 60_000,
      maxConnections: 100,
    },
  });
  await frontEnd?.close(0);
  return logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
}

it('warns of limits that the native front end cannot honour, by name', async () => {
  expect(await warningsOf('{ limits: { idletimeout: 30s, headertimeout: 5s } }')).toEqual([
    expect.stringContaining('http.limits.headertimeout and http.limits.idletimeout: no effect'),
  ]);
  expect(await warningsOf('{ limits: { idletimeout: 30s } }')).toEqual([
    expect.stringMatching(/^http\.limits\.idletimeout: no effect/),
  ]);
});

it('does not warn of their defaults, nor when the node front end serves', async () => {
  expect(await warningsOf('{}')).toEqual([]);
  expect(await warningsOf('{ frontend: node, limits: { idletimeout: 30s } }')).toEqual([]);
});
