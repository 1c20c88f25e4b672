/** Thread of stock-v86.ts: an unpatched v86 that boots the guest directly. */
import { parentPort, workerData } from 'node:worker_threads'
import { loadGuest } from '../../images/guest.ts'
import { nowMs, sleep } from '../../engine/util/clock.ts'
import { bootStock, createStock, say } from './stock-v86-emulator.ts'

const RAM_MB = 128
const task = workerData as { kind: 'save-restore' | 'speed'; guest: string; n: number; script: string; warmUps: number }

const stock = await createStock(RAM_MB)
const { emulator } = stock
await bootStock(stock, await loadGuest(task.guest), RAM_MB)

const times: number[] = []
if (task.kind === 'speed') {
  for (let i = -task.warmUps; i < task.n; i++) {
    const begun = nowMs()
    await say(emulator, `${task.script}; echo DO""NE`, /DONE\r/)
    if (i >= 0) times.push(nowMs() - begun)
  }
} else {
  for (let i = -1; i < task.n; i++) {
    const target = await createStock(RAM_MB)
    await sleep(50)
    const begun = nowMs()
    await emulator.stop()
    await target.emulator.restore_state(await emulator.save_state())
    await target.emulator.run()
    if (i >= 0) times.push(nowMs() - begun)
    await target.emulator.stop()
    await emulator.run()
  }
}
parentPort?.postMessage(times)
