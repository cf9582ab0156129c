import assert from 'node:assert/strict';
import test from 'node:test';
import { change, duration, payback, percent, quantity, range } from '../src/panel/figures';
import { parseResult } from '../src/panel/record';
import { readText } from './manifest';

test('figures have three digits and a prefix of the SI', () => {
  assert.equal(quantity(1.2034, 'J'), '1.2 J');
  assert.equal(quantity(0.0495, 'J'), '49.5 mJ');
  assert.equal(quantity(1234.5, 'J'), '1.23 kJ');
  assert.equal(quantity(0.99999, 's'), '1 s');
  assert.equal(quantity(6.055e-5, 'J'), '60.6 µJ');
  assert.equal(quantity(0, 'J'), '0 J');
  assert.equal(quantity(-2, 'J'), '−2 J');
});

test('an interval names its unit once, if both ends have it', () => {
  assert.equal(range([0.814, 0.841], 'J'), '814 to 841 mJ');
  assert.equal(range([0.9, 1.2], 'J'), '900 mJ to 1.2 J');
  assert.equal(range([0.0666, 0.117], 'J\u202fs'), '66.6 to 117 mJ\u202fs');
});

test("changes are written as the server's report writes them", () => {
  assert.equal(percent(0.608), '−39.2%');
  assert.equal(percent(1.05), '+5%');
  assert.equal(percent(1), '0%');
  assert.equal(change({ value: 0.61, interval: [0.5, 0.7] }), '−39% (−50% to −30%)');
  assert.equal(change({ value: 0.61 }), '−39%');
});

test('durations are in seconds, minutes and hours', () => {
  assert.equal(duration(31.4), '31.4 s');
  assert.equal(duration(120), '2 min');
  assert.equal(duration(125.6), '2 min 6 s');
  assert.equal(duration(3725), '1 h 2 min');
});

test("the payback is the report's, and none where nothing is saved", () => {
  const { energy, cost } = parseResult(readText('test', 'records', 'improved', 'result.json'));
  assert.ok(energy);
  assert.equal(payback(cost.energy, energy), 84);
  assert.equal(payback(undefined, energy), undefined);
  const swapped = { ...energy, baseline: energy.candidate, candidate: energy.baseline };
  assert.equal(payback(cost.energy, swapped), undefined);
});
