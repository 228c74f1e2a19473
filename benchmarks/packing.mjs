/** How fast do files become a pack, beside Pillow with one process a core? */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median, spread, table } from './figures.mjs'
import { python3, pythonMissing } from './peers.mjs'
import { dist, projectRoot } from './training.mjs'

const { loadExperiment } = await dist('experiment/load-experiment.js')
const { prepareDataset } = await dist('dataset/prepare.js')

export const title = 'Packing'

/** Everything that comes before training: names, hashes, audit, split, pixels. */
async function ours(located, cache) {
  const started = performance.now()
  const { value, diagnostics } = await prepareDataset(located, { home: projectRoot, cache, onProgress: () => undefined })
  if (!value) throw new Error(diagnostics.map(({ message }) => message).join('; '))
  return { rate: value.manifest.rows.length / ((performance.now() - started) / 1000), dataset: value }
}

export async function run({ repeats, report }) {
  const root = process.env.IDC_ROOT
  if (root === undefined) return 'Skipped: IDC_ROOT names no folder of real patches.'
  const file = resolve(projectRoot, 'experiments/baseline.yaml')
  const { value: located } = await loadExperiment(file, { env: process.env, cwd: projectRoot, projectRoot, set: [] })
  const missing = pythonMissing()
  const rates = { runner: [], Pillow: [] }
  let images = 0
  for (let repeat = 1; repeat <= repeats; repeat++) {
    const folder = await mkdtemp(join(tmpdir(), 'runner-bench-pack-'))
    try {
      const { rate, dataset } = await ours(located, folder)
      images = dataset.manifest.rows.length
      rates.runner.push(rate)
      if (missing === null) {
        const list = join(folder, 'list')
        await writeFile(list, dataset.manifest.rows.map(({ path }) => join(dataset.root, path)).join('\n'))
        const { seconds } = await python3(fileURLToPath(new URL('pillow_pack.py', import.meta.url)), list, join(folder, 'pillow'))
        rates.Pillow.push(images / seconds)
      }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
    report(`repeat ${repeat} of ${repeats}: ${Object.entries(rates).map(([name, all]) => `${name} ${(all.at(-1) ?? 0).toFixed(0)}/s`)}`)
  }
  const rows = [
    ['runner: names, SHA-256, decoding, resizing, audit, split, pack', spread(rates.runner, 0), ''],
    ...(missing === null
      ? [['Pillow: decoding, resizing, pack', spread(rates.Pillow, 0), `${(median(rates.runner) / median(rates.Pillow)).toFixed(2)}x`]]
      : []),
  ]
  const note = missing === null ? '' : `\n\nPillow was skipped: ${missing}.`
  return `${images} patches, files in the page cache, ${repeats} interleaved repeats.\n\n${table(['', 'images a second', 'runner is faster by'], rows)}${note}`
}
