// The tabs of the region Inside. A new panel is its component and one line here.
import type { ReactNode } from 'react';
import { AttentionPanel } from './AttentionPanel.tsx';

export interface Panel {
  readonly id: string;
  readonly title: string;
  readonly Panel: () => ReactNode;
}

export const PANELS: readonly Panel[] = [
  { id: 'attention', title: 'Attention', Panel: AttentionPanel },
];
