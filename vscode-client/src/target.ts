/** The answer of the server's command `jouleline.targets`. */
export interface Targets {
  readonly current: string;
  /** The user's own file, which describes them. */
  readonly file: string;
  readonly targets: readonly Target[];
}

export interface Target {
  readonly name: string;
  readonly runner: string;
  readonly host: string;
  /** What is wrong with its description; empty if nothing is. */
  readonly problem: string;
}

export interface TargetChoice {
  readonly label: string;
  readonly description: string;
  readonly detail?: string;
  /** The name to choose; undefined for the row that opens the file. */
  readonly target?: string;
}

/** This machine, the user's targets, and the way to describe another; the current one comes first. */
export function targetChoices({ current, file, targets }: Targets): TargetChoice[] {
  const mark = (name: string, label: string): string =>
    name === current ? `$(check) ${label}` : label;
  const places: TargetChoice[] = [
    { label: mark('', 'Here'), description: 'this machine', target: '' },
    ...targets.map(({ name, runner, host, problem }) => ({
      label: problem === '' ? mark(name, name) : `$(warning) ${name}`,
      description: [runner, host].filter((part) => part !== '').join(' · '),
      ...(problem === '' ? {} : { detail: problem }),
      target: name,
    })),
  ];
  const isCurrent = ({ target }: TargetChoice): number => (target === current ? 1 : 0);
  places.sort((a, b) => isCurrent(b) - isCurrent(a));
  return [...places, { label: '$(edit) Describe Targets…', description: file }];
}
