/** Reads JSON of any shape: records are files, and files get edited, cut off and out of date. */
export class Fields {
  private constructor(private readonly value: Readonly<Record<string, unknown>>) {}

  static of(value: unknown): Fields {
    const object = typeof value === 'object' && value !== null && !Array.isArray(value);
    return new Fields(object ? (value as Record<string, unknown>) : {});
  }

  text(key: string): string {
    const value = this.value[key];
    return typeof value === 'string' ? value : '';
  }

  /** A finite number; JSON that is not Python's has no other. */
  number(key: string): number | undefined {
    const value = this.value[key];
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
  }

  flag(key: string): boolean {
    return this.value[key] === true;
  }

  at(key: string): Fields {
    return Fields.of(this.value[key]);
  }

  has(key: string): boolean {
    const value = this.value[key];
    return value !== undefined && value !== null;
  }

  list(key: string): readonly Fields[] {
    return this.items(key).map((item) => Fields.of(item));
  }

  texts(key: string): readonly string[] {
    return this.items(key).filter((item): item is string => typeof item === 'string');
  }

  numbers(key: string): readonly number[] {
    return this.items(key).filter((item): item is number => typeof item === 'number');
  }

  private items(key: string): readonly unknown[] {
    const value = this.value[key];
    return Array.isArray(value) ? value : [];
  }
}
