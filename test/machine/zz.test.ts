import { test } from 'vitest'
import { labos, MIB } from './helpers.ts'
import { arpRequest } from './frames.ts'
test('x', async () => {
  const { machine: guest } = await labos('own=1M ip=10.0.0.2', { ramBytes: 8*MIB })
  let n=0
  guest.on('frame',()=>{n++})
  await guest.pause()
  const a = await guest.capture()
  guest.frameReceive(arpRequest())
  const b = await guest.capture()
  console.log(a.nic, b.nic)
  await guest.resume(); await new Promise(r=>setTimeout(r,100)); console.log(n)
})
