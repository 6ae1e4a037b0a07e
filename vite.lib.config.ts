// Builds the library: dist/lib/index.js, dist/lib/tokenizer.js and dist/lib/training.js, shaders inside, js-tiktoken's ranks as a lazy chunk,
// so that both load in a page or in Node with nothing installed. The site in dist/ stays as it is.
import { defineConfig } from 'vite';
import { buildConstants } from './scripts/constants.mjs';

export default defineConfig({
  base: './', // a helper's file lies beside the library, wherever that is
  define: buildConstants(),
  publicDir: false,
  oxc: { target: 'es2023' },
  build: {
    target: 'es2023',
    outDir: 'dist/lib',
    emptyOutDir: true,
    minify: false, // people read it, and their bundler minifies
    lib: {
      entry: {
        index: 'src/index.ts',
        tokenizer: 'src/tokenizer.ts',
        training: 'src/training.ts',
      },
      formats: ['es'],
    },
    rolldownOptions: {
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name].js',
        codeSplitting: { groups: [{ name: 'ranks', test: /js-tiktoken[\\/]dist[\\/]ranks/ }] },
      },
    },
  },
});
