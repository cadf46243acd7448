/** (e) Uploads in chunks, where the hash must survive from one request to the next. */

import { GiB } from '../load/content.ts';
import { pushInChunks } from '../load/push.ts';
import { layerCase } from './layers.ts';
import type { Case, Profile, Target } from './profile.ts';

const chunksPerLayer = 10;

export const chunkedUploads: Profile = {
  id: 'e',
  title: 'Chunked uploads: PATCHes of 5 MiB with Content-Range',
  question: 'What does an upload in ten chunks cost, against one stream?',
  minutes: 0.9,
  fillsBytes: 2 * GiB,
  async open({ port, scale }: Target): Promise<readonly Case[]> {
    const { chunkBytes } = scale;
    return [1, 4].map((connections) =>
      layerCase(
        { port, sizeBytes: chunkBytes * chunksPerLayer, connections },
        (connection, repository, blob) => pushInChunks(connection, repository, blob, chunkBytes),
      ),
    );
  },
};
