/** A log thread that dies at a line that says so. Started by log-thread.test.ts. */

import { LineWriter } from '../../dist/src/observe/line-writer.js';

const write = LineWriter.prototype.write;
LineWriter.prototype.write = function (line) {
  if (line === 'die\n') {
    process.exit(1);
  }
  write.call(this, line);
};

await import('../../dist/src/observe/log-thread/entry.js');
