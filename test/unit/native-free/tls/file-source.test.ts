import { execFile } from 'node:child_process';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { connect as http2Connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createNodeFrontEnd } from '../../../../native-free/front-end.ts';
import { createFileTlsSource } from '../../../../native-free/tls/file-source.ts';
import type { TlsSource } from '../../../../native-free/tls/tls-source.ts';
import { createBufferPool } from '../../../../src/http/buffer-pool.ts';
import type { FrontEnd } from '../../../../src/http/exchange.ts';
import type { TlsOptions } from '../../../../src/http/options.ts';
import { defaultCipherSuites } from '../../../../src/http/tls-suites.ts';
import { type Authority, anAuthority, type Pair } from '../../../support/certificates.ts';
import { type RecordingLogger, recordingLogger } from '../../../support/recording-logger.ts';
import { ScriptedHandler, text } from '../../../support/scripted-handler.ts';

interface Running {
  readonly port: number;
  readonly logger: RecordingLogger;
  readonly source: TlsSource;
}

interface CurlResult {
  readonly code: number;
  readonly out: string;
}

describe('TLS from files', () => {
  let folder: string;
  let ca: Authority;
  let otherCa: Authority;
  let server: Pair;
  const open: FrontEnd[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-tls-'));
    ca = await anAuthority(folder, 'ca');
    otherCa = await anAuthority(folder, 'other-ca');
    server = await ca.issue('server');
  });
  afterEach(async () => {
    for (const frontEnd of open.splice(0)) await frontEnd.close(0);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  async function run(
    changes: Partial<TlsOptions> = {},
    parts: { http2?: boolean; watchIntervalMs?: number } = {},
  ): Promise<Running> {
    const logger = recordingLogger();
    const options: TlsOptions = {
      certificate: server.certificate,
      key: server.key,
      clientcas: [],
      clientauth: 'require-and-verify-client-cert',
      minimumtls: 'tls1.2',
      ciphersuites: [...defaultCipherSuites],
      ...changes,
    };
    const source = createFileTlsSource(options, {
      logger,
      watchIntervalMs: parts.watchIntervalMs ?? 60_000,
    });
    const handler = new ScriptedHandler();
    handler.on('/hello', ({ isTls, httpVersion, remoteAddress }) =>
      text(200, `hello ${isTls} ${httpVersion} ${remoteAddress}`),
    );
    const frontEnd = createNodeFrontEnd({
      handler,
      logger,
      pool: createBufferPool({ maxBuffers: 4 }),
      limits: {
        maxHeaderBytes: 32_768,
        headerTimeoutMs: 5_000,
        idleTimeoutMs: 10_000,
        noProgressTimeoutMs: 10_000,
        maxConnections: 100,
      },
      tls: source,
      http2: parts.http2 ?? true,
      h2c: false,
    });
    const { port } = await frontEnd.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    open.push(frontEnd);
    return { port, logger, source };
  }

  function curl(port: number, ...args: string[]): Promise<CurlResult> {
    const all = ['-sS', '--cacert', ca.certificate, ...args, `https://localhost:${port}/hello`];
    return new Promise((resolve) => {
      execFile('curl', all, (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code);
        resolve({ code, out: stdout + stderr });
      });
    });
  }

  async function peerSerial(port: number): Promise<{ serial: string; socket: TLSSocket }> {
    const socket = await handshake(port, {});
    return { serial: socket.getPeerCertificate().serialNumber, socket };
  }

  async function handshake(port: number, extra: ConnectionOptions): Promise<TLSSocket> {
    const caPem = await readFile(ca.certificate);
    return await new Promise((resolve, reject) => {
      const socket = connect({
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: caPem,
        ...extra,
      });
      socket.once('secureConnect', () => resolve(socket));
      socket.once('error', reject);
    });
  }

  /** Whether a client with that certificate gets an answer. */
  async function serves(
    port: number,
    { certificate, key }: Pair,
    maxVersion: SecureVersion,
    protocol: 'http/1.1' | 'h2',
  ): Promise<boolean> {
    const tls = {
      ca: await readFile(ca.certificate),
      cert: await readFile(certificate),
      key: await readFile(key),
      maxVersion,
      ALPNProtocols: [protocol],
    };
    if (protocol === 'h2') {
      return await new Promise((resolve) => {
        const session = http2Connect(`https://localhost:${port}`, tls);
        const refused = (): void => resolve(false);
        session.once('error', refused).once('close', refused);
        const stream = session.request({ ':path': '/hello' });
        stream.once('error', refused);
        stream.once('response', (headers) => {
          resolve(headers[':status'] === 200);
          session.destroy();
        });
      });
    }
    return await new Promise((resolve) => {
      let said = '';
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...tls });
      socket.on('data', (bytes) => {
        said += bytes;
      });
      socket.on('error', () => {
        // `close` follows.
      });
      socket.once('close', () => resolve(said.startsWith('HTTP/1.1 200 ')));
      socket.write('GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    });
  }

  const client = (pair: Pair): string[] => ['--cert', pair.certificate, '--key', pair.key];

  it('offers HTTP/2 and serves HTTP/1.1 on the same port', async () => {
    const { port } = await run();
    expect(await curl(port)).toEqual({ code: 0, out: 'hello true 2.0 127.0.0.1' });
    expect(await curl(port, '--http1.1')).toEqual({ code: 0, out: 'hello true 1.1 127.0.0.1' });
    expect(await curl(port, '--no-alpn')).toEqual({ code: 0, out: 'hello true 1.1 127.0.0.1' });
  });

  it('serves HTTP/1.1 alone when HTTP/2 is disabled', async () => {
    const { port } = await run({}, { http2: false });
    expect((await curl(port)).out).toBe('hello true 1.1 127.0.0.1');
  });

  it.each([
    ['tls1.2', 'tls1.2', true],
    ['tls1.2', 'tls1.1', false],
    ['tls1.3', 'tls1.3', true],
    ['tls1.3', 'tls1.2', false],
    ['tls1.1', 'tls1.1', true],
    ['tls1.1', 'tls1.0', false],
    ['tls1.0', 'tls1.0', true],
    ['tls1.0', 'tls1.3', true],
  ] as const)('minimumtls %s and a client of %s', async (minimumtls, version, isServed) => {
    const { port } = await run({ minimumtls });
    const number = version.slice(3);
    const { code } = await curl(
      port,
      ...['--tls-max', number, `--tlsv${number}`, '--ciphers', 'DEFAULT:@SECLEVEL=0'],
    );
    expect(code === 0).toBe(isServed);
  });

  it('serves with the configured suite and no other', async () => {
    const { port } = await run({ ciphersuites: ['TLS_RSA_WITH_AES_128_CBC_SHA256'] });
    const tls12 = ['--tls-max', '1.2', '--ciphers'];
    expect((await curl(port, ...tls12, 'AES128-SHA256')).code).toBe(0);
    expect((await curl(port, ...tls12, 'ECDHE-RSA-AES256-GCM-SHA384')).code).not.toBe(0);
  });

  it('names suites this OpenSSL lacks and serves with the rest', async () => {
    const { port, logger } = await run({
      ciphersuites: ['TLS_RSA_WITH_RC4_128_SHA', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
    });
    expect((await logger.line(/ciphersuites/)).fields['ciphersuites']).toEqual([
      'TLS_RSA_WITH_RC4_128_SHA',
    ]);
    expect((await curl(port, '--tls-max', '1.2')).code).toBe(0);
  });

  it('does not start when no suite is left', async () => {
    await expect(run({ ciphersuites: ['TLS_ECDHE_RSA_WITH_RC4_128_SHA'] })).rejects.toMatchObject({
      code: 'TLS_CONFIG_INVALID',
      message: 'http.tls.ciphersuites: none of these is available in this OpenSSL',
    });
  });

  it('tells in one line what is wrong with the files', async () => {
    const junk = join(folder, 'junk.pem');
    await writeFile(junk, 'junk');
    const other = await ca.issue('other');
    const absent = join(folder, 'absent.pem');
    const faults: [Partial<TlsOptions>, RegExp][] = [
      [{ certificate: absent }, /^http.tls.certificate: cannot read .*absent.pem: ENOENT/],
      [{ certificate: junk }, /^http.tls.certificate: .*junk.pem holds no PEM certificate$/],
      [{ key: junk }, /^http.tls.key: .*junk.pem holds no PEM private key without passphrase$/],
      [{ key: other.key }, /^http.tls: .*other.key is not the key of .*server.crt$/],
      [{ clientcas: [absent] }, /^http.tls.clientcas: cannot read .*absent.pem/],
      [{ clientcas: [junk] }, /^http.tls.clientcas: .*junk.pem holds no certificate$/],
    ];
    for (const [changes, message] of faults) {
      const failure = run(changes);
      await expect(failure).rejects.toMatchObject({ code: 'TLS_CONFIG_INVALID' });
      await expect(failure).rejects.toThrow(message);
    }
  });

  describe('client certificates', () => {
    const modes = {
      'request-client-cert': { none: true, known: true, unknown: true },
      'require-any-client-cert': { none: false, known: true, unknown: true },
      'verify-client-cert-if-given': { none: true, known: true, unknown: false },
      'require-and-verify-client-cert': { none: false, known: true, unknown: false },
    } as const;

    it.each(Object.entries(modes))('%s', async (clientauth, expected) => {
      const known = await ca.issue('known-client', 'client');
      const unknown = await otherCa.issue('unknown-client', 'client');
      const { port } = await run({
        clientauth: clientauth as keyof typeof modes,
        clientcas: [ca.certificate],
      });
      for (const version of ['1.2', '1.3']) {
        const tls = ['--tls-max', version];
        const served = {
          none: (await curl(port, ...tls)).code === 0,
          known: (await curl(port, ...tls, ...client(known))).code === 0,
          unknown: (await curl(port, ...tls, ...client(unknown))).code === 0,
        };
        expect(served).toEqual(expected);
      }
    });

    it.each(Object.entries(modes))(
      '%s, of a client whose CA is another of the same name',
      async (clientauth, expected) => {
        const elsewhere = await mkdtemp(join(folder, 'elsewhere-'));
        const namesake = await anAuthority(elsewhere, 'ca');
        const stranger = await namesake.issueBare('stranger');
        const known = await ca.issueBare('bare-client');
        const { port } = await run({
          clientauth: clientauth as keyof typeof modes,
          clientcas: [ca.certificate],
        });
        for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
          for (const protocol of ['http/1.1', 'h2'] as const) {
            const from = `${version} ${protocol}`;
            for (let times = 0; times < 4; times += 1) {
              const isServed = await serves(port, stranger, version, protocol);
              expect([from, isServed]).toEqual([from, expected.unknown]);
            }
            expect([from, await serves(port, known, version, protocol)]).toEqual([from, true]);
          }
        }
      },
    );

    it('takes CAs from several files, each with several certificates', async () => {
      const bundle = join(folder, 'bundle.pem');
      const extra = await anAuthority(folder, 'extra-ca');
      const certificates = await Promise.all(
        [ca.certificate, otherCa.certificate].map((path) => readFile(path, 'utf8')),
      );
      await writeFile(bundle, certificates.join('\n'));
      const { port } = await run({ clientcas: [bundle, extra.certificate] });
      for (const authority of [ca, otherCa, extra]) {
        const pair = await authority.issue('some-client', 'client');
        expect((await curl(port, ...client(pair))).code).toBe(0);
      }
    });
  });

  describe('reload', () => {
    async function swappable(): Promise<Pair> {
      const pair = { certificate: join(folder, 'live.crt'), key: join(folder, 'live.key') };
      await copyFile(server.certificate, pair.certificate);
      await copyFile(server.key, pair.key);
      return pair;
    }

    it('serves new connections with the new pair and keeps open ones', async () => {
      const live = await swappable();
      const { port, source } = await run({ ...live });
      const before = await peerSerial(port);
      const next = await ca.issue('next');
      await copyFile(next.certificate, live.certificate);
      await copyFile(next.key, live.key);
      await source.reload();
      const after = await peerSerial(port);
      expect(after.serial).not.toBe(before.serial);
      before.socket.write('GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      const pieces = await before.socket.toArray();
      expect(Buffer.concat(pieces).toString()).toContain('hello true');
      after.socket.destroy();
    });

    it('keeps the old pair and says so when the new one is broken', async () => {
      const live = await swappable();
      const { port, source, logger } = await run({ ...live });
      const before = await peerSerial(port);
      await writeFile(live.certificate, '-----BEGIN CERTIFICATE-----\nhalf');
      await source.reload();
      const { level, fields } = await logger.line(/not reloaded/);
      expect([level, fields['error']]).toEqual([
        'error',
        `http.tls.certificate: ${live.certificate} holds no PEM certificate`,
      ]);
      const after = await peerSerial(port);
      expect(after.serial).toBe(before.serial);
      before.socket.destroy();
      after.socket.destroy();
    });

    it('notices a swapped symlink two steps away, as Kubernetes mounts secrets', async () => {
      const mount = join(folder, 'mount');
      for (const [version, pair] of [
        ['v1', server],
        ['v2', await ca.issue('renewed')],
      ] as const) {
        await mkdir(join(mount, version), { recursive: true });
        await copyFile(pair.certificate, join(mount, version, 'tls.crt'));
        await copyFile(pair.key, join(mount, version, 'tls.key'));
      }
      await symlink('v1', join(mount, '..data'));
      await symlink('..data/tls.crt', join(mount, 'tls.crt'));
      await symlink('..data/tls.key', join(mount, 'tls.key'));
      const { port, logger } = await run(
        { certificate: join(mount, 'tls.crt'), key: join(mount, 'tls.key') },
        { watchIntervalMs: 20 },
      );
      const before = await peerSerial(port);
      await symlink('v2', join(mount, '..data_tmp'));
      await rename(join(mount, '..data_tmp'), join(mount, '..data'));
      await logger.line(/certificate reloaded/);
      const after = await peerSerial(port);
      expect(after.serial).not.toBe(before.serial);
      before.socket.destroy();
      after.socket.destroy();
    });

    it('checks clients against new CAs, resumed sessions too', async () => {
      const cas = join(folder, 'live-cas.pem');
      await copyFile(ca.certificate, cas);
      const pair = await ca.issue('leaving-client', 'client');
      const { port, source } = await run({ clientcas: [cas] });
      const credentials = { cert: await readFile(pair.certificate), key: await readFile(pair.key) };
      const first = await handshake(port, credentials);
      const session = await new Promise<Buffer>((resolve) => first.once('session', resolve));
      first.destroy();
      await copyFile(otherCa.certificate, cas);
      await source.reload();
      const second = await handshake(port, { ...credentials, session });
      second.write('GET /hello HTTP/1.1\r\nHost: x\r\n\r\n');
      const answer = await new Promise<string>((resolve) => {
        second.once('data', (bytes) => resolve(bytes.toString()));
        second.once('close', () => resolve(''));
        second.on('error', () => resolve(''));
      });
      second.destroy();
      expect(answer).toBe('');
    });
  });
});
