// Region B: what could come next, and how the sampler changes it.
import { useLayoutEffect, useMemo, useRef, type ReactNode } from 'react';
import type { Candidate } from '../api.ts';
import type { AppState } from '../state/store.ts';
import { useApp, useFacts } from './context.ts';
import controls from './controls.module.css';
import { focusText } from './focusText.ts';
import { formatBits, formatCount, formatPercent, quoteToken, tokenAxisLabel } from './format.ts';
import { later } from './later.ts';
import type { NextToolsProps } from './NextTools.tsx';
import css from './NextToken.module.css';
import { movedWords } from './parts/size.ts';
import { SaveMenu } from './SaveMenu.tsx';
import { useKeptFocus } from './useKeptFocus.ts';
import { Word } from './words/Word.tsx';

const nextTools = later<NextToolsProps>(
  async () => (await import('./NextTools.tsx')).NextTools,
  'This menu',
);

export function NextToken(): ReactNode {
  const { text, actions } = useApp();
  const {
    distribution,
    at,
    isOfBefore,
    generating,
    greedy,
    ready,
    unread,
    failed,
    selected,
    whole,
  } = useFacts((s) => ({
    distribution: s.next.distribution,
    at: s.next.at,
    generating: s.busy.has('run'),
    greedy: !s.run.settings.do_sample,
    ready: s.model.at === 'here',
    unread: s.text.unread !== null,
    // Said where problems are said.
    failed: s.page.problem?.during === 'panels',
    selected: s.view.selected,
    // Another text's, for the moment until its own come.
    isOfBefore: s.next.distribution !== null && s.next.epoch !== s.text.epoch && !s.busy.has('run'),
    // With parts off, the whole model stands beside.
    whole: s.parts.comparisonAt === s.next.at && !s.busy.has('run') ? s.parts.comparison : null,
  }));
  // As it was when these numbers came: a text that changed since has others on their way.
  const actual = useMemo(
    () => (distribution === null ? undefined : text.pieces[at]),
    [distribution, at, text],
  );
  const title =
    actual === undefined
      ? 'Next token'
      : generating
        ? `Drawn: ${quoteToken(actual)}`
        : `Instead of ${quoteToken(actual)}`;

  // Rows come and go with every list; where none is left, there is the text.
  const keptFocus = useKeptFocus<HTMLElement>((panel) => {
    const first = panel.querySelector<HTMLElement>('tbody button');
    if (first) first.focus();
    else focusText();
  });

  return (
    <section
      className={css.panel}
      aria-labelledby="next-title"
      aria-busy={isOfBefore}
      data-testid="next-token"
      {...keptFocus}
    >
      <div className={controls.head}>
        <h2 className={controls.title} id="next-title">
          {title}
        </h2>
        {selected !== null && !generating && (
          <button
            className={controls.link}
            type="button"
            onClick={() => {
              actions.select(null);
              focusText();
            }}
          >
            back to the end
          </button>
        )}
      </div>
      {distribution === null ? (
        <p className={css.empty}>
          {!ready
            ? 'The candidates appear here as soon as the model is ready.'
            : unread
              ? 'No candidates: the model cannot read the prompt as it stands.'
              : failed
                ? 'No candidates: the model did not answer.'
                : 'Working it out…'}
        </p>
      ) : (
        <Bars
          {...{ distribution, actual, greedy, whole }}
          onChoose={generating || !ready || isOfBefore ? undefined : (c) => actions.choose(c)}
        />
      )}
    </section>
  );
}

