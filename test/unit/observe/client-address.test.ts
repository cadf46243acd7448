import { describe, expect, it } from 'vitest';
import {
  type AddressedRequest,
  clientAddress,
  createClientAddresses,
} from '../../../src/observe/client-address.ts';
import { type LogFields, silentLogger } from '../../../src/observe/logger.ts';

function request(headers: Record<string, string>, remoteAddress = '10.0.0.9'): AddressedRequest {
  return { remoteAddress, remotePort: 4001, header: (name) => headers[name] };
}

describe('clientAddress', () => {
  it.each([
    [{ 'x-forwarded-for': '192.0.2.7' }, '192.0.2.7'],
    [{ 'x-forwarded-for': ' 192.0.2.7 , 10.0.0.1', 'x-real-ip': '192.0.2.8' }, '192.0.2.7'],
    [{ 'x-forwarded-for': '2001:db8::1, 10.0.0.1' }, '2001:db8::1'],
    [{ 'x-real-ip': '192.0.2.8' }, '192.0.2.8'],
    [{}, '10.0.0.9:4001'],
  ])('reads %j as %s', (headers, expected) => {
    expect(clientAddress(request(headers))).toEqual({ text: expected });
  });

  it.each([
    [{ 'x-forwarded-for': 'unknown', 'x-real-ip': '192.0.2.8' }, '192.0.2.8', 'X-Forwarded-For'],
    [{ 'x-forwarded-for': '192.0.2.7:80' }, '10.0.0.9:4001', 'X-Forwarded-For'],
    [{ 'x-real-ip': 'me' }, '10.0.0.9:4001', 'X-Real-Ip'],
  ])('passes over what is no address in %j', (headers, expected, header) => {
    expect(clientAddress(request(headers))).toMatchObject({ text: expected, invalid: { header } });
  });

  it('brackets an IPv6 peer and has no text for a unix socket', () => {
    expect(clientAddress(request({}, '::1')).text).toBe('[::1]:4001');
    expect(clientAddress(request({}, '')).text).toBe('');
  });
});

describe('createClientAddresses', () => {
  it('warns about invalid headers once a minute, not once a request', () => {
    const warnings: [string, LogFields | undefined][] = [];
    let nowMs = 0;
    const logger = {
      ...silentLogger,
      warn: (message: string, fields?: LogFields) => void warnings.push([message, fields]),
    };
    const addressOf = createClientAddresses(logger, () => nowMs);
    for (let count = 0; count < 10; count += 1) {
      expect(addressOf(request({ 'x-forwarded-for': 'junk' }))).toBe('10.0.0.9:4001');
    }
    expect(warnings).toEqual([
      [
        'X-Forwarded-For of a request holds no IP address',
        { value: 'junk', peer: '10.0.0.9:4001' },
      ],
    ]);
    nowMs = 60_000;
    addressOf(request({ 'x-forwarded-for': 'junk' }));
    expect(warnings).toHaveLength(2);
  });
});
