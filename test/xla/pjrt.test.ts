/** The addon over a real plugin: values there and back, programs over them, and each fault in the words of whoever found it. */
import { createHook } from 'node:async_hooks'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openPjrt, PjrtError, type PjrtBuffer, type PjrtClient, type PjrtExecutable } from '../../src/xla/pjrt.ts'
import { projectRoot } from '../setup/tiny-project.ts'
import { cpuAddon, cpuPlugin, openCpu, skipWord } from './plugin.ts'

/** CompileOptionsProto with executable_build_options { device_ordinal: -1, num_replicas: 1, num_partitions: 1 }. */
const options = Uint8Array.from([0x1a, 15, 0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0x20, 1, 0x28, 1])

/** Doubles [2, 3] floats in place, squares an integer, compares bytes, transposes the floats. */
const several = `module @several {
  func.func public @main(%a: tensor<2x3xf32> {tf.aliasing_output = 0 : i32}, %b: tensor<i32>, %c: tensor<4xui8>)
      -> (tensor<2x3xf32>, tensor<i32>, tensor<4xi1>, tensor<3x2xf32>) {
    %doubled = stablehlo.add %a, %a : tensor<2x3xf32>
    %squared = stablehlo.multiply %b, %b : tensor<i32>
    %two = stablehlo.constant dense<2> : tensor<4xui8>
    %larger = stablehlo.compare GT, %c, %two : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xi1>
    %turned = stablehlo.transpose %a, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
    return %doubled, %squared, %larger, %turned : tensor<2x3xf32>, tensor<i32>, tensor<4xi1>, tensor<3x2xf32>
  }
}`

const increment = `module @increment {
  func.func public @main(%a: tensor<65536xf32> {tf.aliasing_output = 0 : i32}) -> tensor<65536xf32> {
    %one = stablehlo.constant dense<1.0> : tensor<65536xf32>
    %next = stablehlo.add %a, %one : tensor<65536xf32>
    return %next : tensor<65536xf32>
  }
}`

/** Multiplies matrices again and again: takes a while on any machine. */
const slow = `module @slow {
  func.func public @main(%a: tensor<512x512xf32>) -> tensor<512x512xf32> {
    %zero = stablehlo.constant dense<0> : tensor<i32>
    %r:2 = stablehlo.while(%i = %zero, %m = %a) : tensor<i32>, tensor<512x512xf32>
    cond {
      %many = stablehlo.constant dense<40> : tensor<i32>
      %goes = stablehlo.compare LT, %i, %many : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %goes : tensor<i1>
    } do {
      %one = stablehlo.constant dense<1> : tensor<i32>
      %next = stablehlo.add %i, %one : tensor<i32>
      %product = stablehlo.dot_general %m, %a, contracting_dims = [1] x [0]
        : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
      stablehlo.return %next, %product : tensor<i32>, tensor<512x512xf32>
    }
    return %r#1 : tensor<512x512xf32>
  }
}`

let client: PjrtClient
beforeAll(async () => {
  if (cpuPlugin !== null) client = await openCpu()
}, 180_000)
afterAll(() => {
  if (cpuPlugin !== null) client.close()
})
beforeEach(({ skip }) => skip(cpuPlugin === null, skipWord))

