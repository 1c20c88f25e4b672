/*
 * NE2000 on PCI (RTL8029). Registers and procedures: National Semiconductor DP8390D data sheet, application note
 * AN-874 "Writing Drivers for the DP8390 NIC Family". Frames are received and answered inside the interrupt handler,
 * so the answer time that a client sees does not depend on what the main loop is busy with.
 */
#include "labos.h"

enum { CR = 0x00, PSTART = 0x01, PSTOP = 0x02, BNRY = 0x03, TPSR = 0x04, TBCR0 = 0x05, TBCR1 = 0x06, ISR = 0x07,
       RSAR0 = 0x08, RSAR1 = 0x09, RBCR0 = 0x0A, RBCR1 = 0x0B, RCR = 0x0C, TCR = 0x0D, DCR = 0x0E, IMR = 0x0F,
       PAR0 = 0x01, CURR = 0x07, MAR0 = 0x08, /* page 1 */
       DATA = 0x10, RESET = 0x1F };

#define CR_STOP 0x01
#define CR_START 0x02
#define CR_TRANSMIT 0x04
#define CR_READ 0x08
#define CR_WRITE 0x10
#define CR_NODMA 0x20
#define CR_PAGE1 0x40

#define ISR_RX 0x01
#define ISR_TX 0x02
#define ISR_RXE 0x04
#define ISR_TXE 0x08
#define ISR_OVERFLOW 0x10
#define ISR_COUNTERS 0x20
#define ISR_DMA_DONE 0x40
#define INTERRUPTS (ISR_RX | ISR_RXE | ISR_OVERFLOW)

/* The 16 kB of packet memory, in 256-byte pages: one transmit buffer, the rest is the receive ring. */
#define TX_PAGE 0x40
#define RX_FIRST 0x4C
#define RX_END 0x80

bool ne2k_there;
u8 ne2k_mac[6];
u32 ne2k_irqs, ne2k_rx, ne2k_tx, ne2k_overflows, ne2k_bad, ne2k_lost;

static u16 io;
static u8 next_page; /* the next frame to read */
static u32 watch_irqs, watch_ticks;

static void reg(u32 r, u8 v) { outb((u16)(io + r), v); }
static u8 get(u32 r) { return inb((u16)(io + r)); }

static void remote(u16 from, u32 n, u8 direction)
{
    reg(RBCR0, (u8)n);
    reg(RBCR1, (u8)(n >> 8));
    reg(RSAR0, (u8)from);
    reg(RSAR1, (u8)(from >> 8));
    reg(CR, CR_START | direction);
}

static void remote_done(void)
{
    for (u32 i = 0; i < 1000 && !(get(ISR) & ISR_DMA_DONE); i++);
    reg(ISR, ISR_DMA_DONE);
}

/* A remote read that runs past the end of the ring goes on at its beginning: the chip wraps. */
static void fetch(u16 from, void *to, u32 n)
{
    n = (n + 1) & ~1u;
    remote(from, n, CR_READ);
    insw((u16)(io + DATA), to, n / 2);
    remote_done();
}

static void ring_reset(void)
{
    reg(CR, CR_STOP | CR_NODMA);
    reg(PSTART, RX_FIRST);
    reg(PSTOP, RX_END);
    reg(BNRY, RX_FIRST);
    reg(CR, CR_STOP | CR_NODMA | CR_PAGE1);
    reg(CURR, RX_FIRST + 1);
    next_page = RX_FIRST + 1;
    reg(CR, CR_STOP | CR_NODMA);
    reg(CR, CR_START | CR_NODMA);
}

static void drain(void)
{
    static u8 frame[1536] __attribute__((aligned(4)));
    for (u32 most = 64; most; most--) { /* bounded: a flood must not keep us in the handler for ever */
        reg(CR, CR_START | CR_NODMA | CR_PAGE1);
        u8 current = get(CURR);
        reg(CR, CR_START | CR_NODMA);
        if (current == next_page) return;
        struct { u8 status, next; u16 length; } head;
        fetch((u16)(next_page << 8), &head, 4);
        u32 length = head.length - 4u; /* the header counts itself */
        if (!(head.status & 1) || head.next < RX_FIRST || head.next >= RX_END || length < 14 || length > 1518) {
            /* The ring is out of step: nothing in it can be trusted any more. */
            ne2k_bad++;
            ring_reset();
            return;
        }
        u32 from = (u32)(next_page << 8) + 4;
        fetch((u16)from, frame, length);
        next_page = head.next;
        /* BNRY stays one behind, since BNRY == CURR would mean full. */
        reg(BNRY, next_page == RX_FIRST ? RX_END - 1 : next_page - 1);
        ne2k_rx++;
        net_receive(frame, length);
    }
}

