/** Threads that read, hash and decode images, one for each core. */
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import pLimit from 'p-limit'
import type { ReadImages, ReadRequest } from './image-reader.ts'

export interface ImageReaders {
  /** Rejects where a thread dies, which is a bug. */
  read(request: ReadRequest): Promise<ReadImages>
  close(): Promise<void>
}

/** The compiled thread; when the tests run from sources, the one that was built before them. */
function readerPath(): string {
  const beside = fileURLToPath(new URL('./image-reader.js', import.meta.url))
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/dataset/image-reader.js', import.meta.url))
}

export function openImageReaders(): ImageReaders {
  const threads = availableParallelism()
  const idle = Array.from({ length: threads }, () => new Worker(readerPath(), { execArgv: [] }))
  const all = [...idle]
  const limit = pLimit(threads)
  return {
    read: (request) =>
      limit(async () => {
        const thread = idle.pop()
        if (!thread) throw new Error('Internal error: more readings at once than threads')
        try {
          return await ask(thread, request)
        } finally {
          idle.push(thread)
        }
      }),
    async close() {
      limit.clearQueue()
      await Promise.all(all.map((thread) => thread.terminate()))
    },
  }
}

function ask(thread: Worker, request: ReadRequest): Promise<ReadImages> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      thread.off('message', onMessage)
      thread.off('error', onError)
      thread.off('exit', onExit)
    }
    const onMessage = (images: ReadImages): void => {
      settle()
      resolve(images)
    }
    const onError = (error: Error): void => {
      settle()
      reject(error)
    }
    const onExit = (code: number): void => onError(new Error(`a reading thread ended with code ${code}`))
    thread.on('message', onMessage)
    thread.on('error', onError)
    thread.on('exit', onExit)
    thread.postMessage(request)
  })
}
