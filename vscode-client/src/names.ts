/** Names that package.json and the server also spell; tests hold package.json to them. */

export const languages = ['cuda-cpp', 'hip', 'cpp', 'c'] as const;

export const commands = {
  pickDevice: 'jouleline.pickDevice',
  pickTarget: 'jouleline.pickTarget',
  refactorFile: 'jouleline.refactorFile',
  showRuns: 'jouleline.showRuns',
  showWhatIf: 'jouleline.showWhatIf',
  showReport: 'jouleline.showReport',
  chooseProfile: 'jouleline.chooseProfile',
  installServer: 'jouleline.installServer',
  restart: 'jouleline.restart',
  showLog: 'jouleline.showLog',
} as const;

export type CommandId = (typeof commands)[keyof typeof commands];

/** The language client registers these as editor commands itself, so the extension must not. */
export const serverCommands = {
  refactor: 'jouleline.refactor',
  resume: 'jouleline.resume',
  selectDevice: 'jouleline.selectDevice',
  devices: 'jouleline.devices',
  selectTarget: 'jouleline.selectTarget',
  targets: 'jouleline.targets',
  whatIf: 'jouleline.whatIf',
  report: 'jouleline.report',
  importProfile: 'jouleline.importProfile',
} as const;

export type ServerCommandId = (typeof serverCommands)[keyof typeof serverCommands];
