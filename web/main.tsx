import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Overview } from './pages/overview/overview.tsx'
import './styles.css'

/** The figures change while one looks: every list is asked for again this often, while the page is in view. */
const refetchMs = 3_000

const queries = new QueryClient({
  defaultOptions: { queries: { refetchInterval: refetchMs, retry: false, networkMode: 'always' } },
})

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no element "root".')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <Overview />
    </QueryClientProvider>
  </StrictMode>,
)
