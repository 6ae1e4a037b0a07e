// Which tensors of a base model an adapter changes, and by what: everything is checked by names and shapes before a
// number is read, and nothing of the adapter is left over.
import { EngineError } from '../../errors.ts';
import type { TensorSource } from '../../formats/tensorSource.ts';
import type { ConfigFile } from '../configFile.ts';
import { type Layout, isTied } from '../layouts.ts';
import type { Checkpoint } from '../openCheckpoint.ts';
import { type AdapterConfig, scaleOf } from './adapterConfig.ts';
import { AdapterNames } from './adapterNames.ts';

/** B·A of one module, by the names of its factors in the adapter. */
export interface PlannedProduct {
  readonly a: string;
  readonly b: string;
  readonly rank: number;
  readonly scale: number;
  readonly isInputFirst: boolean;
}

/** What becomes of one tensor of the base. */
export interface Change {
  /** Tensor of the adapter that takes its place. */
  whole: string | null;
  readonly products: PlannedProduct[];
  /** Vectors that are added, each with its scale. */
  readonly added: { readonly name: string; readonly scale: number }[];
}

export interface AdapterPlan {
  /** By the base's names, in the order in which the adapter has them. */
  readonly changes: ReadonlyMap<string, Change>;
  /** As config.json, where the adapter changes what it says. */
  readonly file: ConfigFile;
  /** The base's embedding is its head alone: the adapter trained an embedding of its own. */
  readonly headIsOldEmbedding: boolean;
  /** Ranks, each once, in ascending order; and the α of all modules that have a product. */
  readonly ranks: readonly number[];
  readonly alphas: readonly number[];
  /** How many matrices get a product. */
  readonly matrices: number;
  readonly notes: readonly string[];
}

/** No adapter of a GPT-2 has more. */
const MOST_TENSORS = 20_000;
/** Values that all factors together may have: they are held while the base comes. */
const MOST_FACTOR_VALUES = 2 ** 28;

/**
 * Plans the merge of an adapter's tensors (by their plain names) into a base. Throws `adapter/…` naming tensors, what
 * was expected, and what came.
 */
