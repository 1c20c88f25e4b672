/** A lab that is recorded until it is killed; says how many hosts it had when something was written. */
import { LabService } from '../../../engine/lab/service.ts'

const service = new LabService({ store: ':memory:' })
let hosts = 0
let size_B = 0
let before = 0
service.on('recordings.changed', ({ recording }) => {
  if (recording === null || recording.size_B === size_B) return
  size_B = recording.size_B
  // What was told since the last time may still wait for its second.
  console.log(`written ${before}`)
  before = hosts
})
await service.call('recordings.start', { path: process.argv[2] })
for (;;) {
  await service.call('hosts.add', { name: `host-${hosts}`, kind: 'kvm', port: 0 })
  hosts++
  await new Promise((resolve) => setTimeout(resolve, 100))
}
