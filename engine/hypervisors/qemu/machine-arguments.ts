/**
 * The command line of a QEMU 7.2 that is the same PC as our machines are: TCG, i440FX and PIIX3, an NE2000 in slot 5 and a
 * Bochs VGA in slot 18, a processor with the same CPUID, and a time stamp counter that counts nanoseconds.
 */

/** What two machines must agree on for a guest to fit into both. */
export interface QemuMachine {
  readonly ramBytes: number
  /** Our frame buffer; QEMU's video memory is `videoBytes` of it. */
  readonly vgaBytes: number
  /** `02:…` */
  readonly mac: string
}

export interface QemuMachineOptions extends QemuMachine {
  /** The network's end of the card, as `-netdev` takes it, without an id: `stream,addr.type=unix,addr.path=…`. */
  readonly netdev: string
  /** The guest's disk as `-drive` takes it, without interface and index: `file=…,format=raw`. Null: no disk. */
  readonly disk: string | null
  /** Everything else that belongs to the process: `-qmp …`, `-chardev …`, `-serial …`, `-incoming …`, `-S`. */
  readonly further: readonly string[]
}

/** The machine type; it stands in the stream, and QEMU refuses a stream of another one. */
export const MACHINE_TYPE = 'pc-i440fx-7.2'
/** An instruction takes 2 to the power of this many ns of the guest's clock. Both sides of a migration must agree. */
export const ICOUNT_SHIFT = 2
const MIB = 2 ** 20
/** QEMU's VGA has a power of two of MiB (hw/display/vga.c, `vga_common_init`). */
const VIDEO_MIN = MIB

/**
 * CPUID flags as our machines show them (engine/machine/profile.ts has them by Linux's names). `-apic`: with one, interrupts
 * would take another way.
 */
const CPU = [
  'pentium3,model=7,level=7',
  ...['vme', 'de', 'mce', 'apic', 'mtrr', 'mca', 'pat', 'pse36'].map((flag) => `-${flag}`),
  ...['sse2', 'pni', 'popcnt', 'rdrand', 'erms'].map((flag) => `+${flag}`),
].join(',')

/** Bytes of QEMU's video memory for a machine with this frame buffer. */
export const videoBytes = (vgaBytes: number): number => Math.max(VIDEO_MIN, vgaBytes)

/** Arguments behind the program's name. */
export function machineArguments({ ramBytes, vgaBytes, mac, netdev, disk, further }: QemuMachineOptions): string[] {
  return [
    ...['-M', `${MACHINE_TYPE},hpet=off,vmport=off`, '-accel', 'tcg', '-cpu', CPU, '-m', `${ramBytes / MIB}M`],
    ...['-display', 'none', '-nodefaults', '-no-user-config', '-no-acpi'],
    // The guest's clock is the count of its instructions, so that the time stamp counter runs at our 1 GHz; and the
    // real-time clock runs on it, so that its timers are on one axis with all others.
    ...['-icount', `shift=${ICOUNT_SHIFT},sleep=on`, '-rtc', 'base=utc,clock=vm'],
    ...['-device', `VGA,addr=0x12,vgamem_mb=${videoBytes(vgaBytes) / MIB}`],
    ...['-netdev', `${netdev},id=n0`, '-device', `ne2k_pci,netdev=n0,addr=5,romfile=,mac=${mac}`],
    ...(disk === null ? [] : ['-drive', `${disk},if=none,id=d0`, '-device', 'ide-hd,bus=ide.0,unit=0,drive=d0']),
    ...['-device', 'ide-cd,bus=ide.1,unit=0'],
    ...further,
  ]
}
