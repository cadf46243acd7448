/** (f) Pulls: the requests a thousand CI jobs send for what they have, and the blobs they have not. */

import { Connection } from '../load/connection.ts';
import { KiB, uniqueBlob } from '../load/content.ts';
import { inMebibytes, repeatFor } from '../load/measurement.ts';
import { getBlob, imageOf, manifestType, pushBlob, pushImage } from '../load/push.ts';
import { requestRate } from '../load/request-rate.ts';
import { sizeName } from './layers.ts';
import type { Case, Profile, Target } from './profile.ts';

const repository = 'bench/pull';
const smallBlobBytes = 4 * KiB;
const rangeBytes = 64 * KiB;
const rateConnections = 32;
const blobConnections = 4;
const largeReadBytes = 256 * KiB;

export const pull: Profile = {
  id: 'f',
  title: 'Pull: manifests, small blobs, 64 MiB blobs, ranges',
  question: 'How many pulls, checks and bytes a second go out?',
  minutes: 2.6,
  async open(target: Target): Promise<readonly Case[]> {
    const { port, scale } = target;
    const small = uniqueBlob(smallBlobBytes);
    const large = uniqueBlob(scale.largeBytes);
    const image = imageOf([small]);
    const connection = new Connection(port);
    await pushImage(connection, repository, 'latest', image);
    await pushBlob(connection, repository, large);
    connection.close();

    const manifests = `/v2/${repository}/manifests`;
    const blobs = `/v2/${repository}/blobs`;
    const accept = { Accept: manifestType };
    return [
      rate(target, 'HEAD manifest by tag', 'HEAD', `${manifests}/latest`, accept),
      rate(target, 'GET manifest by tag', 'GET', `${manifests}/latest`, accept),
      rate(
        target,
        'HEAD manifest by digest',
        'HEAD',
        `${manifests}/${image.manifest.digest}`,
        accept,
      ),
      rate(
        target,
        'GET manifest by digest',
        'GET',
        `${manifests}/${image.manifest.digest}`,
        accept,
      ),
      rate(target, 'HEAD blob', 'HEAD', `${blobs}/${small.digest}`),
      rate(target, `GET blob of ${sizeName(smallBlobBytes)}`, 'GET', `${blobs}/${small.digest}`),
      // autocannon parses replies of this size slower than either server sends them.
      rate(
        { ...target, rateClient: 'lean' },
        `Range of ${sizeName(rangeBytes)}`,
        'GET',
        `${blobs}/${large.digest}`,
        { Range: `bytes=${rangeBytes}-${2 * rangeBytes - 1}` },
      ),
      {
        name: `GET blob of ${sizeName(scale.largeBytes)}, ${blobConnections} connections`,
        unit: 'MiB/s',
        async run(seconds) {
          const load = { port, connections: blobConnections, seconds, readBytes: largeReadBytes };
          return inMebibytes(
            await repeatFor(load, (lane) => getBlob(lane, repository, large.digest)),
          );
        },
      },
    ];
  },
};

function rate(
  { port, rateClient }: Target,
  name: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Case {
  return {
    name,
    unit: 'requests/s',
    run: (seconds) =>
      requestRate({
        client: rateClient,
        port,
        connections: rateConnections,
        seconds,
        method,
        path,
        headers,
      }),
  };
}
