// The link of the workspace, in the header's place for it: all settings of the run that is shown, or of what is chosen.
import { useLayoutEffect, useState, type ReactNode } from 'react';
import { createPortal } from 'react-dom';
import { firstSettings } from '../../runFiles.ts';
import { linkHref, writeLink } from '../../state/training/link.ts';
import { ShareButton, type MadeLink } from '../ShareButton.tsx';
import { useTraining } from './context.ts';

export function ShareRun(): ReactNode {
  const { store } = useTraining();
  const [place, setPlace] = useState<HTMLElement | null>(null);
  useLayoutEffect(() => setPlace(document.getElementById('share-run')), []);
  const make = (): MadeLink => {
    const { watch, draft } = store.getState();
    const settings = watch.run === null ? draft.settings : firstSettings(watch.run);
    const link = writeLink(settings);
    const what = watch.run === null ? 'what is chosen here' : `the run “${watch.run.name}”`;
    const words =
      link !== null
        ? `It holds all settings of ${what}: whoever follows it presses Train.`
        : settings.text.kind === 'own'
          ? 'It leads to this workspace and holds no settings: a text of your own stays on your machine.'
          : 'It leads to this workspace and holds no settings: what is changed in the text is too long for an address.';
    return { href: linkHref(link), words };
  };
  if (place === null) return null;
  const button = (
    <ShareButton
      make={make}
      title="A link with all settings of this run"
      label="Link to this run"
    />
  );
  return createPortal(button, place);
}
