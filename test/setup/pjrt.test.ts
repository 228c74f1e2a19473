import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { visibleCards } from '../../src/setup/nvidia-cards.ts'
import { choosePlugin } from '../../src/setup/pjrt-plugin.ts'
import { ensurePjrt } from '../../src/setup/pjrt.ts'
import type { SetupOptions } from '../../src/setup/setup-options.ts'
import { writeStamp } from '../../src/setup/stamp.ts'
import { createBareCheckout, type BareCheckout } from './bare-checkout.ts'
import { projectRoot } from './tiny-project.ts'

let checkout: BareCheckout

beforeEach(() => {
  checkout = createBareCheckout()
})
afterEach(() => {
  checkout[Symbol.dispose]()
})

const addon = '.setup/pjrt/pjrt.node'

/** Of TensorFlow's wheel the addon needs one header: the rest is not unpacked for a test. */
function addTensorflowHeader(): void {
  const header = 'tensorflow/include/xla/pjrt/c/pjrt_c_api.h'
  const from = ['cpu', 'cuda'].map((build) => join(projectRoot, `.setup/tensorflow-${build}`, header)).find((path) => existsSync(path))
  const to = checkout.path(`.setup/tensorflow-cpu/${header}`)
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from ?? '', to)
  const requirements = readFileSync(checkout.path('requirements/tensorflow-cpu.txt'), 'utf8')
  writeStamp(checkout.path('.setup/tensorflow-cpu/stamp.json'), requirements, [header])
}

/** A wheel of some bytes for every pin, with what is looked for in the real ones. */
function addWheels(build: 'cuda12' | 'cuda13'): void {
  const compiler = build === 'cuda13' ? 'nvidia/cu13' : 'nvidia/cuda_nvcc'
  const files: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    [`jax-${build}-pjrt`]: { [`jax_plugins/xla_${build}/xla_cuda_plugin.so`]: 'a plugin of another kind' },
    'nvidia-cuda-nvcc': { 'nvidia/cu13/bin/ptxas': '' },
    'nvidia-nvvm': { 'nvidia/cu13/nvvm/libdevice/libdevice.10.bc': '' },
    'nvidia-cuda-nvcc-cu12': { [`${compiler}/bin/ptxas`]: '', [`${compiler}/nvvm/libdevice/libdevice.10.bc`]: '' },
    'nvidia-cublas': { 'nvidia/cu13/lib/libcublas.so.13': 'a library' },
    'nvidia-cublas-cu12': { 'nvidia/cublas/lib/libcublas.so.12': 'a library' },
    [`nvidia-cudnn-cu${build.slice(4)}`]: { 'nvidia/cudnn/lib/libcudnn.so.9': 'a library' },
  }
  const requirements = readFileSync(checkout.path(`requirements/pjrt-${build}.txt`), 'utf8')
  for (const [, name = '', version = ''] of requirements.matchAll(/^([a-z0-9-]+)==(\S+)$/gm))
    checkout.addWheel(name.replaceAll('-', '_'), version, 'py3-none-any', files[name] ?? {})
}

