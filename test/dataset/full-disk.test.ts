/** In a process whose files may not grow: what a full disk does to a write, without filling one. */
import { readdir } from 'node:fs/promises'
import { execa } from 'execa'
import { expect, it } from 'vitest'
import { openPatients } from './workspace.ts'

const dist = new URL('../../dist/', import.meta.url).href
const script = `
  import { loadExperiment } from '${dist}experiment/load-experiment.js'
  import { prepareDataset } from '${dist}dataset/prepare.js'
  const home = process.cwd()
  const { value } = await loadExperiment('patches.yaml', { env: {}, cwd: home, projectRoot: home, set: ['dataset.image={width: 64, height: 64}'] })
  const { diagnostics } = await prepareDataset(value, { home, cache: home + '/packs', onProgress() {} })
  console.log(JSON.stringify(diagnostics))
`

it('a full disk is a clear fault, and leaves nothing half-written', async () => {
  await using workspace = await openPatients()
  const limited = await execa('bash', ['-c', 'ulimit -f 100 && exec node --input-type=module -e "$1"', '-', script], {
    cwd: workspace.folder,
  })
  const [fault] = JSON.parse(limited.stdout) as unknown[]
  expect(fault).toMatchObject({ code: 'disk-full', hint: 'Free some space and run again.' })
  expect(await readdir(workspace.path('packs'))).toEqual([])
  expect((await workspace.prepare('dataset.image={width: 64, height: 64}')).value?.pack.rows).toBe(24)
})
