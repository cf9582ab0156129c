import assert from 'node:assert/strict';
import test from 'node:test';
import { diffView } from '../src/panel/diffView';
import { energyBars } from '../src/panel/energyBars';
import { parseEvents } from '../src/panel/events';
import { html } from '../src/panel/markup';
import { renderPage } from '../src/panel/page';
import { parseResult } from '../src/panel/record';
import { readText } from './manifest';

/** Without what the layout of the templates adds. */
function flat(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/ (\/?>|<)/g, '$1')
    .replaceAll('> ', '>');
}

function page(record: string): string {
  const text = renderPage(
    {
      result: parseResult(readText('test', 'records', record, 'result.json')),
      events: parseEvents(readText('test', 'records', record, 'events.jsonl')),
      folder: '/home/me/runs/one',
    },
    'n0nce',
  );
  return flat(text);
}

test('values are escaped wherever a template puts them', () => {
  const hostile = `<img src=x onerror='a()'>&"`;
  const escaped = '&lt;img src=x onerror=&#39;a()&#39;&gt;&amp;&quot;';
  assert.equal(
    html`<p title="${hostile}">${[hostile]}</p>`.text,
    `<p title="${escaped}">${escaped}</p>`,
  );
  assert.equal(html`<b>${html`<i>${1}</i>`}</b>`.text, '<b><i>1</i></b>');
});

test('no text of a record becomes an element of the page', () => {
  const hostile = '</pre><script>alert(1)</script><img src=x onerror="alert(2)">';
  const replaced = (value: unknown): unknown => {
    if (typeof value === 'string') return value.startsWith('jouleline/') ? value : hostile + value;
    if (Array.isArray(value)) return value.map(replaced);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replaced(one)]));
  };
  for (const record of ['improved', 'refused']) {
    const document = replaced(JSON.parse(readText('test', 'records', record, 'result.json')));
    const events = [{ time: hostile, kind: hostile, sentence: hostile }];
    const result = parseResult(JSON.stringify(document));
    const text = renderPage({ result, events, folder: hostile }, 'n0nce');
    assert.ok(text.includes('&lt;script&gt;alert(1)'));
    assert.doesNotMatch(text, /<script|<img src=x|onerror="/);
  }
});

test('the policy allows the one style sheet, pictures in the page, and nothing else', () => {
  const text = page('improved');
  assert.match(text, /content="default-src 'none'; style-src 'nonce-n0nce'; img-src data:"/);
  assert.equal(text.match(/<style nonce="n0nce">/g)?.length, 1);
  assert.doesNotMatch(text, /<script| style="|https?:|url\(/);
});

test('the page of an improvement shows figures with intervals, provenance, bounds, payback, diff', () => {
  const text = page('improved');
  for (const shown of [
    '<h1 class="figure">−39.2% energy</h1>',
    '<span class="spread">−43.6% to −34.5%</span>',
    '<span class="spread">modelled</span>',
    'modelled by cpu-time on AMD EPYC, from 5 blocks of paired runs',
    'main: bandwidth-bound, as before',
    'Paid back after 84 runs of the new program',
    '<span class="added">+ /* 😀 */ x = 0.5f',
    '12 of 12 gates passed',
    '/home/me/runs/one',
  ]) {
    assert.ok(text.includes(shown), shown);
  }
});

test('kernels are drawn under the roofs as an image, with their names in words', () => {
  const { roofs } = parseResult(readText('test', 'records', 'improved', 'result.json'));
  assert.ok(roofs);
  const source =
    /<img class="roofs" src="data:image\/svg\+xml;base64,([\w+/=]+)" alt="([^"]*)"/.exec(
      page('improved'),
    );
  assert.equal(Buffer.from(source?.[1] ?? '', 'base64').toString(), roofs.picture);
  assert.match(roofs.picture, /^<svg .*<\/svg>$/);
  assert.equal(source?.[2], 'Operations per second over intensity: main @line 13');
  assert.match(page('improved'), /Roofs of AMD EPYC\./);
  assert.doesNotMatch(page('refused'), /<img/);
});

