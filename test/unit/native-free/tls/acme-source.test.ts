import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import acme from 'acme-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createNodeFrontEnd } from '../../../../native-free/front-end.ts';
import {
  type AcmeSourceParts,
  createAcmeTlsSource,
  renewAtMs,
} from '../../../../native-free/tls/acme-source.ts';
import { createTlsSource } from '../../../../native-free/tls/create-tls-source.ts';
import type { TlsSource } from '../../../../native-free/tls/tls-source.ts';
import { createBufferPool } from '../../../../src/http/buffer-pool.ts';
import type { FrontEnd } from '../../../../src/http/exchange.ts';
import type { TlsOptions } from '../../../../src/http/options.ts';
import { silentLogger } from '../../../../src/observe/logger.ts';
import { anAuthority } from '../../../support/certificates.ts';
import { type Pebble, pebbleMissing, startPebble } from '../../../support/pebble.ts';
import { type RecordingLogger, recordingLogger } from '../../../support/recording-logger.ts';
import { ScriptedHandler, text } from '../../../support/scripted-handler.ts';

function tlsOptions(letsencrypt: TlsOptions['letsencrypt']): TlsOptions {
  return {
    clientcas: [],
    clientauth: 'require-and-verify-client-cert',
    minimumtls: 'tls1.2',
    ciphersuites: [],
    ...(letsencrypt === undefined ? {} : { letsencrypt }),
  };
}

describe('renewal time', () => {
  const dayMs = 24 * 3_600_000;
  it.each([
    [90, 60],
    [365, 335],
    [6, 4],
  ])('a certificate for %i days is renewed after %i', (lifetimeDays, renewDays) => {
    expect(renewAtMs({ notBeforeMs: 0, notAfterMs: lifetimeDays * dayMs })).toBe(renewDays * dayMs);
  });
});

describe('letsencrypt options', () => {
  it('refuses a certificate file beside it', () => {
    const options = {
      ...tlsOptions({ cachefile: '/tmp/x', hosts: [], directoryurl: '' }),
      certificate: '/tmp/y',
    };
    expect(() => createTlsSource(options, { logger: silentLogger })).toThrow(
      "http.tls: cannot specify both certificate and Let's Encrypt",
    );
  });

  it('refuses a cache that is a file, and hosts that are none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'longshore-acme-'));
    const file = join(folder, 'file');
    await writeFile(file, '');
    const start = (cachefile: string, hosts: string[]): Promise<void> =>
      createAcmeTlsSource(tlsOptions({ cachefile, hosts, directoryurl: '' }), {
        logger: silentLogger,
      }).start();
    await expect(start(file, [])).rejects.toThrow(/cachefile: .* is a file, a folder is needed/);
    for (const host of ['*.example.com', '10.0.0.1', '../up', '']) {
      await expect(start(folder, [host])).rejects.toThrow(`hosts: ${host} is no host name`);
    }
    await rm(folder, { recursive: true });
  });
});

