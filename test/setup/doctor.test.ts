import { execa } from 'execa'
import { expect, it } from 'vitest'
import { diagnoseMachine } from '../../src/setup/doctor.ts'
import { cpuAddon, cpuPlugin, skipWord } from '../xla/plugin.ts'
import { createBareCheckout } from './bare-checkout.ts'
import { projectRoot } from './tiny-project.ts'

const stateOf = (findings: Awaited<ReturnType<typeof diagnoseMachine>>, part: string): string | undefined =>
  findings.find((finding) => finding.part === part)?.state

it('finds nothing missing on a machine that passes these tests, and TensorFlow loads', async () => {
  const findings = await diagnoseMachine({ projectRoot, environment: process.env })
  expect(findings.filter(({ state }) => state === 'missing' || state === 'pending')).toEqual([])
  expect(findings.map(({ found }) => found)).toContainEqual(expect.stringMatching(/^TensorFlow 2\.21\.0 loads and uses the (CPU|GPU)$/))
})

it('names what is missing on a bare checkout with the way out, and installs nothing', async () => {
  const checkout = createBareCheckout()
  const environment = { ...checkout.options.environment, PATH: '/nonexistent' }
  const findings = await diagnoseMachine({ projectRoot: checkout.options.projectRoot, environment })
  for (const part of ['python', 'c++ compiler']) expect(stateOf(findings, part)).toBe('missing')
  for (const part of ['virtual environment', 'tensorflow', 'binding', 'mlflow', 'device']) expect(stateOf(findings, part)).toBe('pending')
  for (const { state, wayOut } of findings) if (state === 'missing' || state === 'pending') expect(wayOut).toMatch(/\S/)
  checkout[Symbol.dispose]()
})

it('asks the plugin itself what it computes on', async ({ skip }) => {
  skip(cpuPlugin === null, skipWord)
  await cpuAddon()
  const environment = { ...process.env, RUNNER_TENSORFLOW: 'cpu', RUNNER_PJRT_PLUGIN: cpuPlugin ?? '' }
  const findings = await diagnoseMachine({ projectRoot, environment })
  expect(findings.slice(-4)).toMatchObject([
    { part: 'plugin', state: 'ok', found: expect.stringMatching(/^pjrt_c_api_cpu_plugin\.so \d+ bytes of .*, \/.*\.so$/) as string },
    { part: 'addon', state: 'ok' },
    { part: 'tracing', state: 'ok', found: 'TensorFlow 2.21.0 loads and uses the CPU' },
    { part: 'device', state: 'ok', found: expect.stringMatching(/^cpu; platform cpu, PJRT 0\.\d+$/) as string },
  ])
})

it('says in the plugin’s words why it finds no device', async ({ skip }) => {
  skip(cpuPlugin === null, skipWord)
  const addon = await cpuAddon()
  // A library, and no plugin.
  const environment = { ...process.env, RUNNER_TENSORFLOW: 'cpu', RUNNER_PJRT_PLUGIN: addon }
  const findings = await diagnoseMachine({ projectRoot, environment })
  expect(findings.at(-1)).toMatchObject({ part: 'device', state: 'missing', wayOut: expect.stringMatching(/\S/) as string })
  expect(findings.at(-1)?.found).toMatch(/the plugin finds no device:[^]*undefined symbol: GetPjrtApi/)
})

it('names the cards with their driver, and what of the way to them is still to come', async () => {
  const checkout = createBareCheckout()
  const findings = await diagnoseMachine({
    ...checkout.options,
    environment: checkout.withCard('NVIDIA H100 80GB HBM3', '580.65.06', '9.0'),
  })
  expect(findings).toContainEqual({ part: 'gpu', state: 'ok', found: 'NVIDIA H100 80GB HBM3, driver 580.65.06' })
  for (const part of ['plugin', 'addon', 'tracing', 'device']) expect(stateOf(findings, part)).toBe('pending')
  const old = await diagnoseMachine({ ...checkout.options, environment: checkout.withCard('Tesla K80', '470.82.01', null) })
  expect(old).toContainEqual(
    expect.objectContaining({ part: 'plugin', state: 'missing', wayOut: expect.stringContaining('runtime.device=cpu') as string }),
  )
  checkout[Symbol.dispose]()
})

it('lets tfjs run on a Node that has lost util.isNullOrUndefined and util.isArray', async () => {
  const script = `const util = require('node:util'); delete util.isNullOrUndefined; delete util.isArray
    import('./dist/setup/node-compat.js').then(() => {
      const tf = require('@tensorflow/tfjs-node-gpu')
      console.log(JSON.stringify([...tf.topk(tf.tensor1d([1, 3, 2]), 2).values.dataSync()]))
    })`
  const { stdout } = await execa('node', ['-e', script], { cwd: projectRoot, env: { TF_CPP_MIN_LOG_LEVEL: '3' } })
  expect(stdout.split('\n').at(-1)).toBe('[3,2]')
})
