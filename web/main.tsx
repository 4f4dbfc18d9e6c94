import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createQueryClient } from './queries.ts'
import { router } from './routes.tsx'
import './styles/index.css'

const client = createQueryClient()
const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no element "root".')
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
)