describe.skipIf(pebbleMissing !== undefined)('ACME against pebble', () => {
  let folder: string;
  let pebble: Pebble;
  const open: FrontEnd[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-acme-'));
    const ca = await anAuthority(folder, 'ca');
    pebble = await startPebble(folder, await ca.issue('pebble'));
    acme.axios.defaults.httpsAgent = new Agent({ ca: await readFile(ca.certificate) });
  });
  afterEach(async () => {
    for (const frontEnd of open.splice(0)) await frontEnd.close(0);
  });
  afterAll(async () => {
    await pebble.stop();
    await rm(folder, { recursive: true });
  });

  interface Running {
    readonly port: number;
    readonly logger: RecordingLogger;
    readonly source: TlsSource;
  }

  async function run(
    hosts: string[],
    changes: { cache?: string; port?: number; now?: () => number } = {},
  ): Promise<Running> {
    const logger = recordingLogger();
    const parts: AcmeSourceParts = {
      logger,
      pollMs: 50,
      httpChallengeAddress: { kind: 'tcp', host: '127.0.0.1', port: pebble.httpPort },
      ...(changes.now === undefined ? {} : { now: changes.now }),
    };
    const source = createAcmeTlsSource(
      tlsOptions({
        cachefile: changes.cache ?? join(folder, randomBytes(4).toString('hex')),
        email: 'ops@example.com',
        hosts,
        directoryurl: pebble.directoryUrl,
      }),
      parts,
    );
    const handler = new ScriptedHandler();
    handler.on('/hello', () => text(200, 'hello'));
    const frontEnd = createNodeFrontEnd({
      handler,
      logger,
      pool: createBufferPool({ maxBuffers: 4 }),
      limits: {
        maxHeaderBytes: 32_768,
        headerTimeoutMs: 20_000,
        idleTimeoutMs: 20_000,
        noProgressTimeoutMs: 20_000,
        maxConnections: 100,
      },
      tls: source,
      http2: true,
      h2c: false,
    });
    const { port } = await frontEnd.listen({
      kind: 'tcp',
      host: '127.0.0.1',
      port: changes.port ?? pebble.tlsPort,
    });
    open.push(frontEnd);
    return { port, logger, source };
  }

  /** The certificate shown for a name; rejects when the handshake fails. */
  function certificateOf(port: number, servername: string): Promise<X509Certificate> {
    return new Promise((resolve, reject) => {
      const socket: TLSSocket = connect(
        { port, host: '127.0.0.1', servername, rejectUnauthorized: false, ALPNProtocols: ['h2'] },
        () => {
          const { raw } = socket.getPeerCertificate();
          socket.destroy();
          resolve(new X509Certificate(raw));
        },
      );
      socket.once('error', reject);
    });
  }

  it('fetches a certificate for each host over the listening port', async () => {
    const { port, logger, source } = await run(['one.example.com', 'Two.example.com']);
    // The handshake that comes first waits for the order.
    const one = await certificateOf(port, 'one.example.com');
    expect(one.subjectAltName).toBe('DNS:one.example.com');
    await logger.line(/certificate fetched/);
    // Resolves once every host has been seen to.
    await source.reload();
    expect((await certificateOf(port, 'two.example.com')).subjectAltName).toBe(
      'DNS:two.example.com',
    );
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('refuses names that are not configured, and clients without a name', async () => {
    const { port } = await run([]);
    await expect(certificateOf(port, 'stranger.example.com')).rejects.toThrow();
    await expect(certificateOf(port, '')).rejects.toThrow();
  });

  it('proves a host over port 80 when the TLS port cannot be reached', async () => {
    const { port, logger } = await run(['web.example.com'], { port: 0 });
    await logger.line(/certificate order over TLS failed, trying port 80/);
    await logger.line(/certificate fetched/);
    expect((await certificateOf(port, 'web.example.com')).subjectAltName).toBe(
      'DNS:web.example.com',
    );
  });

  it('uses the kept certificate after a restart, and renews it when it is due', async () => {
    const cache = join(folder, 'kept');
    const first = await run(['kept.example.com'], { cache });
    const before = await certificateOf(first.port, 'kept.example.com');
    await first.logger.line(/certificate fetched/);
    expect((await readdir(cache)).sort()).toEqual(['acme_account+key', 'kept.example.com']);
    await open.splice(0)[0]?.close(0);

    let nowMs = Date.now();
    const second = await run(['kept.example.com'], { cache, now: () => nowMs });
    await second.source.reload();
    const kept = await certificateOf(second.port, 'kept.example.com');
    expect(kept.serialNumber).toBe(before.serialNumber);
    expect(second.logger.lines.map(({ message }) => message)).not.toContain('certificate fetched');

    nowMs = Date.parse(before.validTo) - 1000;
    await second.source.reload();
    const renewed = await certificateOf(second.port, 'kept.example.com');
    expect(renewed.serialNumber).not.toBe(before.serialNumber);
  });

  it('orders once for instances that share a folder, whichever of them is asked to prove', async () => {
    const cache = join(folder, 'shared');
    // The one that is asked to prove lets the other order.
    const asked = await run(['shared.example.com'], { cache });
    await asked.logger.line(/certificate fetched/);
    await rm(join(cache, 'shared.example.com'));
    const other = await run(['shared.example.com'], { cache, port: 0 });
    await other.logger.line(/certificate fetched/);
    expect(other.logger.lines.map(({ message }) => message)).not.toContain(
      'certificate order over TLS failed, trying port 80',
    );

    await rm(join(cache, 'shared.example.com'));
    const twins = await Promise.all(
      [1, 2].map(() => run(['shared.example.com'], { cache, port: 0 })),
    );
    await Promise.all(twins.map(({ source }) => source.reload()));
    const fetched = twins.flatMap(({ logger }) =>
      logger.lines.filter(({ message }) => message === 'certificate fetched'),
    );
    expect(fetched).toHaveLength(1);
  });

  it('serves on when the ACME server fails, and says so', async () => {
    const logger = recordingLogger();
    const source = createAcmeTlsSource(
      tlsOptions({
        cachefile: join(folder, 'failing'),
        hosts: ['never.example.com'],
        directoryurl: `${pebble.directoryUrl}/absent`,
      }),
      { logger, pollMs: 50 },
    );
    await source.start();
    source.listening();
    const { fields } = await logger.line(/certificate order failed/);
    expect(fields).toMatchObject({ host: 'never.example.com', retry: 'in 60 s' });
    await source.stop();
  });
});
