// What heads may be called for.
import type { Habit } from './api.ts';

/** In the order in which they are shown and sorted. */
export const HABITS: readonly Habit[] = [
  'induction',
  'duplicate',
  'previous',
  'sentence',
  'words',
  'punctuation',
  'local',
  'broad',
  'first',
];
