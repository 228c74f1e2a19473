/**
 * The benchmarks, one question a file: `npm run bench [-- step-rate packing …] [--repeats 5] [--batches 32,128,512]`. Asks all of them
 * unless some are named, and writes their sections of RESULTS.md; the others stay. Wants a machine that does nothing else.
 * RUNNER_PEERS_PYTHON: a Python with ../shared/peers/requirements.txt. IDC_ROOT: the real patches. What is absent is skipped, and said so.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { format } from 'prettier'

const questions = ['step-rate', 'epoch', 'predict', 'packing', 'start-up', 'growth', 'roofline', 'sweep', 'parting']
const file = fileURLToPath(new URL('RESULTS.md', import.meta.url))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { repeats: { type: 'string', default: '5' }, batches: { type: 'string', default: '32,128,512' } },
})
const unknown = positionals.find((name) => !questions.includes(name))
if (unknown !== undefined) throw new Error(`there is no benchmark "${unknown}", only ${questions.join(', ')}`)

const options = { repeats: Number(values.repeats), batches: values.batches.split(',').map(Number) }
for (const name of positionals.length > 0 ? positionals : questions) {
  const { title, run } = await import(`./${name}.mjs`)
  const load = loadavg()[0].toFixed(1)
  const text = await run({ ...options, report: (line) => console.error(`${name}: ${line}`) })
  await writeSection(title, `    npm run bench -- ${name}\n\n${provenance(load)}\n\n${text}`)
}

function provenance(load) {
  const commit = execFileSync('git', ['describe', '--always', '--dirty', '--exclude=*'], { encoding: 'utf8' }).trim()
  const [{ model }] = cpus()
  const machine = `${cpus().length} cores of ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB`
  return `${new Date().toISOString().slice(0, 10)}, commit ${commit}, ${machine}, load before it began ${load}.`
}

async function writeSection(title, text) {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const sections = new Map(
    before
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section]),
  )
  sections.set(title, `${title}\n\n${text}\n`)
  const intro =
    '# Benchmarks\n\nWritten by `npm run bench`, which asks our peers the same questions in the same run; only ratios carry over to other machines.\n\n'
  const whole = `${intro}${[...sections.values()].map((section) => `## ${section.trim()}\n`).join('\n')}`
  writeFileSync(file, await format(whole, { parser: 'markdown', printWidth: 140 }))
}