export function planAdapter(
  adapter: TensorSource,
  { source: base, layout }: Checkpoint,
  file: ConfigFile,
  config: AdapterConfig,
): AdapterPlan {
  const { shapes } = adapter;
  if (shapes.size > MOST_TENSORS) throw wrong(`It holds ${shapes.size} tensors.`);
  const find = finder(base.shapes.keys());
  const [wte] = layout.namesOf('wte.weight');
  const [head] = layout.namesOf('lmHead.weight');
  const tied = isTied(layout, base.shapes, file);
  const isHead = (module: string): boolean => /(?:^|\.)(?:lm_head|head|out_head)$/.test(module);

  const names = new AdapterNames();
  const changes = new Map<string, Change>();
  const changeOf = (name: string): Change => {
    const change = changes.get(name) ?? { whole: null, products: [], added: [] };
    changes.set(name, change);
    return change;
  };
  const factors = new Map<string, { a?: string; b?: string; isTable: boolean }>();
  const trained = new Set<string>();
  const unused: string[] = [];
  const biases: [module: string, name: string][] = [];
  let ownHead: string | null = null;
  let headCopy: string | null = null;

  /** The base's tensor of a module, or the one that a tied head is. Throws `adapter/module`. */
  const target = (module: string, leaf: string, name: string): string => {
    const found = find(`${module}.${leaf}`, name);
    if (found !== null && !(tied && found === head)) return found;
    if (tied && leaf === 'weight' && isHead(module)) return wte;
    throw new EngineError(`The adapter has ${name}, but the base model has no ${module}.${leaf}.`, {
      code: 'adapter/module',
      hint: `It was trained on another model${config.base === null ? '' : `, ${config.base}`}: load it with that one.`,
    });
  };

  for (const [name, shape] of shapes) {
    const type = adapter.unreadable?.get(name);
    if (type !== undefined)
      throw wrong(`${name} is stored as ${type}; expected F32, F16, BF16 or F64.`);
    const tensor = names.read(name);
    if (tensor.kind === 'original') continue;
    if (tensor.kind === 'factor') {
      const { module, factor, isTable } = tensor;
      const pair = factors.get(module) ?? { isTable };
      const key = factor === 'A' ? 'a' : 'b';
      if (pair[key] !== undefined || pair.isTable !== isTable) {
        throw wrong(`It holds ${name} and ${pair[key] ?? pair.a ?? pair.b}: two for ${module}.`);
      }
      factors.set(module, { ...pair, [key]: name });
    } else if (tensor.kind === 'bias') {
      biases.push([tensor.module, name]);
    } else {
      const { module, leaf } = tensor;
      if (isOtherHead(module)) {
        unused.push(name);
        continue;
      }
      const isTrained =
        tensor.isTrained || config.modulesToSave.some((end) => endsWith(module, end));
      // A copy of the tied matrix under the head's name is the embedding once more, unless it was trained by itself.
      if (tied && isHead(module) && leaf === 'weight') {
        if (isTrained && !config.keepsTying) ownHead = name;
        else headCopy = name;
        continue;
      }
      const place = target(module, leaf, name);
      const expected = base.shapes.get(place) ?? [];
      // Rows may have been added to a vocabulary.
      if (place !== wte && place !== head) checkShape(name, shape, expected);
      else if (shape.length !== 2 || shape[1] !== expected[1]) checkShape(name, shape, expected);
      const change = changeOf(place);
      if (change.whole !== null)
        throw wrong(`It holds ${change.whole} and ${name}: two for ${place}.`);
      change.whole = name;
      if (isTrained) trained.add(place);
    }
  }

  const headIsOldEmbedding = tied && ownHead === null && trained.has(wte) && !config.keepsTying;
  const untied = ownHead !== null || headIsOldEmbedding;
  if (ownHead !== null) changeOf(head).whole = ownHead;
  if (headCopy !== null && !changes.get(wte)?.whole) changeOf(wte).whole = headCopy;

  const ranks = new Set<number>();
  const alphas = new Set<number>();
  let values = 0;
  for (const [module, { a, b, isTable }] of factors) {
    if (a === undefined || b === undefined) {
      throw wrong(`It holds ${a ?? b} without its other half, ${a === undefined ? 'A' : 'B'}.`);
    }
    const place = untied && isHead(module) ? head : target(module, 'weight', a);
    const whole = changes.get(place)?.whole;
    const stored =
      (whole ? shapes.get(whole) : base.shapes.get(place)) ?? base.shapes.get(wte) ?? [];
    const rank = rankOf(config, module, shapes, a);
    const isInputFirst = isTable || (isHead(module) ? false : isStoredInputFirst(layout, place));
    const [rows, columns] = stored;
    const [inputs, outputs] = isInputFirst ? [rows, columns] : [columns, rows];
    if (stored.length !== 2) throw wrong(`${a} is of ${place}, which is no matrix.`);
    checkShape(a, shapes.get(a) ?? [], [rank, inputs]);
    checkShape(b, shapes.get(b) ?? [], [outputs, rank]);
    values += rank * (inputs + outputs);
    if (values > MOST_FACTOR_VALUES) throw wrong('Its factors take more than a gigabyte.');
    changeOf(place).products.push({
      a,
      b,
      rank,
      scale: scaleOf(config, module, rank),
      isInputFirst,
    });
    ranks.add(rank);
    alphas.add(config.alphaOf(module));
  }
  for (const [module, name] of biases) {
    const bias = target(module, 'bias', name);
    checkShape(name, shapes.get(name) ?? [], base.shapes.get(bias) ?? []);
    const rank = rankOf(config, module, shapes, factors.get(module)?.a ?? name);
    changeOf(bias).added.push({ name, scale: scaleOf(config, module, rank) });
  }
  if (changes.size === 0) throw wrong('It holds nothing that changes the model.');

  const notes = [...config.notes];
  if (unused.length > 0) {
    notes.push(`The adapter holds ${listed(unused)}, a head for another task: not used.`);
  }
  const isShared = [...factors.keys()].some(
    (module) => isHead(module) || endsWith(`${module}.weight`, wte),
  );
  if (tied && !untied && isShared) {
    notes.push(
      'The adapter changes the token embedding or the head, which are one matrix in the base model: both are changed, as merge_and_unload in PEFT does.',
    );
  }
  if (headIsOldEmbedding) {
    notes.push(
      'The adapter has a token embedding of its own; the head stays the base model’s, as it was in training.',
    );
  }
  const rowsOfWte = changes.get(wte)?.whole;
  const vocabSize = rowsOfWte ? shapes.get(rowsOfWte)?.[0] : file.vocabSize;
  return {
    changes,
    file: { ...file, vocabSize, ...(untied ? { tiedHead: false } : {}) },
    headIsOldEmbedding,
    ranks: [...ranks].toSorted((x, y) => x - y),
    alphas: [...alphas].toSorted((x, y) => x - y),
    matrices: factors.size,
    notes,
  };
}

