import { Fields } from './panel/fields';

/** A run of the loop that was kept, of a document `jouleline/history/1`. */
export interface PastRun {
  readonly folder: string;
  readonly program: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly ended: boolean;
  readonly underWay: boolean;
  readonly improved: boolean;
  readonly headline: string;
}

export interface RunChoice {
  readonly label: string;
  readonly description: string;
  readonly detail: string;
  readonly run: PastRun;
}

/** @throws Error with a sentence for the user, if the text is no history. */
export function parseHistory(text: string): PastRun[] {
  let fields: Fields;
  try {
    fields = Fields.of(JSON.parse(text));
  } catch {
    throw new Error('the list of past runs is no JSON; see the log for what the server said.');
  }
  if (fields.text('schema') !== 'jouleline/history/1') {
    throw new Error(
      `the list of past runs has the schema "${fields.text('schema')}", and this extension ` +
        'reads "jouleline/history/1" only. Update the extension and the package.',
    );
  }
  return fields.list('runs').map((run) => ({
    folder: run.text('folder'),
    program: run.text('program'),
    started: run.text('started'),
    ended: run.flag('ended'),
    underWay: run.flag('under_way'),
    improved: run.flag('improved'),
    headline: run.text('headline'),
  }));
}

/** In the order of the list, which has the newest first. Those of this workspace come before others. */
export function runChoices(runs: readonly PastRun[], folders: readonly string[]): RunChoice[] {
  const here = (run: PastRun): boolean => folders.some((folder) => within(run.program, folder));
  return [...runs.filter(here), ...runs.filter((run) => !here(run))].map((run) => ({
    label: `${icon(run)} ${programName(run)}`,
    description: run.started.slice(0, 16).replace('T', ' ') + ' UTC',
    detail: fate(run),
    run,
  }));
}

function within(path: string, folder: string): boolean {
  const [inner, outer] = [path, folder].map((one) => one.replaceAll('\\', '/').replace(/\/$/, ''));
  return inner === outer || inner?.startsWith(`${outer ?? ''}/`) === true;
}

/** The last part of its path. */
export function programName({ program }: PastRun): string {
  return (
    program
      .split(/[\\/]/)
      .filter((part) => part !== '')
      .at(-1) ?? program
  );
}

function fate({ ended, underWay, headline }: PastRun): string {
  if (ended) return headline;
  return underWay ? 'is under way' : 'did not end: choose it to go on with it';
}

function icon({ ended, underWay, improved }: PastRun): string {
  if (underWay) return '$(sync)';
  if (!ended) return '$(debug-pause)';
  return improved ? '$(arrow-down)' : '$(circle-slash)';
}
