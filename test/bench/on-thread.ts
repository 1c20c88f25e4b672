/** Runs a script of the bench on a thread of its own. */
import { Worker } from 'node:worker_threads'

/** The first message that the thread posts; whoever asks checks its form. Rejects with what the thread throws. */
export async function onThread(script: URL, workerData: object): Promise<unknown> {
  const worker = new Worker(script, { workerData })
  try {
    return await new Promise<unknown>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  } finally {
    await worker.terminate()
  }
}
