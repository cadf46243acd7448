import { describe, expect, it } from 'vitest';
import { createAccessController } from '../../../src/auth/create-access-controller.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { catalog, pull, push, requestWith } from '../../suites/access-controller.ts';

const parts = {
  verifier: { verify: () => Promise.reject(new Error('no passwords here')) },
  logger: silentLogger,
  announce: () => {},
};
const silly = { realm: 'r', service: 's' };

describe('access controller by configuration', () => {
  it.each([undefined, {}])(
    'grants everything to nobody in particular without a provider',
    async (options) => {
      const controller = createAccessController(options, parts);
      await controller.start?.();
      const grant = await controller.authorize(requestWith({}), [pull, push, catalog]);
      expect(grant.userName).toBe('');
      expect(grant.permits({ ...pull, action: 'delete' })).toBe(true);
    },
  );

  it('is the one that is named', () => {
    expect(createAccessController({ silly }, parts).name).toBe('silly');
  });

  it('refuses two providers', () => {
    const htpasswd = { realm: 'r', path: '/nonexistent/htpasswd', groups: {} };
    expect(() => createAccessController({ silly, htpasswd }, parts)).toThrow(
      'must provide exactly one authorization type. Provided: silly, htpasswd',
    );
  });

  it('names the provider and the option that is missing', () => {
    expect(() => createAccessController({ silly: { ...silly, realm: '' } }, parts)).toThrow(
      /^unable to configure authorization \(silly\): "realm" must be set for silly access controller$/,
    );
  });

  it('names the access rule that is wrong before anything starts', () => {
    const rule = {
      users: [],
      groups: ['g'],
      anonymous: false,
      repository: '**',
      actions: ['pull' as const],
    };
    const htpasswd = { realm: 'r', path: '/nonexistent/htpasswd', groups: {}, access: [rule] };
    expect(() => createAccessController({ htpasswd }, parts)).toThrow(
      /^unable to configure authorization \(htpasswd\): access rule 1: group "g" is not in groups$/,
    );
  });
});
