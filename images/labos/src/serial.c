/* COM1, a 16550 UART: sends by polling, receives by interrupt into a ring. */
#include "labos.h"

#define COM1 0x3F8
#define IRQ 4
#define RING 1024 /* a power of two */

/* Register offsets and bits: National Semiconductor PC16550D data sheet. */
enum { DATA = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5 };
#define LSR_READY 0x01
#define LSR_EMPTY 0x20

u32 serial_lost;
static volatile u8 ring[RING];
static volatile u32 head, tail;

static void received(void)
{
    while (inb(COM1 + LSR) & LSR_READY) {
        u8 c = inb(COM1 + DATA);
        if (head - tail == RING) serial_lost++;
        else ring[head++ & (RING - 1)] = c;
    }
}

void serial_init(void)
{
    outb(COM1 + IER, 0);
    outb(COM1 + LCR, 0x80); /* divisor latch */
    outb(COM1 + DATA, 1);   /* 115200 baud */
    outb(COM1 + IER, 0);
    outb(COM1 + LCR, 0x03); /* 8 bits, no parity, 1 stop bit */
    outb(COM1 + FCR, 0x07); /* FIFOs on and empty, interrupt at the first byte */
    outb(COM1 + MCR, 0x0B); /* DTR, RTS, OUT2: on the PC, OUT2 gates the interrupt */
}

void serial_start(void)
{
    irq_on(IRQ, received);
    outb(COM1 + IER, 0x01); /* received data available */
}

/* "Empty" means that the whole 16-byte FIFO is: ask once, then send sixteen. */
void serial_write(const char *s, u32 n)
{
    while (n) {
        u32 wait = 100000;
        while (!(inb(COM1 + LSR) & LSR_EMPTY) && --wait);
        for (u32 i = 0; i < 16 && n; i++, n--) outb(COM1 + DATA, (u8)*s++);
    }
}

bool serial_pending(void) { return head != tail; }

int serial_getc(void)
{
    if (head == tail) return -1;
    return ring[tail++ & (RING - 1)];
}