function Bars({
  distribution: d,
  actual,
  greedy,
  whole,
  onChoose,
}: {
  distribution: NonNullable<AppState['next']['distribution']>;
  actual: { readonly id: number } | undefined;
  greedy: boolean;
  whole: AppState['parts']['comparison'];
  onChoose: ((candidate: Candidate) => void) | undefined;
}): ReactNode {
  const rows = useRef<HTMLTableSectionElement>(null);
  /** The list from which the keyboard chose; the next choice begins at the top of the next list. */
  const chosenFrom = useRef<typeof d | null>(null);
  useLayoutEffect(() => {
    if (chosenFrom.current === null || chosenFrom.current === d) return;
    chosenFrom.current = null;
    const { activeElement } = document;
    const isHere = activeElement === document.body || rows.current?.contains(activeElement);
    if (isHere) rows.current?.querySelector('button')?.focus();
  });
  // What is off is compared with what is on before sampling: like with like.
  const shown = (c: Candidate): number => (whole === null ? c.probability : c.rawProbability);
  // One axis for every text: the whole track is certainty.
  const width = (p: number): string => `${(p * 100).toFixed(2)}%`;
  const wholeOf = (id: number): number | undefined =>
    whole?.candidates.find(({ piece }) => piece.id === id)?.before;
  const best = d.top[0];
  const wholeWords = (c: Candidate): string => {
    if (whole === null) return formatPercent(c.rawProbability);
    const before = wholeOf(c.piece.id);
    return before === undefined ? '–' : formatPercent(before);
  };
  const others = Math.max(0, d.vocabSize - d.top.length);
  return (
    <>
      <p className={css.about} data-testid="kept">
        {best === undefined
          ? 'No candidates.'
          : greedy
            ? `Greedy takes ${quoteToken(best.piece)}. `
            : `${quoteToken(best.piece)} leads with ${formatPercent(shown(best))}. `}
        <Word id="kept">Kept</Word> {formatCount(d.kept)} of {formatCount(d.vocabSize)}.
        {whole === null
          ? ''
          : ` ${movedWords(whole.klBits)}: KL ${formatBits(whole.klBits)} bits from the whole model.`}
      </p>
      <div className={css.room}>
        <div className={css.scroll}>
          <table className={css.table}>
            <caption className={controls.visuallyHidden}>
              The {d.top.length} most probable tokens:{' '}
              {whole === null
                ? 'after sampling, and as the model gave them'
                : 'with parts off and with every part on, both before sampling'}
              .
            </caption>
            <thead>
              <tr>
                <th scope="col">
                  <Word id="token">Token</Word>
                </th>
                <th
                  scope="col"
                  aria-label={whole === null ? 'Sampled' : 'Parts off'}
                  title={
                    whole === null ? undefined : 'With parts off, before temperature and filters'
                  }
                >
                  <div className={css.sampled}>
                    <span className={css.axis} aria-hidden="true">
                      <i>0</i>
                      <i>50</i>
                      <i>100 %</i>
                    </span>
                    <span className={css.name} data-raw={whole === null ? 'Model' : 'All on'}>
                      {whole === null ? <Word id="odds">Sampled</Word> : 'Parts off'}
                    </span>
                  </div>
                </th>
                <th
                  className={css.raw}
                  scope="col"
                  title={
                    whole === null
                      ? undefined
                      : 'With every part on, before temperature and filters'
                  }
                >
                  {whole === null ? 'Model' : 'All on'}
                </th>
              </tr>
            </thead>
            <tbody ref={rows}>
              {d.top.map((c, place) => (
                // By place: another list is other words in the same rows, and no row is made anew.
                // oxlint-disable-next-line react/no-array-index-key -- its rank is what a row is
                <tr
                  key={place}
                  className={
                    actual?.id === c.piece.id
                      ? css.chosen
                      : shown(c) === 0
                        ? css.removed
                        : undefined
                  }
                >
                  <td>
                    <button
                      className={css.token}
                      type="button"
                      aria-disabled={onChoose === undefined}
                      title={`Put ${quoteToken(c.piece)} here (id ${c.piece.id})`}
                      onClick={({ detail }) => {
                        // The second of a double click would take whatever stands in this row by then.
                        if (detail > 1) return;
                        if (detail === 0) chosenFrom.current = d;
                        onChoose?.(c);
                      }}
                    >
                      {tokenAxisLabel(c.piece)}
                    </button>
                  </td>
                  <td className={css.sampled}>
                    <div className={css.track}>
                      <div
                        className={css.ghost}
                        style={{ width: width(wholeOf(c.piece.id) ?? c.rawProbability) }}
                      />
                      <div
                        className={css.bar}
                        data-bar=""
                        style={{ width: width(shown(c)) }}
                        hidden={shown(c) === 0}
                      />
                    </div>
                    <span className={css.value}>
                      {shown(c) === 0 ? 'removed' : formatPercent(shown(c))}
                    </span>
                  </td>
                  <td className={css.raw}>{wholeWords(c)}</td>
                </tr>
              ))}
            </tbody>
            <tfoot>
              <tr className={css.rest}>
                <td>{formatCount(others)} others</td>
                <td className={css.value}>{formatPercent(whole === null ? d.rest : d.restRaw)}</td>
                <td className={css.raw}>{whole === null ? formatPercent(d.restRaw) : ''}</td>
              </tr>
            </tfoot>
          </table>
          <SaveMenu label="Next token">
            <nextTools.Part d={d} isNext={actual === undefined} />
          </SaveMenu>
        </div>
      </div>
    </>
  );
}