/* Overflow recovery as in the DP8390D data sheet, "buffer ring overflow". */
static void overflow(void)
{
    ne2k_overflows++;
    reg(CR, CR_STOP | CR_NODMA);
    u64 until = rdtsc() + (u64)tsc_khz * 2; /* 1.6 ms for a frame in flight */
    while (rdtsc() < until && !(get(ISR) & 0x80));
    reg(RBCR0, 0);
    reg(RBCR1, 0);
    reg(TCR, 0x02); /* loopback while the ring is emptied */
    reg(CR, CR_START | CR_NODMA);
    drain();
    reg(ISR, ISR_OVERFLOW);
    reg(TCR, 0x00);
}

static void handler(void)
{
    u8 status;
    ne2k_irqs++;
    for (u32 i = 0; i < 8 && (status = get(ISR) & INTERRUPTS); i++) {
        reg(ISR, status & (u8)~ISR_OVERFLOW); /* before draining, so that a frame arriving meanwhile raises it again */
        if (status & ISR_OVERFLOW) overflow();
        drain();
    }
}

/*
 * Called by the timer. A request that stays pending while no handler ran has lost its interrupt on the way (that is
 * what a faulty migration does to a device): serve it so that the guest lives on, and count it so that it shows.
 */
void ne2k_watch(void)
{
    if (!ne2k_there || ++watch_ticks < 64) return;
    watch_ticks = 0;
    bool pending = get(ISR) & INTERRUPTS;
    static bool was_pending;
    if (pending && was_pending && watch_irqs == ne2k_irqs) {
        ne2k_lost++;
        handler();
    }
    was_pending = pending;
    watch_irqs = ne2k_irqs;
}

void ne2k_send(const void *frame, u32 length)
{
    if (!ne2k_there || length > 1514) return;
    u32 flags = irq_save();
    /* One transmit buffer: wait for the frame before; an emulator is done at once. */
    for (u32 i = 0; i < 10000 && get(CR) & CR_TRANSMIT; i++);
    static u8 padded[1536] __attribute__((aligned(4)));
    copy(padded, frame, length);
    if (length < 60) { /* the Ethernet minimum, without the checksum the chip appends */
        fill(padded + length, 0, 60 - length);
        length = 60;
    }
    u32 even = (length + 1) & ~1u;
    remote(TX_PAGE << 8, even, CR_WRITE);
    outsw((u16)(io + DATA), padded, even / 2);
    remote_done();
    reg(TPSR, TX_PAGE);
    reg(TBCR0, (u8)length);
    reg(TBCR1, (u8)(length >> 8));
    reg(CR, CR_START | CR_TRANSMIT | CR_NODMA);
    ne2k_tx++;
    irq_restore(flags);
}

void ne2k_init(void)
{
    struct pci_device d;
    if (!pci_find(0x10EC, 0x8029, &d)) return;
    io = pci_io_bar(&d, 0, 32);
    if (!io) return;
    reg(RESET, get(RESET));
    for (u32 i = 0; i < 1000 && !(get(ISR) & 0x80); i++);
    reg(CR, CR_STOP | CR_NODMA);
    reg(DCR, 0x48); /* byte-wide for the PROM, FIFO threshold 8 */
    reg(IMR, 0);
    reg(ISR, 0xFF);
    reg(RCR, 0x20); /* monitor */
    reg(TCR, 0x02); /* loopback */
    /* The PROM doubles every byte, since the card is 16 bits wide. */
    u8 prom[32];
    remote(0, 32, CR_READ);
    for (u32 i = 0; i < 32; i++) prom[i] = get(DATA);
    remote_done();
    for (u32 i = 0; i < 6; i++) ne2k_mac[i] = prom[i * 2];
    reg(CR, CR_STOP | CR_NODMA);
    reg(DCR, 0x49); /* word-wide */
    reg(RCR, 0x04); /* our address and broadcast */
    reg(CR, CR_STOP | CR_NODMA | CR_PAGE1);
    for (u32 i = 0; i < 6; i++) reg(PAR0 + i, ne2k_mac[i]);
    for (u32 i = 0; i < 8; i++) reg(MAR0 + i, 0);
    ne2k_there = true;
    ring_reset();
    reg(TCR, 0x00);
    reg(ISR, 0xFF);
    reg(IMR, INTERRUPTS);
    if (d.irq >= 3 && d.irq <= 15) irq_on(d.irq, handler);
}
