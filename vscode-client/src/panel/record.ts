import { Fields } from './fields';

/** A figure with its 95% interval, where there is one. */
export interface Estimate {
  readonly value: number;
  readonly interval?: readonly [number, number];
}

/** What one program took a run, in J, s, W and J s. */
export interface Summary {
  readonly energy: Estimate;
  readonly netEnergy?: Estimate;
  readonly time: Estimate;
  readonly power: Estimate;
  readonly energyDelay: Estimate;
}

/** A document `jouleline/comparison/1`, without its windows. */
export interface Comparison {
  readonly verdict: string;
  readonly reason: string;
  readonly modelled: boolean;
  readonly meter: { readonly name: string; readonly device: string; readonly note: string };
  readonly blocks: number;
  readonly warnings: readonly string[];
  readonly baseline: Summary;
  readonly candidate: Summary;
  /** Candidate by baseline. */
  readonly ratios: {
    readonly energy: Estimate;
    readonly netEnergy?: Estimate;
    readonly time: Estimate;
    readonly power: Estimate;
    readonly energyDelay: Estimate;
  };
}

export interface Gate {
  readonly name: string;
  readonly passed: boolean;
  readonly warning: boolean;
  readonly reason: string;
  readonly detail: string;
}

export interface Attempt {
  readonly title: string;
  readonly name: string;
  readonly proposer: string;
  readonly round: number;
  readonly correction: number;
  readonly accepted: boolean;
  readonly gates: readonly Gate[];
  readonly energy?: Comparison;
  readonly problem: string;
}

/** What the search took: seconds of wall time, tokens, money at the configured prices, J. */
export interface Cost {
  readonly wall?: number;
  readonly build?: number;
  readonly run?: number;
  readonly measure?: number;
  readonly model?: number;
  readonly answers: number;
  readonly tokens: number;
  readonly money?: number;
  readonly energy?: number;
  readonly reused: number;
}

export interface Rewrite {
  readonly line?: number;
  readonly title: string;
  readonly rationale: string;
  readonly rounding: boolean;
}

/** The kernels before and after under the roofs of the device that bounds are for. */
export interface Roofs {
  readonly device: string;
  /** An SVG that the server drew; its numbers are those of the kernels. */
  readonly picture: string;
  readonly kernels: readonly string[];
}

/** What the panel shows of a document `jouleline/refactor/1`. */
export interface Result {
  readonly program: string;
  readonly command: { readonly build: string; readonly run: string; readonly args: string };
  readonly runner: { readonly name: string; readonly guarantees: readonly string[] };
  readonly notes: readonly string[];
  readonly model: string;
  readonly improved: boolean;
  readonly headline: string;
  readonly rewrites: readonly Rewrite[];
  readonly energy?: Comparison;
  readonly patch: string;
  readonly attempts: readonly Attempt[];
  readonly bounds: readonly string[];
  readonly roofs?: Roofs;
  readonly cost: Cost;
}

export class RecordError extends Error {}

/** @throws RecordError with a sentence for the user, if the text is no result of a run. */
export function parseResult(text: string): Result {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new RecordError('the result of this run is damaged: it is no JSON.');
  }
  const fields = Fields.of(document);
  const schema = fields.text('schema');
  if (schema !== 'jouleline/refactor/1') {
    throw new RecordError(
      `the result of this run has the schema "${schema}", and this extension reads ` +
        '"jouleline/refactor/1" only. Update the extension.',
    );
  }
  const workload = fields.at('workload');
  const energy = comparison(fields, 'energy');
  const roofs = drawn(fields.at('roofs'));
  return {
    program: fields.text('program'),
    command: {
      build: workload.text('build'),
      run: workload.text('run'),
      args: workload.text('args'),
    },
    runner: {
      name: fields.at('runner').text('name'),
      guarantees: fields.at('runner').texts('guarantees'),
    },
    notes: fields.texts('notes'),
    model: fields.text('model'),
    improved: fields.flag('improved'),
    headline: fields.text('headline'),
    rewrites: fields.at('candidate').list('rewrites').map(rewrite),
    ...(energy && { energy }),
    patch: fields.text('patch'),
    attempts: fields.list('attempts').map(attempt),
    bounds: fields.texts('bounds'),
    ...(roofs && { roofs }),
    cost: cost(fields.at('cost')),
  };
}

