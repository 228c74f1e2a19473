/** What the operating system refuses, as a fault that the user can act on. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts'

/** The system's name for it, such as ENOENT; undefined where the error is none of the system's. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

const fullCodes: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EFBIG']
/** There may be room later. */
export function isFullDisk(error: unknown): boolean {
  return fullCodes.includes(systemCode(error))
}

const forbiddenCodes: readonly unknown[] = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST']

/** The fault of writing under `folder`; null for an error that is nobody's but ours. */
export function writingFault(error: unknown, folder: string): Diagnostic | null {
  const code = systemCode(error)
  if (isFullDisk(error))
    return {
      code: 'disk-full',
      severity: 'error',
      message: `there is no room to write under ${folder} (${code ?? ''}); nothing half-written was left`,
      hint: 'Free some space and run again.',
    }
  if (forbiddenCodes.includes(code))
    return {
      code: 'folder-unwritable',
      severity: 'error',
      message: `nothing can be written under ${folder} (${code ?? ''})`,
      hint: 'Make the folder writable, or work from a folder of your own.',
    }
  return null
}
