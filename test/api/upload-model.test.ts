/** The upload state machine against a model: random requests with random offsets on a real server. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ApiClient, type ApiReply, digestOf, withQuery } from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';

const repository = 'model/uploads';

/** What an upload must be after the requests so far. */
interface Model {
  state: 'open' | 'ended';
  held: Buffer;
  /** Each Location seen, with the offset that its token carries. */
  readonly locations: { readonly url: string; readonly offset: number }[];
}

type Command =
  | {
      readonly kind: 'patch';
      readonly content: Content;
      readonly range: RangeChoice;
      readonly chunked: boolean;
      readonly location: number;
    }
  | {
      readonly kind: 'put';
      readonly content: Content;
      readonly range: RangeChoice;
      readonly digest: 'right' | 'wrong' | 'none' | 'sha512';
      readonly location: number;
    }
  | { readonly kind: 'get' }
  | { readonly kind: 'delete'; readonly location: number };

/** `shift` moves the range away from the end of what is held. */
type RangeChoice =
  | { readonly shift: number; readonly form: (start: number, end: number) => string }
  | undefined;

const unreadable = (start: number): string => `bytes ${start}-`;

const range: fc.Arbitrary<RangeChoice> = fc.option(
  fc.record({
    shift: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: -5, max: 5 })),
    form: fc.constantFrom(
      (start: number, end: number) => `${start}-${end}`,
      (start: number, end: number) => `bytes ${start}-${end}/*`,
      unreadable,
    ),
  }),
  { nil: undefined },
);
/** Kept as numbers, so that a failing sequence prints short. */
interface Content {
  readonly fill: number;
  readonly size: number;
}
const content: fc.Arbitrary<Content> = fc.record({
  fill: fc.nat({ max: 255 }),
  // Also past the size that is stored without a worker.
  size: fc.oneof(fc.nat({ max: 20 }), fc.integer({ min: 130_000, max: 300_000 })),
});
/** 0 is the latest Location, others are older ones. */
const location = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat({ max: 3 }));
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('patch' as const),
      content,
      range,
      chunked: fc.boolean(),
      location,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      content,
      range,
      digest: fc.constantFrom('right', 'wrong', 'none', 'sha512'),
      location,
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'get' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), location }) },
);

onBothFrontEnds('upload model', {}, (on) => {
  test('every sequence of requests leaves the upload as the model says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 10 }), async (commands) => {
        const model: Model = { state: 'open', held: Buffer.alloc(0), locations: [] };
        model.locations.push({ url: await on.api.startUpload(repository), offset: 0 });
        for (const each of commands) {
          await step(on.api, model, each);
        }
      }),
      { numRuns: 40, interruptAfterTimeLimit: 20_000 },
    );
  }, 120_000);
});

async function step(api: ApiClient, model: Model, command: Command): Promise<void> {
  const index = 'location' in command ? Math.min(command.location, model.locations.length - 1) : 0;
  const { url, offset } = model.locations.at(-1 - index) ?? { url: '', offset: 0 };
  const size = model.held.length;
  if (command.kind === 'get') {
    const reply = await api.get(url);
    if (model.state === 'ended') {
      expect(reply.codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
    } else {
      expectStands(reply, 204, model);
    }
    return;
  }
  if (command.kind === 'delete') {
    const reply = await api.delete(url);
    if (model.state === 'ended') {
      expect(reply.codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
    } else if (offset === size) {
      expect(reply.status).toBe(204);
      model.state = 'ended';
    } else {
      expectStands(reply, 416, model);
    }
    return;
  }
  const { range: choice } = command;
  const body = Buffer.alloc(command.content.size, command.content.fill);
  const start = size + (choice?.shift ?? 0);
  const hasRange = choice !== undefined && start >= 0 && body.length > 0;
  const headers = hasRange ? { 'content-range': choice.form(start, start + body.length - 1) } : {};
  const isReadable = !hasRange || choice.form !== unreadable;
  const isInOrder = offset === size && isReadable && (!hasRange || start === size);
  if (command.kind === 'patch') {
    const reply = await api.send('PATCH', url, { headers, body: command.chunked ? [body] : body });
    if (model.state === 'ended') {
      expect(reply.codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
    } else if (isInOrder) {
      model.held = Buffer.concat([model.held, body]);
      expectStands(reply, 202, model);
    } else {
      expectStands(reply, 416, model);
    }
    return;
  }
  const whole = Buffer.concat([model.held, body]);
  const digest = {
    right: digestOf(whole),
    wrong: digestOf('wrong'),
    none: '',
    sha512: digestOf(whole, 'sha512'),
  }[command.digest];
  const reply = await api.send('PUT', withQuery(url, `digest=${digest}`), { headers, body });
  if (model.state === 'ended') {
    expect(reply.codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
  } else if (command.digest === 'none' && offset === size && isReadable) {
    expect(reply.codes()).toEqual(['DIGEST_INVALID']);
  } else if (!isInOrder) {
    expectStands(reply, 416, model);
  } else if (command.digest === 'wrong') {
    expect(reply.codes()).toEqual(['DIGEST_INVALID']);
    model.held = whole;
    const status = await api.get(url);
    expectStands(status, 204, model);
  } else {
    expect(reply.status).toBe(201);
    expect(reply.headers['docker-content-digest']).toBe(digest);
    const pulled = await api.get(`/v2/${repository}/blobs/${digest}`);
    expect(pulled.body.equals(whole)).toBe(true);
    model.state = 'ended';
  }
}

function expectStands(reply: ApiReply, status: number, model: Model): void {
  expect(reply.status).toBe(status);
  expect(reply.headers.range).toBe(`0-${Math.max(0, model.held.length - 1)}`);
  model.locations.push({ url: String(reply.headers.location), offset: model.held.length });
}
