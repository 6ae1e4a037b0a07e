// The machine in one picture, and what the loaded model is made of: its modules as PyTorch prints them, and where its
// parameters are.
import { Fragment, useState, type ReactNode } from 'react';
import type { ModelAnatomy, ModelSummary, ModuleNode } from '../../api.ts';
import { barsFigure } from '../barsFigure.ts';
import { useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { Chart } from '../figure/Chart.tsx';
import { inkOn, shadeColour } from '../figure/colour.ts';
import type { Figure, FigureTheme } from '../figure/figure.ts';
import { FigureTools } from '../figure/FigureTools.tsx';
import type { Painter } from '../figure/painter.ts';
import { deviceWords, formatBytes, formatCount, formatPercent } from '../format.ts';
import { later } from '../later.ts';
import {
  countByPurpose,
  countNotebookModel,
  formatMemory,
  GPT_CONFIG_124M,
  PURPOSES,
  shapeWords,
  toMegabytes,
  toShape,
  toTreeLines,
  type TreeLine,
} from './arithmetic.ts';
import css from './ModelPanel.module.css';
import { modelOf } from '../../state/facts/model.ts';

export function ModelPanel(): ReactNode {
  const { anatomy, model } = useFacts((s) => ({ anatomy: s.anatomy.tree, model: modelOf(s) }));
  if (anatomy === null || model === null) {
    return <p className={controls.empty}>The modules appear here as soon as the model is ready.</p>;
  }
  return (
    <div className={css.panel} data-testid="model">
      <machine.Part />
      <div className={css.summary}>
        <Shares anatomy={anatomy} model={model} />
        <Heads anatomy={anatomy} model={model} />
      </div>
      <div>
        <Tree anatomy={anatomy} />
        <FigureTools figure={() => treeFigure({ anatomy, model })} />
      </div>
      <Notes anatomy={anatomy} model={model} />
    </div>
  );
}

const machine = later(
  async () => (await import('./machine/Machine.tsx')).Machine,
  'The picture of the machine',
);
// A page that went offline since has it.
machine.preload();

function Tree({ anatomy }: { readonly anatomy: ModelAnatomy }): ReactNode {
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const lines = toTreeLines(anatomy.root, toggled);
  function toggle(key: string): void {
    const next = new Set(toggled);
    if (!next.delete(key)) next.add(key);
    setToggled(next);
  }
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
    <section className={css.scroll} tabIndex={0} aria-label="Module tree">
      <table className={css.tree}>
        <thead>
          <tr>
            <th scope="col">Module</th>
            <th scope="col">Shapes</th>
            <th scope="col">Parameters</th>
            <th scope="col">Memory</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <Line key={line.key} line={line} onToggle={() => toggle(line.key)} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Line({
  line: { depth, text, nodes, open },
  onToggle,
}: {
  readonly line: TreeLine;
  readonly onToggle: () => void;
}): ReactNode {
  const [first] = nodes;
  const parameters = nodes.reduce((sum, node) => sum + node.parameters, 0);
  const isTied = first !== undefined && first.tensors.length > 0 && parameters === 0;
  const style = { paddingLeft: `${depth * 1.15}rem` };
  return (
    <tr className={open === undefined ? undefined : css.branch}>
      <th scope="row" style={style}>
        {open === undefined ? (
          <span className={css.leaf}>{text}</span>
        ) : (
          <button type="button" aria-expanded={open} onClick={onToggle}>
            <span aria-hidden="true">{open ? '▾' : '▸'}</span> {text}
          </button>
        )}
      </th>
      <td>
        {nodes.length === 1 &&
          first?.tensors.map((tensor, i) => (
            <Fragment key={tensor.name}>
              {i > 0 && ' · '}
              <span className={css.shape}>{toShape(tensor)}</span>
            </Fragment>
          ))}
      </td>
      <td>{isTied ? 'shared' : parameters > 0 ? formatCount(parameters) : ''}</td>
      <td>{parameters > 0 ? formatMemory(parameters) : ''}</td>
    </tr>
  );
}

interface Facts {
  readonly anatomy: ModelAnatomy;
  readonly model: ModelSummary;
}

function Shares(facts: Facts): ReactNode {
  const { anatomy } = facts;
  return (
    <figure className={css.shares}>
      <figcaption className={css.finding} data-testid="model-finding">
        {finding(facts)}
      </figcaption>
      <Chart
        data-testid="model-shares"
        watch={(s) => [s.anatomy.tree]}
        size={(width) => ({ width, height: SHARES_HEIGHT })}
        paint={(painter, theme, width) => drawShares(painter, theme, width, anatomy)}
      />
      <FigureTools figure={() => sharesFigure(facts)} />
    </figure>
  );
}

function finding({ anatomy, model }: Facts): string {
  const counts = countByPurpose(anatomy.root);
  const total = anatomy.root.parameters;
  const [most] = PURPOSES.toSorted((a, b) => counts[b] - counts[a]);
  const share = formatPercent(counts[most ?? 'MLP'] / total);
  return `${model.name} has ${formatCount(total)} parameters in ${model.nLayer} blocks of ${model.nHead} heads; ${share} of them are in the ${most === 'MLP' ? 'MLPs' : most}.`;
}

const SHARES_HEIGHT = PURPOSES.length * 22 + 4;

function drawShares(
  painter: Painter,
  theme: FigureTheme,
  width: number,
  { root }: ModelAnatomy,
): void {
  const counts = countByPurpose(root);
  const most = Math.max(1, ...PURPOSES.map((purpose) => counts[purpose]));
  const left = 124;
  const room = width - left - 92;
  PURPOSES.forEach((purpose, i) => {
    const y = 2 + i * 22;
    const shade = 150;
    painter.text(0, y + 11, purpose, { fill: theme.ink, family: 'sans', size: 12.5 });
    const bar = (counts[purpose] / most) * room;
    if (bar > 0) painter.rect(left, y + 4, Math.max(1, bar), 14, shadeColour(theme.lut, shade));
    const share = counts[purpose] / root.parameters;
    if (bar > 44) {
      painter.text(left + 6, y + 11, formatPercent(share), {
        fill: inkOn(theme, theme.lut, shade),
        size: 10.5,
      });
    }
    const shown =
      counts[purpose] === 0 && purpose === 'output head' ? 'shared' : formatCount(counts[purpose]);
    painter.text(width, y + 11, shown, { fill: theme.ink2, size: 11, align: 'right' });
  });
}

/** Tied and untied heads, here and as the notebook counts them. */
function Heads({ anatomy, model }: Facts): ReactNode {
  const notebook = countNotebookModel(GPT_CONFIG_124M);
  const rows = [
    { name: model.name, untied: anatomy.untiedParameters, tied: anatomy.tiedParameters },
    { name: 'GPT-2 124M', ...notebook },
  ];
  return (
    <section className={css.heads} aria-labelledby="heads-title">
      <h3 className={controls.title} id="heads-title">
        An output head of its own, or the token embedding again
      </h3>
      <table className={css.compare} data-testid="model-heads">
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col">own head</th>
            <th scope="col">shared (tied)</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, untied, tied }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {[untied, tied].map((count) => (
                <td key={count}>
                  {formatCount(count)}
                  <small>{toMegabytes(count).toFixed(2)} MB</small>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** What its attention does with a query and a key before the softmax. */
function scoresWords({ scores: { headSize, byBlock } }: ModelAnatomy): string {
  if (headSize === null && !byBlock) return 'Its heads take queries times keys as they are.';
  const root = headSize === null ? '' : `√${headSize}`;
  const block = byBlock ? 'the number of the block, from 1 on' : '';
  return `Its heads divide queries times keys by ${[root, block].filter(Boolean).join(' and by ')}.`;
}

/** What the columns count, last: the tree is to begin in sight. */
function Notes({ anatomy, model }: Facts): ReactNode {
  const { vocabSize, contextLength, embDim, nLayers } = GPT_CONFIG_124M;
  return (
    <div className={css.notes}>
      <p>
        On this device ({deviceWords(model)}) {model.name} takes{' '}
        <b>{formatBytes(anatomy.memoryBytes)}</b>, stored as {model.dtype}, padding included. The
        column Memory counts four bytes a parameter, and 1024² bytes a megabyte, as the notebook
        does.
      </p>
      <p>
        {model.name} {anatomy.isTied ? 'shares its head' : 'has a head of its own'}.{' '}
        {scoresWords(anatomy)} GPT-2 124M is what the notebook prints for its GPT_CONFIG_124M:
        vocabulary {formatCount(vocabSize)}, context {formatCount(contextLength)}, width {embDim},{' '}
        {nLayers} blocks, no bias in queries, keys and values; reckoned here from those numbers.
        GPT-2 as published has these biases too.
      </p>
    </div>
  );
}

function sharesFigure(facts: Facts): Figure {
  const { anatomy, model } = facts;
  const counts = countByPurpose(anatomy.root);
  return {
    name: `model-${model.name}`,
    title: `Where the parameters of ${model.name} are`,
    finding: finding(facts),
    table: () => ({
      caption: `Parameters of ${model.name} by what they are for.`,
      columns: ['Part', 'Parameters', 'Share', 'Bytes at four a parameter'],
      rows: PURPOSES.map((purpose) => [
        purpose,
        counts[purpose],
        counts[purpose] / anatomy.root.parameters,
        counts[purpose] * 4,
      ]),
    }),
    data: () => ({
      axes: [{ name: 'part', labels: PURPOSES }],
      quantity: 'parameters',
      values: PURPOSES.map((purpose) => counts[purpose]),
    }),
    size: (width) => ({ width, height: SHARES_HEIGHT }),
    paint: (painter, theme, width) => drawShares(painter, theme, width, anatomy),
  };
}

/** Every module, unfolded, and what the whole would count with a head of its own and a shared one. */
function treeFigure({ anatomy, model }: Facts): Figure {
  const modules: { readonly path: string; readonly node: ModuleNode }[] = [];
  const walk = (node: ModuleNode, path: string): void => {
    modules.push({ path: path === '' ? node.text : path, node });
    for (const child of node.children) {
      walk(child, path === '' ? child.name : `${path}.${child.name}`);
    }
  };
  walk(anatomy.root, '');
  const { tiedParameters: tied, untiedParameters: untied } = anatomy;
  const notebook = countNotebookModel(GPT_CONFIG_124M);
  const totals = [
    { name: `${model.name}, own head`, count: untied },
    { name: `${model.name}, shared head`, count: tied },
    { name: 'GPT-2 124M of the notebook, own head', count: notebook.untied },
    { name: 'GPT-2 124M of the notebook, shared head', count: notebook.tied },
  ];
  return barsFigure({
    name: `modules-${model.name}`,
    title: `The modules of ${model.name}, and their parameters`,
    finding: `${formatCount(modules.length)} modules; ${formatCount(untied)} parameters with an output head of its own, ${formatCount(tied)} with a shared one. ${model.name} ${anatomy.isTied ? 'shares its head' : 'has a head of its own'}.`,
    caption: `Every module of ${model.name}; the last four rows count whole models with an output head of their own and with a shared one.`,
    axis: 'module',
    names: modules.map(({ path }) => path),
    quantity: 'parameters',
    values: modules.map(({ node }) => node.parameters),
    words: formatCount,
    columns: ['Module', 'Kind', 'Shapes', 'Parameters', 'Bytes at four a parameter'],
    rows: [
      ...modules.map(({ path, node }) => [
        path,
        node.text,
        shapeWords(node),
        node.parameters,
        node.parameters * 4,
      ]),
      ...totals.map(({ name, count }) => [name, 'whole model', '', count, count * 4]),
    ],
  });
}
