import assert from 'node:assert/strict';
import test from 'node:test';
import { brief } from '../src/brief';

test('a message of one line is left as it is', () => {
  assert.equal(brief('The edit is not offered.'), 'The edit is not offered.');
});

test('of what a compiler said the first error is shown', () => {
  const said = [
    'main.cpp cannot be refactored: the baseline does not build: `make` failed with exit status 2',
    "main.cpp: In function 'int main()':",
    "main.cpp:7:5: error: 'x' was not declared in this scope",
    'make: *** [Makefile:2: main] Error 1',
  ];
  assert.equal(brief(said.join('\n')), `${said[0] ?? ''}: ${said[2] ?? ''}`);
});

test('a message that would not fit ends early', () => {
  const text = brief('word '.repeat(200));
  assert.equal(text.length, 400);
  assert.ok(text.endsWith('word…'));
});
