import { toString as toSvg } from 'qrcode'

/** A QR code as a data URI for an image; the page's policy allows no other source. */
export async function qrDataUri(text: string): Promise<string> {
  const svg = await toSvg(text, { type: 'svg', errorCorrectionLevel: 'M', margin: 2 })
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`
}