/** Finds the base's tensor that a name means: whole, or one of the two names is the end of the other. */
function finder(names: Iterable<string>): (name: string, stored: string) => string | null {
  const all = new Set(names);
  const byEnd = new Map<string, string[]>();
  for (const name of all) {
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const end = name.slice(dot + 1);
      byEnd.set(end, [...(byEnd.get(end) ?? []), name]);
    }
  }
  return (name, stored) => {
    if (all.has(name)) return name;
    const longer = byEnd.get(name) ?? [];
    if (longer.length > 1) {
      throw wrong(`${stored} may mean ${longer.slice(0, 3).join(' or ')} of the base model.`);
    }
    if (longer.length === 1) return longer[0];
    // `transformer.h.0…` of a base that is stored as `h.0…`; a last part alone says too little.
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const end = name.slice(dot + 1);
      if (end.includes('.') && all.has(end)) return end;
    }
    return null;
  };
}

/** The rank of a module: as its factor A has it, and as the file says, if it does. Throws `adapter/shape`. */
function rankOf(
  config: AdapterConfig,
  module: string,
  shapes: TensorSource['shapes'],
  a: string,
): number {
  const told = config.rankOf(module);
  const found = shapes.get(a)?.[0];
  const rank = told ?? found;
  if (rank === undefined || rank < 1) throw wrong(`Nothing says which rank ${module} has.`);
  if (found !== undefined && found !== rank) {
    throw new EngineError(
      `${a} has ${found} rows; adapter_config.json says that ${module} has rank ${rank}.`,
      { code: 'adapter/shape', hint: 'Take both files of the adapter from the same folder again.' },
    );
  }
  return rank;
}

function checkShape(name: string, found: readonly number[], expected: readonly number[]): void {
  if (found.length === expected.length && found.every((n, i) => n === expected[i])) return;
  throw new EngineError(
    `${name} is (${found.join(', ')}); the base model expects (${expected.join(', ')}).`,
    { code: 'adapter/shape', hint: 'The adapter was trained on a model of another shape.' },
  );
}

/** Whether the base stores a module's matrix (inputs, outputs): embeddings always, transformers' Conv1D too. */
function isStoredInputFirst(layout: Layout, name: string): boolean {
  const tables = [...layout.namesOf('wte.weight'), ...layout.namesOf('wpe.weight')];
  return (
    tables.includes(name) ||
    (layout.storesInputFirst && !layout.namesOf('lmHead.weight').includes(name))
  );
}

function isOtherHead(module: string): boolean {
  return /(?:^|\.)(?:score|classifier|qa_outputs|multiple_choice_head|v_head)(?:\.|$)/.test(module);
}

/** Whether one dotted name is the end of the other. */
function endsWith(name: string, end: string): boolean {
  return name === end || name.endsWith(`.${end}`) || end.endsWith(`.${name}`);
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

function wrong(problem: string): EngineError {
  return new EngineError(`The adapter cannot be merged. ${problem}`, {
    code: 'adapter/tensors',
    hint: 'Take the adapter from its own folder again, or merge it where it was made (merge_and_unload in PEFT).',
  });
}
