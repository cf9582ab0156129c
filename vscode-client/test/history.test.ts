import assert from 'node:assert/strict';
import test from 'node:test';
import { parseHistory, runChoices } from '../src/history';

const runs = [
  { folder: '/r/3', program: '/w/dot', started: '2026-03-02T10:20:30+00:00', ended: false },
  {
    folder: '/r/2',
    program: '/other/smooth',
    started: '2026-03-01T10:20:30+00:00',
    ended: true,
    improved: true,
    headline: '−39% energy',
  },
  { folder: '/r/1', program: '/w/dot', started: '2026-02-01T00:00:00+00:00', ended: true },
];
const text = JSON.stringify({ schema: 'jouleline/history/1', runs });

test("this workspace's runs come first, each group with the newest first", () => {
  const choices = runChoices(parseHistory(text), ['/w/']);
  assert.deepEqual(
    choices.map(({ run }) => run.folder),
    ['/r/3', '/r/1', '/r/2'],
  );
  assert.deepEqual(
    choices.map(({ label }) => label),
    ['$(debug-pause) dot', '$(circle-slash) dot', '$(arrow-down) smooth'],
  );
  assert.equal(choices[0]?.description, '2026-03-02 10:20 UTC');
  assert.match(choices[0].detail, /did not end/);
  assert.equal(choices[2]?.detail, '−39% energy');
});

test('a run that goes on is told apart from one that was cut off', () => {
  const runs = [{ folder: '/r/4', program: '/w/dot', ended: false, under_way: true }];
  const history = JSON.stringify({ schema: 'jouleline/history/1', runs });
  const [choice] = runChoices(parseHistory(history), []);
  assert.equal(choice?.detail, 'is under way');
});

test('a folder whose name begins alike is not this workspace', () => {
  const choices = runChoices(parseHistory(text), ['/oth']);
  assert.equal(choices[0]?.run.folder, '/r/3');
});

test('what is no history is refused in a sentence', () => {
  assert.throws(() => parseHistory('Traceback'), /is no JSON/);
  assert.throws(() => parseHistory('{"schema": "jouleline/history/2"}'), /Update the extension/);
});
