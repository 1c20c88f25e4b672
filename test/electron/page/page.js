// The smallest page that speaks with the lab: it stands in for the renderer where only the shell is tested.
const pending = new Map()
let port
let nextId = 1

window.events = []
window.statuses = []
window.commands = []
window.connections = 0

window.call = (method, input = {}) =>
  new Promise((resolve, reject) => {
    const id = nextId++
    pending.set(id, { resolve, reject })
    port.postMessage({ id, method, input })
  })

async function connect() {
  const nonce = crypto.randomUUID()
  const arrived = new Promise((resolve) => {
    const listen = (event) => {
      if (event.origin !== location.origin || event.data?.nonce !== nonce) return
      window.removeEventListener('message', listen)
      resolve(event.ports[0])
    }
    window.addEventListener('message', listen)
  })
  const answer = await window.ferry.requestPort(nonce)
  if (answer.error !== undefined) throw new Error(answer.error.message)
  port = await arrived
  port.onmessage = ({ data }) => {
    const { id, result, error, event, payload } = JSON.parse(data)
    if (event !== undefined) window.events.push({ event, payload })
    else if (error === undefined) pending.get(id)?.resolve(result)
    else pending.get(id)?.reject(new Error(error.message))
  }
  window.connections++
  const hosts = await window.call('hosts.list')
  document.querySelector('#hosts').textContent = hosts.map(({ title }) => title).join(', ')
}

window.ferry.onCommand((command) => window.commands.push(command))
window.ferry.onService((status) => {
  window.statuses.push(status)
  if (status.state === 'running') void connect()
  document.querySelector('#notice').textContent = status.message ?? ''
})
