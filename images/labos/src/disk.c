/*
 * The first ATA disk, by PIIX bus-master DMA. Registers: ATA/ATAPI-6 (T13/1410D), "Programming Interface for Bus Master
 * IDE Controller" rev. 1.0. There is no PIO path (but IDENTIFY): the point is that a device writes to guest RAM.
 */
#include "labos.h"

#define COMMAND_BLOCK 0x1F0
#define CONTROL 0x3F6
#define IRQ 14

enum { DATA = 0, COUNT = 2, LBA0 = 3, LBA1 = 4, LBA2 = 5, DEVICE = 6, STATUS = 7 };
enum { BM_COMMAND = 0, BM_STATUS = 2, BM_PRDT = 4 };
#define ST_BUSY 0x80
#define ST_FAULT 0x20
#define ST_DRQ 0x08
#define ST_ERROR 0x01
#define CMD_IDENTIFY 0xEC
#define CMD_READ_DMA 0xC8
#define CMD_WRITE_DMA 0xCA
#define BM_START 1
#define BM_TO_MEMORY 8

#define SECTOR 512u
#define RING 64 /* pages that the background load reads into */

u32 disk_sectors, disk_reads, disk_writes, disk_irqs, disk_errors, disk_lost, disk_load_rate;

static u16 bus_master;
static struct { u32 address; u16 bytes, flags; } *prd; /* one table: two entries, so a transfer may be split */
static u8 *buffers;                                    /* 2 pages: [0] to write from, [1] to read into */
static volatile bool busy, failed;
static u32 started; /* the tick at which the transfer began */

/* The ring of the background load: what DMA brought is summed at once, and must still sum up when its turn comes again. */
static u8 *ring;
static u32 ring_sums[RING], ring_next, ring_filled, ring_bad;
static bool ring_pending; /* the transfer under way belongs to the ring */
static struct pace pace;
static u32 random = 0x1D872B41;

static void handler(void)
{
    u8 bm = inb(bus_master + BM_STATUS);
    if (!(bm & 4)) return;
    u8 status = inb(COMMAND_BLOCK + STATUS); /* reading it takes the request back */
    disk_irqs++;
    outb(bus_master + BM_COMMAND, 0);
    outb(bus_master + BM_STATUS, 6); /* write one to clear: error, interrupt */
    if (!busy) return;
    failed = (bm & 2) || (status & (ST_ERROR | ST_FAULT));
    busy = false;
}

static void start(u32 lba, u32 sectors, u8 *at, bool to_disk)
{
    u32 bytes = sectors * SECTOR, first = bytes / 2;
    /* Two halves on purpose: scatter and gather is what drivers do, and each entry is a memory access of its own. */
    prd[0].address = (u32)at;
    prd[0].bytes = (u16)first;
    prd[0].flags = 0;
    prd[1].address = (u32)at + first;
    prd[1].bytes = (u16)(bytes - first);
    prd[1].flags = 0x8000; /* end of table */
    busy = true;
    failed = false;
    started = ticks;
    barrier();
    outl(bus_master + BM_PRDT, (u32)prd);
    outb(bus_master + BM_COMMAND, to_disk ? 0 : BM_TO_MEMORY);
    outb(bus_master + BM_STATUS, 6);
    outb(COMMAND_BLOCK + DEVICE, (u8)(0xE0 | (lba >> 24 & 15))); /* LBA, drive 0 */
    outb(COMMAND_BLOCK + COUNT, (u8)sectors);
    outb(COMMAND_BLOCK + LBA0, (u8)lba);
    outb(COMMAND_BLOCK + LBA1, (u8)(lba >> 8));
    outb(COMMAND_BLOCK + LBA2, (u8)(lba >> 16));
    outb(COMMAND_BLOCK + STATUS, to_disk ? CMD_WRITE_DMA : CMD_READ_DMA);
    outb(bus_master + BM_COMMAND, (u8)(BM_START | (to_disk ? 0 : BM_TO_MEMORY)));
    if (to_disk) disk_writes++;
    else disk_reads++;
}

/* In ticks, not in time: while the machine stands still for a migration, the deadline does too. */
static void give_up(void)
{
    cli();
    if (busy && ticks - started > 3 * hz) {
        busy = false;
        failed = true;
        disk_lost++;
    }
    sti();
}

static bool finish(void)
{
    for (;;) {
        cli();
        if (!busy) break;
        sti_hlt();
        background();
        give_up();
    }
    sti();
    if (failed) disk_errors++;
    return !failed;
}

static u32 sum(const u8 *at, u32 bytes)
{
    const u32 *p = (const u32 *)at;
    u32 s = bytes;
    for (u32 i = 0; i < bytes / 4; i++) s = (s << 1 | s >> 31) ^ p[i];
    return s;
}

static bool ring_check(u32 slot)
{
    if (sum(ring + slot * PAGE, PAGE) == ring_sums[slot]) return true;
    ring_bad++;
    say("DISK RING ERROR slot=%u addr=0x%08x expected=0x%08x found=0x%08x", slot, (u32)(ring + slot * PAGE),
        ring_sums[slot], sum(ring + slot * PAGE, PAGE));
    ring_sums[slot] = sum(ring + slot * PAGE, PAGE); /* report it once */
    return false;
}

