/**
 * Small programs that put a processor or a chip where no guest of ours has it. Each is 32-bit code at 8 kB, begun in flat
 * protected mode with interrupts off, and given as bytes; what it does is written beside it.
 */
const code = (hex: string): number[] => [...Buffer.from(hex, 'hex')]

/** Where a program counts, and what it tells: words of 32 bits. */
export const TOLD = 0x9000

/**
 * Loads a GDT and, of it, an LDT (selector 0x18) whose second descriptor is a segment at `TOLD`; then loads FS from that
 * descriptor (0x0c) and counts at FS:0, over and over.
 */
export const LDT = code(
  '0f01152c200000ea0e200000080066b810008ed88ed066b818000f00d066b80c008ee064ff0500000000ebf11f00382000008db600000000' +
    '0000000000000000ffff0000009acf00ffff00000092cf000f005820008200000000000000000000ff0f009000924000',
)

/**
 * Makes two pages of 2 MB with PAE (and PSE, without which v86 knows none): the first is where it is, and 0xC0000000, by the fourth page-directory pointer, is 4 MB.
 * Turns paging on, and counts at 0xC0009000, with no further load of CR3.
 */
export const PAE = code(
  'c7050040000001500000c7051840000001600000c7050050000083000000c7050060000083004000b8004000000f22d8b8300000000f22e0' +
    '0f20c00d000000800f22c0ff05009000c0ebf8',
)
export const PAE_TOLD = 0x40_9000

/**
 * Loads a GDT, an IDT and a task register, and returns (IRET) to virtual-8086 mode, IOPL 3. There: DS = 0x900, counts at DS:0,
 * INT 0x20, and again. The interrupt comes by the task's stack to ring 0, which counts at `TOLD` + 4 and returns.
 */
export const VM86 = code(
  '0f0115752000000f011d7b200000ea15200000080066b810008ed88ed0bc00800000c705b420000000800000c705b82000001000000066b8' +
    '18000f00d86a006a006a006a00680007000068000f000068023002006800020000685f000000cfb800098ed866ff060000cd20ebf236ff05' +
    '04900000cf1f00882000000701a81f00008db426000000000000000000000000ffff0000009acf00ffff00000092cf006700b02000890000' +
    '6d20080000ee0000' +
    '00'.repeat(0x68),
)

/**
 * Sets counter 0 of the PIT to mode 2 and writes 0x10, the lower half of its count; sets counter 2 to 0xffff, latches it, reads the
 * lower half and tells it at `TOLD` + 4. Tells 1 at `TOLD`, and waits for a byte on the serial port. Then writes the upper half of counter
 * 0's count, 0; reads the upper half of counter 2 (`TOLD` + 5); latches counter 0, reads it (`TOLD` + 8); tells 2.
 */
export const PIT_HALVES = code(
  'b034e643b010e640b0b0e643b0ffe642e642b080e643e4420fb6c0a304900000c705009000000100000066bafd03eca80174f766baf803ec' +
    '31c0e640e442a205900000b9e8030000e2fec7050c9000000000000031c0e643e440a208900000e440a209900000c7050090000002000000' +
    'ebfe',
)

/**
 * Turns the UART's FIFO on, 14 bytes to an interrupt, tells 1 at `TOLD`, and waits in a jump to itself of two bytes. Behind it: takes what comes, to
 * `TOLD` + 16 and on, and counts it at `TOLD` + 4.
 */
export const FIFO = code(
  '66bafa03b0c1eebf10900000c7050090000001000000ebfe66bafd03eca80174f766baf803ecaaff0504900000ebe9',
)

/**
 * Sets the PICs up, the slave from vector 0x28, and lets IRQ 8 through; tells the real-time clock that any second is that of its
 * alarm, and switches the alarm's interrupt on; halts, over and over. The interrupt counts at `TOLD` where it is the alarm's.
 */
export const ALARM = code(
  '0f0115922000000f011d98200000ea15200000080066b810008ed88ed0bc00800000b011e620e6a0b020e621b028e6a1b004e621b002e6a1b0' +
    '01e621e6a1b0fbe621b0fee6a1b801c00000e822000000b803c00000e818000000b805c00000e80e000000b80b220000e804000000fbf4ebfd' +
    'e67088e0e671c350b00ce670e471a8207406ff0500900000b020e6a0e62058cf1700a02000004701781f000066900000000000000000ffff00' +
    '00009acf00ffff00000092cf0079200800008e0000',
)
