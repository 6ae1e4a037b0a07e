// What the card of an offer says, from the facts of it.
import type { ErrorInfo } from '../../api.ts';
import { EngineError, toErrorInfo } from '../../errors.ts';
import type { Offer } from '../../state/facts/models.ts';
import {
  hostOf,
  KNOWN_MODELS,
  nameOfHost,
  titleOf,
  type KnownModel,
} from '../../state/modelName.ts';

/** Who it is and where it comes from: `openai-community/gpt2`, `from huggingface.co`. */
export function nameOf({ wish, plan }: Offer, base: string): { title: string; where: string } {
  if (wish.files !== undefined) return { title: wish.source, where: 'from this computer' };
  const host =
    plan?.kind === 'hub' && plan.host !== null ? nameOfHost(plan.host) : hostOf(wish, base);
  if (host === null) return { title: titleOf(wish.source), where: 'on this site' };
  const id = plan === null || plan.kind === 'folder' ? wish.source : plan.id;
  return { title: id, where: `from ${host}` };
}

/** The published model that a name means, if it is one. */
export function knownModel(source: string): KnownModel | undefined {
  const id = source.trim().replace(/^https?:\/\/(?:www\.)?(?:huggingface\.co|hf\.co)\//u, '');
  return KNOWN_MODELS.find((model) => model.source === id || model.source.endsWith(`/${id}`));
}

/** Bytes that are here, and all; null where nobody knows. */
export function bytesOf({ progress, plan, stored }: Offer): { done: number; total: number } | null {
  if (progress?.allTotal !== undefined && progress.allTotal > 0) {
    // The first answers know of small files only.
    const total = Math.max(progress.allTotal, plan?.totalBytes ?? 0);
    return { done: progress.allLoaded ?? 0, total };
  }
  if (plan !== null && plan.totalBytes !== null && plan.totalBytes > 0) {
    return { done: plan.storedBytes, total: plan.totalBytes };
  }
  return stored === null || stored.totalBytes === 0
    ? null
    : { done: stored.bytes, total: stored.totalBytes };
}

/** Whether what comes stays in this browser, so that pausing loses nothing. */
export function isKept(
  { wish, plan }: Offer,
  storage: { readonly available: boolean } | null = null,
): boolean {
  if (wish.files !== undefined || wish.keep === false) return false;
  return plan === null ? storage?.available !== false : plan.keptIn === 'opfs';
}

/** Errors that go away when nothing has to be kept. */
export function isAboutRoom(code: string): boolean {
  return code.startsWith('storage/') && code !== 'storage/key';
}

/**
 * Why nothing else can be asked for now, and what to do; '' where it can. Files of this computer may be
 * replaced at any time: nothing was fetched for them.
 */
export function whyTaken(
  offer: Offer | null,
  storage: { readonly available: boolean } | null,
): string {
  if (offer?.status !== 'arriving' || offer.wish.files !== undefined) return '';
  const { wish, plan } = offer;
  const isLocal = plan?.kind === 'stored' || plan?.kind === 'folder';
  const title = titleOf(wish.source);
  if (isLocal) return `${title} is being loaded: wait for it, or cancel it first.`;
  const ways = isKept(offer, storage)
    ? 'pause or cancel it first'
    : 'wait for it, or cancel it first';
  return `${title} is being downloaded: ${ways}.`;
}

/** What was dropped and could not be read, as an offer that failed. Trying again would find nothing. */
export function unreadable(error: unknown): Offer & { readonly error: ErrorInfo } {
  const why = error instanceof Error ? error.message : String(error);
  return {
    wish: { source: 'What was dropped', files: [] },
    status: 'failed',
    fromAddress: false,
    plan: null,
    stored: null,
    progress: null,
    error:
      error instanceof EngineError
        ? toErrorInfo(error)
        : {
            code: 'files/drop',
            message: `The browser could not read what was dropped: ${why}`,
            hint: 'Choose it instead: “Choose files…” or “Choose a folder…” under Models.',
          },
  };
}
