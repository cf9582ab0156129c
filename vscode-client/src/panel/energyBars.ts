import { quantity } from './figures';
import { html, nothing, type Markup } from './markup';
import type { Comparison, Estimate } from './record';

interface Bar {
  readonly label: string;
  readonly kind: 'baseline' | 'candidate';
  readonly energy: Estimate;
}

const width = 480;
const labels = 84;
const right = 32;
const row = 40;
const thickness = 18;

/** Both programs' energy a run as bars from zero, each with its 95% interval as a whisker. */
export function energyBars(comparison: Comparison): Markup {
  const bars: readonly Bar[] = [
    { label: 'before', kind: 'baseline', energy: comparison.baseline.energy },
    { label: 'after', kind: 'candidate', energy: comparison.candidate.energy },
  ];
  const most = Math.max(...bars.map(({ energy }) => energy.interval?.[1] ?? energy.value));
  if (!(most > 0)) return nothing;
  const step = tick(most);
  const end = Math.ceil(most / step) * step;
  const x = (joules: number): number =>
    round(labels + (Math.max(0, joules) / end) * (width - labels - right));
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step);
  const height = bars.length * row + 24;
  const told = bars
    .map(({ label, energy }) => `${label} ${quantity(energy.value, 'J')}`)
    .join(', ');
  return html`<svg
    class="bars"
    viewBox="0 0 ${width} ${height}"
    role="img"
    aria-label="Energy a run: ${told}"
  >
    ${ticks.map(
      (joules) =>
        html`<line
            class="grid"
            x1="${x(joules)}"
            x2="${x(joules)}"
            y1="0"
            y2="${bars.length * row}"
          /><text class="tick" x="${x(joules)}" y="${height - 6}" text-anchor="middle"
            >${quantity(joules, 'J')}</text
          >`,
    )}
    ${bars.map((bar, index) => barRow(bar, index * row + row / 2, x))}
  </svg>`;
}

function barRow({ label, kind, energy }: Bar, y: number, x: (joules: number) => number): Markup {
  const [from, to] = [x(0), x(energy.value)];
  return html`<text class="name" x="0" y="${y + 4}">${label}</text>
    <rect
      class="${kind}"
      x="${from}"
      y="${y - thickness / 2}"
      width="${round(to - from)}"
      height="${thickness}"
      rx="2"
    />
    ${energy.interval === undefined ? nothing : whisker(x(energy.interval[0]), x(energy.interval[1]), y)}`;
}

/** With the ground's colour around it, so that it is seen on a bar of any colour. */
function whisker(low: number, high: number, y: number): Markup {
  const cap = 5;
  const path = `M${low} ${y - cap}V${y + cap}M${low} ${y}H${high}M${high} ${y - cap}V${y + cap}`;
  return html`<path class="halo" d="${path}" /><path class="whisker" d="${path}" />`;
}

/** 1, 2 or 5 times a power of ten, so that there are two to five steps. */
function tick(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most / 4));
  const factor = [1, 2, 5, 10].find((one) => most / (one * power) <= 5) ?? 10;
  return factor * power;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
