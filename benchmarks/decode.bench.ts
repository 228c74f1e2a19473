/** Ways to decode a patch: `IDC_ROOT=… npx vitest bench benchmarks/decode.bench.ts`; an iteration is 500 images in turn. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { bench } from 'vitest'
import { decodeImage } from '../src/dataset/decode.ts'
import { decodePlainPng } from '../src/dataset/png.ts'

const folder = process.env['IDC_ROOT']
if (folder === undefined) throw new Error('IDC_ROOT has to name a folder of PNGs')
const size = { width: 48, height: 48, channels: 3 } as const
const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.png'))
const files = names.slice(0, 500).map((name) => readFileSync(join(folder, name)))

bench('sharp decodes and resizes', async () => {
  for (const bytes of files) await sharp(bytes).resize(size.width, size.height, { fit: 'fill', kernel: 'linear' }).raw().toBuffer()
})

bench('sharp decodes', async () => {
  for (const bytes of files) await sharp(bytes).raw().toBuffer()
})

bench('our decoder of plain PNGs', () => {
  for (const bytes of files) decodePlainPng(bytes, 1e8)
})

bench('our decoder, then our resize', async () => {
  for (const bytes of files) await decodeImage(bytes, size)
})
