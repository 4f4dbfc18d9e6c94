import { noEndUser, oneAnswer, type Rule, translated } from '../chat/parameters.ts'

const never = () => false

const onlyForAnimations: Rule = { does: 'dropped', because: 'It concerns animations, which are not made.' }

const common = {
  background: translated,
  complexity: { does: 'dropped', because: 'The image tool has no such setting.' },
  frame_count: onlyForAnimations,
  frame_duration_ms: onlyForAnimations,
  model: translated,
  moderation: translated,
  n: oneAnswer('n'),
  output_compression: translated,
  output_format: translated,
  partial_images: translated,
  prompt: translated,
  quality: translated,
  response_format: {
    does: 'refused',
    unless: (value) => value === 'b64_json',
    message:
      'Images come as base64 in the answer and are kept nowhere: set "response_format" to "b64_json" or leave it out.',
  },
  safety_identifier: noEndUser,
  size: translated,
  stream: translated,
  user: noEndUser,
} satisfies Record<string, Rule>

const forEdits = (name: string): Rule => ({
  does: 'refused',
  unless: never,
  message: `"${name}" is for images that are given: use /v1/images/edits.`,
})

export const generationParameters = {
  ...common,
  image: forEdits('image'),
  images: forEdits('images'),
  input_fidelity: forEdits('input_fidelity'),
  mask: forEdits('mask'),
  svg: { does: 'dropped', because: 'It concerns images as SVG, which are not made.' },
  style: { does: 'dropped', because: 'Only retired models have styles.' },
} satisfies Record<string, Rule>

export const editParameters = {
  ...common,
  image: {
    does: 'refused',
    unless: never,
    message: 'In JSON, give the images as "images": [{"image_url": "data:image/png;base64,…"}].',
  },
  images: translated,
  input_fidelity: translated,
  markup: { does: 'refused', unless: never, message: 'The image tool takes no markup; draw on the image itself.' },
  mask: translated,
} satisfies Record<string, Rule>
