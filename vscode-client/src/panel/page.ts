import { attemptList } from './attempts';
import { diffView } from './diffView';
import { energyBars } from './energyBars';
import type { LogEvent } from './events';
import { duration, payback, percent, provenance, quantity, range } from './figures';
import { html, Markup, nothing } from './markup';
import type { Comparison, Estimate, Result, Rewrite, Roofs } from './record';
import { style } from './style';

export interface Page {
  readonly result: Result;
  readonly events: readonly LogEvent[];
  /** The record's folder, as a user would type it. */
  readonly folder: string;
}

/**
 * The whole page of a run. It holds no script, and its policy would run none: everything in it was
 * written by a program, its compiler or a model.
 *
 * @param nonce allows the page's own style sheet, and nothing else beside pictures in the page itself
 */
export function renderPage({ result, events, folder }: Page, nonce: string): string {
  const { energy } = result;
  return html`<!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'nonce-${nonce}'; img-src data:"
        />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Jouleline</title>
        <style nonce="${nonce}">
          ${new Markup(style)}
        </style>
      </head>
      <body>
        <main class="${result.improved ? 'better' : 'same'}">
          ${heading(result)} ${energy === undefined ? nothing : measured(energy)} ${changes(result)}
          ${section('Bounds before and after', bounds(result))}
          ${section('The edit', diffView(result.patch))}
          ${section('Candidates tried', tried(result))}
          ${section('Cost of the search', costs(result))}
          ${section('How it was run', howRun(result, folder))}
          ${section('Event log', eventLog(events))}
        </main>
      </body>
    </html>`.text;
}

function section(title: string, content: Markup): Markup {
  return content.text === ''
    ? nothing
    : html`<section>
        <h2>${title}</h2>
        ${content}
      </section>`;
}

function heading({ headline, program, notes, energy }: Result): Markup {
  // "-39% energy (modelled by ..., 95% interval ...): what was done; what to know"
  const parts = /^([+\u2212]?[\d.]+% energy) \((.*?)\): (.*)$/s.exec(headline);
  const title =
    parts === null
      ? html`<h1>${headline}</h1>`
      : html`<h1 class="figure">${parts[1] ?? ''}</h1>
          <p class="quiet">${parts[2] ?? ''}</p>
          <p class="title">${parts[3] ?? ''}</p>`;
  const cautions = [...(energy?.warnings ?? []), ...notes];
  return html`<header>
    ${title}
    <p class="where">${program}</p>
    ${cautions.map((text) => html`<p class="caution">${text}</p>`)}
  </header>`;
}

function measured(energy: Comparison): Markup {
  const { baseline: before, candidate: after, ratios } = energy;
  const kind = energy.modelled ? 'modelled' : 'measured';
  const rows = [
    row('Energy', kind, 'J', before.energy, after.energy, ratios.energy),
    before.netEnergy && after.netEnergy && ratios.netEnergy
      ? row('Energy net of idle', kind, 'J', before.netEnergy, after.netEnergy, ratios.netEnergy)
      : nothing,
    row('Time', 'measured', 's', before.time, after.time, ratios.time),
    row('Average power', kind, 'W', before.power, after.power, ratios.power),
    row(
      'Energy-delay',
      kind,
      'J\u202fs',
      before.energyDelay,
      after.energyDelay,
      ratios.energyDelay,
    ),
  ];
  const { device, note } = energy.meter;
  return html`<section>
    <h2>Before and after, a run</h2>
    ${energyBars(energy)}
    <table>
      <thead>
        <tr>
          <th scope="col">95% intervals</th>
          <th scope="col">before</th>
          <th scope="col">after</th>
          <th scope="col">change</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
    <p class="quiet">
      Energy is ${provenance(energy)}${device === '' ? '' : ` on ${device}`}${blocks(energy)}.
      ${sentence(note)}
    </p>
    ${energy.reason === '' ? nothing : html`<p class="quiet">Verdict: ${energy.verdict}, because ${energy.reason}.</p>`}
  </section>`;
}

