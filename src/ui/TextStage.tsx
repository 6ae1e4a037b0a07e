// Region A: the text, token by token. Chips are drawn by `textView.ts`; this is what stands around.
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from 'react';
import { toPlainText, type TokenText } from '../state/tokenText.ts';
import { runAt } from '../state/runs.ts';
import { BranchStrip } from './BranchStrip.tsx';
import type { AppState } from '../state/store.ts';
import controls from './controls.module.css';
import { useApp, useFacts } from './context.ts';
import { CopyButton } from './CopyButton.tsx';
import {
  formatBytesHex,
  formatCount,
  formatPercent,
  formatSpeed,
  quoteToken,
  toBits,
} from './format.ts';
import { focusText } from './focusText.ts';
import { DownSign } from './icons.tsx';
import { inHand } from './inHand.ts';
import { later } from './later.ts';
import { OffChips } from './parts/OffChips.tsx';
import { SaveMenu } from './SaveMenu.tsx';
import segments from './segments.module.css';
import css from './TextStage.module.css';
import { createTextView, writtenWithout, type TextView } from './textView.ts';
import { useKeptFocus } from './useKeptFocus.ts';
import { Word } from './words/Word.tsx';
import type { WriterProps } from './writing/Writer.tsx';
import { modelOf } from '../state/facts/model.ts';
import { READINGS, type View } from '../state/view.ts';

const textTools = later<{ readonly text: TokenText }>(
  async () => (await import('./TextTools.tsx')).TextTools,
  'This menu',
);
const load = async () => import('./writing/Writer.tsx');
const writing = later(async () => (await load()).Writer, 'What writes in the text');
const wordsOfWriting = later(async () => (await load()).WritingWords, 'Its help');

export function TextStage(): ReactNode {
  const app = useApp();
  const list = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const view = useRef<TextView>(null);
  const [pinned, setPinned] = useState(true);
  const [written, setWritten] = useState<Omit<WriterProps, 'onEnd'> | null>(null);
  const keptFocus = useKeptFocus<HTMLElement>(focusText);
  const { partsOff } = useFacts((s) => ({ partsOff: s.view.off.length > 0 }));

  // Before the first frame: a text that is there already is seen in it.
  useLayoutEffect(() => {
    if (list.current === null || scroller.current === null) return;
    const places = { list: list.current, scroller: scroller.current };
    const created = createTextView({
      app,
      ...places,
      onPinned: setPinned,
      // At once: what is typed next is typed there.
      onWrite: (beginning) => setWritten({ view: created, ...places, beginning }),
    });
    view.current = created;
    return () => created.dispose();
  }, [app]);

  // What is written is to be seen: in a window as low as a magnified one it may begin below the edge.
  const { generating } = useFacts((s) => ({ generating: s.busy.has('run') }));
  useEffect(() => {
    if (generating) list.current?.closest('section')?.scrollIntoView({ block: 'nearest' });
  }, [generating]);

  // As soon as it can be used: on a phone the keyboard comes for the very tap that asks for it, or not at all.
  const { ready } = useFacts((s) => ({ ready: s.next.distribution !== null }));
  useEffect(() => {
    if (ready) writing.preload();
  }, [ready]);

  return (
    <section
      className={css.stage}
      aria-labelledby="text-title"
      data-region="text"
      data-parts-off={partsOff || undefined}
      {...keptFocus}
    >
      <div className={css.bar}>
        <h2 className={controls.title} id="text-title">
          Text
        </h2>
        <ReadingSwitch />
        <Key />
        <Tools
          isWriting={written !== null}
          onWrite={() => {
            if (written === null) view.current?.beginWriting();
            else {
              focusText();
              setWritten(null);
            }
          }}
        />
      </div>
      <OffChips />
      <div className={css.scrollFrame}>
        <div className={css.scroller} ref={scroller}>
          {written !== null && (
            <writing.Part
              {...written}
              onEnd={(hasKeyboard) => {
                setWritten(null);
                if (hasKeyboard) focusText();
              }}
            />
          )}
          <Pending isWriting={written !== null} />
          {/* No tag is a list of tokens that reads as a text. */}
          <div
            className={css.list}
            ref={list}
            // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role
            role="listbox"
            aria-label="The text, token by token. Arrow keys move from token to token, Enter writes at one."
            aria-describedby="token-readout"
            aria-orientation="horizontal"
            data-testid="text"
          />
        </div>
        {!pinned && (
          <button className={css.newest} type="button" onClick={() => view.current?.toNewest()}>
            <DownSign /> Jump to newest
          </button>
        )}
      </div>
      <WindowLine />
      <BranchStrip />
      {written === null ? (
        <TokenReadout />
      ) : (
        <div className={css.readout} id="token-readout">
          <wordsOfWriting.Part />
        </div>
      )}
    </section>
  );
}