const uploadSeveral = (): PjrtBuffer[] => [
  client.upload(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
  client.upload(Int32Array.of(-7), []),
  client.upload(Uint8Array.of(1, 2, 3, 4), [4]),
]

async function runSeveral(program: PjrtExecutable): Promise<unknown[]> {
  const inputs = uploadSeveral()
  const outputs = program.execute(inputs)
  const [doubled, squared, larger, turned] = outputs
  const values = await Promise.all([
    doubled?.read(new Float32Array(6)),
    squared?.read(new Int32Array(1)),
    larger?.read(new Uint8Array(4)),
    turned?.read(new Float32Array(6)),
  ])
  for (const buffer of [...inputs, ...outputs]) buffer.dispose()
  return values.map((value) => (value ? [...value] : null))
}

const faultOf = async (work: () => unknown): Promise<{ code: string; message: string }> => {
  try {
    await work()
  } catch (error) {
    if (error instanceof PjrtError) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('nothing was at fault')
}

describe('a program', () => {
  const expected = [[2, 4, 6, 8, 10, 12], [49], [0, 0, 1, 1], [1, 4, 2, 5, 3, 6]]

  it('computes over float32, int32 and uint8, and says what memory it takes', async () => {
    const program = await client.compile(several, options)
    expect(program.outputs).toBe(4)
    expect(await runSeveral(program)).toEqual(expected)
    expect(program.memory()).toMatchObject({ arguments: 24 + 4 + 4, aliased: 24 })
    program.dispose()
  })

  it('gives the same after it was serialized and loaded', async () => {
    const program = await client.compile(several, options)
    const loaded = await client.load(program.serialize())
    program.dispose()
    expect(loaded.outputs).toBe(4)
    expect(await runSeveral(loaded)).toEqual(expected)
    loaded.dispose()
  })

  it('takes what it is given away, and leaves the rest', async () => {
    const program = await client.compile(several, options)
    const inputs = uploadSeveral()
    const outputs = program.execute(inputs)
    const [floats, integer] = inputs
    expect(await faultOf(() => floats?.read(new Float32Array(6)))).toMatchObject({ message: expect.stringContaining('donated') as string })
    expect(await faultOf(() => program.execute(inputs))).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await integer?.read(new Int32Array(1))).toEqual(Int32Array.of(-7))
    for (const buffer of [...inputs, ...outputs, program]) buffer.dispose()
  })

  it('runs ten thousand times over values that stay on the device, and memory does not grow', async () => {
    const program = await client.compile(increment, options)
    let [state] = program.execute([client.upload(new Float32Array(65536), [65536])])
    const run = (times: number): void => {
      for (let index = 0; index < times; index++) {
        const before: PjrtBuffer | undefined = state
        if (before) [state] = program.execute([before])
        before?.dispose()
      }
    }
    run(1000)
    await state?.read(new Float32Array(65536))
    const before = process.memoryUsage().rss
    run(9000)
    expect((await state?.read(new Float32Array(65536)))?.[65535]).toBe(10_001)
    // 9,000 states that stayed would be 2.4 GB.
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6)
    state?.dispose()
    program.dispose()
  })
})

describe('JavaScript’s thread', () => {
  const countTurns = async (work: () => Promise<unknown>): Promise<number> => {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await work()
    clearInterval(timer)
    return turns
  }

  it('goes on while the compiler works, and while the device does', async () => {
    let program: PjrtExecutable | undefined
    expect(await countTurns(async () => (program = await client.compile(slow, options)))).toBeGreaterThan(3)
    const input = client.upload(new Float32Array(512 * 512).fill(1 / 512), [512, 512])
    const [output] = program?.execute([input]) ?? []
    let values: Float32Array | undefined
    expect(await countTurns(async () => (values = await output?.read(new Float32Array(512 * 512))))).toBeGreaterThan(3)
    expect(values?.[7]).toBeCloseTo(1 / 512, 6)
    for (const held of [input, output, program]) held?.dispose()
  })

  it('reads what stood there before an execution that is enqueued behind the reading', async () => {
    const program = await client.compile(increment, options)
    const state = client.upload(new Float32Array(65536).fill(5), [65536])
    const reading = state.read(new Float32Array(65536))
    const [next] = program.execute([state])
    state.dispose()
    expect((await reading)[65535]).toBe(5)
    expect((await next?.read(new Float32Array(65536)))?.[65535]).toBe(6)
    for (const held of [next, program]) held?.dispose()
  })

  it('starts nothing of its own for an upload, an execution or a dispose', () => {
    let begun = 0
    const counter = createHook({ init: () => begun++ }).enable()
    const buffer = client.upload(new Float32Array(4), [2, 2])
    buffer.dispose()
    counter.disable()
    expect(begun).toBe(0)
  })
})

