/** A picture of a run as MLflow's grid of images wants it: in full, and small. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gridPaths, type MlflowClient, type Run } from 'mlflow-js-client'
import type { ProjectedPicture } from './projection.ts'

/** Python's client makes them 256, of which MLflow's full-screen view shows little. */
const small = 768

/** `local` is the PNG. Told again it is the same file: its name follows from the run, the picture's name and the time at which it was drawn. */
export async function sendPicture(
  { key, name, timestamp }: ProjectedPicture,
  local: string,
  run: Run,
  client: MlflowClient,
): Promise<void> {
  // Of a UUID's length, and with a first letter that none has.
  const id = `r${createHash('sha256').update(`${run.info.run_id} ${name}`).digest('hex').slice(0, 31)}`
  const paths = gridPaths({ key, step: 0, timestamp, id })
  await client.logArtifact(run.info, local, paths.full)
  const { default: sharp } = await import('sharp')
  const work = await mkdtemp(join(tmpdir(), 'runner-picture-'))
  try {
    const reduced = join(work, 'small.webp')
    await sharp(local).resize(small, small, { fit: 'inside', withoutEnlargement: true }).webp().toFile(reduced)
    await client.logArtifact(run.info, reduced, paths.small)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
