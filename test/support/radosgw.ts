/**
 * Starts a real Ceph radosgw (one monitor, one OSD in memory, one gateway) on free ports of 127.0.0.1 in a temp folder,
 * and stops it by pid. About 13 s to start: once per test file, a bucket or rootdirectory per test. A gateway that runs
 * already is used when RADOSGW_ENDPOINT names it (with the same keys).
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePorts } from './free-port.ts';

const run = promisify(execFile);

export interface Radosgw {
  /** `http://127.0.0.1:PORT`, path style, any region. */
  readonly endpoint: string;
  /** `https://localhost:PORT`; absent for a gateway that was not started here. */
  readonly tlsEndpoint?: string;
  /** PEM file that signs the TLS endpoint. */
  readonly certificateFile?: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Monitor, OSD and gateway, for benches that count their CPU time. Absent as above. */
  readonly pids?: readonly number[];
  /** Where the gateway writes a line for each request. Absent as above. */
  readonly logFile?: string;
  stop(): Promise<void>;
}

const accessKey = 'testaccess';
const secretKey = 'testsecret1';
const maxTries = 3;
/** For each of the three programs; they need a few seconds, on a busy machine more. */
const startLimitMs = 45_000;
const programs = ['radosgw', 'radosgw-admin', 'ceph-mon', 'ceph-osd', 'monmaptool', 'ceph'];

/** Why the suite cannot run here, or `undefined`. In CI nothing may be skipped, so there it throws. */
export function radosgwMissing(): string | undefined {
  if (process.env['RADOSGW_ENDPOINT']) {
    return undefined;
  }
  const missing = programs.filter((program) => !existsSync(`/usr/bin/${program}`));
  if (missing.length === 0) {
    return undefined;
  }
  const reason = `not installed: ${missing.join(', ')} (packages radosgw ceph-mon ceph-osd ceph-common)`;
  if (process.env['CI'] === 'true') {
    throw new Error(reason);
  }
  return reason;
}

export interface RadosgwOptions {
  /** Room for objects, all in memory. */
  readonly storeBytes?: number;
  /** Frees the data of deleted objects within seconds; else it stays until the end, which costs tests nothing. */
  readonly reclaims?: boolean;
}

export async function startRadosgw(options: RadosgwOptions = {}): Promise<Radosgw> {
  const running = process.env['RADOSGW_ENDPOINT'];
  if (running) {
    return { endpoint: running, accessKey, secretKey, stop: () => Promise.resolve() };
  }
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Its ports may be taken between the look and the use, and it has a dozen of them.
      if (tries === maxTries) {
        throw error;
      }
      process.stderr.write(`radosgw, try ${tries}: ${(error as Error).message}\n`);
    }
  }
}

