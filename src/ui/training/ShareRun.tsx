// The link of the workspace, in the header's place for it.
import { useState, type ReactNode } from 'react';
import { createPortal } from 'react-dom';
import { ShareButton } from '../ShareButton.tsx';
import { useTraining } from './context.ts';

export function ShareRun(): ReactNode {
  const { actions } = useTraining();
  // The header was there before what trains had been fetched.
  const [place] = useState(() => document.getElementById('share-run'));
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