describe('a fault', () => {
  it('of the text is in the compiler’s words', async () => {
    const { message } = await faultOf(() => client.compile('module { nonsense }', options))
    expect(message).toContain("custom op 'nonsense' is unknown")
  })

  it('of memory says RESOURCE_EXHAUSTED', async () => {
    const huge = `module @huge { func.func public @main(%a: tensor<f32>) -> tensor<4000000000000xf32> {
      %all = stablehlo.broadcast_in_dim %a, dims = [] : (tensor<f32>) -> tensor<4000000000000xf32>
      return %all : tensor<4000000000000xf32> } }`
    const program = await client.compile(huge, options)
    expect(program.memory()?.outputs).toBe(16e12)
    const run = async (): Promise<unknown> => program.execute([client.upload(new Float32Array(1), [])])[0]?.read(new Float32Array(1))
    expect(await faultOf(run)).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      message: expect.stringContaining('16000000000000 bytes') as string,
    })
    program.dispose()
  })

  it('of sizes and numbers is INVALID_ARGUMENT', async () => {
    const buffer = client.upload(Float32Array.of(1, 2, 3), [3])
    expect(await faultOf(() => buffer.read(new Float32Array(4)))).toEqual({
      code: 'INVALID_ARGUMENT',
      message: 'the buffer holds 12 bytes, and the array to read into 16',
    })
    expect(await faultOf(() => client.upload(new Float32Array(3), [2, 2]))).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await faultOf(() => client.load(Uint8Array.of(1, 2, 3)))).toMatchObject({ code: 'INVALID_ARGUMENT' })
    const program = await client.compile(several, options)
    expect(await faultOf(() => program.execute([buffer]))).toMatchObject({ code: 'INVALID_ARGUMENT' })
    for (const held of [buffer, program]) held.dispose()
  })

  it('is every use of what was disposed of; disposing twice is none', async () => {
    const program = await client.compile(several, options)
    const [buffer] = uploadSeveral()
    for (const held of [buffer, buffer, program, program]) held?.dispose()
    expect(await faultOf(() => buffer?.read(new Float32Array(6)))).toEqual({
      code: 'FAILED_PRECONDITION',
      message: 'the buffer was disposed of',
    })
    expect(await faultOf(() => program.execute(uploadSeveral()))).toMatchObject({ code: 'FAILED_PRECONDITION' })
    expect(await faultOf(() => program.serialize())).toMatchObject({ code: 'FAILED_PRECONDITION' })
  })

  it('of the plugin’s file or of its options comes when it is opened', async () => {
    const addon = await cpuAddon()
    expect(await faultOf(() => openPjrt(addon, '/nowhere/plugin.so'))).toEqual({
      code: 'NOT_FOUND',
      message: '/nowhere/plugin.so: cannot open shared object file: No such file or directory',
    })
    expect(await faultOf(() => openPjrt(addon, `${projectRoot}/package.json`))).toMatchObject({
      message: expect.stringContaining('package.json') as string,
    })
    expect(await faultOf(() => openPjrt(addon, addon))).toMatchObject({
      message: expect.stringContaining('undefined symbol: GetPjrtApi') as string,
    })
    expect(await faultOf(() => openPjrt('/nowhere/pjrt.node', cpuPlugin ?? ''))).toMatchObject({ code: 'NOT_FOUND' })
    const nonsense = { nonsense: 'x', whole: 1, part: 0.5, flag: true }
    expect(await faultOf(() => openPjrt(addon, cpuPlugin ?? '', nonsense))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

it('says what it runs on, and stays for its programs and buffers when it is closed', async () => {
  const other = await openCpu()
  expect(other).toMatchObject({ api: expect.stringMatching(/^0\.\d+$/) as string, platform: 'cpu', device: 'cpu' })
  // The CPU does not say.
  expect(other.memory()).toBeNull()
  const program = await other.compile(increment, options)
  const input = other.upload(new Float32Array(65536), [65536])
  other.close()
  other.close()
  expect(await faultOf(() => other.upload(new Float32Array(1), []))).toEqual({
    code: 'FAILED_PRECONDITION',
    message: 'the client is closed',
  })
  const [output] = program.execute([input])
  program.dispose()
  expect((await output?.read(new Float32Array(65536)))?.[0]).toBe(1)
})
