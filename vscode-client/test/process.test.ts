import assert from 'node:assert/strict';
import test from 'node:test';
import { run } from '../src/process';
import { recordOf } from '../src/refactorAnswer';

const here = { folder: __dirname, timeoutMs: 20_000 };

test('what a program printed, line by line and as a whole', async () => {
  const lines: string[] = [];
  const said = (line: string): void => {
    lines.push(line);
  };
  const script = 'console.log("a\\nb"); console.error("c")';
  assert.equal(await run(process.execPath, ['-e', script], { ...here, said }), 'a\nb\n');
  assert.deepEqual(lines.sort(), ['a', 'b', 'c']);
});

test('a program that fails is told of by its last words', async () => {
  const script = 'console.error("first\\nno such thing\\n"); process.exit(1)';
  await assert.rejects(run(process.execPath, ['-e', script], here), { message: 'no such thing' });
});

test('one that says nothing in time is ended', async () => {
  const waits = ['-e', 'setTimeout(() => {}, 20000)'];
  await assert.rejects(run(process.execPath, waits, { ...here, timeoutMs: 300 }), {
    message: 'no answer in 0.3 s',
  });
});

test("the record of a refactoring's answer, where there is one", () => {
  assert.equal(recordOf({ improved: true, headline: 'x', record: '/r/1' }), '/r/1');
  assert.equal(recordOf({ improved: false, problem: 'busy' }), undefined);
  assert.equal(recordOf(undefined), undefined);
});
