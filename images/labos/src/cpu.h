/* Types and the handful of instructions that C cannot say. */
#ifndef CPU_H
#define CPU_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)
#define PAGE 4096u

static inline void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outw(u16 port, u16 v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outl(u16 port, u32 v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u16 inw(u16 port) { u16 v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u32 inl(u16 port) { u32 v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }

static inline void insw(u16 port, void *to, u32 words)
{
    __asm__ volatile("rep insw" : "+D"(to), "+c"(words) : "d"(port) : "memory");
}

static inline void outsw(u16 port, const void *from, u32 words)
{
    __asm__ volatile("rep outsw" : "+S"(from), "+c"(words) : "d"(port) : "memory");
}

static inline u64 rdtsc(void) { u64 v; __asm__ volatile("rdtsc" : "=A"(v)); return v; }
static inline void cli(void) { __asm__ volatile("cli" : : : "memory"); }
static inline void sti(void) { __asm__ volatile("sti" : : : "memory"); }
/* STI takes effect after the next instruction, so no interrupt can slip in between test and HLT. */
static inline void sti_hlt(void) { __asm__ volatile("sti; hlt" : : : "memory"); }
static inline void barrier(void) { __asm__ volatile("" : : : "memory"); }

static inline u32 irq_save(void)
{
    u32 flags;
    __asm__ volatile("pushfl; popl %0; cli" : "=r"(flags) : : "memory");
    return flags;
}

static inline void irq_restore(u32 flags) { __asm__ volatile("pushl %0; popfl" : : "r"(flags) : "memory", "cc"); }

/* 64 by 32 bits: there is no libgcc in this kernel, and two DIV instructions do it. */
static inline u64 div64(u64 n, u32 d)
{
    u32 high = (u32)(n >> 32), low = (u32)n, qh, ql, r;
    qh = high / d;
    r = high % d;
    __asm__("divl %4" : "=a"(ql), "=d"(r) : "0"(low), "1"(r), "r"(d) : "cc");
    return (u64)qh << 32 | ql;
}

static inline void copy(void *to, const void *from, u32 n)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static inline void fill(void *to, u8 v, u32 n)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(v) : "memory");
}

/* Marsaglia's xorshift32: three shifts per word, period 2^32 - 1, never 0 when seeded with non-zero. */
static inline u32 xorshift(u32 x)
{
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

/* A number in 0..n-1 without a division: the high half of a product. */
static inline u32 scale(u32 random, u32 n) { return (u32)((u64)random * n >> 32); }

#endif
