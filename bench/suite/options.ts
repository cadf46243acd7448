/** Options of `npm run bench`, and its help. */

import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type RateClient, rateClients } from '../load/request-rate.ts';
import type { Profile } from '../profiles/profile.ts';
import { profileOf, profiles } from '../profiles/table.ts';
import { dockerRegistry, longshorePeer, type Peer, parsePeer } from './servers.ts';

export interface SuiteOptions {
  readonly profiles: readonly Profile[];
  /** The first is the one compared with each of the others. */
  readonly peers: readonly Peer[];
  /** Only cases whose name holds this. */
  readonly caseText: string;
  readonly runs: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly isQuick: boolean;
  readonly root: string;
  readonly out: string;
  readonly rateClient: RateClient;
}

/** `undefined` when only help was asked for. Throws `RangeError` on a value that makes no sense. */
export function parseOptions(args: readonly string[]): SuiteOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      profile: { type: 'string', multiple: true },
      case: { type: 'string', default: '' },
      peer: { type: 'string', multiple: true },
      runs: { type: 'string' },
      seconds: { type: 'string' },
      'warm-up': { type: 'string' },
      quick: { type: 'boolean', default: false },
      root: { type: 'string', default: tmpdir() },
      out: { type: 'string', default: 'bench/results' },
      'rate-client': { type: 'string', default: 'autocannon' },
      'only-us': { type: 'boolean', default: false },
      'server-flags': { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    return undefined;
  }
  const ids = (values.profile ?? []).flatMap((list) => list.split(',')).filter((id) => id !== '');
  const peers = [
    longshorePeer(values['server-flags'].split(' ').filter((flag) => flag !== '')),
    ...(values['only-us'] ? [] : [dockerRegistry]),
    ...(values.peer ?? []).map(parsePeer),
  ];
  const names = new Set(peers.map((peer) => peer.name));
  if (names.size < peers.length) {
    throw new RangeError('two peers have the same name');
  }
  const rateClient = rateClients.find((each) => each === values['rate-client']);
  if (rateClient === undefined) {
    throw new RangeError(`--rate-client is one of ${rateClients.join(', ')}`);
  }
  return {
    profiles: ids.length === 0 ? profiles : [...new Set(ids)].map(profileOf),
    peers,
    caseText: values.case,
    runs: positive('--runs', values.runs, values.quick ? 2 : 3, true),
    seconds: positive('--seconds', values.seconds, values.quick ? 0.5 : 1.5, false),
    warmUpSeconds: positive('--warm-up', values['warm-up'], values.quick ? 0.2 : 4, false),
    isQuick: values.quick,
    // Registries get it by their configuration, which has no folder to be relative to.
    root: resolve(values.root),
    out: values.out,
    rateClient,
  };
}

export function helpText(): string {
  const minutes = profiles.reduce((sum, profile) => sum + profile.minutes, 0);
  const rows = profiles.map(
    ({ id, minutes: each, title }) => `  ${id}  about ${each.toFixed(1)} min  ${title}`,
  );
  return `Measures this registry against others on this machine: npm run bench -- [options]

  --profile a,c,…       which profiles (default: all)
  --case TEXT           only cases whose name holds TEXT
  --peer NAME=COMMAND   one more registry; {port}, {root} and {config} (a file in Distribution's
                        format) are filled in, and it should read Distribution's tree for (i). It runs
                        in the folder where bench runs: ${process.cwd()}
  --only-us             no docker-registry beside us
  --runs N              timed runs of each case for each server (3; more give a truer spread)
  --seconds S           least length of a run (1.5)
  --warm-up S           run of each case that does not count (4): registries serve for weeks, and a
                        run that starts cold measures a compiler
  --quick               small sizes and two short runs: shows that it works, no figures to keep
  --root DIR            where storage goes: a folder on the disk, or on a tmpfs (${tmpdir()})
  --out DIR             where JSON and HTML go (bench/results)
  --rate-client NAME    autocannon, or lean: takes less CPU where the client is the limit
  --server-flags=FLAGS  of node, for our server: '--cpu-prof --cpu-prof-dir=DIR'; those of src/longshore.sh go

Profiles, ${minutes.toFixed(0)} minutes in all with two servers and three runs (--quick: about two minutes):
${rows.join('\n')}

Ctrl-C ends a run: servers are stopped, their storage removed, and the cases done by then are kept,
marked as cut. The same goes for a registry that does not start.

Afterwards: npm run bench:plan (machines for a load), npm run bench:guard (what got worse).
`;
}

function positive(
  name: string,
  text: string | undefined,
  fallback: number,
  isWhole: boolean,
): number {
  const value = text === undefined ? fallback : Number(text);
  if (!(value > 0 && value < 1000) || (isWhole && !Number.isInteger(value))) {
    throw new RangeError(`${name} wants a ${isWhole ? 'whole ' : ''}number above 0, not ${text}`);
  }
  return value;
}