const partialFiles = (): string[] =>
  readdirSync(checkout.path('.setup'), { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('partial'))

describe('which plugin', () => {
  const choose = async (environment: NodeJS.ProcessEnv): Promise<unknown> => {
    const { value, diagnostics } = await choosePlugin(environment)
    return value === undefined ? diagnostics[0]?.code : value && (value.kind === 'wheel' ? value.build : value.path)
  }

  it.each([
    ['NVIDIA H100 80GB HBM3', '580.65.06', '9.0', 'cuda13'],
    ['NVIDIA H100 80GB HBM3', '575.57.08', '9.0', 'cuda12'],
    ['Tesla V100-SXM2-16GB', '580.65.06', '7.0', 'cuda12'],
    ['NVIDIA A100-SXM4-40GB', '525.60.13', '8.0', 'cuda12'],
    ['NVIDIA A100-SXM4-40GB', '515.43.04', '8.0', 'driver-too-old'],
    ['Tesla K80', '470.82.01', null, 'driver-too-old'],
  ])('for %s with driver %s and capability %s is %s', async (name, driver, capability, expected) => {
    expect(await choose(checkout.withCard(name, driver, capability))).toBe(expected)
  })

  it('is none without a card, without an answer, and for TensorFlow’s CUDA build', async () => {
    expect(await choose({ PATH: '/nonexistent' })).toBeNull()
    const environment = checkout.withCard('NVIDIA H100 80GB HBM3', '580.65.06', '9.0')
    expect(await choose({ ...environment, RUNNER_TENSORFLOW: 'cuda' })).toBeNull()
    expect(await choose({ ...environment, CUDA_VISIBLE_DEVICES: '-1' })).toBeNull()
    const words = 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver'
    writeFileSync(checkout.path('programs/nvidia-smi'), `#!/bin/sh\necho '${words}'\n`)
    expect(await choose(environment)).toBeNull()
  })

  it('is the file that RUNNER_PJRT_PLUGIN names, and a fault where there is none', async () => {
    const environment = checkout.withCard('Tesla K80', '470.82.01', null)
    checkout.write('plugin.so', '')
    const named = (path: string): Promise<unknown> => choose({ ...environment, RUNNER_PJRT_PLUGIN: path })
    expect(await named(checkout.path('plugin.so'))).toBe(checkout.path('plugin.so'))
    expect(await named(checkout.path('other.so'))).toBe('pjrt-plugin-missing')
    expect(await named('package.json')).toBe('pjrt-plugin-missing')
  })

  it('shares out the cards that the user lets it see, in the user’s words for them', async () => {
    const machine = checkout.withCard('NVIDIA A100-SXM4-40GB', '580.65.06', '8.0')
    const card = 'NVIDIA A100-SXM4-40GB, 580.65.06, 8.0'
    writeFileSync(checkout.path('programs/nvidia-smi'), `#!/bin/sh\necho '${card}'\necho '${card}'\n`)
    expect(await visibleCards(machine)).toEqual(['0', '1'])
    expect(await visibleCards({ ...machine, CUDA_VISIBLE_DEVICES: '3, GPU-8f,-1,5' })).toEqual(['3', 'GPU-8f'])
    expect(await visibleCards({ ...machine, CUDA_VISIBLE_DEVICES: '' })).toEqual([])
    expect(await visibleCards({ PATH: '', CUDA_VISIBLE_DEVICES: '0' })).toEqual([])
  })

  it('is nothing that is set up on a machine without a card', async () => {
    const { value } = await ensurePjrt({ ...checkout.options, environment: { ...checkout.options.environment, PATH: '/nonexistent' } })
    expect(value).toBeNull()
    expect(existsSync(checkout.path('.setup'))).toBe(false)
    expect(checkout.takeProgress()).toEqual([])
  })
})

describe('the wheels', () => {
  const withDriver = (driver: string): SetupOptions => ({
    ...checkout.options,
    environment: checkout.withCard('NVIDIA H100', driver, '9.0'),
  })
  const namesIn = (folder: string): string[] => readdirSync(checkout.path(folder)).filter((name) => name.startsWith('pjrt-'))

  it('are those of the driver, whole, mended when a part was deleted, and nothing where pip fails', async () => {
    addTensorflowHeader()
    const { value, diagnostics } = await ensurePjrt(withDriver('580.65.06'))
    expect(value).toBeUndefined()
    expect(diagnostics).toMatchObject([{ code: 'pip-failed', message: expect.stringContaining('jax-cuda13-pjrt==0.11.2') as string }])
    expect(diagnostics[0]?.message).toContain("pip could not install XLA's plugin")
    expect(namesIn('.setup')).toEqual([])

    for (const [driver, build, libraries, compiler] of [
      ['580.65.06', 'cuda13', ['cu13', 'cudnn'], 'cu13'],
      ['570.86.10', 'cuda12', ['cublas', 'cudnn'], 'cuda_nvcc'],
    ] as const) {
      addWheels(build)
      const options = withDriver(driver)
      checkout.takeProgress()
      const outcomes = await Promise.all([ensurePjrt(options), ensurePjrt(options)])
      const folder = checkout.path(`.setup/pjrt-${build}`)
      expect(outcomes[0]).toEqual({
        value: {
          addon: checkout.path(addon),
          plugin: join(folder, `jax_plugins/xla_${build}/xla_cuda_plugin.so`),
          name: build,
          version: '0.11.2',
          libraryFolders: libraries.map((name) => join(folder, 'nvidia', name, 'lib')),
          compilerData: join(folder, 'nvidia', compiler),
          programs: checkout.path('.setup/programs'),
        },
        diagnostics: [],
      })
      expect(outcomes[1]).toEqual(outcomes[0])
      expect(partialFiles()).toEqual([])
      const done = checkout.takeProgress().filter(({ part, state }) => part === 'pjrt' && state === 'done')
      expect(done.map(({ text }) => text)).toEqual([expect.stringContaining(`XLA's plugin 0.11.2 for CUDA ${build.slice(4)}`)])

      expect(await ensurePjrt(options)).toEqual(outcomes[0])
      expect(checkout.takeProgress()).toEqual([])
      rmSync(join(folder, 'nvidia', compiler, 'bin/ptxas'))
      expect(await ensurePjrt(options)).toEqual(outcomes[0])
      expect(existsSync(join(folder, 'nvidia', compiler, 'bin/ptxas'))).toBe(true)
    }
    expect(namesIn('.setup')).toEqual(['pjrt-cuda12', 'pjrt-cuda13'])
  })
})

describe('the addon', () => {
  const withPlugin = (): SetupOptions => {
    addTensorflowHeader()
    checkout.write('plugin.so', 'four')
    return { ...checkout.options, environment: { ...checkout.options.environment, RUNNER_PJRT_PLUGIN: checkout.path('plugin.so') } }
  }
  const loads = async (): Promise<boolean> => {
    const { exitCode } = await execa('node', ['-e', `require(${JSON.stringify(checkout.path(addon))})`], { reject: false })
    return exitCode === 0
  }

  it('is compiled so that it loads, mended when it was cut short, and compiled anew from another source', async () => {
    const options = withPlugin()
    const { value } = await ensurePjrt(options)
    const version = expect.stringMatching(/^4 bytes of \d{4}-/) as string
    expect(value).toMatchObject({ addon: checkout.path(addon), name: 'plugin.so', version, libraryFolders: [], compilerData: null })
    expect(await loads()).toBe(true)
    truncateSync(checkout.path(addon), 5000)
    expect(await loads()).toBe(false)
    await ensurePjrt(options)
    expect(await loads()).toBe(true)
    checkout.takeProgress()
    await ensurePjrt(options)
    expect(checkout.takeProgress()).toEqual([])
    appendFileSync(checkout.path('native/pjrt.cc'), '// the same, said otherwise\n')
    await ensurePjrt(options)
    expect(checkout.takeProgress().map(({ text }) => text)).toContain('addon between Node and PJRT')
  })

  it('that does not compile, or does not load, is a fault in the words of who says so', async () => {
    const options = withPlugin()
    checkout.write('native/pjrt.cc', 'int main( {}\n')
    const broken = await ensurePjrt(options)
    expect(broken.diagnostics).toMatchObject([{ code: 'addon-compile-failed', hint: expect.stringContaining('CXX') as string }])
    expect(broken.diagnostics[0]?.message).toContain('pjrt.cc:1')
    checkout.write(
      'native/pjrt.cc',
      'extern int nowhere; extern int* const pointer; int* const pointer __attribute__((visibility("default"))) = &nowhere;\n',
    )
    const unloadable = await ensurePjrt(options)
    expect(unloadable.diagnostics).toMatchObject([{ code: 'addon-load-failed', message: expect.stringContaining('nowhere') as string }])
    expect(partialFiles()).toEqual([])
  })
})
