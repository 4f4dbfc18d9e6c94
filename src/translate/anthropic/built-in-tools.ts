import type { Json } from '../json.ts'

/**
 * Tools that the client runs and whose schema only Anthropic's models know by heart: told to the upstream as functions, with
 * the parameters from the public description of each tool. Still without a name; null for a type that is none of them.
 */
export function builtInTool(type: string): Json | null {
  const [, kind = ''] = /^(bash|text_editor|memory)_\d{8}$/.exec(type) ?? []
  const tool = makers[kind]?.(type)
  if (tool === undefined) return null
  const { description, properties, required } = tool
  const parameters = { type: 'object', properties, required }
  return { type: 'function', description, parameters, strict: false }
}

type Described = { description: string; properties: Json; required: string[] }

const makers: Record<string, (type: string) => Described> = {
  bash: () => ({
    description: 'Runs a command in a bash session that lives on between calls.',
    properties: {
      command: text('The command to run. Needed unless the session is restarted.'),
      restart: { type: 'boolean', description: 'True to restart the session instead.' },
    },
    required: [],
  }),
  text_editor: (type) => {
    // The first versions could take an edit back; later ones cannot.
    const undo = type < 'text_editor_20250429' ? ['undo_edit'] : []
    return {
      description: 'Shows, creates and edits text files.',
      properties: {
        command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert', ...undo] },
        path: text('The file, or for view also a folder.'),
        view_range: lineRange,
        file_text: text('For create: the content of the new file.'),
        old_str: text('For str_replace: the text to replace; it must occur exactly once.'),
        new_str: text('For str_replace: the text to put in its place.'),
        insert_line: insertLine,
        insert_text: text('For insert: the text to put there.'),
      },
      required: ['command', 'path'],
    }
  },
  memory: () => ({
    description: 'Keeps notes in files under /memories, which are still there in later conversations.',
    properties: {
      command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert', 'delete', 'rename'] },
      path: text('The file or folder under /memories; for rename use old_path and new_path.'),
      view_range: lineRange,
      file_text: text('For create: the content of the new file.'),
      old_str: text('For str_replace: the text to replace; it must occur exactly once.'),
      new_str: text('For str_replace: the text to put in its place.'),
      insert_line: insertLine,
      insert_text: text('For insert: the text to put there.'),
      old_path: text('For rename: the present path.'),
      new_path: text('For rename: the new path.'),
    },
    required: ['command'],
  }),
}

const lineRange = {
  type: 'array',
  items: { type: 'integer' },
  description: 'For view of a file: first and last line, counted from 1; a last line of -1 means the end.',
}
const insertLine = { type: 'integer', description: 'For insert: the line to insert after; 0 is the beginning.' }

function text(description: string): Json {
  return { type: 'string', description }
}
