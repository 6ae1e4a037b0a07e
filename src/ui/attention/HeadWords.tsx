// What a head does in words and numbers: for one token, for one cell, and by its scores.
import { useMemo, type ReactNode } from 'react';
import type { AttentionMap, TokenPiece } from '../../api.ts';
import type { HeadRef } from '../../state/facts/attention.ts';
import {
  BEHAVIOURS,
  formatScore,
  headSentence,
  labelWords,
  scoreOf,
} from '../../state/headLabels.ts';
import { useApp, useFacts } from '../context.ts';
import { formatPercent } from '../format.ts';
import css from './attention.module.css';
import type { Cell } from './matrixDrawing.ts';
import { headHere } from './rowReading.ts';
import { rowOfHead } from './scene.ts';
import {
  byWeight,
  columnToken,
  rankOf,
  rowToken,
  weightAt,
  type HeadRow,
  type Shown,
} from './weights.ts';
import { namesOf } from './words.ts';

export function HeadWords({
  map,
  pieces,
  query,
  shown,
  inside,
}: {
  readonly map: AttentionMap;
  /** The tokens as they were when the map came. */
  readonly pieces: readonly TokenPiece[];
  /** The token that the words are about. */
  readonly query: number;
  readonly shown: Shown;
  readonly inside: Cell | null;
}): ReactNode {
  const { text } = useApp();
  const { probe, rows, generating } = useFacts((s) => ({
    probe: s.attention.probe,
    rows: s.attention.rows,
    generating: s.busy.has('run'),
  }));
  const row = rowOfHead(map, rows, query);
  const end = map.firstIndex + map.size;
  // What the map does not know yet was written after it came.
  const known = query < end ? pieces : text.pieces;
  return (
    <>
      <Sentence {...{ row, query }} pieces={known} isBefore={query < map.firstIndex} />
      <p className={css.named} data-testid="head-sentence">
        {row === null ? headSentence(probe, map.layer, map.head) : headHere(probe, map, row, known)}
      </p>
      <p className={css.cell} id="attention-cell" aria-live={generating ? 'off' : 'polite'}>
        {inside !== null
          ? cellWords(map, pieces, shown, inside)
          : query < end
            ? 'Point at a word of the text or at the map: what it looks at is tinted in the text.'
            : `The map ends at token ${end}, ${namesOf(pieces).quoted(end - 1)}; it follows in a moment.`}
      </p>
      <Legend />
      <Scores of={map} />
    </>
  );
}

function Sentence({
  row,
  pieces,
  query,
  isBefore,
}: {
  readonly row: HeadRow | null;
  readonly pieces: readonly TokenPiece[];
  readonly query: number;
  /** The model no longer sees the token. */
  readonly isBefore: boolean;
}): ReactNode {
  const { quoted } = namesOf(pieces);
  const [first, second, third] = useMemo(() => (row === null ? [] : byWeight(row)), [row]);
  if (row === null || first === undefined) {
    return (
      <p className={css.sentence} data-testid="strongest" data-query={query}>
        {isBefore
          ? 'The model no longer sees this token.'
          : 'The map does not reach this token yet.'}
      </p>
    );
  }
  const atFirst = row.firstIndex === 0 ? ' (the first token)' : ' (the first it sees)';
  const target = (link: { readonly index: number; readonly weight: number }): ReactNode => (
    <>
      {link.index === query ? 'itself' : <b>{quoted(link.index)}</b>}
      {link.index === row.firstIndex && query !== row.firstIndex ? atFirst : ''}{' '}
      {formatPercent(link.weight)}
    </>
  );
  return (
    <p className={css.sentence} data-testid="strongest" data-query={query}>
      <b>{quoted(query)}</b> looks most at {target(first)}
      {second === undefined || second.weight < 0.005 ? null : <>, then at {target(second)}</>}
      {third === undefined || third.weight < 0.005 ? null : <>, then at {target(third)}</>}.
    </p>
  );
}

function cellWords(
  map: AttentionMap,
  pieces: readonly TokenPiece[],
  shown: Shown,
  at: Cell,
): ReactNode {
  const { quotedAxis } = namesOf(pieces);
  const query = rowToken(shown, at.q);
  const key = columnToken(shown, at.k);
  const value = weightAt(shown, at.q, at.k);
  return (
    <>
      {quotedAxis(query)} looks at {quotedAxis(key)} with <b>{(value * 100).toFixed(2)} %</b> of its
      attention
      {shown.block > 1
        ? ' (strongest of the block).'
        : `, rank ${rankOf(map, query, key)} of ${query - map.firstIndex + 1}.`}{' '}
      Row {query + 1}, column {key + 1}.
    </>
  );
}

function Legend(): ReactNode {
  const { actions } = useApp();
  const { scale } = useFacts((s) => ({ scale: s.view.scale }));
  const ticks =
    scale === 'sqrt' ? ['0', '6', '25', '56', '100 %'] : ['0', '25', '50', '75', '100 %'];
  return (
    <div className={css.legend}>
      <div>
        <div className={css.ramp} aria-hidden="true" />
        <div className={css.ticks}>
          {ticks.map((tick) => (
            <span key={tick}>{tick}</span>
          ))}
        </div>
      </div>
      <fieldset className={css.switch} aria-label="Shade">
        {(['sqrt', 'linear'] as const).map((name) => (
          <label key={name}>
            <input
              type="radio"
              name="scale"
              checked={scale === name}
              onChange={() => actions.setAttention({ scale: name })}
            />
            {name === 'sqrt' ? 'square root' : 'linear'}
          </label>
        ))}
      </fieldset>
    </div>
  );
}

/** All scores of the head: on the text of the probe, which name it, and on this text. */
function Scores({ of: { layer, head } }: { readonly of: HeadRef }): ReactNode {
  const { probe, atlas } = useFacts((s) => ({
    probe: s.attention.probe,
    atlas: s.attention.atlas,
  }));
  const score = (scores: typeof probe, behaviour: (typeof BEHAVIOURS)[number]): string =>
    scores === null ? '–' : formatScore(scoreOf(scores, behaviour, layer, head));
  return (
    <details className={css.scores}>
      <summary>
        Scores of head {layer}.{head}
      </summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Behaviour</th>
            <th scope="col">{probe?.on === undefined ? 'Random tokens' : probe.on.trim()}</th>
            <th scope="col">This text</th>
          </tr>
        </thead>
        <tbody>
          {BEHAVIOURS.map((behaviour) => (
            <tr key={behaviour}>
              <th scope="row">{labelWords(behaviour)}</th>
              <td>{score(probe, behaviour)}</td>
              <td>{score(atlas, behaviour)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
