import { execa } from 'execa'
import { expect, it } from 'vitest'
import { diagnoseMachine } from '../../src/setup/doctor.ts'
import { createBareCheckout } from './bare-checkout.ts'
import { projectRoot } from './tiny-project.ts'

const stateOf = (findings: Awaited<ReturnType<typeof diagnoseMachine>>, part: string): string | undefined =>
  findings.find((finding) => finding.part === part)?.state

it('finds nothing missing on a machine that passes these tests, and TensorFlow loads', async () => {
  const findings = await diagnoseMachine({ projectRoot, environment: process.env })
  expect(findings.filter(({ state }) => state === 'missing' || state === 'pending')).toEqual([])
  expect(findings.at(-1)?.found).toMatch(/^TensorFlow 2\.21\.0 loads and uses the (CPU|GPU)$/)
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

it('lets tfjs run on a Node that has lost util.isNullOrUndefined and util.isArray', async () => {
  const script = `const util = require('node:util'); delete util.isNullOrUndefined; delete util.isArray
    import('./dist/setup/node-compat.js').then(() => {
      const tf = require('@tensorflow/tfjs-node-gpu')
      console.log(JSON.stringify([...tf.topk(tf.tensor1d([1, 3, 2]), 2).values.dataSync()]))
    })`
  const { stdout } = await execa('node', ['-e', script], { cwd: projectRoot, env: { TF_CPP_MIN_LOG_LEVEL: '3' } })
  expect(stdout.split('\n').at(-1)).toBe('[3,2]')
})
