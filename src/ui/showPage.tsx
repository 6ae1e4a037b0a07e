// Draws the page in its place in the document.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App.tsx';
import type { AppContext } from './context.ts';
import './tokens.css';

export function showPage(app: AppContext): void {
  const root = document.querySelector('#root');
  if (root === null) throw new Error('index.html has no #root.');
  createRoot(root).render(
    <StrictMode>
      <App app={app} />
    </StrictMode>,
  );
}
