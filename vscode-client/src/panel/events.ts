import { Fields } from './fields';

export interface LogEvent {
  /** ISO 8601, UTC; empty where it is missing. */
  readonly time: string;
  readonly kind: string;
  readonly sentence: string;
}

/** The events of a log in order. A line that was cut off when the run was killed is left out. */
export function parseEvents(text: string): LogEvent[] {
  return text
    .split('\n')
    .map((line) => event(line))
    .filter((found) => found !== undefined);
}

function event(line: string): LogEvent | undefined {
  if (line.trim() === '') return undefined;
  let fields: Fields;
  try {
    fields = Fields.of(JSON.parse(line));
  } catch {
    return undefined;
  }
  const kind = fields.text('kind');
  if (kind === '') return undefined;
  return { time: fields.text('time'), kind, sentence: sentence(kind, fields) };
}

/** Prompts and answers stay in the file: they are long, and `jouleline show --events` has them. */
function sentence(kind: string, fields: Fields): string {
  switch (kind) {
    case 'start':
      return `The run of ${fields.text('program')} began`;
    case 'answer': {
      const model = fields.at('result').at('answer').text('model');
      return model === '' ? 'A model answered' : `The model ${model} answered`;
    }
    case 'no answer':
      return `No answer from ${fields.text('proposer')}: ${fields.text('problem')}`;
    case 'verdict': {
      const failed = fields.list('result').find((gate) => !gate.flag('passed'));
      return failed === undefined
        ? 'A candidate passed every gate'
        : `A candidate was refused at the gate ${failed.text('name')}: ${failed.text('reason')}`;
    }
    case 'attempt': {
      const judged = fields.flag('accepted') ? 'accepted' : 'refused';
      return `“${fields.text('title')}” by ${fields.text('proposer')} was ${judged}`;
    }
    case 'measurement': {
      const file = fields.text('result');
      return file === '' ? 'A comparison was measured' : `Measured; the windows are in ${file}`;
    }
    case 'end':
      return fields.text('headline');
    default:
      return fields.text('message') || fields.text('problem') || kind;
  }
}