function drawn(fields: Fields): Roofs | undefined {
  const picture = fields.text('picture');
  if (picture === '') return undefined;
  const kernels = fields
    .list('after')
    .map((kernel) => kernel.text('display') || kernel.text('name'));
  return { device: fields.at('device').text('name'), picture, kernels };
}

function rewrite(fields: Fields): Rewrite {
  const line = fields.number('line');
  return {
    ...(line !== undefined && { line }),
    title: fields.text('title'),
    rationale: fields.text('rationale'),
    rounding: fields.flag('rounding'),
  };
}

function attempt(fields: Fields): Attempt {
  const energy = comparison(fields, 'energy');
  return {
    title: fields.at('candidate').text('title'),
    name: fields.at('candidate').text('name'),
    proposer: fields.text('proposer'),
    round: fields.number('round') ?? 0,
    correction: fields.number('correction') ?? 0,
    accepted: fields.flag('accepted'),
    gates: fields.list('gates').map((gate) => ({
      name: gate.text('name'),
      passed: gate.flag('passed'),
      warning: gate.flag('warning'),
      reason: gate.text('reason'),
      detail: gate.text('detail'),
    })),
    ...(energy && { energy }),
    problem: fields.text('problem'),
  };
}

function cost(fields: Fields): Cost {
  const optional = { money: fields.number('money'), energy: fields.number('energy_j') };
  const seconds = {
    wall: fields.number('wall_s'),
    build: fields.number('build_s'),
    run: fields.number('run_s'),
    measure: fields.number('measure_s'),
    model: fields.number('model_s'),
  };
  return {
    ...present({ ...seconds, ...optional }),
    answers: fields.number('answers') ?? 0,
    tokens: (fields.number('tokens_in') ?? 0) + (fields.number('tokens_out') ?? 0),
    reused: fields.number('reused') ?? 0,
  };
}

function comparison(parent: Fields, key: string): Comparison | undefined {
  const fields = parent.at(key);
  const [baseline, candidate] = [summary(fields.at('baseline')), summary(fields.at('candidate'))];
  const ratio = (name: string): Estimate | undefined => estimate(fields.at(name));
  const [energy, time] = [ratio('energy_ratio'), ratio('time_ratio')];
  const [power, energyDelay] = [ratio('power_ratio'), ratio('energy_delay_ratio')];
  const whole = baseline && candidate && energy && time && power && energyDelay;
  if (!whole) return undefined;
  const netEnergy = ratio('net_energy_ratio');
  const meter = fields.at('meter');
  return {
    verdict: fields.text('verdict'),
    reason: fields.text('reason'),
    modelled: fields.flag('modelled'),
    meter: { name: meter.text('name'), device: meter.text('device'), note: meter.text('note') },
    blocks: fields.list('blocks').length,
    warnings: fields.texts('warnings'),
    baseline,
    candidate,
    ratios: { energy, time, power, energyDelay, ...(netEnergy && { netEnergy }) },
  };
}

function summary(fields: Fields): Summary | undefined {
  const energy = estimate(fields.at('energy'), '_j');
  const time = estimate(fields.at('seconds'));
  const power = estimate(fields.at('watts'));
  const energyDelay = estimate(fields.at('joule_seconds'));
  if (!energy || !time || !power || !energyDelay) return undefined;
  const netEnergy = estimate(fields.at('net_energy'), '_j');
  return { energy, time, power, energyDelay, ...(netEnergy && { netEnergy }) };
}

function estimate(fields: Fields, unit = ''): Estimate | undefined {
  const value = fields.number(`value${unit}`);
  if (value === undefined) return undefined;
  const [low, high] = fields.numbers(`interval${unit}`);
  return low === undefined || high === undefined ? { value } : { value, interval: [low, high] };
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function present<T extends object>(values: T): Present<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Present<T>;
}
