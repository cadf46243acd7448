import { describe, expect, test } from 'vitest';
import { maskedUrl } from '../../../src/options/masked-url.ts';

describe('nothing that may be secret is left of', () => {
  test.each([
    ['http://u:hunter2@host:9/e', 'http://***@host:9/e'],
    ['http://u:pa@hunter2@127.0.0.1:9/e', 'http://***@127.0.0.1:9/e'],
    ['http://u:hunter2@pa@ss@host/a@b', 'http://***@host/a@b'],
    ['https://hunter2@host/', 'https://***@host/'],
    ['https://:hunter2@host', 'https://***@host'],
    ['redis://:hun ter2@host:6379/0', 'redis://***@host:6379/0'],
    ['HTTPS://U:hunter2@HOST/', 'HTTPS://***@HOST/'],
    ['http://host/hook?token=hunter2', 'http://host/hook?***'],
    ['http://host?hunter2', 'http://host?***'],
    ['http://host/#hunter2', 'http://host/#***'],
    ['http://host/?a=1#hunter2', 'http://host/?***'],
    ['http://u:p@host/?token=hun\nter2', 'http://***@host/?***'],
    // Malformed: these passwords had to be escaped.
    ['http://u:pa/hunter2@host/e', 'http://***@host/e'],
    ['http://u:pa?hunter2@host/e', 'http://***@host/e'],
    ['http://u:pa#hunter2@ho st/e?x', 'http://***@ho st/e?***'],
    ['http://u:pa\\hunter2@host/e', 'http://***@host/e'],
    ['ftp://u:hunter2@', 'ftp://***@'],
    // Without a scheme.
    ['//u:hunter2@host/?t=hunter2', '//***@host/?***'],
    ['u:hunter2@host:6379', '***@host:6379'],
    [':hunter2@host:6379', '***@host:6379'],
    // More than a URL.
    ['see http://u:hunter2@host/ there', 'see http://***@host/ there'],
    ['http://a/,http://u:hunter2@b/', 'http://a/,http://***@b/'],
    ['http://a:1/ and http://u:hunter2@b/?hunter2', 'http://a:1/ and http://***@b/?***'],
  ])('%j', (text, masked) => {
    expect(maskedUrl(text)).toBe(masked);
  });
});

test.each([
  'http://host:5000/a/@scope/b@2',
  'http://[::1]:5000/',
  'registry.example.com:5000',
  '/var/lib/registry',
  'what? #1',
  'ops@example.com',
  'a: b@c',
  '',
])('%j stays as it is', (text) => {
  expect(maskedUrl(text)).toBe(text);
});
