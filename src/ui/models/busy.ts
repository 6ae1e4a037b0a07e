// When a model stays as it is loaded, and why.
import { titleOf } from '../../state/modelName.ts';
import { useFacts } from '../context.ts';

export interface Busy {
  /** Device and precision stay as they are for now. */
  readonly busy: boolean;
  /** Why, in words; '' where it is plain to see. */
  readonly why: string;
}

export function useBusy(): Busy & { /** Another model's name. */ readonly arriving: string } {
  const { phase, generating, measuring, saving, offer } = useFacts((s) => ({
    phase: s.model.at,
    generating: s.busy.has('run'),
    measuring: s.busy.has('measure'),
    saving: s.saving.now,
    offer: s.models.offer,
  }));
  const arriving = offer?.status === 'arriving' ? titleOf(offer.wish.source) : '';
  const why =
    arriving !== ''
      ? `${arriving} is arriving. Another precision or device would break that off; both can be changed when it is here, or paused.`
      : saving !== null
        ? 'The model is being saved. Another precision or device would break that off.'
        : '';
  return { busy: why !== '' || phase === 'coming' || generating || measuring, why, arriving };
}
