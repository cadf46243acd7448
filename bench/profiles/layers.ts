/** Cases of profiles that push single layers of one size on some connections. */

import type { Connection } from '../load/connection.ts';
import { type Content, uniqueBlob } from '../load/content.ts';
import { inMebibytes, repeatFor } from '../load/measurement.ts';
import { pushBlob } from '../load/push.ts';
import type { Case } from './profile.ts';

type Push = (connection: Connection, repository: string, blob: Content) => Promise<void>;

export function layerCase(
  load: { port: number; sizeBytes: number; connections: number },
  push: Push = pushBlob,
): Case {
  const { port, sizeBytes, connections } = load;
  return {
    name: `${sizeName(sizeBytes)}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
    unit: 'MiB/s',
    async run(seconds) {
      const measured = await repeatFor({ port, connections, seconds }, async (connection) => {
        const blob = uniqueBlob(sizeBytes);
        await push(connection, 'bench/layers', blob);
        return sizeBytes;
      });
      return inMebibytes(measured);
    },
  };
}

export function sizeName(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let power = 0;
  let left = bytes;
  while (left >= 1024 && left % 1024 === 0 && power < units.length - 1) {
    left /= 1024;
    power += 1;
  }
  return `${left} ${units[power]}`;
}