test('the page of a run that found nothing names the gates, and has no empty sections', () => {
  const text = page('refused');
  assert.equal(text.match(/Refused at the gate<strong>build<\/strong>/g)?.length, 3);
  assert.match(text, /was not declared in this scope/);
  assert.doesNotMatch(text, /<h2>(The edit|Before and after|Bounds)/);
});

test('each bar ends at its energy, and its whisker at its interval', () => {
  const { energy } = parseResult(readText('test', 'records', 'improved', 'result.json'));
  assert.ok(energy);
  const summary = (value: number, interval: readonly [number, number]) => ({
    ...energy.baseline,
    energy: { value, interval },
  });
  const bars = energyBars({
    ...energy,
    baseline: summary(1, [0.8, 1]),
    candidate: summary(0.5, [0.4, 0.6]),
  });
  const text = flat(bars.text);
  // From 84 to 448 for 0 to 1 J.
  assert.match(text, /class="baseline" x="84" y="11" width="364"/);
  assert.match(text, /class="candidate" x="84" y="51" width="182"/);
  const path = 'd="M229.6 55V65M229.6 60H302.4M302.4 55V65"';
  assert.ok(text.includes(`<path class="halo" ${path}/><path class="whisker" ${path}/>`));
  assert.match(text, /aria-label="Energy a run: before 1 J, after 500 mJ"/);
});

test('lines of a diff are told apart, even those that look like headings', () => {
  const patch = [
    '--- a/x.c',
    '+++ b/x.c',
    '@@ -1,2 +1,2 @@',
    '--- i;',
    '+++ i;',
    ' same',
    '--- a/y.c',
    '+++ b/y.c',
    '@@ -1 +1 @@',
    '-a',
    '+b',
  ].join('\n');
  const kinds = [...diffView(patch).text.matchAll(/<span class="(\w+)"/g)].map(([, kind]) => kind);
  assert.deepEqual(kinds, [
    ...['file', 'file', 'hunk', 'removed', 'added', 'same'],
    ...['file', 'file', 'hunk', 'removed', 'added'],
  ]);
});

test('a candidate whose saving was not believed says why', () => {
  const document = JSON.parse(readText('test', 'records', 'improved', 'result.json')) as {
    attempts: { energy: { verdict: string; reason: string } }[];
  };
  const [attempt] = document.attempts;
  assert.ok(attempt);
  attempt.energy.verdict = 'inconclusive';
  attempt.energy.reason = 'the budget ended it after 1 block';
  const result = parseResult(JSON.stringify(document));
  const text = flat(renderPage({ result, events: [], folder: '/runs/one' }, 'n0nce'));
  assert.match(text, /modelled by cpu-time; the budget ended it after 1 block/);
});

test('what changes is told once with all its lines, and what differs apart', () => {
  const document = JSON.parse(readText('test', 'records', 'improved', 'result.json')) as {
    candidate: { rewrites: { line: number; title: string; rounding: boolean }[] };
  };
  const { rewrites } = document.candidate;
  const [one] = rewrites;
  assert.ok(one);
  rewrites.push({ ...one, line: 20 }, { ...one, line: 31, title: 'Hoist it', rounding: false });
  const result = parseResult(JSON.stringify(document));
  const text = flat(renderPage({ result, events: [], folder: '/runs/one' }, 'n0nce'));
  assert.equal(text.match(/A double literal or math function pulls/g)?.length, 2);
  assert.match(
    text,
    /<strong>Lines 17, 20: Use float literals and float math functions\.<\/strong>/,
  );
  assert.match(text, /<strong>Line 31: Hoist it\.<\/strong>/);
  assert.match(text, /Lines are those that a change found, after the ones above it\./);
  assert.doesNotMatch(page('improved'), /Lines are those/);
});

test('the energy of a model is spoken of only where one was asked', () => {
  assert.match(page('improved'), /of this machine \(modelled\)<\/li>/);
  const document = JSON.parse(readText('test', 'records', 'improved', 'result.json')) as object;
  const result = parseResult(JSON.stringify({ ...document, model: 'a-model' }));
  const text = flat(renderPage({ result, events: [], folder: '/runs/one' }, 'n0nce'));
  assert.match(text, /of this machine \(modelled\), without the model’s own<\/li>/);
});
