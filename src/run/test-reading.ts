/** The test images are a vault: whoever reads what a run said of them leaves a line in the run's journal. */
import { Fault } from '../diagnostics/diagnostic.ts'
import type { Recorded } from '../journal/events.ts'
import { openJournal, readJournal } from '../journal/journal.ts'
import { listRuns, type RunFolder } from '../journal/run-folder.ts'
import { JournalInUse } from '../journal/writer.ts'
import { readEvents } from './read-events.ts'
import { runsOf, type Workspace } from './workspace.ts'

/** Resolves with the digest of the test set. Throws `Fault` where the journal is damaged or in use: then nothing may be read. */
export async function journalTestReading(folder: RunFolder, why: string, { now }: Workspace): Promise<string> {
  const { events } = await readEvents(folder)
  const digest = testDigest(events)
  const journal = await openJournal(folder.journal, { now }).catch((error: unknown) => {
    if (!(error instanceof JournalInUse)) throw error
    const message = `${folder.id} is being written by ${error.writer}, and the reading of its test images cannot be noted`
    throw new Fault([{ code: 'run-in-use', severity: 'error', message, hint: 'Wait for it to end.' }], 1)
  })
  try {
    await journal.append({ type: 'test-read', why, digest })
    return digest
  } finally {
    await journal.close()
  }
}

/**
 * How often the test set of that digest has been read, by all runs under runs/ together: a set that many models were judged on is worth less to
 * each. Journals that cannot be read are not counted.
 */
export async function testReadings(digest: string, workspace: Workspace): Promise<number> {
  const folders = await listRuns(runsOf(workspace))
  const counts = await Promise.all(
    folders.map(({ journal }) =>
      readJournal(journal).then(
        ({ events }) => events.filter((event) => event.type === 'test-read' && event.digest === digest).length,
        () => 0,
      ),
    ),
  )
  return counts.reduce((a, b) => a + b, 0)
}

/** By which a test set is known again in other runs. */
export function testDigest(events: readonly Recorded[]): string {
  const dataset = events.find((event) => event.type === 'dataset' && event.context === 'testing')
  return dataset?.type === 'dataset' ? dataset.digest : ''
}
