import type { Comparison, Estimate } from './record';

const minus = '\u2212';

/** Three significant digits, with a prefix of the SI so that no zeros have to be counted. */
export function quantity(value: number, unit: string): string {
  if (value === 0) return `0 ${unit}`;
  const steps = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
    [1, ''],
    [1e-3, 'm'],
    [1e-6, 'µ'],
    [1e-9, 'n'],
  ] as const;
  const size = Math.abs(value);
  // Half a unit of the third digit below a thousand is written as the next prefix's one.
  const [scale, prefix] = steps.find(([step]) => size >= step * 0.9995) ?? [1e-9, 'n'];
  return `${significant(value / scale)} ${prefix}${unit}`;
}

/** An interval; a unit that both ends share is written once. */
export function range([low, high]: readonly [number, number], unit: string): string {
  const [from, to] = [quantity(low, unit), quantity(high, unit)];
  const [number, ...prefixed] = from.split(' ');
  const shared = prefixed.join(' ') === to.split(' ').slice(1).join(' ');
  return `${shared ? (number ?? from) : from} to ${to}`;
}

function significant(value: number): string {
  return Number(value.toPrecision(3)).toString().replace('-', minus);
}

/** A ratio as a change: 0.53 is −47%. As the server's report writes it. */
export function percent(ratio: number): string {
  const change = Math.round(1000 * (ratio - 1)) / 10;
  const sign = change < 0 ? minus : change > 0 ? '+' : '';
  return `${sign}${Math.abs(change)}%`;
}

export function change({ value, interval }: Estimate): string {
  if (interval === undefined) return percent(value);
  return `${percent(value)} (${percent(interval[0])} to ${percent(interval[1])})`;
}

export function provenance(comparison: Comparison): string {
  return `${comparison.modelled ? 'modelled' : 'measured'} by ${comparison.meter.name}`;
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${significant(seconds)} s`;
  const whole = Math.round(seconds);
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  if (minutes < 60) return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** After how many runs of the candidate the search has saved what it took; none if it never does. */
export function payback(search: number | undefined, comparison: Comparison): number | undefined {
  const saved = comparison.baseline.energy.value - comparison.candidate.energy.value;
  return search === undefined || saved <= 0 ? undefined : Math.ceil(search / saved);
}
