import { commands } from './names';

/** Parameters of the server's notification `jouleline/status`. */
export interface ServerStatus {
  readonly device: string;
  readonly deviceName: string;
  /** Where refactorings run; empty for this machine. */
  readonly target: string;
  readonly state: 'ready' | 'working' | 'error';
  readonly message: string;
}

export const statusNotification = 'jouleline/status';
export const finishedNotification = 'jouleline/finished';

/** What the server last said, or why there is no server to say anything. */
export type Status =
  | { readonly kind: 'untrusted' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'stopped'; readonly message: string }
  | { readonly kind: 'server'; readonly server: ServerStatus };

export interface StatusView {
  readonly text: string;
  readonly tooltip: string;
  readonly command: string;
  readonly severity: 'none' | 'warning' | 'error';
  /** Shown even when the active editor holds none of our languages. */
  readonly always: boolean;
}

export function statusView(status: Status): StatusView {
  const quiet = { severity: 'none', always: false } as const;
  switch (status.kind) {
    case 'untrusted':
      return {
        ...quiet,
        text: '$(shield) Jouleline',
        tooltip: 'Jouleline starts when this workspace is trusted.',
        command: 'workbench.trust.manage',
      };
    case 'starting':
      return {
        ...quiet,
        text: '$(loading~spin) Jouleline',
        tooltip: 'The Jouleline server is starting.',
        command: commands.showLog,
      };
    case 'stopped':
      return {
        text: '$(error) Jouleline',
        tooltip: `${status.message}\nClick to start the server again.`,
        command: commands.restart,
        severity: 'error',
        always: false,
      };
    case 'server':
      return serverView(status.server);
  }
}

function serverView(server: ServerStatus): StatusView {
  const name = server.deviceName || server.device || 'Jouleline';
  const command = commands.pickDevice;
  const lines = [
    server.message,
    server.device === '' && server.deviceName === ''
      ? 'No GPU is chosen.'
      : `Bounds are for ${name}.`,
    'Click to choose a GPU.',
  ];
  const tooltip = lines.filter((line) => line !== '').join('\n');
  switch (server.state) {
    case 'ready':
      return {
        text: `$(circuit-board) ${name}`,
        tooltip,
        command,
        severity: 'none',
        always: false,
      };
    case 'working':
      // A refactoring goes on when the user turns to another file; so must its sign.
      return { text: `$(loading~spin) ${name}`, tooltip, command, severity: 'none', always: true };
    case 'error':
      return { text: `$(error) ${name}`, tooltip, command, severity: 'error', always: true };
  }
}

/** The item beside the GPU's: where refactorings run. Undefined while there is no server to say. */
export function targetView(status: Status): StatusView | undefined {
  if (status.kind !== 'server') return undefined;
  const { target } = status.server;
  return {
    text: target === '' ? '$(device-desktop) Here' : `$(vm) ${target}`,
    tooltip:
      (target === ''
        ? 'Refactorings build, run and measure on this machine.'
        : `Refactorings build, run and measure on the target ${target}.`) +
      '\nClick to choose where.',
    command: commands.pickTarget,
    severity: 'none',
    always: false,
  };
}
