// What tokenizer.json says, read carefully: anything may stand there.
import { EngineError } from '../../errors.ts';
import { isObject, show } from '../../json.ts';
import { Pattern } from '../pattern/pattern.ts';
import { STILL_IDS } from '../tokenizer.ts';

export type Spec = Readonly<Record<string, unknown>>;

export function unsupported(problem: string, file = 'tokenizer.json'): EngineError {
  return new EngineError(`${file}: ${problem}.`, {
    code: 'tokenizer/unsupported',
    hint: STILL_IDS,
  });
}

/** The parts of a `Sequence`, and of what is in it; a part alone; nothing. Throws `tokenizer/unsupported`. */
export function partsOf(value: unknown, key: string, depth = 0): Spec[] {
  if (value === null || value === undefined) return [];
  if (!isObject(value)) throw unsupported(`${show(value)} is no part of a tokenizer`);
  if (value.type !== 'Sequence') return [value];
  const parts = value[key];
  if (!Array.isArray(parts) || depth > 10) throw unsupported(`the sequence has no ${key}`);
  return parts.flatMap((part) => partsOf(part, key, depth + 1));
}

/** Null counts as nothing said. */
export function textOf(spec: Spec, key: string, otherwise?: string): string {
  const value = spec[key] ?? otherwise;
  if (typeof value === 'string') return value;
  throw unsupported(`${show(spec.type)} has the ${key} ${show(value)}`);
}

/** True or false; `named` is what an error calls the part, of which file. */
export function flagOf(
  spec: Spec,
  key: string,
  otherwise: boolean,
  { named = show(spec.type), file = 'tokenizer.json' } = {},
): boolean {
  const value = spec[key] ?? otherwise;
  if (typeof value === 'boolean') return value;
  throw unsupported(`${named} has the ${key} ${show(value)}; expected true or false`, file);
}

export function patternOf(spec: Spec): Pattern {
  const { pattern } = spec;
  if (typeof pattern === 'string') return Pattern.ofText(pattern);
  if (isObject(pattern) && typeof pattern.String === 'string')
    return Pattern.ofText(pattern.String);
  if (isObject(pattern) && typeof pattern.Regex === 'string') return new Pattern(pattern.Regex);
  throw unsupported(`${show(spec.type)} has the pattern ${show(pattern)}`);
}