const READING_TITLES: Readonly<Record<View['reading'], string>> = {
  plain: 'The text as it is read',
  pieces: 'Where each token begins and ends; the line under it grows with its surprise',
  ids: 'The number of each token under it',
};

/** How the text is set. Whichever it is, its tokens can be chosen. */
function ReadingSwitch(): ReactNode {
  const { actions } = useApp();
  const { reading } = useFacts((s) => ({ reading: s.view.reading }));
  return (
    <fieldset className={`${segments.segments} ${css.reading}`} aria-label="The text shows">
      {READINGS.map((one) => (
        <label key={one} className={segments.segment} title={READING_TITLES[one]}>
          <input
            type="radio"
            name="reading"
            checked={one === reading}
            onChange={() => actions.setReading(one)}
          />
          <span>{one}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Key(): ReactNode {
  const { reading } = useFacts((s) => ({ reading: s.view.reading }));
  return (
    <p className={css.key} aria-hidden="true">
      <span className={css.yours}>yours</span>
      <span className={css.models}>the model’s</span>
      {reading === 'pieces' && (
        <span>
          <i className={css.swatchSurprise} /> surprise
        </span>
      )}
      <AlteredKey />
    </p>
  );
}

/** The frame of tokens that were written with parts off, where there are any. */
function AlteredKey(): ReactNode {
  const { text } = useApp();
  useFacts((s) => ({
    epoch: s.text.epoch,
    run: s.run.last?.reason,
    generating: s.busy.has('run'),
  }));
  if (!text.runs.some(({ off }) => off.length > 0)) return null;
  return (
    <span>
      <i className={css.swatchAltered}>a</i> parts off
    </span>
  );
}

function Tools({
  isWriting,
  onWrite,
}: {
  readonly isWriting: boolean;
  readonly onWrite: () => void;
}): ReactNode {
  const { text } = useApp();
  const { hasText } = useFacts((s) => ({ hasText: s.text.length > 0 }));
  if (!hasText && !isWriting) return null;
  return (
    <div className={css.tools}>
      <CopyButton className={css.tool} text={() => toPlainText(text.pieces)} />
      <SaveMenu label="The text, token by token">
        <textTools.Part text={text} />
      </SaveMenu>
      <button
        className={css.write}
        type="button"
        data-write=""
        title="Write in the text: at the chosen word, else at its end (double click a word, or Enter)"
        onClick={onWrite}
      >
        {isWriting ? 'Done' : 'Write here'}
      </button>
    </div>
  );
}

/** More signs than anybody sees before they are tokens. */
const MOST_PENDING = 4000;

/** The prompt before it could be tokenised, and the invitation of an empty one. */
function Pending({ isWriting }: { readonly isWriting: boolean }): ReactNode {
  const { prompt, length, tokenised } = useFacts((s) => ({
    prompt: s.text.edited ?? s.text.prompt,
    length: s.text.length,
    tokenised: s.text.tokenised,
  }));
  if (length > 0) return null;
  if (prompt === '') {
    return (
      <p className={css.invite}>
        Nothing yet. Write an opening and press Generate, or let the model begin by itself.
      </p>
    );
  }
  if (tokenised || isWriting) return null;
  const isLong = prompt.length > MOST_PENDING;
  return <p className={css.pending}>{isLong ? `${prompt.slice(0, MOST_PENDING)}…` : prompt}</p>;
}

function WindowLine(): ReactNode {
  const { firstVisible, dropped, model, length } = useFacts((s) => ({
    firstVisible: s.text.firstVisible,
    dropped: s.text.dropped,
    model: modelOf(s),
    length: s.text.length,
  }));
  if (model === null || firstVisible <= 0 || length === 0) return null;
  const size = formatCount(model.nCtx);
  return (
    <p className={css.window} data-testid="window-line">
      This model sees {size} tokens at a time.
      {dropped > 0
        ? ` The first ${formatCount(dropped)} are struck through: it has not read them.`
        : ''}
      {firstVisible > dropped
        ? ` The ${dropped > 0 ? 'next' : 'first'} ${formatCount(firstVisible - dropped)} are dimmed: it no longer sees them.`
        : ''}
    </p>
  );
}

/** What is known of the token under the pointer, or of the selected one. */
function TokenReadout(): ReactNode {
  const { text } = useApp();
  const { index, model, length, generating, run, branches, fork } = useFacts((s) => ({
    index: s.text.hovered ?? s.view.selected,
    model: modelOf(s),
    length: s.text.length,
    generating: s.busy.has('run'),
    run: s.run.last,
    branches: s.text.branches,
    fork: forkWords(s),
    // The readout follows new scores.
    scored: s.text.scored,
    epoch: s.text.epoch,
  }));
  const piece = index === null ? undefined : text.pieces[index];
  if (index === null || piece === undefined) {
    return (
      <p className={css.readout} id="token-readout">
        {length === 0
          ? 'Each token of the text will show its number, bytes and probability here.'
          : (fork ?? summary(length, generating, run))}
      </p>
    );
  }
  const logprob = text.logprobs[index] ?? Number.NaN;
  const rank = text.ranks[index] ?? 0;
  const off = runAt(text.runs, index)?.off ?? [];
  const others = branches.filter(({ parts, current }) => !current && parts === index).length;
  return (
    <div className={css.readout} id="token-readout">
      <p className={css.facts}>
        <span className={css.token}>{quoteToken(piece)}</span>
        <span>
          <Word id="id">id</Word> <b>{piece.id}</b>
        </span>
        <span>
          bytes <b>{piece.special ? 'none' : formatBytesHex(piece)}</b>
        </span>
        {off.length > 0 && <span className={css.without}>{writtenWithout(off)}</span>}
        {others > 0 && (
          <span>{others === 1 ? 'a branch leaves' : `${others} branches leave`} here</span>
        )}
      </p>
      {Number.isNaN(logprob) ? (
        <p className={css.facts}>
          {index === 0 ? 'No probability: nothing stands before it.' : 'No probability known yet.'}
        </p>
      ) : (
        <p className={css.facts}>
          <span>
            <Word id="probability">probability</Word> <b>{formatPercent(Math.exp(logprob))}</b>
          </span>
          {rank > 0 && (
            <span>
              <Word id="rank">rank</Word> <b>{formatCount(rank)}</b>
              {model !== null && <span className={css.of}> of {formatCount(model.vocabSize)}</span>}
            </span>
          )}
          <span>
            <Word id="surprise">surprise</Word> <b>{toBits(logprob).toFixed(1)}</b> bits
          </span>
        </p>
      )}
    </div>
  );
}

/** What the last fork or switch cost: the cache keeps what the branches share. */
function forkWords({
  text: { forked, length },
  run: { last: run },
  busy,
}: AppState): string | null {
  if (forked === null || busy.has('run') || run !== null) return null;
  const { at, computed } = forked;
  const words = `${formatCount(length)} tokens. The branches part at token ${formatCount(at + 1)}`;
  if (computed === null) return `${words}.`;
  const cost = computed === 1 ? '1 token was' : `${formatCount(computed)} tokens were`;
  return `${words}: ${cost} computed for this one, the rest was in the cache.`;
}

function summary(length: number, generating: boolean, run: AppState['run']['last']): string {
  const tokens = `${formatCount(length)} ${length === 1 ? 'token' : 'tokens'}`;
  if (generating) {
    return run === null || run.tokens === 0
      ? `${tokens}. Reading the prompt…`
      : `${tokens}. Writing${run.tokensPerSecond > 0 ? `, ${run.tokensPerSecond.toFixed(1)} a second` : ''}.`;
  }
  if (run === null || run.reason === null) {
    const choose = inHand('Choose a word (point, click or arrow keys)', 'Tap a word');
    return `${tokens}. ${choose} to see how likely it was.`;
  }
  const why = {
    length: 'the length you set was reached',
    eos: 'the model ended its text',
    stop: `the stop text “${run.stop ?? ''}” appeared`,
    aborted: 'you stopped it',
    lost: 'the GPU went away',
    replaced: 'the model was loaded anew',
    failed: 'an error ended it',
  }[run.reason];
  // One token by its button is as long as it was asked for.
  const end = run.tokens === 1 && run.reason === 'length' ? '' : `: ${why}`;
  return `${tokens}, ${formatCount(run.tokens)} new${end}. Seed ${run.seed}${run.tokensPerSecond > 0 ? `, ${formatSpeed(run.tokensPerSecond)}` : ''}.`;
}
