/** What XLA is told beside the program: a CompileOptionsProto (xla/pjrt/proto/compile_options.proto). */
import { Message } from '../graph/protobuf.ts'
import type { Precision } from './builder.ts'

/** XLA's flags by name, as they stand in DebugOptions (xla/xla.proto). */
export type XlaFlags = Readonly<Record<string, boolean | number | string>>

/**
 * What decides the program beside its text. XLA's own flags for determinism are not among them: they leave matrix products to cuBLAS, with
 * 2.6 times the bytes (docs/gpu.md); what fixes a run's kernels is that its executables are kept.
 */
export function flagsFor(precision: Precision): XlaFlags {
  // Short floats are rounded where the program says so, whatever is fused with what.
  return precision === 'bfloat16' ? { xla_allow_excess_precision: false } : {}
}

/** Where a plugin's compiler finds its files: it decides nothing, and differs from checkout to checkout. */
export function placeOf(platform: string, compilerData: string | null): XlaFlags {
  return platform === 'cuda' && compilerData !== null ? { xla_gpu_cuda_data_dir: compilerData } : {}
}

export function compileOptions(flags: XlaFlags): Uint8Array {
  const build = new Message().varint(1, -1).varint(4, 1).varint(5, 1)
  const options = new Message().message(3, build)
  for (const [name, value] of Object.entries(flags)) options.message(7, new Message().string(1, name).message(2, override(value)))
  return options.finish()
}

function override(value: boolean | number | string): Message {
  if (typeof value === 'boolean') return new Message().varint(2, value ? 1 : 0)
  return typeof value === 'number' ? new Message().varint(3, value) : new Message().string(1, value)
}
