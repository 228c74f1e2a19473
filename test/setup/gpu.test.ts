import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { beforeEach, expect, it } from 'vitest'
import { engineEnvironment } from '../../src/setup/engine-environment.ts'
import { listNvidiaCards } from '../../src/setup/nvidia-cards.ts'
import { ensureTensorflow } from '../../src/setup/tensorflow.ts'
import { projectRoot } from './tiny-project.ts'

/** The smoke experiment on the GPU, with its run folder elsewhere and no MLflow beside it. */
async function trainOnGpu(): Promise<{ exitCode: number; output: string }> {
  const home = mkdtempSync(join(tmpdir(), 'runner-gpu-'))
  const { exitCode, all } = await execa('./runner', ['experiments/smoke.yaml', '--set', 'runtime.device=gpu'], {
    cwd: projectRoot,
    env: { RUNNER_HOME: home, MLFLOW_TRACKING_URI: 'http://127.0.0.1:9' },
    reject: false,
    all: true,
    timeout: 90_000,
  })
  rmSync(home, { recursive: true })
  return { exitCode: exitCode ?? -1, output: all }
}

const hasGpu = (await listNvidiaCards(process.env)).length > 0

beforeEach((context) => {
  const isForGpu = context.task.name.startsWith('with a GPU')
  if (isForGpu && !hasGpu) context.skip('no NVIDIA GPU answers on this machine (nvidia-smi)')
  if (!isForGpu && hasGpu) context.skip('an NVIDIA GPU answers on this machine')
})

it('with a GPU and TensorFlow’s CUDA build, tfjs computes on it', async ({ skip }) => {
  skip(process.env['RUNNER_TENSORFLOW'] !== 'cuda', 'RUNNER_TENSORFLOW=cuda asks for that build')
  const { value: tensorflow } = await ensureTensorflow({ projectRoot, environment: process.env, report: () => undefined })
  if (!tensorflow) throw new Error('TensorFlow could not be set up')
  const script = `const tf = require('@tensorflow/tfjs-node-gpu')
    const product = tf.matMul(tf.ones([512, 512]), tf.ones([512, 512]))
    console.log(JSON.stringify([tf.backend().isUsingGpuDevice, product.mean().dataSync()[0]]))`
  const environment = engineEnvironment({ environment: process.env, tensorflow, device: 'gpu' })
  const { stdout } = await execa('node', ['-e', script], { cwd: projectRoot, env: environment, extendEnv: false })
  expect(JSON.parse(stdout.split('\n').at(-1) ?? '')).toEqual([true, 512])
})

it('with a GPU, an experiment that asks for it trains on it', async () => {
  const { exitCode, output } = await trainOnGpu()
  expect(output).toContain('GPU')
  expect(exitCode).toBe(0)
})

it('without a GPU, an experiment that asks for it fails with exit code 3 and names the way out', async () => {
  const { exitCode, output } = await trainOnGpu()
  expect(output).toMatch(/error {2}engine-no-gpu\n.*runner doctor.*runtime\.device: auto/)
  expect(exitCode).toBe(3)
})
