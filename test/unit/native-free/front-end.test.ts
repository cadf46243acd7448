import { createNodeFrontEnd } from '../../../native-free/front-end.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { describeFrontEnd } from '../../suites/front-end.ts';

const abilities = { http10: true, trailers: true, asyncPipelining: true, manyHeaders: true };

describeFrontEnd(
  'node:http',
  (parts) => createNodeFrontEnd({ ...parts, logger: silentLogger, http2: false, h2c: false }),
  abilities,
);

describeFrontEnd(
  'node:http with h2c',
  (parts) => createNodeFrontEnd({ ...parts, logger: silentLogger, http2: true, h2c: true }),
  abilities,
);
