import { Fields } from './panel/fields';

/** The answer of the server's command `jouleline.refactor`. */
export interface RefactorAnswer {
  readonly improved: boolean;
  readonly headline?: string;
  /** The folder that keeps the run; none if it could not be made. */
  readonly record?: string;
}

export function recordOf(answer: unknown): string | undefined {
  const record = Fields.of(answer).text('record');
  return record === '' ? undefined : record;
}
