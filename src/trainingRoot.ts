// The second composition root, fetched when somebody first trains: makes what trains, in a worker of its own.
import type { DeviceRequest } from './api.ts';
import type { Actions } from './state/page.ts';
import type { AppStore } from './state/store.ts';
import { BROWSER } from './state/training/browser.ts';
import { createTraining, type Training } from './state/training/training.ts';
import { WorkerTrainer } from './worker/workerTrainer.ts';

let training: Training | null = null;

/** A reload would say again that settings came with a link, and that nothing has begun. */
function forgetLink(): void {
  const hash = new URLSearchParams(location.hash.slice(1));
  if (!hash.has('run')) return;
  hash.delete('run');
  history.replaceState(history.state, '', `#${hash}`);
}

/** The same each time. */
export function openTraining(
  page: Pick<Actions, 'announce' | 'lookAt' | 'openWorkspace'>,
  store: AppStore,
  device: DeviceRequest | undefined,
): Training {
  training ??= createTraining({
    makeTrainer: () => WorkerTrainer.create({ base: document.baseURI, ...(device && { device }) }),
    page: { home: document.baseURI, store },
    link: new URLSearchParams(location.hash.slice(1)).get('run'),
    forgetLink,
    say: page.announce,
    browser: BROWSER,
    look(step, name, texts, files) {
      page.lookAt(step, name, texts, files);
      page.openWorkspace('write');
    },
  });
  return training;
}
