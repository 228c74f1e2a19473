/** A typo has to be told before a coffee: what `runner check` loads, and that many files cost little more than one. */
import fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect, it } from 'vitest'

const projectRoot = fileURLToPath(new URL('../..', import.meta.url))

it('checks a hundred files at once, and loads neither TensorFlow nor sharp', async () => {
  const folder = await fs.mkdtemp(path.join(tmpdir(), 'runner-check-'))
  const baseline = await fs.readFile(path.join(projectRoot, 'experiments/baseline.yaml'), 'utf8')
  const files = Array.from({ length: 100 }, (_, index) => path.join(folder, `${index}.yaml`))
  for (const [index, file] of files.entries()) await fs.writeFile(file, baseline.replace(/^name: .*$/m, `name: variant-${index}`))
  // Native libraries are what costs start-up; the process lists its own as it ends.
  const spy = path.join(folder, 'spy.mjs')
  await fs.writeFile(spy, `process.on('exit', () => console.error(JSON.stringify(process.report.getReport().sharedObjects)))`)
  const { stdout, stderr } = await execa('node', ['--import', spy, 'bootstrap/main.mjs', 'check', ...files], {
    cwd: projectRoot,
    reject: false,
  })
  expect(stdout.split('\n').filter((line) => line.startsWith('✓'))).toHaveLength(100)
  const libraries = JSON.parse(stderr.trim().split('\n').at(-1) ?? '[]') as readonly string[]
  expect(libraries.some((library) => library.includes('libc'))).toBe(true)
  expect(libraries.filter((library) => /tensorflow|tfjs|sharp|vips/.test(library))).toEqual([])
  await fs.rm(folder, { recursive: true })
})
