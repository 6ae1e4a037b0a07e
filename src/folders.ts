// Of files that lie in several folders, those that are one model: the outermost folder with weights, and an adapter's
// beside it. For page and engine alike.
import { EngineError } from './errors.ts';

/** Of any format: the engine names those that it does not read. */
const WEIGHTS =
  /\.(?:safetensors|bin|pt|pth|ckpt|pkl|gguf|ggml|onnx|tflite|h5|hdf5|keras|msgpack|np[yz]|zip|tar|tgz)$/i;
const SAFETENSORS = /\.safetensors$/i;
const ADAPTER_CONFIG = 'adapter_config.json';
const ADAPTER_WEIGHTS = 'adapter_model.safetensors';
/** A tokenizer that was trained with an adapter goes before the base's. */
const OF_TOKENIZER = /^(?:tokenizer|vocab|merges|added_tokens|special_tokens)/;

export interface Placed {
  /** Path of the folder, '' for none. */
  readonly folder: string;
  readonly file: File;
}

/** Files as if they lay in one folder. */
export interface ChosenFolder {
  /** Path of the folder; of two, their names with a plus between. */
  readonly folder: string;
  readonly files: readonly File[];
}

/** Whether a file of this name holds weights. */
export function isWeightsName(name: string): boolean {
  return WEIGHTS.test(name);
}

/** The folder in which a file was chosen, as the browser tells it. */
export function folderOf(file: File): string {
  return (file.webkitRelativePath || file.name).split('/').slice(0, -1).join('/');
}

/** Whether the weights of a model are among them, not an adapter's alone. */
export function hasModel(placed: readonly Placed[]): boolean {
  return [...byFolder(placed).values()].some(isOfModel);
}

/**
 * The outermost folder that holds weights. An adapter in another folder, which does not lie inside it, belongs to it: its
 * files come along, under names that hide none but the tokenizer's. Throws `files/several` where several models, as the
 * checkpoints of one training, or several adapters lie side by side: which is meant cannot be known.
 */
export function chooseFolder(placed: readonly Placed[]): ChosenFolder {
  const folders = byFolder(placed);
  const withWeights = [...folders]
    .filter(([, files]) => files.some(({ name }) => WEIGHTS.test(name)))
    .toSorted(([a], [b]) => depth(a) - depth(b) || a.localeCompare(b, 'en', { numeric: true }));
  const model = onlyOne(
    'models',
    withWeights.filter(([, files]) => isOfModel(files)),
  );
  const adapters = withWeights.filter(
    ([folder, files]) =>
      isAdapter(files) && folder !== model?.[0] && !folder.startsWith(`${model?.[0]}/`),
  );
  const [folder, files] = model ??
    onlyOne('adapters', withWeights) ?? [placed[0]?.folder ?? '', []];
  const all = files.length > 0 ? files : (folders.get(folder) ?? []);
  const [adapter] = adapters;
  // The model's own folder may hold one already.
  if (model === undefined || adapter === undefined || isAdapter(all)) return { folder, files: all };
  const [place, own] = adapter;
  // What lies inside its folder are its own earlier checkpoints.
  const others = adapters.filter(([path]) => !path.startsWith(`${place}/`));
  if (others.length > 1) throw several('adapters', others);
  const hasTokenizer = own.some(({ name }) => name === 'tokenizer.json' || name === 'vocab.json');
  const beside = own.flatMap((file) => {
    if (file.name === ADAPTER_CONFIG) return [file];
    if (OF_TOKENIZER.test(file.name)) return hasTokenizer ? [file] : [];
    if (!file.name.endsWith('.safetensors')) return [];
    return [file.name === ADAPTER_WEIGHTS ? file : new File([file], ADAPTER_WEIGHTS)];
  });
  const kept = all.filter(({ name }) => !hasTokenizer || !OF_TOKENIZER.test(name));
  return { folder: `${last(folder)} + ${last(place)}`, files: [...kept, ...beside] };
}

type Folder = readonly [path: string, files: readonly File[]];

/**
 * The outermost of these; undefined for none. Throws `files/several` where others lie on its level, unless it alone is of
 * the format that is read here.
 */
function onlyOne(
  what: 'models' | 'adapters',
  outermostFirst: readonly Folder[],
): Folder | undefined {
  const [first] = outermostFirst;
  if (first === undefined) return undefined;
  const beside = outermostFirst.filter(([path]) => depth(path) === depth(first[0]));
  const readable = beside.filter(([, files]) => files.some(({ name }) => SAFETENSORS.test(name)));
  if (readable.length > 1) throw several(what, readable);
  return readable[0] ?? first;
}

function several(what: 'models' | 'adapters', folders: readonly Folder[]): EngineError {
  const paths = folders.map(([path]) => path);
  const more = paths.length > 5 ? ` and ${paths.length - 5} more` : '';
  const shown = paths.slice(0, 5).map((path) => path.slice(-60));
  return new EngineError(`There are several ${what}: ${shown.join(', ')}${more}.`, {
    code: 'files/several',
    hint:
      what === 'models'
        ? 'Drop the folder of the one that is to be loaded.'
        : 'Drop the model together with the one that is to be merged.',
  });
}

function byFolder(placed: readonly Placed[]): Map<string, File[]> {
  const folders = new Map<string, File[]>();
  for (const { folder, file } of placed) {
    const files = folders.get(folder);
    if (files) files.push(file);
    else folders.set(folder, [file]);
  }
  return folders;
}

function isAdapter(files: readonly File[]): boolean {
  return files.some(({ name }) => name === ADAPTER_CONFIG);
}

/** Whether a folder holds a model's weights; beside an adapter's they need a name of their own. */
function isOfModel(files: readonly File[]): boolean {
  const weights = files.map(({ name }) => name).filter((name) => WEIGHTS.test(name));
  if (!isAdapter(files)) return weights.length > 0;
  const others = weights.filter((name) => SAFETENSORS.test(name) && name !== ADAPTER_WEIGHTS);
  return weights.includes(ADAPTER_WEIGHTS) && others.length > 0;
}

function depth(folder: string): number {
  return folder === '' ? 0 : folder.split('/').length;
}

function last(folder: string): string {
  return folder.split('/').at(-1) || 'files';
}
