// The attention view to take away: atlas, map and arcs with their words, tables and numbers.
import type { AttentionMap, TokenPiece } from '../../api.ts';
import { headSentence, nameWords, whereNamed } from '../../state/headLabels.ts';
import type { AppState } from '../../state/store.ts';
import { formatPercent } from '../format.ts';
import type { Figure } from '../figure/figure.ts';
import { layoutArcs, paintArcs } from './arcsDrawing.ts';
import { layoutAtlas, layoutSorted, paintAtlas } from './atlasDrawing.ts';
import { layoutMatrix, paintMatrix } from './matrixDrawing.ts';
import { rowOf, toScene } from './scene.ts';
import { headHere } from './rowReading.ts';
import {
  columnToken,
  rowOfMap,
  rowToken,
  toShown,
  strongest,
  topEdges,
  type Shown,
} from './weights.ts';
import { atlasFinding, namesOf, topKey } from './words.ts';

const MODE_WORDS = {
  rows: 'where one token looks',
  patterns: 'the patterns of this text',
  effect: 'what switching each head off does',
} as const;

export function atlasFigure(state: AppState, pieces: readonly TokenPiece[]): Figure {
  const scene = toScene(state, pieces);
  const { nLayer, nHead } = scene;
  const { rows, atlas, names } = state.attention;
  const { quoted, axis } = namesOf(pieces);
  const layers = Array.from({ length: nLayer }, (_, i) => i);
  const heads = Array.from({ length: nHead }, (_, i) => i);
  const sorted = state.view.sort !== 'position';
  const layout = (width: number) =>
    sorted
      ? layoutSorted(scene.order.length, nHead, width, Infinity)
      : layoutAtlas(nLayer, nHead, width, Infinity);
  return {
    name: `attention-atlas-${scene.mode}`,
    title: `All heads: ${MODE_WORDS[scene.mode]}`,
    finding: atlasFinding(scene, rows, quoted),
    size: layout,
    paint: (painter, theme, width) =>
      paintAtlas(painter, theme, layout(width), {
        scene,
        rows,
        atlas,
        scale: state.view.scale,
        dimSink: state.view.dim,
        sorted,
        framed: state.view.filter !== null && state.view.filter !== 'key',
        pins: state.view.pins.map(({ layer, head }) => layer * nHead + head),
        cursor: null,
        focus: state.view.layer * nHead + state.view.head,
      }),
    table: () => ({
      caption:
        rows === null
          ? 'All heads.'
          : `All heads, and where ${quoted(rows.query)} (token ${rows.query + 1}) looks in each.`,
      columns: [
        'Layer',
        'Head',
        names === null ? 'Name' : `Name ${whereNamed(names)}`,
        'Score',
        'Keys shuffled',
        'Any shuffled head',
        'At this token too',
        'Looks most at',
        'Weight',
        'On the first token',
        'Entropy (bits)',
        ...(atlas === null ? [] : ['Mean entropy in this text (bits)']),
        ...(scene.deltas === null ? [] : ['Effect when off (ln p)']),
      ],
      rows: scene.order
        .filter((i) => scene.matches[i])
        .map((i) => {
          const label = scene.known[i];
          const habit = label?.strongest ?? null;
          const isNamed = label !== undefined && label.letter !== '' && label.name !== 'mixed';
          const key = rows === null ? null : topKey(rows, i);
          return [
            Math.floor(i / nHead),
            i % nHead,
            label === undefined || label.letter === '' ? '–' : nameWords(label),
            label?.score ?? Number.NaN,
            habit === null ? Number.NaN : (names?.shuffled[habit][i] ?? Number.NaN),
            habit === null ? Number.NaN : (names?.ceiling[habit] ?? Number.NaN),
            isNamed && rows !== null ? (scene.labels[i]?.name === label.name ? 'yes' : 'no') : '–',
            key === null ? '–' : axis(key.key),
            key?.weight ?? Number.NaN,
            rows === null ? Number.NaN : (rowOf(rows, i)[0] ?? Number.NaN),
            scene.entropies[i] ?? Number.NaN,
            ...(atlas === null ? [] : [atlas.entropyBits[i] ?? Number.NaN]),
            ...(scene.deltas === null ? [] : [scene.deltas[i] ?? Number.NaN]),
          ];
        }),
    }),
    data: () => {
      if (scene.mode === 'effect' && scene.deltas !== null) {
        return {
          axes: [
            { name: 'layer', labels: layers },
            { name: 'head', labels: heads },
          ],
          quantity: 'change of the natural logarithm of the probability',
          values: scene.deltas,
        };
      }
      if (scene.mode === 'patterns' && atlas !== null) {
        const cells = Array.from(
          { length: atlas.cells },
          (_, i) => `tokens from ${atlas.firstIndex + i * atlas.block + 1}`,
        );
        return {
          axes: [
            { name: 'layer', labels: layers },
            { name: 'head', labels: heads },
            { name: 'looks', labels: cells },
            { name: 'looked at', labels: cells },
          ],
          quantity: `strongest attention weight of ${atlas.block} × ${atlas.block}`,
          values: atlas.thumbnails,
        };
      }
      return {
        axes: [
          { name: 'layer', labels: layers },
          { name: 'head', labels: heads },
          {
            name: 'looked at',
            labels: Array.from({ length: rows?.size ?? 0 }, (_, k) =>
              axis(k + (rows?.firstIndex ?? 0)),
            ),
          },
        ],
        quantity: 'attention weight',
        values: rows?.weights ?? [],
      };
    },
  };
}

