import type {
  ProgressToken,
  WorkDoneProgressBegin,
  WorkDoneProgressEnd,
  WorkDoneProgressReport,
} from 'vscode-languageclient/node';

export type WorkDone = WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd;

export interface Reporter {
  report(step: { message?: string; increment?: number }): void;
}

/** Shows a notification with a Cancel button until `finished` settles. */
export type ShowNotification = (
  title: string,
  cancelled: () => void,
  task: (reporter: Reporter) => Promise<void>,
) => void;

interface Shown {
  readonly update: (value: WorkDoneProgressBegin | WorkDoneProgressReport) => void;
  readonly close: () => void;
}

/**
 * The language client shows progress that the server began in the status bar, where there is no
 * Cancel. Work that can be cancelled is shown here instead; the rest stays with the client.
 */
export class ProgressNotifications {
  private readonly shown = new Map<ProgressToken, Shown>();

  constructor(
    private readonly show: ShowNotification,
    private readonly cancel: (token: ProgressToken) => void,
  ) {}

  handle(token: ProgressToken, value: WorkDone, next: () => void): void {
    const open = this.shown.get(token);
    switch (value.kind) {
      case 'begin':
        if (value.cancellable !== true) next();
        else if (open === undefined) this.open(token, value);
        break;
      case 'report':
        if (open === undefined) next();
        else open.update(value);
        break;
      case 'end':
        this.shown.delete(token);
        open?.close();
        // The client keeps a listener for each token until it sees the end.
        next();
        break;
    }
  }

  /** A server that has gone ends nothing it began. */
  closeAll(): void {
    for (const open of this.shown.values()) open.close();
    this.shown.clear();
  }

  private open(token: ProgressToken, begin: WorkDoneProgressBegin): void {
    let close: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => {
      close = resolve;
    });
    let reporter: Reporter | undefined;
    let percentage = 0;
    // The editor may start the task later than the first reports arrive.
    let waiting: { message?: string; increment?: number } = {};
    const update = (value: WorkDoneProgressBegin | WorkDoneProgressReport): void => {
      const step: { message?: string; increment?: number } = {};
      if (value.message !== undefined) step.message = value.message;
      if (value.percentage !== undefined) {
        const reached = Math.min(100, Math.max(percentage, value.percentage));
        step.increment = reached - percentage;
        percentage = reached;
      }
      if (reporter === undefined) {
        waiting = { ...waiting, ...step };
        if (percentage > 0) waiting.increment = percentage;
      } else {
        reporter.report(step);
      }
    };
    this.shown.set(token, { update, close });
    update(begin);
    this.show(
      begin.title,
      () => {
        this.cancel(token);
      },
      (given) => {
        reporter = given;
        given.report(waiting);
        return closed;
      },
    );
  }
}