async function startOnce(options: RadosgwOptions): Promise<Radosgw> {
  const folder = mkdtempSync(join(tmpdir(), 'radosgw-'));
  const started: ChildProcess[] = [];
  // A test process that ends before its time must not leave a cluster behind.
  const kill = (): void => {
    for (const child of started) {
      child.kill('SIGKILL');
    }
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    process.off('exit', kill);
    for (const child of started.reverse()) {
      await ended(child);
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const cluster = await startCluster(folder, started, options);
    return {
      ...cluster,
      pids: started.map(({ pid = 0 }) => pid),
      logFile: join(folder, 'log', 'client.rgw.log'),
      accessKey,
      secretKey,
      stop,
    };
  } catch (error) {
    const said = lastWords(join(folder, 'log'));
    await stop();
    throw new Error(`${(error as Error).message}\n${said}`, { cause: error });
  }
}

/** The ends of the logs that the programs wrote, since the folder is about to go. */
function lastWords(folder: string): string {
  return readdirSync(folder)
    .map((name) => {
      const lines = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n').slice(-6);
      return [`${name}:`, ...lines.map((line) => `  ${line.slice(0, 200)}`)].join('\n');
    })
    .join('\n');
}

async function startCluster(
  folder: string,
  started: ChildProcess[],
  options: RadosgwOptions,
): Promise<
  Pick<Radosgw, 'endpoint' | 'tlsEndpoint' | 'certificateFile'> & { tlsEndpoint: string }
> {
  for (const name of ['mon', 'osd', 'run', 'log', 'rgw']) {
    mkdirSync(join(folder, name));
  }
  writeFileSync(join(folder, 'keyring'), '');
  const [monPort = 0, httpPort = 0, tlsPort = 0, osdPort = 0] = await freePorts(4);
  const certificateFile = join(folder, 'rgw.crt');
  const fsid = randomUUID();
  const osdId = randomUUID();
  const configFile = join(folder, 'ceph.conf');
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
    ...['-keyout', join(folder, 'rgw.key'), '-out', certificateFile],
    ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
  ]);
  writeFileSync(
    configFile,
    cephConfig({ folder, fsid, monPort, httpPort, tlsPort, osdPort, ...options }),
  );

  const env = { ...process.env, CEPH_CONF: configFile };
  const once = (program: string, args: string[]): Promise<unknown> =>
    run(program, args, { env, timeout: 30_000 });
  const daemon = (program: string, args: string[]): ChildProcess => {
    const log = openSync(join(folder, 'log', `${program}.out`), 'a');
    const child = spawn(program, [...args, '-f'], { env, stdio: ['ignore', log, log] });
    started.push(child);
    return child;
  };
  const root = ['--setuser', 'root', '--setgroup', 'root'];
  const monmap = join(folder, 'monmap');
  await once('monmaptool', [
    ...['--create', '--clobber', '--fsid', fsid],
    ...['--addv', 'a', `[v1:127.0.0.1:${monPort}]`, monmap],
  ]);
  await once('ceph-mon', ['-i', 'a', '--mkfs', '--monmap', monmap, ...root]);
  daemon('ceph-mon', ['-i', 'a']);
  // The monitor answers EPERM while it elects itself.
  await until('the monitor', async () => {
    await run('ceph', ['osd', 'new', osdId], { env, timeout: 10_000 });
    return true;
  });
  await once('ceph-osd', ['-i', '0', '--mkfs', '--osd-uuid', osdId, ...root]);
  let osd = daemon('ceph-osd', ['-i', '0']);
  await until('the OSD', async () => {
    // On a busy machine it gives up ("wrong fsid") when it is quicker than the monitor's map: then once more.
    if (osd.exitCode !== null) {
      osd = daemon('ceph-osd', ['-i', '0']);
    }
    const { stdout } = await run('ceph', ['osd', 'stat'], { env, timeout: 10_000 });
    return stdout.includes(' 1 up');
  });
  await once('radosgw-admin', [
    ...['-n', 'client.rgw', 'user', 'create', '--uid=test', '--display-name=test'],
    ...[`--access-key=${accessKey}`, `--secret=${secretKey}`],
  ]);
  daemon('radosgw', ['-n', 'client.rgw']);
  const endpoint = `http://127.0.0.1:${httpPort}`;
  await until('radosgw', async () => (await fetch(endpoint)).ok);
  return { endpoint, tlsEndpoint: `https://localhost:${tlsPort}`, certificateFile };
}

/** Polls: these programs announce nothing that could be waited for. */
async function until(name: string, isReady: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + startLimitMs;
  while (performance.now() < deadlineMs) {
    if (await isReady().catch(() => false)) {
      return;
    }
    await delay(200);
  }
  throw new Error(`${name} did not start`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exit;
  clearTimeout(timer);
}

function cephConfig(
  at: RadosgwOptions & {
    folder: string;
    fsid: string;
    monPort: number;
    httpPort: number;
    tlsPort: number;
    osdPort: number;
  },
): string {
  const { folder, storeBytes = 4 * 1024 ** 3, reclaims = false } = at;
  const frontend = `beast endpoint=127.0.0.1:${at.httpPort} ssl_endpoint=127.0.0.1:${at.tlsPort} ssl_certificate=${folder}/rgw.crt ssl_private_key=${folder}/rgw.key`;
  return `[global]
fsid = ${at.fsid}
mon host = [v1:127.0.0.1:${at.monPort}]
ms bind msgr2 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind port min = ${Math.min(at.osdPort, 65_000)}
ms bind port max = ${Math.min(at.osdPort, 65_000) + 100}
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon max pg per osd = 1000
run dir = ${folder}/run
log file = ${folder}/log/$name.log
admin socket = ${folder}/run/$name.asok
pid file = ${folder}/run/$name.pid
keyring = ${folder}/keyring
[mon]
mon data = ${folder}/mon
mon data avail crit = 1
mon data avail warn = 2
mon cluster log file = ${folder}/log/cluster.log
[osd]
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = ${storeBytes}
[client]
rgw data = ${folder}/rgw
rgw frontends = ${frontend}
rgw dns name = localhost
rgw run sync thread = false
rgw enable gc threads = ${reclaims}
rgw gc obj min wait = 2
rgw gc processor period = 3
rgw thread pool size = 32
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = testkey-1=${randomBytes(32).toString('base64')}
`;
}
