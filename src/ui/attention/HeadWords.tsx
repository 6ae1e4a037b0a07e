// What a head does in words and numbers: for one token, for one cell, and by its scores.
import { useMemo, useState, type ReactNode } from 'react';
import type { AttentionMap, Behaviour, Habit, TokenPiece } from '../../api.ts';
import { HABITS } from '../../habits.ts';
import type { HeadRef } from '../../state/facts/attention.ts';
import {
  formatScore,
  headSentence,
  labelWords,
  namedBy,
  scoreOf,
  shuffledOf,
} from '../../state/headLabels.ts';
import { useApp, useFacts } from '../context.ts';
import { formatPercent } from '../format.ts';
import { inHand } from '../inHand.ts';
import { useKeptHeight } from '../useKeptHeight.ts';
import { Word } from '../words/Word.tsx';
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
  const { names, rows, generating } = useFacts((s) => ({
    names: s.attention.names,
    rows: s.attention.rows,
    generating: s.busy.has('run'),
  }));
  const row = rowOfHead(map, rows, query);
  const end = map.firstIndex + map.size;
  // What the map does not know yet was written after it came.
  const known = query < end ? pieces : text.pieces;
  const { outer, inner } = useKeptHeight();
  return (
    <>
      <div ref={outer}>
        <div ref={inner} className={css.words}>
          <Sentence {...{ row, query }} pieces={known} isBefore={query < map.firstIndex} />
          <p className={css.named} data-testid="head-sentence">
            {row === null
              ? headSentence(names, map.layer, map.head)
              : headHere(names, map, row, known)}
          </p>
        </div>
      </div>
      <p className={css.cell} id="attention-cell" aria-live={generating ? 'off' : 'polite'}>
        {inside !== null
          ? cellWords(map, pieces, shown, inside)
          : query < end
            ? inHand(
                'Point at a word of the text or at the map: what it looks at is tinted in the text.',
                'Tap a word of the text or a cell of the map: what it looks at is tinted in the text.',
              )
            : `The map ends at token ${end}, ${namesOf(pieces).quoted(end - 1)}; it follows in a moment.`}
      </p>
      <Legend />
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

/** All scores of the head; worked out while somebody has them open. */
export function Scores({ of }: { readonly of: HeadRef }): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <details className={css.scores} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        Scores of head {of.layer}.{of.head}
      </summary>
      {open && <ScoresTable of={of} />}
    </details>
  );
}

/** In the text that names are of, beside its control, and on the text of the probe. */
function ScoresTable({ of: { layer, head } }: { readonly of: HeadRef }): ReactNode {
  const { probe, names } = useFacts((s) => ({
    probe: s.attention.probe,
    names: s.attention.names,
  }));
  const named = namedBy(names);
  const probed = probe?.on === undefined ? 'Random tokens' : probe.on.trim();
  // Where the probe's line stands in for a short text, one column has all that was measured on it.
  const isOther = probed !== named;
  const scoresOf = (habit: Habit): readonly number[] => {
    const own =
      probe === null || !isBehaviour(habit) ? Number.NaN : scoreOf(probe, habit, layer, head);
    const others = isOther ? [own] : [];
    if (names === null) return [Number.NaN, Number.NaN, Number.NaN, ...others];
    const itself = scoreOf(names, habit, layer, head);
    return [itself, shuffledOf(names, habit, layer, head), names.ceiling[habit], ...others];
  };
  return (
    <>
      <table>
        <thead>
          <tr>
            <th scope="col">Habit</th>
            <th scope="col">{named}</th>
            <th scope="col">Keys shuffled</th>
            <th scope="col">Any shuffled head</th>
            {isOther && <th scope="col">{probed}</th>}
          </tr>
        </thead>
        <tbody>
          {HABITS.map((habit) => (
            <tr key={habit}>
              <th scope="row">
                {habit === 'induction' ? <Word id="induction">induction</Word> : labelWords(habit)}
              </th>
              {scoresOf(habit).map((score, i) => (
                // oxlint-disable-next-line react/no-array-index-key -- columns, which stay where they are
                <td key={i}>{formatScore(score)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        Shuffled: at most, with the rows of the head’s key matrix shuffled eight times, and in any
        head of the model. A name stands where a head is clearly above both. A dash: the text has
        too few tokens that can show it.
      </p>
    </>
  );
}

/** Whether the probe has a score of it as well. */
function isBehaviour(habit: Habit): habit is Behaviour {
  return habit !== 'sentence' && habit !== 'words' && habit !== 'punctuation';
}
