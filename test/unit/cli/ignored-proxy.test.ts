import { describe, expect, it } from 'vitest';
import { ignoredProxy } from '../../../src/cli/ignored-proxy.ts';
import { loaded } from '../../support/config.ts';

const s3 = 'version: 0.1\nstorage: { s3: { bucket: b, region: eu-west-1 } }\n';
const hook = (url: string): string =>
  `version: 0.1\nstorage: inmemory\nnotifications: { endpoints: [{ name: ci, url: "${url}" }] }\n`;
const proxied = { HTTP_PROXY: 'http://proxy:3128', HTTPS_PROXY: 'http://proxy:3128' };

function warning(text: string, env: Record<string, string>): string | undefined {
  return ignoredProxy(loaded(text), env);
}

describe('proxy variables that are not heeded', () => {
  it.each([
    ['S3', s3, 'S3 https://s3.eu-west-1.amazonaws.com'],
    ['notifications', hook('https://ci.example.com/x?token=t'), 'https://ci.example.com/x?***'],
    [
      'health checks',
      'version: 0.1\nstorage: inmemory\nhealth: { http: [{ uri: "http://up.example.com" }] }\n',
      'health check http://up.example.com',
    ],
    [
      'IP ranges of cloudfront',
      `${s3}middleware: { storage: [{ name: cloudfront, options: { baseurl: "https://c.example.com", privatekey: k.pem, keypairid: k, ipfilteredby: aws } }] }\n`,
      'IP ranges https://ip-ranges.amazonaws.com/ip-ranges.json',
    ],
  ])('are told where they would matter: %s', (_what, text, part) => {
    expect(warning(text, proxied)).toContain(part);
  });

  it('are told for traces', () => {
    const env = { ...proxied, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
    const text = 'version: 0.1\nstorage: inmemory\n';
    expect(warning(text, env)).toContain('traces http://collector:4318');
    expect(warning(text, { ...env, OTEL_TRACES_EXPORTER: 'none' })).toBeUndefined();
  });

  it('are told with the name of the variable, in either case, for its scheme alone', () => {
    expect(warning(s3, { https_proxy: 'p' })).toMatch(/^https_proxy set, but no proxy is used/);
    expect(warning(s3, { HTTP_PROXY: 'p' })).toBeUndefined();
    expect(warning(s3, {})).toBeUndefined();
    expect(warning('version: 0.1\nstorage: inmemory\n', proxied)).toBeUndefined();
  });

  it.each([
    ['http://localhost:8080/', ''],
    ['http://127.0.0.1:8080/', ''],
    ['http://[::1]:8080/', ''],
    ['http://ci.example.com/', '*'],
    ['http://ci.example.com/', 'other, example.com'],
    ['http://ci.example.com/', '.example.com'],
    ['http://ci.example.com/', '*.EXAMPLE.com'],
    ['http://ci.example.com:8080/', 'ci.example.com:8080'],
    ['http://ci.example.com/', 'ci.example.com:80'],
    ['http://10.1.2.3/', '10.0.0.0/8'],
    ['http://10.1.2.3/', '10.1.2.3'],
    ['http://[fd00::7]/', 'fd00::/8'],
  ])('%s goes past a proxy anyway with NO_PROXY=%s', (url, NO_PROXY) => {
    expect(warning(hook(url), { ...proxied, NO_PROXY })).toBeUndefined();
  });

  it.each([
    ['http://ci.example.com/', 'ample.com'],
    ['http://example.com/', '.example.com'],
    ['http://ci.example.com/', 'ci.example.com:8080'],
    ['http://11.1.2.3/', '10.0.0.0/8, 10.0.0.0/99'],
  ])('%s does not with NO_PROXY=%s', (url, NO_PROXY) => {
    expect(warning(hook(url), { ...proxied, NO_PROXY })).toContain('notification endpoint');
  });
});
