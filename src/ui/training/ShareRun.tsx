// The link of the workspace, in the header's place for it.
import { useLayoutEffect, useState, type ReactNode } from 'react';
import { createPortal } from 'react-dom';
import { ShareButton } from '../ShareButton.tsx';
import { useTraining } from './context.ts';

export function ShareRun(): ReactNode {
  const { actions } = useTraining();
  const [place, setPlace] = useState<HTMLElement | null>(null);
  useLayoutEffect(() => setPlace(document.getElementById('share-run')), []);
  if (place === null) return null;
  const button = (
    <ShareButton
      make={() => actions.makeLink()}
      title="A link with all settings of this run"
      label="Link to this run"
    />
  );
  return createPortal(button, place);
}
