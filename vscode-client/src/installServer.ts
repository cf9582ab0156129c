import { ProgressLocation, window, type LogOutputChannel } from 'vscode';
import type { OwnServer } from './ownServer';
import { onPath, type Session } from './session';

/** Makes an environment for the server and starts it from there; only ever because the user asked. */
export async function installServer(
  own: OwnServer,
  session: Session,
  log: LogOutputChannel,
): Promise<void> {
  const ended = new AbortController();
  try {
    await window.withProgress(
      {
        location: ProgressLocation.Notification,
        title: 'Jouleline: installing the server into an environment of its own',
        cancellable: true,
      },
      async (_progress, token) => {
        token.onCancellationRequested(() => {
          ended.abort();
        });
        await own.install(onPath, ended.signal, (line) => {
          log.info(line);
        });
      },
    );
  } catch (reason) {
    if (ended.signal.aborted) return;
    throw reason;
  }
  await session.restart();
}
