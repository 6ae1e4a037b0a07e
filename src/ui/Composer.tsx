// The prompt, and the buttons that make the text go on.
import type { ComponentProps, ReactNode } from 'react';
import { EXAMPLES } from '../state/store.ts';
import css from './Composer.module.css';
import { useApp, useFacts } from './context.ts';
import controls from './controls.module.css';
import { formatBytes, isMac, SMALL_BYTES } from './format.ts';
import { AgainSign, PlaySign, RedoSign, StepSign, StopSign, UndoSign } from './icons.tsx';
import { PromptField } from './PromptField.tsx';
import { useKeptFocus } from './useKeptFocus.ts';
import { modelOf, progressOf } from '../state/facts/model.ts';

export function Composer(): ReactNode {
  const { actions } = useApp();
  const s = useFacts((state) => ({
    prompt: state.text.prompt,
    generating: state.busy.has('run'),
    queued: state.run.queued,
    undoDepth: state.text.undoDepth,
    redoDepth: state.text.redoDepth,
    hasRun: state.text.length > state.text.promptCount,
    setAside: state.text.setAside,
    promptCount: state.text.promptCount,
    tokenised: state.text.tokenised,
    ready: state.model.at === 'here',
    unread: state.text.unread,
    model: modelOf(state),
    starts: state.model.here?.wish.texts?.starts ?? EXAMPLES,
  }));
  const readsIds = s.model?.reads === 'ids';
  const busy = s.generating || s.queued;
  // An example that was taken, or the line that put back what was set aside.
  const keptFocus = useKeptFocus<HTMLElement>(() =>
    document.querySelector<HTMLElement>('#prompt')?.focus(),
  );

  return (
    <section className={css.composer} aria-label="Prompt" {...keptFocus}>
      <div className={css.label}>
        <label className={controls.title} htmlFor="prompt">
          {readsIds ? 'Prompt, as token ids' : 'Prompt'}
        </label>
        <span className={controls.quiet} data-count="">
          {s.tokenised && s.ready
            ? `${s.promptCount} ${s.promptCount === 1 ? 'token' : 'tokens'}`
            : ''}
        </span>
      </div>
      <PromptField
        className={readsIds ? css.ids : css.prompt}
        prompt={s.prompt}
        placeholder={readsIds ? '5 77 123' : 'Once upon a time…'}
        note={s.unread !== null || readsIds ? 'prompt-note' : ''}
        isWrong={s.unread !== null}
        onChange={(prompt) => actions.setPrompt(prompt)}
        onUndo={() => actions.undo()}
        onRedo={() => actions.redo()}
      />
      {s.unread !== null ? (
        <p id="prompt-note" className={css.unread} data-testid="unread">
          {s.unread}
        </p>
      ) : (
        readsIds && (
          <p id="prompt-note" className={css.aside}>
            {s.model?.name} has no tokenizer: write its tokens as numbers from 0 to{' '}
            {(s.model?.vocabSize ?? 0) - 1}, with spaces between them.
          </p>
        )
      )}
      {s.model?.controlWords !== undefined && <ControlWords words={s.model.controlWords} />}
      <ul className={css.examples} aria-label="Example prompts" hidden={readsIds}>
        {s.starts
          .filter((example) => example !== s.prompt)
          // As many for a prompt of one's own: with one more the page would move under whoever types its first letter.
          .slice(0, s.starts.length - 1)
          .map((example) => (
            <li key={example}>
              <button
                className={css.example}
                type="button"
                onClick={() => actions.takePrompt(example)}
              >
                {example} …
              </button>
            </li>
          ))}
      </ul>
      {s.setAside > 0 && (
        <p className={css.aside}>
          <span>
            The continuation ({s.setAside} tokens) belonged to the old prompt and is put aside.
          </span>
          <button className={controls.link} type="button" onClick={() => void actions.putBack()}>
            Put it after this prompt
          </button>
        </p>
      )}
      <div className={css.row}>
        {busy ? (
          <button className={controls.primary} type="button" onClick={() => actions.stop()}>
            <StopSign /> Stop <span className={css.keys}>Esc</span>
          </button>
        ) : (
          <button className={controls.primary} type="button" onClick={() => actions.generate()}>
            <PlaySign /> Generate <span className={css.keys}>{isMac() ? '⌘↵' : 'Ctrl ↵'}</span>
          </button>
        )}
        <Deed
          isOff={busy}
          title={`Add one token (Alt+→${isMac() ? ', but not while you type' : ''})`}
          onClick={() => actions.step()}
        >
          <StepSign /> 1 token
        </Deed>
        <Deed
          isOff={busy || !s.hasRun}
          title="Write the last run again, or what follows your last change; what is there stays a branch (Alt+R)"
          onClick={() => actions.regenerate()}
        >
          <AgainSign /> Regenerate
        </Deed>
        <Deed
          isOff={s.undoDepth === 0}
          title="Take back the last run, step, choice or edit (Alt+Z)"
          onClick={() => actions.undo()}
        >
          <UndoSign /> Undo
        </Deed>
        <Deed
          className={controls.square}
          isOff={s.redoDepth === 0}
          aria-label="Redo"
          title="Do again what was undone (Alt+Shift+Z)"
          onClick={() => actions.redo()}
        >
          <RedoSign />
        </Deed>
      </div>
      {/* Last, so that no button moves away from the pointer when it goes. */}
      <Progress />
    </section>
  );
}

/** How names that the model's tokenizer gave to single tokens are read. */
function ControlWords({ words }: { words: readonly string[] }): ReactNode {
  const { actions } = useApp();
  const { areTokens } = useFacts((state) => ({ areTokens: state.view.controlWords }));
  const some = words.slice(0, 3).join(' ');
  return (
    <label
      className={css.words}
      title="Each control word is one token to this model. As text, its letters are read like any others."
    >
      <input
        type="checkbox"
        checked={!areTokens}
        onChange={(event) => actions.setControlWords(!event.target.checked)}
      />
      <span>
        Control words are text (<code>{some}</code>
        {words.length > 3 ? ` and ${words.length - 3} more` : ''})
      </span>
    </label>
  );
}

/** A button that keeps the focus while there is nothing for it to do: `disabled` would drop it. */
function Deed({
  isOff,
  onClick,
  ...rest
}: ComponentProps<'button'> & { isOff: boolean; onClick: () => void }): ReactNode {
  return (
    <button
      className={controls.button}
      type="button"
      aria-disabled={isOff}
      onClick={() => {
        if (!isOff) onClick();
      }}
      {...rest}
    />
  );
}

function Progress(): ReactNode {
  const { loading, phase, queued, story } = useFacts((state) => ({
    loading: progressOf(state),
    story: state.page.story,
    phase: state.model.at,
    queued: state.run.queued,
  }));
  if (phase !== 'coming' && phase !== 'none') return null;
  // With a recorded story there is something to do meanwhile: the header says how far it is, and nothing moves here.
  if (story && !queued) return null;
  const known = loading !== null && loading.total > SMALL_BYTES;
  return (
    <div className={css.progress}>
      <progress
        aria-label="Loading the model"
        {...(known ? { value: loading.loaded, max: loading.total } : {})}
      />
      <p>
        {known
          ? `Loading ${loading.what}: ${formatBytes(loading.loaded)} of ${formatBytes(loading.total)}. `
          : 'Getting the model ready. '}
        {queued ? 'Your text starts as soon as it is here.' : 'You can write already.'}
      </p>
    </div>
  );
}
