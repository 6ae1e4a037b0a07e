// The name, the model in facts, the theme and the help.
import { useEffect, useState, type ReactNode } from 'react';
import type { Assumption } from '../api.ts';
import { titleOf } from '../state/modelName.ts';
import type { CheckState } from '../state/facts/models.ts';
import type { Theme } from '../state/facts/page.ts';
import { useApp, useFacts } from './context.ts';
import controls from './controls.module.css';
import {
  deviceWords,
  formatBytes,
  formatParameters,
  formatSpeed,
  modelKind,
  SMALL_BYTES,
} from './format.ts';
import css from './Header.module.css';
import { HalfSign, Mark } from './icons.tsx';
import { later } from './later.ts';
import { bytesOf } from './models/offer.ts';
import { ShareText } from './ShareButton.tsx';
import { modelOf, progressOf, wantedOf } from '../state/facts/model.ts';
import { readLesson } from '../state/lessonNotes.ts';
import { WORKSPACES } from '../state/view.ts';

export function Header({ onHelp }: { onHelp: () => void }): ReactNode {
  return (
    <header className={css.header}>
      <div className={css.brand}>
        <Mark />
        <h1>
          Glass <span>GPT</span>
        </h1>
      </div>
      <Workspaces />
      <p className={css.line}>A language model you can see through, in your browser.</p>
      <div className={css.right}>
        <ModelChip />
        <Share />
        <ThemeButton />
        <button
          className={controls.square}
          type="button"
          aria-label="Keyboard shortcuts and help"
          title="Help (?)"
          onClick={onHelp}
        >
          ?
        </button>
      </div>
      <ModelPopover />
    </header>
  );
}

/** The workspace that trains has a link of its own, and puts it here. */
function Share(): ReactNode {
  const { workspace } = useFacts((s) => ({ workspace: s.view.workspace }));
  return workspace === 'train' ? <span id="share-run" /> : <ShareText />;
}

const WORDS = { write: 'Write', train: 'Train' };

function Workspaces(): ReactNode {
  const { actions } = useApp();
  const { open } = useFacts((s) => ({ open: s.view.lesson > 0 ? 'learn' : s.view.workspace }));
  return (
    <nav className={css.workspaces} aria-label="Workspaces">
      {WORKSPACES.map((one) => (
        <button
          key={one}
          type="button"
          aria-current={one === open ? 'page' : undefined}
          onClick={() => actions.openWorkspace(one)}
        >
          {WORDS[one]}
        </button>
      ))}
      <button
        type="button"
        aria-current={open === 'learn' ? 'page' : undefined}
        onClick={() => actions.learn(readLesson())}
      >
        Learn
      </button>
    </nav>
  );
}

function ModelChip(): ReactNode {
  const { model, wanted, phase, loading, speed, passed, checking } = useFacts((s) => ({
    model: modelOf(s),
    wanted: wantedOf(s),
    phase: s.model.at,
    loading: progressOf(s),
    speed: s.run.last?.tokensPerSecond ?? 0,
    passed: s.check.found?.passed,
    checking: checkingWords(s.check, s.busy.has('check'), modelOf(s)?.assumed),
  }));
  const percent =
    loading !== null && loading.total > SMALL_BYTES
      ? `${Math.floor((loading.loaded / loading.total) * 100)} %`
      : '…';
  const facts =
    phase === 'coming' || phase === 'none'
      ? `loading ${percent}`
      : phase === 'failed'
        ? 'not loaded'
        : model === null
          ? ''
          : [
              formatParameters(model.parameterCount),
              formatBytes(model.memoryBytes),
              deviceWords(model),
              ...(speed > 0 ? [formatSpeed(speed)] : []),
              ...(checking === 'partly assumed' ? [checking] : []),
            ].join(' · ');
  const isBad = phase === 'failed' || passed === false;
  const lamp = isBad ? css.lampBad : phase === 'here' ? css.lamp : css.lampWaiting;
  return (
    <button className={css.chip} type="button" popoverTarget="model-details" data-check={checking}>
      <span className={lamp} aria-hidden="true" />
      <b>{model?.name ?? wanted}</b>
      <span className={css.kind}>{modelKind(model, wanted)}</span>
      <span className={css.facts}>{facts}</span>
      {passed === false && <span className={css.wrong}>check failed</span>}
      <Arriving />
    </button>
  );
}

/** How far the self-check is; a failed one has a sign of its own. */
function checkingWords(
  { found, error }: CheckState,
  isChecking: boolean,
  assumed: readonly Assumption[] = [],
): string {
  if (found !== null) {
    if (!found.passed) return '';
    // No check can tell whether a guess was right.
    return assumed.some(({ by }) => by !== 'measured') ? 'partly assumed' : 'checked';
  }
  if (isChecking) return 'being checked';
  return error === null ? 'not checked yet' : '';
}

/** Another model on its way, beside the one that runs. */
function Arriving(): ReactNode {
  const { offer } = useFacts((s) => ({ offer: s.models.offer }));
  if (offer?.status !== 'arriving') return null;
  const bytes = offer.progress === null ? null : bytesOf(offer);
  return (
    <span className={css.arriving}>
      {titleOf(offer.wish.source)}{' '}
      {bytes === null ? '…' : `${Math.floor((bytes.done / bytes.total) * 100)} %`}
    </span>
  );
}

const details = later(
  async () => (await import('./models/ModelDetails.tsx')).ModelDetails,
  'The details',
);

function ModelPopover(): ReactNode {
  const { answered } = useFacts((s) => ({ answered: s.next.distribution !== null }));
  const [open, setOpen] = useState(false);
  // Not before: the model itself has the line until then, and its first answer the processor.
  useEffect(() => {
    if (answered) details.preload();
  }, [answered]);
  return (
    <div
      className={css.popover}
      id="model-details"
      popover="auto"
      aria-label="Model details"
      onBeforeToggle={(event) => setOpen(event.newState === 'open')}
    >
      {open && <details.Part />}
    </div>
  );
}

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' };

function ThemeButton(): ReactNode {
  const { actions } = useApp();
  const { theme } = useFacts((s) => ({ theme: s.page.theme }));
  return (
    <button
      className={controls.button}
      type="button"
      aria-label={`Theme: ${theme}. Change to ${NEXT_THEME[theme]}.`}
      onClick={() => actions.setTheme(NEXT_THEME[theme])}
    >
      <HalfSign /> {theme}
    </button>
  );
}
