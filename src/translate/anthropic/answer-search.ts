import { filled, isObject, type Json, objectsOf } from '../json.ts'
import type { ItemParts, ItemReader } from './answer.ts'

/** Reads a web search: the search itself and what it found. That a page was opened has no counterpart. */
export function createSearch({ lane, facts, order }: ItemParts): ItemReader {
  return {
    event() {},
    done(item) {
      const action = isObject(item.action) ? item.action : {}
      if (action.type !== 'search') return
      const query = filled(action.query) ?? (Array.isArray(action.queries) ? filled(action.queries[0]) : null) ?? ''
      const id = `srvtoolu_${filled(item.id) ?? order}`
      const caller = { type: 'direct' }
      facts.searchCount++
      const use = { type: 'server_tool_use', id, name: 'web_search', input: {}, caller }
      lane.push({ kind: 'start', block: use })
      const input = JSON.stringify({ query })
      lane.push({ kind: 'delta', delta: { type: 'input_json_delta', partial_json: input } }, { kind: 'stop' })
      const content = item.status === 'failed' ? failed : objectsOf(action.sources).flatMap(resultOf)
      const result = { type: 'web_search_tool_result', tool_use_id: id, content, caller }
      lane.push({ kind: 'start', block: result }, { kind: 'stop' })
    },
  }
}

const failed = { type: 'web_search_tool_result_error', error_code: 'unavailable' }

/** The upstream names the pages only; their titles stand with the citations. */
function resultOf(source: Json): Json[] {
  const url = filled(source.url)
  if (url === null) return []
  const title = filled(source.title) ?? url
  return [{ type: 'web_search_result', url, title, encrypted_content: '', page_age: null }]
}
