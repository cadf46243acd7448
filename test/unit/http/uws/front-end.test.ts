import { createUwsFrontEnd } from '../../../../src/http/uws/front-end.ts';
import { silentLogger } from '../../../../src/observe/logger.ts';
import { describeFrontEnd } from '../../../suites/front-end.ts';
import { loadUwsForTests } from '../../../support/uws.ts';

const uws = loadUwsForTests();

describeFrontEnd(
  'uWebSockets.js',
  (parts) => createUwsFrontEnd({ uws, logger: silentLogger, ...parts }),
  { http10: false, trailers: false, asyncPipelining: false, manyHeaders: false },
);