/* Takes in the background transfer if one is there; needed before the channel is used for anything else. */
static void ring_take(void)
{
    if (!ring_pending || busy) return;
    ring_pending = false;
    if (failed) {
        disk_errors++;
        return;
    }
    ring_sums[ring_next] = sum(ring + ring_next * PAGE, PAGE);
    ring_next = (ring_next + 1) % RING;
    if (ring_filled < RING) ring_filled++;
}

static bool transfer(u32 lba, u32 sectors, u8 *at, bool to_disk)
{
    if (ring_pending) {
        finish();
        ring_take();
    }
    start(lba, sectors, at, to_disk);
    return finish();
}

void disk_load(u32 rate)
{
    disk_load_rate = disk_sectors >= 8 ? rate : 0;
    pace_set(&pace, disk_load_rate);
}

void disk_step(void)
{
    if (ring_pending) give_up();
    ring_take();
    if (!disk_load_rate || ring_pending || !pace_due(&pace)) return;
    pace_spend(&pace, 1);
    if (ring_filled == RING) ring_check(ring_next);
    random = xorshift(random);
    ring_pending = true;
    start(scale(random, disk_sectors - 7), 8, ring + ring_next * PAGE, false);
}

u32 disk_ring_errors(void)
{
    if (!disk_sectors) return 0;
    if (ring_pending) finish();
    ring_take();
    u32 now = 0;
    for (u32 i = 0; i < ring_filled; i++) if (!ring_check(i)) now++;
    return now;
}

static void pattern(u8 *at, u32 lba, u32 salt)
{
    u32 *p = (u32 *)at, x = (lba * 0x9E3779B1u ^ salt) | 1;
    for (u32 i = 0; i < SECTOR / 4; i++) p[i] = x = xorshift(x);
    p[0] = lba;
}

/* Writes n random sectors, then reads them all back elsewhere and compares. Destroys what was on them. */
void disk_test(u32 n)
{
    if (!disk_sectors) {
        say("DISK none");
        return;
    }
    u32 from = random = xorshift(random), salt = from, bad = 0, began = now_ms();
    for (u32 pass = 0; pass < 2; pass++) {
        u32 x = from;
        for (u32 i = 0; i < n; i++) {
            x = xorshift(x);
            u32 lba = scale(x, disk_sectors);
            u8 *out = buffers + (i & 7) * SECTOR, *in = buffers + PAGE + (i & 7) * SECTOR;
            bool ok;
            pattern(out, lba, salt);
            if (pass == 0) ok = transfer(lba, 1, out, true);
            else {
                fill(in, 0xEE, SECTOR);
                ok = transfer(lba, 1, in, false) && !__builtin_memcmp(in, out, SECTOR);
            }
            if (!ok && !bad++) say("DISK ERROR lba=%u pass=%s", lba, pass ? "read" : "write");
            background();
        }
    }
    if (bad) say("DISK failed sectors=%u errors=%u", n, bad);
    else say("DISK ok sectors=%u ms=%u", n, now_ms() - began);
}

void disk_show(u32 lba)
{
    u8 *at = buffers + PAGE;
    if (!disk_sectors) say("DISK none");
    else if (lba >= disk_sectors) say("ERR no such sector");
    else if (!transfer(lba, 1, at, false)) say("DISK failed lba=%u", lba);
    else say("DISK read lba=%u sum=0x%08x bytes=%02x%02x%02x%02x%02x%02x%02x%02x", lba, sum(at, SECTOR), at[0], at[1],
             at[2], at[3], at[4], at[5], at[6], at[7]);
}

void disk_stamp(u32 lba)
{
    if (!disk_sectors) say("DISK none");
    else if (lba >= disk_sectors) say("ERR no such sector");
    else {
        pattern(buffers, lba, (u32)now_us());
        if (!transfer(lba, 1, buffers, true)) say("DISK failed lba=%u", lba);
        else say("DISK wrote lba=%u sum=0x%08x", lba, sum(buffers, SECTOR));
    }
}

static bool identify(void)
{
    u16 id[256];
    outb(COMMAND_BLOCK + DEVICE, 0xE0);
    u8 status = inb(COMMAND_BLOCK + STATUS);
    if (status == 0 || status == 0xFF) return false; /* an empty channel */
    outb(CONTROL, 2); /* no interrupts yet */
    outb(COMMAND_BLOCK + STATUS, CMD_IDENTIFY);
    for (u32 i = 0;; i++) {
        status = inb(COMMAND_BLOCK + STATUS);
        if (!status || status & (ST_ERROR | ST_FAULT) || i > 100000) return false; /* a CD-ROM aborts IDENTIFY */
        if (!(status & ST_BUSY) && status & ST_DRQ) break;
    }
    insw(COMMAND_BLOCK + DATA, id, 256);
    disk_sectors = id[60] | (u32)id[61] << 16; /* words 60-61: sectors reachable by LBA28 */
    return disk_sectors > 0;
}

void disk_init(void)
{
    struct pci_device d;
    if (!pci_find_class(0x0101, &d)) return;
    bus_master = pci_io_bar(&d, 4, 16);
    if (!bus_master || !identify()) {
        disk_sectors = 0;
        return;
    }
    prd = take_pages(1);
    buffers = take_pages(2);
    ring = take_pages(RING);
    outb(bus_master + BM_COMMAND, 0);
    outb(bus_master + BM_STATUS, 6);
    irq_on(IRQ, handler);
    outb(CONTROL, 0);
    inb(COMMAND_BLOCK + STATUS);
}
