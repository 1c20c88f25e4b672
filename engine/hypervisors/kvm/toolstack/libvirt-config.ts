/**
 * `/etc/libvirt/libvirtd.conf`: how libvirtd is reached, and `/etc/libvirt/qemu.conf`: where guests come in. Defaults and
 * comments are libvirt's (remote_daemon_config.c, qemu.conf.in).
 */
import type { Relocation } from '../../toolstack/relocation.ts'
import { syntaxError } from '../../toolstack/relocation.ts'
import { flagOf, parseConf, portOf, textOf } from './conf.ts'

export const LIBVIRTD_CONF = '/etc/libvirt/libvirtd.conf'
export const QEMU_CONF = '/etc/libvirt/qemu.conf'
/** LIBVIRTD_TCP_PORT. */
export const TCP_PORT = 16_509
/** QEMU_MIGRATION_PORT_MIN and _MAX. */
const MIGRATION_PORTS = [49_152, 49_215] as const

/** How other hosts' `qemu+tcp://` reaches the daemon; `qemu+ssh://` asks for none of it. */
export interface DaemonRules {
  readonly listens: boolean
  readonly port: number
  /** Empty: all of the host's. */
  readonly address: string
  readonly auth: 'none' | 'sasl'
}

/** @throws FerryError `config.syntax` with the line */
export function parseLibvirtdConf(text: string, path = LIBVIRTD_CONF): DaemonRules {
  const entries = parseConf(text, path)
  // What is not looked at here has to be right all the same: libvirtd does not start otherwise.
  flagOf(entries, 'listen_tls', true, path)
  const auth = textOf(entries, 'auth_tcp', 'sasl', path)
  if (auth !== 'none' && auth !== 'sasl') {
    throw syntaxError(path, entries.get('auth_tcp')?.line ?? 1, `auth_tcp is "none" or "sasl", not "${auth}".`)
  }
  return {
    listens: flagOf(entries, 'listen_tcp', false, path),
    port: portOf(entries, 'tcp_port', TCP_PORT, path),
    address: textOf(entries, 'listen_addr', '', path),
    auth,
  }
}

/**
 * Where the guests themselves come in.
 * @throws FerryError `config.syntax` with the line
 */
export function parseQemuConf(text: string, path = QEMU_CONF): Pick<Relocation, 'port' | 'address'> {
  const entries = parseConf(text, path)
  const [least, most] = MIGRATION_PORTS
  const port = portOf(entries, 'migration_port_min', least, path)
  const last = portOf(entries, 'migration_port_max', Math.max(port, most), path)
  if (last < port) {
    const { line } = entries.get('migration_port_max') ?? { line: 1 }
    throw syntaxError(path, line, 'migration_port_max is not below migration_port_min.')
  }
  return { port, address: textOf(entries, 'migration_address', '', path) }
}

/** @param open listens, without asking who it is; otherwise: as installed */
export function libvirtdConf(open: boolean): string {
  const mark = open ? '' : '#'
  return `# Master libvirt daemon configuration file
#
# Lines change how this host is reached as soon as the file is written;
# \`service libvirtd restart\` reads it again.

#################################################################
#
# Network connectivity controls: qemu+tcp://HOST/system. A connection
# by ssh (qemu+ssh://HOST/system) needs nothing of this.
#

# Flag listening for secure TLS connections on the public TCP/IP port.
# This is enabled by default, uncomment this to disable it. There are no
# certificates in this lab.
${mark}listen_tls = 0

# Listen for unencrypted TCP connections on the public TCP/IP port.
#
# Using the TCP socket requires SASL authentication by default. Only
# SASL mechanisms which support data encryption are allowed.
#
# This is disabled by default, uncomment this to enable it.
${mark}listen_tcp = 1

# Override the port for accepting insecure TCP connections
#tcp_port = "16509"

# Override the default configuration which binds to all network
# interfaces: '' or 0.0.0.0 for all, localhost for this host alone.
#listen_addr = "0.0.0.0"

#################################################################
#
# Authentication.
#
#  - none: do not perform auth checks. Whoever may connect can then start
#          a virtual machine here.
#  - sasl: use SASL infrastructure, of which this lab has none.
#
# Authentication scheme for TCP sockets: sasl, where this is not set.
${mark}auth_tcp = "none"
`
}

export function qemuConf(port: number): string {
  const [least, most] = MIGRATION_PORTS
  return `# Master configuration file for the QEMU driver.
# Lines change how this host takes guests in as soon as the file is written.

# The default address of guests that come in: '' or 0.0.0.0 for all
# interfaces, localhost for this host alone.
#migration_address = "0.0.0.0"

# Minimum port used for incoming migrations. Default is ${least}.
${port === least ? '#' : ''}migration_port_min = ${port}

# Maximum port used for incoming migrations. Default is ${most}.
#migration_port_max = ${Math.max(port, most)}
`
}
