import { join } from 'node:path'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const root = import.meta.dirname

export default defineConfig({
  root,
  plugins: [react()],
  build: {
    outDir: join(root, '../dist/web'),
    emptyOutDir: true,
    target: 'es2023',
    // Everything is a file of its own: the page's policy allows nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // `npm run web`: the page with hot reload, in front of a product that runs beside it.
  server: { host: '127.0.0.1', port: 5173, proxy: { '/api': 'http://127.0.0.1:2455' } },
})
