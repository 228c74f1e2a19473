/**
 * tfjs-node 4.22 calls functions of Node's `util` that Node 23 removed. Imported before tfjs, this gives them back; elsewhere it changes nothing.
 */
import { createRequire } from 'node:module'

const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>
util['isNullOrUndefined'] ??= (value: unknown): boolean => value === null || value === undefined
util['isArray'] ??= Array.isArray
