/** TLS of the built server: certificates from files and from an ACME server, trust of real clients, reloads. */

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Authority, anAuthority, type Pair } from '../support/certificates.ts';
import { writeOciLayout } from '../support/oci-layout.ts';
import { type Pebble, pebbleMissing, startPebble } from '../support/pebble.ts';
import { type RegistryRequest, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

// Each test starts servers and clients, which take their time on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

const run = promisify(execFile);

describe('the built server over TLS', () => {
  let folder: TempFolder;
  let ca: Authority;
  let one: Pair;
  let two: Pair;
  let pebble: Pebble | undefined;
  const running: RunningRegistry[] = [];

  beforeAll(async () => {
    folder = await tempFolder();
    ca = await anAuthority(folder.path, 'ca');
    one = await ca.issue('one');
    two = await ca.issue('two');
  });
  afterEach(async () => {
    for (const registry of running.splice(0)) await registry.stop();
  });
  afterAll(async () => {
    await pebble?.stop();
    await folder.remove();
  });

  async function start(request: RegistryRequest): Promise<RunningRegistry> {
    const registry = await startRegistry(request);
    running.push(registry);
    return registry;
  }

  /** Its files are a copy of `one`, free to be changed. */
  async function startWithFiles(): Promise<{ registry: RunningRegistry; files: Pair }> {
    const at = join(folder.path, randomBytes(4).toString('hex'));
    await mkdir(at);
    const files = { certificate: join(at, 'tls.crt'), key: join(at, 'tls.key') };
    await copyFile(one.certificate, files.certificate);
    await copyFile(one.key, files.key);
    const registry = await start({ config: { http: { frontend: 'auto', tls: { ...files } } } });
    return { registry, files };
  }

  async function curl(registry: RunningRegistry, ...args: string[]): Promise<string> {
    const format = '%{http_code} HTTP/%{http_version}';
    const { stdout } = await run('curl', [
      ...['-sS', '--cacert', ca.certificate, '-o', '/dev/null', '-w', format, ...args],
      `https://localhost:${registry.port}/v2/`,
    ]);
    return stdout;
  }

  /** An open connection and the name on the certificate that it was shown. */
  async function connectTo(registry: RunningRegistry): Promise<{ socket: TLSSocket; cn: string }> {
    return new Promise((resolve, reject) => {
      const socket = connect(
        { port: registry.port, host: '127.0.0.1', rejectUnauthorized: false },
        () => resolve({ socket, cn: String(socket.getPeerCertificate().subject.CN) }),
      );
      socket.once('error', reject);
    });
  }

  async function shownName(registry: RunningRegistry): Promise<string> {
    const { socket, cn } = await connectTo(registry);
    socket.destroy();
    return cn;
  }

  async function answersOn(socket: TLSSocket): Promise<string> {
    return new Promise((resolve, reject) => {
      socket.once('data', (data) => resolve(data.toString().split('\r\n')[0] ?? ''));
      socket.once('error', reject);
      socket.write('GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n');
    });
  }

  it('is trusted by curl and skopeo that know its CA, and refused by those that do not', async () => {
    const { registry } = await startWithFiles();
    expect(await curl(registry)).toBe('200 HTTP/2');
    expect(await curl(registry, '--http1.1')).toBe('200 HTTP/1.1');
    await expect(run('curl', ['-sS', `https://localhost:${registry.port}/v2/`])).rejects.toThrow(
      /certificate/,
    );

    // A folder as docker has it in /etc/docker/certs.d/HOST:PORT.
    const trust = join(folder.path, 'trust');
    await mkdir(trust);
    await copyFile(ca.certificate, join(trust, 'ca.crt'));
    const layout = join(folder.path, 'layout');
    await writeOciLayout(layout, 'latest', [randomBytes(5 * 1024 * 1024)]);
    const image = `docker://localhost:${registry.port}/team/app:v1`;
    await run('skopeo', ['copy', '--dest-cert-dir', trust, `oci:${layout}:latest`, image]);
    const pulled = `dir:${join(folder.path, 'pulled')}`;
    await run('skopeo', ['copy', '--src-cert-dir', trust, image, pulled]);
    await expect(run('skopeo', ['copy', image, pulled])).rejects.toThrow(/certificate/);
  });

  it('shows a new certificate after SIGHUP, while open connections live on', async () => {
    const { registry, files } = await startWithFiles();
    const { socket, cn } = await connectTo(registry);
    expect(cn).toBe('one');
    await copyFile(two.certificate, files.certificate);
    await copyFile(two.key, files.key);
    process.kill(registry.pid, 'SIGHUP');
    await vi.waitFor(async () => expect(await shownName(registry)).toBe('two'), {
      timeout: 20_000,
      interval: 100,
    });
    expect(await answersOn(socket)).toBe('HTTP/1.1 200 OK');
    socket.destroy();
    expect(await curl(registry)).toBe('200 HTTP/2');
  });

  it('notices new files by itself, and keeps the old certificate when they do not fit', async () => {
    const { registry, files } = await startWithFiles();
    await writeFile(`${files.certificate}.new`, 'no certificate');
    await rename(`${files.certificate}.new`, files.certificate);
    await vi.waitFor(() => expect(registry.log()).toContain('TLS certificate not reloaded'), {
      timeout: 20_000,
      interval: 100,
    });
    expect(await shownName(registry)).toBe('one');
    expect(await curl(registry)).toBe('200 HTTP/2');

    await copyFile(two.key, files.key);
    await copyFile(two.certificate, files.certificate);
    await vi.waitFor(async () => expect(await shownName(registry)).toBe('two'), {
      timeout: 20_000,
      interval: 100,
    });
  });

  it('ends in one line at the start when certificate and key do not belong together', async () => {
    const tls = { certificate: one.certificate, key: two.key };
    await expect(start({ config: { http: { frontend: 'auto', tls } } })).rejects.toThrow(
      /\(1\)[\s\S]*longshore: http\.tls: \S+two\.key is not the key of \S+one\.crt\n?$/,
    );
  });

  it.skipIf(pebbleMissing !== undefined)(
    'fetches a certificate from an ACME server, is trusted with it, and keeps it for the next start',
    async () => {
      const acme = await startPebble(folder.path, await ca.issue('pebble'));
      pebble = acme;
      const root = join(folder.path, 'acme-root.crt');
      await run('curl', ['-sS', '--cacert', ca.certificate, '-o', root, acme.rootUrl]);
      const name = 'registry.example.com';
      const request: RegistryRequest = {
        env: { NODE_EXTRA_CA_CERTS: ca.certificate },
        config: {
          http: {
            frontend: 'auto',
            // Where pebble comes to prove the host, as Let's Encrypt comes to port 443.
            addr: `127.0.0.1:${acme.tlsPort}`,
            tls: {
              letsencrypt: {
                cachefile: join(folder.path, 'acme-cache'),
                email: 'ops@example.com',
                hosts: [name],
                directoryurl: acme.directoryUrl,
              },
            },
          },
        },
      };
      const ask = async (): Promise<string> => {
        const { stdout } = await run('curl', [
          ...['-sS', '--cacert', root, '--resolve', `${name}:${acme.tlsPort}:127.0.0.1`],
          ...['-o', '/dev/null', '-w', '%{http_code} HTTP/%{http_version}'],
          `https://${name}:${acme.tlsPort}/v2/`,
        ]);
        return stdout;
      };
      const first = await start(request);
      // The handshake waits for the order, which takes as long as the ACME server does.
      expect(await ask()).toBe('200 HTTP/2');
      await vi.waitFor(() => expect(first.log()).toContain('certificate fetched'));
      expect(await first.stop()).toBe(0);

      const second = await start(request);
      expect(await ask()).toBe('200 HTTP/2');
      expect(second.log()).not.toContain('certificate fetched');
    },
    90_000,
  );
});