/** The map in front, as far as it is in sight. */
export function matrixFigure(
  state: AppState,
  pieces: readonly TokenPiece[],
  shown: Shown,
  map: AttentionMap,
): Figure {
  const { axis } = namesOf(pieces);
  const rowLabels = Array.from({ length: shown.size }, (_, i) => axis(rowToken(shown, i)));
  const columnLabels = Array.from({ length: shown.size }, (_, i) => axis(columnToken(shown, i)));
  const layout = (width: number) => layoutMatrix(shown.size, width, width, shown.sink !== null);
  return {
    ...common(state, pieces, map, 'attention'),
    size: layout,
    paint: (painter, theme, width) =>
      paintMatrix(painter, theme, layout(width), {
        shown,
        rowLabels,
        columnLabels,
        sinkLabel: shown.sink === null ? '' : axis(shown.sink.token),
        scale: state.view.scale,
        row: null,
        cursor: null,
      }),
  };
}

export function arcsFigure(
  state: AppState,
  pieces: readonly TokenPiece[],
  map: AttentionMap,
  sight: { readonly first: number; readonly count: number; readonly least: number },
): Figure {
  const { axis } = namesOf(pieces);
  const labels = Array.from({ length: sight.count }, (_, i) => axis(sight.first + i));
  return {
    ...common(state, pieces, map, 'arcs'),
    size: (width) => layoutArcs(sight.count, width, 340),
    paint: (painter, theme, width) =>
      paintArcs(painter, theme, layoutArcs(sight.count, width, 340), {
        first: sight.first,
        labels,
        edges: topEdges(map, sight.first, sight.first + sight.count, 3, sight.least),
        scale: state.view.scale,
        focus: state.view.selected,
        dim: state.view.dim ? map.firstIndex : null,
      }),
  };
}

function common(
  state: AppState,
  pieces: readonly TokenPiece[],
  map: AttentionMap,
  stem: string,
): Pick<Figure, 'name' | 'title' | 'finding' | 'table' | 'data'> {
  const { quoted, axis } = namesOf(pieces);
  const query = Math.max(
    map.firstIndex,
    Math.min(map.firstIndex + map.size - 1, state.view.selected ?? Infinity),
  );
  const links = strongest(map, query);
  const [first] = links;
  const row = rowOfMap(map, query);
  const sentence =
    row === null
      ? headSentence(state.attention.names, map.layer, map.head)
      : headHere(state.attention.names, map, row, pieces);
  const most =
    first === undefined
      ? ''
      : `${quoted(query)} looks most at ${quoted(first.index)}, ${formatPercent(first.weight)}. `;
  const labels = Array.from({ length: map.size }, (_, i) => axis(map.firstIndex + i));
  return {
    name: `${stem}-${map.layer}-${map.head}`,
    title: `Attention of layer ${map.layer}, head ${map.head}`,
    finding: `${most}${sentence}`,
    table: () => ({
      caption: `Layer ${map.layer}, head ${map.head}: what ${quoted(query)} (token ${query + 1}) looks at, the strongest first.`,
      columns: ['Rank', 'Token', 'Looks at', 'Weight'],
      rows: links.map(({ index, weight }, i) => [i + 1, index + 1, axis(index), weight]),
    }),
    data: () => ({
      axes: [
        { name: 'looks', labels },
        { name: 'looked at', labels },
      ],
      quantity: 'attention weight',
      values: map.weights,
    }),
  };
}

/** All there is of a map, pooled to so many cells a side; by default to what a saved picture can show. */
export function wholeOf(map: AttentionMap, most = 256): Shown {
  return toShown(map, most, most, { row: 0, column: 0 }, true);
}
