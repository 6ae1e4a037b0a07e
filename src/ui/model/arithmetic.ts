// Counting parameters: from a configuration alone, as the notebook's GPTModel is built, and by what they
// are for, from a module tree.
import type { ModuleNode } from '../../api.ts';
import { formatCount } from '../format.ts';

export interface NotebookConfig {
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly embDim: number;
  readonly nLayers: number;
}

/** GPT_CONFIG_124M of the notebook; its queries, keys and values have no bias. */
export const GPT_CONFIG_124M: NotebookConfig = {
  vocabSize: 50257,
  contextLength: 1024,
  embDim: 768,
  nLayers: 12,
};

/** Parameters of the notebook's GPTModel, with an output head of its own and with a shared one. */
export function countNotebookModel({
  vocabSize: v,
  contextLength: t,
  embDim: c,
  nLayers,
}: NotebookConfig): { untied: number; tied: number } {
  const attention = 3 * c * c + (c * c + c);
  const feedForward = c * 4 * c + 4 * c + (4 * c * c + c);
  const norm = 2 * c;
  const block = attention + feedForward + 2 * norm;
  const tied = v * c + t * c + nLayers * block + norm;
  return { tied, untied: tied + v * c };
}

/** As the notebook counts: four bytes a parameter, a megabyte of 1024² bytes. */
export function toMegabytes(parameters: number): number {
  return (parameters * 4) / (1024 * 1024);
}

export function formatMemory(parameters: number): string {
  const megabytes = toMegabytes(parameters);
  if (megabytes >= 0.1) return `${megabytes.toFixed(2)} MB`;
  return `${formatCount(Math.round(megabytes * 1024 * 10) / 10)} kB`;
}

export const PURPOSES = [
  'token embedding',
  'positions',
  'attention',
  'MLP',
  'LayerNorms',
  'output head',
] as const;
export type Purpose = (typeof PURPOSES)[number];

/** Parameters by what they are for; the sum is the root's count. */
export function countByPurpose(root: ModuleNode): Readonly<Record<Purpose, number>> {
  const counts: Record<Purpose, number> = {
    'token embedding': 0,
    positions: 0,
    attention: 0,
    MLP: 0,
    LayerNorms: 0,
    'output head': 0,
  };
  const walk = (node: ModuleNode, path: string): void => {
    const below = node.children.reduce((sum, child) => sum + child.parameters, 0);
    // A tied head has a tensor, but counts nothing.
    if (node.parameters > below) {
      for (const { name, shape } of node.tensors) {
        counts[purposeOf(`${path}.${name}`)] += shape.reduce((product, n) => product * n, 1);
      }
    }
    for (const child of node.children) walk(child, `${path}.${child.name}`);
  };
  walk(root, '');
  return counts;
}

/** By the names of the four layouts. */
function purposeOf(path: string): Purpose {
  if (/wte|tok_emb/u.test(path)) return 'token embedding';
  if (/wpe|pos_emb/u.test(path)) return 'positions';
  if (/ln|norm/iu.test(path)) return 'LayerNorms';
  if (/\.(attn|att)\./u.test(path)) return 'attention';
  if (/\.(mlp|ff)\./u.test(path)) return 'MLP';
  return 'output head';
}

/** A line of the tree as PyTorch prints it. */
export interface TreeLine {
  readonly key: string;
  readonly depth: number;
  readonly text: string;
  /** The modules that the line stands for; one, or a folded row of equal blocks. */
  readonly nodes: readonly ModuleNode[];
  /** For lines that fold: whether what is below is shown. */
  readonly open?: boolean;
}

/** The last of a list of blocks stand in one line until it is opened. */
const REST = '…';

export function toTreeLines(root: ModuleNode, toggled: ReadonlySet<string>): TreeLine[] {
  const lines: TreeLine[] = [];
  const walk = (node: ModuleNode, key: string, depth: number, startsOpen: boolean): void => {
    const label = node.name === '' ? '' : `(${node.name}): `;
    if (node.children.length === 0) {
      lines.push({ key, depth, text: `${label}${node.text}`, nodes: [node] });
      return;
    }
    const open = toggled.has(key) !== startsOpen;
    const text = `${label}${node.text}(${open ? '' : ' … )'}`;
    lines.push({ key, depth, text, nodes: [node], open });
    if (!open) return;
    const rest = isList(node) ? node.children.slice(1) : [];
    const restKey = `${key}.${REST}`;
    const restOpen = toggled.has(restKey);
    node.children.forEach((child, i) => {
      if (i === 1 && rest.length > 0) {
        lines.push({
          key: restKey,
          depth: depth + 1,
          text: `(${rest[0]?.name}–${rest.at(-1)?.name}): ${rest.length} × ${child.text}${restOpen ? '' : '( … )'}`,
          nodes: rest,
          open: restOpen,
        });
      }
      if (i > 0 && rest.length > 0) {
        if (restOpen) walk(child, `${key}.${child.name}`, depth + 1, false);
      } else walk(child, `${key}.${child.name}`, depth + 1, true);
    });
    lines.push({ key: `${key})`, depth, text: ')', nodes: [] });
  };
  walk(root, 'root', 0, true);
  return lines;
}

/** A list of blocks: many children of one kind, with children of their own. */
function isList({ children }: ModuleNode): boolean {
  const [first] = children;
  return (
    first !== undefined &&
    children.length > 1 &&
    first.children.length > 0 &&
    children.every(({ text }) => text === first.text)
  );
}

/** `weight [192, 576]`. */
export function toShape({ name, shape }: ModuleNode['tensors'][number]): string {
  return `${name} [${shape.join(', ')}]`;
}

export function shapeWords({ tensors }: ModuleNode): string {
  return tensors.map(toShape).join(' · ');
}
