type Json = Record<string, unknown>

/** A response that nobody has begun to make yet, as its client gets it. */
export function queuedResponse(body: Json, fields: Json, nowMs: number): Json {
  return {
    object: 'response',
    created_at: Math.floor(nowMs / 1000),
    status: 'queued',
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    model: body.model,
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    reasoning: body.reasoning ?? { effort: null, summary: null },
    service_tier: body.service_tier ?? 'auto',
    temperature: body.temperature ?? 1,
    text: body.text ?? { format: { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? 'disabled',
    usage: null,
    user: body.user ?? null,
    ...fields,
  }
}
