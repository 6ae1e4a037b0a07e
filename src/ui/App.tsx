// The page: regions in their places, and the text rescued if drawing them fails.
import { useEffect, useState, type ReactNode } from 'react';
import { ErrorBoundary, type FallbackProps } from 'react-error-boundary';
import { toPlainText } from '../state/tokenText.ts';
import { Announcer } from './Announcer.tsx';
import css from './App.module.css';
import { Composer } from './Composer.tsx';
import { AppProvider, useApp, useFacts, type AppContext } from './context.ts';
import controls from './controls.module.css';
import { ExplainLine } from './ExplainLine.tsx';
import { Header } from './Header.tsx';
import { HelpDialog } from './HelpDialog.tsx';
import { Inside } from './Inside.tsx';
import { later } from './later.ts';
import { DropAnywhere } from './models/DropAnywhere.tsx';
import { NextToken } from './NextToken.tsx';
import { GpuNotice, Notices } from './Notices.tsx';
import { PrintSheet } from './PrintSheet.tsx';
import { Sampler } from './Sampler.tsx';
import { startShortcuts } from './shortcuts.ts';
import { TextStage } from './TextStage.tsx';

export function App({ app }: { app: AppContext }): ReactNode {
  return (
    <AppProvider value={app}>
      <ErrorBoundary FallbackComponent={Rescue}>
        <Page />
      </ErrorBoundary>
    </AppProvider>
  );
}

function Page(): ReactNode {
  const { actions, store } = useApp();
  const [help, setHelp] = useState(false);
  const { workspace } = useFacts((s) => ({ workspace: s.view.workspace }));

  useEffect(
    () => startShortcuts({ actions, store, openHelp: () => setHelp(true) }),
    [actions, store],
  );

  return (
    <div className={css.app}>
      <button
        className={css.skip}
        type="button"
        onClick={() => document.querySelector<HTMLElement>('#prompt, #train')?.focus()}
      >
        Skip to {workspace === 'train' ? 'training' : 'the prompt'}
      </button>
      <Header onHelp={() => setHelp(true)} />
      <Notices />
      {workspace === 'train' ? <training.Part /> : <Write />}
      <Announcer testId="announcement" />
      <HelpDialog open={help} onClose={() => setHelp(false)} />
      <Models />
      {workspace === 'write' && <DropAnywhere />}
      <PrintSheet />
    </div>
  );
}

const training = later(
  async () => (await import('./training/TrainWorkspace.tsx')).TrainWorkspace,
  'The workspace that trains',
);

const learning = later(async () => (await import('./learn/Learn.tsx')).Learn, 'The lessons');

function Write(): ReactNode {
  const { learns } = useFacts((s) => ({ learns: s.view.lesson > 0 }));
  return (
    <main className={css.main}>
      <div className={css.side}>
        <div data-region="composer">
          <Composer />
        </div>
        <div data-region="sampler">
          <Sampler />
        </div>
        <div data-region="explain">
          <ExplainLine />
        </div>
        <div data-region="gpu">
          <GpuNotice />
        </div>
      </div>
      <div className={css.work}>
        {learns && <learning.Part />}
        <div className={css.top}>
          <TextStage />
          <div className={css.next} data-region="next">
            <NextToken />
          </div>
        </div>
        <div className={css.inside} data-region="inside">
          <Inside />
        </div>
      </div>
    </main>
  );
}

const modelDialog = later(
  async () => (await import('./models/ModelDialog.tsx')).ModelDialog,
  'The dialog that chooses models',
);

/** The dialog that chooses models. */
function Models(): ReactNode {
  const { choosing, answered } = useFacts((s) => ({
    choosing: s.models.choosing,
    answered: s.next.distribution !== null,
  }));
  const [used, setUsed] = useState(false);
  if (choosing && !used) setUsed(true);
  // A page that went offline since can still open what is kept.
  useEffect(() => {
    if (answered) modelDialog.preload();
  }, [answered]);
  return used ? <modelDialog.Part /> : null;
}

function Rescue({ error, resetErrorBoundary }: FallbackProps): ReactNode {
  const { store, text } = useApp();
  const whole = text.pieces.length > 0 ? toPlainText(text.pieces) : store.getState().text.prompt;
  return (
    <main className={css.rescue}>
      <h1>Something in the page broke. Your text did not.</h1>
      <label htmlFor="rescued">Your text</label>
      <textarea id="rescued" readOnly value={whole} />
      <div>
        <button className={controls.primary} type="button" onClick={() => resetErrorBoundary()}>
          Draw the page again
        </button>
      </div>
      <pre>{error instanceof Error ? (error.stack ?? error.message) : String(error)}</pre>
    </main>
  );
}
