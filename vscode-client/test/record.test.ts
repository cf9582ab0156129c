import assert from 'node:assert/strict';
import test from 'node:test';
import { parseEvents } from '../src/panel/events';
import { parseResult, RecordError } from '../src/panel/record';
import { readText } from './manifest';

// Records of real runs, without the windows of their measurements.
const improved = readText('test', 'records', 'improved', 'result.json');
const refused = readText('test', 'records', 'refused', 'result.json');

test("a record's figures are read with their intervals and provenance", () => {
  const { energy, bounds, attempts, cost } = parseResult(improved);
  assert.ok(energy);
  assert.equal(energy.modelled, true);
  assert.equal(energy.meter.name, 'cpu-time');
  assert.equal(energy.blocks, 5);
  assert.equal(energy.verdict, 'improved');
  const [low, high] = energy.ratios.energy.interval ?? [];
  assert.ok(low !== undefined && high !== undefined);
  assert.ok(low < energy.ratios.energy.value && energy.ratios.energy.value < high);
  assert.deepEqual(bounds, ['main: bandwidth-bound, as before']);
  assert.equal(attempts.length, 1);
  assert.ok((cost.energy ?? 0) > 0);
});

test('a refused candidate keeps the gate that refused it', () => {
  const { attempts, energy } = parseResult(refused);
  assert.equal(energy, undefined);
  assert.equal(attempts.length, 3);
  for (const { accepted, gates } of attempts) {
    assert.equal(accepted, false);
    assert.equal(gates.find(({ passed }) => !passed)?.name, 'build');
  }
});

test('what is no result of a run is refused in a sentence', () => {
  assert.throws(() => parseResult('{"schema": '), RecordError);
  assert.throws(() => parseResult('[]'), /has the schema ""/);
  assert.throws(() => parseResult('{"schema": "jouleline/refactor/2"}'), /Update the extension/);
});

test('a record of which everything is missing or of another type is still read', () => {
  const wrong = {
    energy: 7,
    attempts: [null, 3],
    cost: 'x',
    bounds: [1],
    candidate: [],
    patch: {},
  };
  const result = parseResult(JSON.stringify({ schema: 'jouleline/refactor/1', ...wrong }));
  assert.equal(result.energy, undefined);
  assert.equal(result.attempts.length, 2);
  assert.deepEqual(result.bounds, []);
  assert.equal(result.patch, '');
});

test('every event of a real log becomes a sentence', () => {
  const events = parseEvents(readText('test', 'records', 'refused', 'events.jsonl'));
  assert.equal(events.length, 11);
  assert.match(events[0]?.sentence ?? '', /^The run of \/home\/me\/program began$/);
  assert.equal(events[1]?.sentence, 'The model double-1 answered');
  assert.match(
    events[2]?.sentence ?? '',
    /refused at the gate build: the candidate does not build/,
  );
  assert.match(events.at(-1)?.sentence ?? '', /^No candidate was shown to use less energy/);
});

test('a log that was cut off gives the events before', () => {
  assert.deepEqual(
    parseEvents('{"kind": "start", "program": "/p", "time": "t"}\n{"kind": "en').map(
      ({ kind }) => kind,
    ),
    ['start'],
  );
});
