/*
 * VGA modes without a BIOS: 80x25 text (mode 3) and 320x200 in 256 colours (mode 13h), by setting every register.
 * Register values: IBM VGA Technical Reference, table of default mode settings; the same as any VGA BIOS uses.
 */
#include "labos.h"

enum { MISC = 0x3C2, SEQ = 0x3C4, DAC_MASK = 0x3C6, DAC_INDEX = 0x3C8, DAC_DATA = 0x3C9, GC = 0x3CE, CRTC = 0x3D4,
       ATTRIBUTE = 0x3C0, STATUS = 0x3DA };

struct mode { u8 misc, seq[5], crtc[25], gc[9], ac[21]; };

static const struct mode text = {
    0x67,
    { 0x03, 0x00, 0x03, 0x00, 0x02 },
    /* 0x0A = 0x20: no cursor, the screen is a display, not a terminal */
    { 0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00, 0x4F, 0x2D, 0x0E, 0x00,
      0x00, 0x00, 0x00, 0x9C, 0x8E, 0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0xFF },
    { 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0E, 0x00, 0xFF },
    { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F,
      0x0C, 0x00, 0x0F, 0x08, 0x00 },
};

static const struct mode graphics = {
    0x63,
    { 0x03, 0x01, 0x0F, 0x00, 0x0E },
    { 0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0x00, 0x41, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x9C, 0x8E, 0x8F, 0x28, 0x40, 0x96, 0xB9, 0xA3, 0xFF },
    { 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x05, 0x0F, 0xFF },
    { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F,
      0x41, 0x00, 0x0F, 0x00, 0x00 },
};

static void indexed(u16 port, u8 index, u8 v)
{
    outb(port, index);
    outb(port + 1, v);
}

static void set(const struct mode *m)
{
    outb(MISC, m->misc);
    for (u8 i = 0; i < 5; i++) indexed(SEQ, i, m->seq[i]);
    indexed(CRTC, 0x11, 0x0E); /* bit 7 protects registers 0-7 */
    for (u8 i = 0; i < 25; i++) indexed(CRTC, i, m->crtc[i]);
    for (u8 i = 0; i < 9; i++) indexed(GC, i, m->gc[i]);
    for (u8 i = 0; i < 21; i++) {
        inb(STATUS); /* brings the flip-flop of the attribute port back to "index" */
        outb(ATTRIBUTE, i);
        outb(ATTRIBUTE, m->ac[i]);
    }
    inb(STATUS);
    outb(ATTRIBUTE, 0x20); /* palette back to the display */
    outb(DAC_MASK, 0xFF);
}

/* The font lives in plane 2, where text mode cannot reach: open that plane alone, flat, at A0000, and close it again. */
void vga_registers_font(bool on)
{
    indexed(SEQ, 2, on ? 0x04 : text.seq[2]);
    indexed(SEQ, 4, on ? 0x06 : text.seq[4]);
    indexed(GC, 4, on ? 0x02 : text.gc[4]);
    indexed(GC, 5, on ? 0x00 : text.gc[5]);
    indexed(GC, 6, on ? 0x04 : text.gc[6]);
}

void vga_text(void)
{
    set(&text);
    font_load();
    /* The 64 EGA colours: bits 2-0 are two thirds of red, green, blue, bits 5-3 the last third. */
    outb(DAC_INDEX, 0);
    for (u32 i = 0; i < 64; i++)
        for (u32 c = 0; c < 3; c++) outb(DAC_DATA, (u8)((i >> (2 - c) & 1) * 42 + (i >> (5 - c) & 1) * 21));
}

void vga_graphics(void)
{
    set(&graphics);
    /* A rainbow that closes on itself, so that a moving pattern has no seam. */
    outb(DAC_INDEX, 0);
    for (u32 i = 0; i < 256; i++)
        for (u32 c = 0; c < 3; c++) {
            u32 p = i + c * 85 & 255;
            outb(DAC_DATA, (u8)(p < 128 ? p / 2 : (255 - p) / 2));
        }
}
