import { expect, it } from 'vitest';
import { ConnectionWatch } from '../../../../src/http/uws/connection-watch.ts';
import type { UwsResponse } from '../../../../src/http/uws/types.ts';
import { silentLogger } from '../../../../src/observe/logger.ts';

/** In memory: how connections come and go is the test's input here. */
function watchWith(maxConnections: number) {
  const warnings: string[] = [];
  let nowMs = 0;
  const logger = { ...silentLogger, warn: (message: string) => warnings.push(message) };
  const watch = new ConnectionWatch(maxConnections, logger, () => nowMs);
  const closed: number[] = [];
  const res = { close: () => closed.push(1) } as unknown as UwsResponse;
  return {
    watch,
    warnings,
    closed,
    open: () => watch.onChange(res, 1),
    close: () => watch.onChange(res, -1),
    passHour: () => {
      nowMs += 3_600_000;
    },
  };
}

it('hints once an hour when connections close and no request was understood', () => {
  const { warnings, open, close, passHour } = watchWith(10);
  for (let count = 0; count < 10; count += 1) {
    open();
    close();
  }
  expect(warnings).toEqual([expect.stringContaining('proxy_http_version 1.1')]);
  passHour();
  open();
  close();
  expect(warnings).toHaveLength(2);
});

it('does not hint when used connections go idle and close', () => {
  const { watch, warnings, open, close } = watchWith(10);
  for (let count = 0; count < 8; count += 1) {
    open();
    watch.onRequest();
  }
  for (let count = 0; count < 8; count += 1) {
    close();
  }
  expect(warnings).toEqual([]);
});

it('closes connections beyond the bound and says so once a minute', () => {
  const { warnings, closed, open } = watchWith(2);
  for (let count = 0; count < 5; count += 1) {
    open();
  }
  expect(closed).toHaveLength(3);
  expect(warnings).toHaveLength(1);
});
