import { change, provenance } from './figures';
import { html, nothing, type Markup } from './markup';
import type { Attempt, Gate } from './record';

/** What became of each candidate, and for one that was refused, the gate that refused it. */
export function attemptList(attempts: readonly Attempt[]): Markup {
  return attempts.length === 0
    ? nothing
    : html`<ol class="attempts">
        ${attempts.map((attempt) => html`<li>${one(attempt)}</li>`)}
      </ol>`;
}

function one(attempt: Attempt): Markup {
  const refused = attempt.gates.find(({ passed }) => !passed);
  const warnings = attempt.gates.filter(({ passed, warning }) => passed && warning);
  return html`${badge(attempt)}<strong>${attempt.title || attempt.name}</strong>
    <span class="quiet">${origin(attempt)}</span>
    <p>
      ${refused === undefined ? fate(attempt) : html`Refused at the gate <strong>${refused.name}</strong>: ${refused.reason}`}
    </p>
    ${refused === undefined ? nothing : detail(refused)}
    ${warnings.map(({ name, reason }) => html`<p class="caution">${name}: ${reason}</p>`)}
    ${gates(attempt.gates)}`;
}

const verdicts: Readonly<Record<string, readonly [label: string, colour: 'good' | 'bad' | 'so']>> =
  {
    improved: ['uses less energy', 'good'],
    regressed: ['uses more energy', 'bad'],
    'no significant change': ['no significant change', 'so'],
    inconclusive: ['inconclusive', 'so'],
  };

function badge({ accepted, energy }: Attempt): Markup {
  if (!accepted) return html`<span class="badge bad">refused</span>`;
  if (energy === undefined) return html`<span class="badge so">verified</span>`;
  const [label, colour] = verdicts[energy.verdict] ?? [energy.verdict, 'so'];
  return html`<span class="badge ${colour}">${label}</span>`;
}

function fate({ energy, problem }: Attempt): string {
  if (energy === undefined) {
    return problem === '' ? 'Verified, and not measured.' : `Could not be measured: ${problem}`;
  }
  const figure = `${change(energy.ratios.energy)} energy, ${provenance(energy)}`;
  // A saving that was not believed looks like a mistake, unless the page says why.
  const doubt = energy.verdict === 'improved' ? '' : energy.reason;
  return [figure, doubt, problem].filter((part) => part !== '').join('; ');
}

function origin({ proposer, round, correction }: Attempt): string {
  const words = [proposer === '' ? '' : `by ${proposer}`];
  if (round > 0) words.push(`improvement ${round}`);
  if (correction > 0) words.push(`correction ${correction}`);
  return words.filter((word) => word !== '').join(', ');
}

function detail({ detail: text }: Gate): Markup {
  return text.trim() === '' ? nothing : html`<pre class="said" tabindex="0">${text}</pre>`;
}

function gates(all: readonly Gate[]): Markup {
  if (all.length === 0) return nothing;
  const passed = all.filter((gate) => gate.passed).length;
  const items = all.map(
    (gate) =>
      html`<li>${gate.passed ? '✓' : '✗'} <strong>${gate.name}</strong>: ${gate.reason}</li>`,
  );
  return html`<details>
    <summary>${passed} of ${all.length} gates passed</summary>
    <ul class="gates">
      ${items}
    </ul>
  </details>`;
}
