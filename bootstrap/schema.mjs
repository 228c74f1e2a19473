/** `npm run schema`: writes schemas/ and docs/reference/ from the schema source. */
import { prepareOrExplain } from './prepare.mjs'
import { root } from './project.mjs'

if (await prepareOrExplain()) {
  const { writeSchemas } = await import('../dist/experiment/write-schema.js')
  await writeSchemas(root)
}