/** A meter's note begins with what the sentence before it has said. */
function sentence(note: string): string {
  const text = note.replace(/^(modelled|measured): /, '');
  return text === '' ? '' : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function blocks({ blocks: count }: Comparison): string {
  return count === 0 ? '' : `, from ${count} block${count === 1 ? '' : 's'} of paired runs`;
}

function row(
  name: string,
  kind: string,
  unit: string,
  before: Estimate,
  after: Estimate,
  ratio: Estimate,
): Markup {
  const cell = (
    label: string,
    { value, interval }: Estimate,
    write: (value: number) => string,
    spread: (interval: readonly [number, number]) => string,
  ): Markup =>
    html`<td data-label="${label}">
      ${write(value)}${
        interval === undefined ? nothing : html`<span class="spread">${spread(interval)}</span>`
      }
    </td>`;
  const figure = (label: string, estimate: Estimate): Markup =>
    cell(
      label,
      estimate,
      (value) => quantity(value, unit),
      (interval) => range(interval, unit),
    );
  const shares = (interval: readonly [number, number]): string =>
    interval.map((end) => percent(end)).join(' to ');
  return html`<tr>
    <th scope="row">${name}<span class="spread">${kind}</span></th>
    ${figure('before', before)}${figure('after', after)}${cell('change', ratio, percent, shares)}
  </tr>`;
}

/** What was done and why, each thing once with all its lines. */
function changes({ rewrites }: Result): Markup {
  const things = new Map<string, Rewrite[]>();
  for (const one of rewrites) {
    const what = JSON.stringify([one.title, one.rationale]);
    things.set(what, [...(things.get(what) ?? []), one]);
  }
  const items = [...things.values()].map((ones) => {
    const lines = ones.flatMap(({ line }) => line ?? []);
    const places =
      lines.length === 0 ? '' : `Line${lines.length === 1 ? '' : 's'} ${lines.join(', ')}: `;
    const rounding = ones.some((one) => one.rounding);
    return html`<li>
      <strong>${places}${ones[0]?.title ?? ''}.</strong> ${ones[0]?.rationale ?? ''}${
        rounding ? ' Results may differ in the last digits.' : ''
      }
    </li>`;
  });
  if (items.length === 0) return nothing;
  const caption = html`<p class="quiet">
    Lines are those that a change found, after the ones above it.
  </p>`;
  return section(
    'What changes',
    html`<ul>
        ${items}
      </ul>
      ${items.length > 1 ? caption : nothing}`,
  );
}

function bounds({ bounds: words, roofs }: Result): Markup {
  return new Markup(list(words).text + (roofs === undefined ? '' : roofline(roofs).text));
}

/** As an image: what is drawn in one can neither run nor load anything. */
function roofline({ device, picture, kernels }: Roofs): Markup {
  const source = `data:image/svg+xml;base64,${Buffer.from(picture).toString('base64')}`;
  const told = kernels.join(', ');
  return html`<figure>
    <img class="roofs" src="${source}" alt="Operations per second over intensity: ${told}" />
    <figcaption class="quiet">
      Roofs of ${device}. A disc is a kernel after the edit, a dashed ring one before it, by its
      operations a byte.
      ${
        kernels.length < 2
          ? nothing
          : html`<ol>
              ${kernels.map((kernel) => html`<li><code>${kernel}</code></li>`)}
            </ol>`
      }
    </figcaption>
  </figure>`;
}

function tried({ attempts, energy }: Result): Markup {
  const again =
    energy === undefined
      ? nothing
      : html`<p class="quiet">
          The best was measured once more after the choice, which favours lucky ones: that figure
          stands above.
        </p>`;
  return attempts.length === 0 ? nothing : html`${again}${attemptList(attempts)}`;
}

function costs({ cost, energy, model }: Result): Markup {
  const spent = (
    [
      ['building', cost.build],
      ['verifying', cost.run],
      ['measuring', cost.measure],
      ['waiting for models', cost.model],
    ] as const
  ).filter(([, seconds]) => seconds !== undefined && seconds >= 0.5);
  const parts = spent.map(([what, seconds]) => `${what} ${duration(seconds ?? 0)}`).join(', ');
  const items: string[] = [];
  if (cost.wall !== undefined)
    items.push(`${duration(cost.wall)} of wall time${parts === '' ? '' : ` (${parts})`}`);
  if (cost.answers > 0) items.push(`${cost.answers} answers of a model, ${cost.tokens} tokens`);
  if (cost.money !== undefined) items.push(`${cost.money} for the model at the configured prices`);
  if (cost.reused > 0) items.push(`${cost.reused} results taken from the run that was resumed`);
  if (cost.energy !== undefined) {
    const kind = energy === undefined ? '' : ` (${energy.modelled ? 'modelled' : 'measured'})`;
    const others = model === '' ? '' : ', without the model’s own';
    items.push(`${quantity(cost.energy, 'J')} of this machine${kind}${others}`);
  }
  const runs = energy && payback(cost.energy, energy);
  if (runs !== undefined)
    items.push(`Paid back after ${runs} run${runs === 1 ? '' : 's'} of the new program`);
  return list(items);
}

function howRun({ command, runner, model }: Result, folder: string): Markup {
  const { build, run, args } = command;
  const items = [
    build === '' ? nothing : html`<li>Built by <code>${build}</code></li>`,
    run === '' ? nothing : html`<li>Run by <code>${run}</code></li>`,
    args === '' ? nothing : html`<li>With the arguments <code>${args}</code></li>`,
    model === '' ? nothing : html`<li>Candidates also from the model ${model}</li>`,
    runner.name === ''
      ? nothing
      : html`<li>Under the runner ${runner.name}${guarantees(runner.guarantees)}</li>`,
    html`<li>Kept in <code>${folder}</code></li>`,
  ];
  return html`<ul>
    ${items}
  </ul>`;
}

function guarantees(lines: readonly string[]): Markup {
  if (lines.length === 0) return nothing;
  return html`<details>
    <summary>What the programs could not do</summary>
    ${list(lines)}
  </details>`;
}

function eventLog(events: readonly LogEvent[]): Markup {
  if (events.length === 0) return nothing;
  const items = events.map(
    ({ time, sentence }) =>
      html`<li><time datetime="${time}">${time.slice(11, 19)}</time><span>${sentence}</span></li>`,
  );
  return html`<details>
    <summary>${events.length} events, times in UTC</summary>
    <ol class="log">
      ${items}
    </ol>
  </details>`;
}

function list(lines: readonly string[]): Markup {
  return lines.length === 0
    ? nothing
    : html`<ul>
        ${lines.map((line) => html`<li>${line}</li>`)}
      </ul>`;
}
