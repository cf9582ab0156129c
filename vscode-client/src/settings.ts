export const section = 'jouleline';

export interface Settings {
  readonly gpu: string;
  readonly arguments: string;
  readonly target: string;
  readonly outlive: string;
  readonly inlayHints: boolean;
  readonly codeLens: boolean;
  readonly compiledEvidence: boolean;
  readonly diagnostics: boolean;
  readonly hoverPicture: string;
  readonly python: string;
  readonly serverArguments: readonly string[];
}

/** What of a workspace configuration is read; `WorkspaceConfiguration` fits. */
export interface Configuration {
  get(key: string): unknown;
}

/** Settings of any shape can be typed into settings.json, so each is checked before use. */
export function readSettings(configuration: Configuration): Settings {
  const text = (key: string): string => {
    const value = configuration.get(key);
    return typeof value === 'string' ? value.trim() : '';
  };
  const flag = (key: string): boolean => configuration.get(key) !== false;
  const list = configuration.get('server.arguments');
  return {
    gpu: text('gpu'),
    arguments: text('arguments'),
    target: text('target'),
    outlive: text('outlive') || 'targets',
    inlayHints: flag('inlayHints.enable'),
    codeLens: flag('codeLens.enable'),
    compiledEvidence: flag('compiledEvidence.enable'),
    diagnostics: flag('diagnostics.enable'),
    hoverPicture: text('hover.picture') || 'auto',
    python: text('python'),
    serverArguments: Array.isArray(list)
      ? list.filter((item): item is string => typeof item === 'string')
      : [],
  };
}

export interface InitializationOptions {
  readonly gpu: string;
  readonly arguments: string;
  readonly target: string;
  readonly outlive: string;
  readonly inlayHints: { readonly enable: boolean };
  readonly codeLens: { readonly enable: boolean };
  readonly compiledEvidence: { readonly enable: boolean };
  readonly diagnostics: { readonly enable: boolean };
  readonly hover: { readonly picture: string };
}

export function initializationOptions(settings: Settings): InitializationOptions {
  return {
    gpu: settings.gpu,
    arguments: settings.arguments,
    target: settings.target,
    outlive: settings.outlive,
    inlayHints: { enable: settings.inlayHints },
    codeLens: { enable: settings.codeLens },
    compiledEvidence: { enable: settings.compiledEvidence },
    diagnostics: { enable: settings.diagnostics },
    hover: { picture: settings.hoverPicture },
  };
}
