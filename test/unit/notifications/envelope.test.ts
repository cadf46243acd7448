import { describe, expect, it } from 'vitest';
import { envelopeBody, notificationEvent } from '../../../src/notifications/envelope.ts';
import { aDigest, anEvent } from '../../support/events.ts';

const source = { addr: 'host-a:5000', instanceID: '7d0f1c9e-0000-4000-8000-000000000000' };
const options = { source, includeReferences: true, nowMs: Date.UTC(2026, 0, 2, 3, 4, 5, 120) };

describe('envelope', () => {
  it('prints a manifest push as Distribution does, to the byte', () => {
    const references = [
      { mediaType: 'application/vnd.oci.image.config.v1+json', digest: aDigest, size: 7 },
    ];
    const event = {
      ...notificationEvent(anEvent({ target: { tag: 'v1', references } }), options),
      id: 'an-id',
      timestamp: 'a-time',
    };
    expect(envelopeBody(event)).toBe(`{
   "events": [
      {
         "id": "an-id",
         "timestamp": "a-time",
         "action": "push",
         "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": "${aDigest}",
            "size": 528,
            "length": 528,
            "repository": "team/app",
            "url": "https://r.example/v2/team/app/manifests/${aDigest}",
            "tag": "v1",
            "references": [
               {
                  "mediaType": "application/vnd.oci.image.config.v1+json",
                  "digest": "${aDigest}",
                  "size": 7
               }
            ]
         },
         "request": {
            "id": "request-1",
            "addr": "10.0.0.9:41000",
            "host": "r.example:5000",
            "method": "PUT",
            "useragent": "docker/27"
         },
         "actor": {
            "name": "ci"
         },
         "source": {
            "addr": "host-a:5000",
            "instanceID": "7d0f1c9e-0000-4000-8000-000000000000"
         }
      }
   ]
}`);
  });

  it('leaves references out unless they are asked for', () => {
    const references = [{ mediaType: 'a', digest: aDigest, size: 1 }];
    const event = notificationEvent(anEvent({ target: { references } }), {
      ...options,
      includeReferences: false,
    });
    expect(event.target).not.toHaveProperty('references');
  });

  it('keeps media type, digest and size of a deleted tag, though they are empty', () => {
    const { origin } = anEvent();
    const target = { repository: 'a', mediaType: '', digest: '', sizeBytes: 0, tag: 'v1' };
    expect(notificationEvent({ action: 'delete', target, origin }, options).target).toEqual({
      mediaType: '',
      digest: '',
      size: 0,
      repository: 'a',
      tag: 'v1',
    });
  });

  it('names the source of a mount and the URL of its blob', () => {
    const event = anEvent({ action: 'mount', target: { kind: 'blob', fromRepository: 'base' } });
    expect(notificationEvent(event, options).target).toMatchObject({
      fromRepository: 'base',
      url: `https://r.example/v2/team/app/blobs/${aDigest}`,
    });
  });

  it('prints an unknown actor as an empty object', () => {
    const event = anEvent();
    const anonymous = { ...event, origin: { ...event.origin, userName: '' } };
    expect(notificationEvent(anonymous, options).actor).toEqual({});
  });

  it('escapes what Go escapes, so that the text is safe inside HTML', () => {
    const event = notificationEvent(anEvent({ target: { tag: '<b>&' } }), options);
    expect(envelopeBody(event)).toContain('"\\u003cb\\u003e\\u0026"');
    expect(JSON.parse(envelopeBody(event)).events[0].target.tag).toBe('<b>&');
  });

  it('has an id that sorts by time and a timestamp of the instant it happened', () => {
    const event = notificationEvent(anEvent(), options);
    const later = notificationEvent(anEvent(), { ...options, nowMs: options.nowMs + 1 });
    expect(event.id).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(event.id < later.id).toBe(true);
    expect(Date.parse(event.timestamp)).toBe(options.nowMs);
  });
});
