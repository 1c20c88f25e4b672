// Speaks as electron/service-host.ts does in a utility process, without a lab behind it.
const { parentPort } = process
parentPort.on('message', ({ data, ports: [port] }) => {
  if (data.type === 'end') process.exit(0)
  port.on('message', ({ data: { id, method } }) => {
    if (method === 'crash') process.exit(7)
    port.postMessage(JSON.stringify({ id, result: [{ title: 'stand-in' }] }))
  })
  port.start()
})
parentPort.postMessage({ type: 'ready' })
