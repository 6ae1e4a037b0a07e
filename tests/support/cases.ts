// Small inputs that follow public bug reports, in tests/fixtures/cases: a folder each, with what is right in expected.json.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GPT2 } from '../../src/engine/gpt2.ts';

/** What is right of a case: `logits` of the last position, from a GPT-2 in float64. */
export interface ExpectedCase {
  readonly ids: readonly number[];
  readonly logits?: readonly number[];
  readonly nHead?: number;
}

/** A case's folder on disk. */
function casePath(name: string): string {
  return fileURLToPath(new URL(`../fixtures/cases/${name}`, import.meta.url));
}

export function expectedOf(name: string): ExpectedCase {
  return JSON.parse(readFileSync(`${casePath(name)}/expected.json`, 'utf8')) as ExpectedCase;
}

/** The files of a case by name, without what is expected of them. */
export function caseFiles(name: string): Record<string, Uint8Array<ArrayBuffer>> {
  const names = readdirSync(casePath(name)).filter((file) => file !== 'expected.json');
  return Object.fromEntries(
    names.map((file) => [file, new Uint8Array(readFileSync(`${casePath(name)}/${file}`))]),
  );
}

/** The largest difference of a logit of the last position; Infinity where one is no number. */
export async function logitError(model: GPT2, { ids, logits = [] }: ExpectedCase): Promise<number> {
  const { logits: found } = await model.forward(ids);
  const width = found.dims.at(-1) ?? 0;
  const last = found.data.subarray((ids.length - 1) * width);
  return logits.reduce((most, expected, i) => {
    const difference = Math.abs(last[i] - expected);
    return Number.isNaN(difference) ? Infinity : Math.max(most, difference);
  }, 0);
}

/** Loads a case's folder on the processor, in float32. */
export async function loadCase(
  name: string,
  options: Parameters<typeof GPT2.from_pretrained>[1] = {},
): Promise<GPT2> {
  return GPT2.from_pretrained(casePath(name), {
    device: 'cpu',
    dtype: 'fp32',
    // Plain loops start at once.
    processor: { wasm: 'none' },
    ...options,
  });
}

/** What `save_pretrained` writes, as a browser hands dropped files over. */
export async function savedFiles(model: GPT2): Promise<File[]> {
  const saved = await model.save_pretrained();
  const files: File[] = [];
  for (const { name, chunks } of saved.files) {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const part of chunks()) parts.push(part);
    files.push(new File(parts, name));
  }
  await saved.dispose();
  return files;
}
