/** The load process: opens profiles against servers and runs their cases when the suite asks. Ends with the suite. */

import type { Case } from '../profiles/profile.ts';
import { profileOf } from '../profiles/table.ts';
import type { Answer, Question } from './protocol.ts';

const opened = new Map<string, readonly Case[]>();

process.on('message', (question: Question) => {
  void answer(question).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit());

async function answer(question: Question): Promise<Answer> {
  try {
    return question.ask === 'open' ? await open(question) : await work(question);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

async function open(question: Question & { ask: 'open' }): Promise<Answer> {
  const cases = await profileOf(question.profile).open(question);
  opened.set(question.server, cases);
  return { cases: cases.map(({ name, unit }) => ({ name, unit })) };
}

async function work(question: Exclude<Question, { ask: 'open' }>): Promise<Answer> {
  const { server, caseName } = question;
  const found = opened.get(server)?.find((each) => each.name === caseName);
  if (found === undefined) {
    throw new TypeError(`no case ${caseName} is open`);
  }
  if (question.ask === 'run') {
    return { measurement: await found.run(question.seconds) };
  }
  await (question.ask === 'prepare' ? found.prepare?.() : found.end?.());
  return { isDone: true };
}
