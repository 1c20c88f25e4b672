/* Text: formatting, comparing, parsing. No locale, no floating point, no allocation. */
#include "labos.h"

struct sink { char *out; u32 size, n; };

static void put(struct sink *s, char c)
{
    if (s->n + 1 < s->size) s->out[s->n++] = c;
}

static void put_number(struct sink *s, u64 v, u32 base, u32 width, char pad)
{
    char digits[24];
    u32 n = 0;
    do {
        u64 q = div64(v, base);
        digits[n++] = "0123456789abcdef"[(u32)(v - q * base)];
        v = q;
    } while (v);
    while (n < width) digits[n++] = pad;
    while (n) put(s, digits[--n]);
}

u32 vformat(char *out, u32 size, const char *f, __builtin_va_list args)
{
    struct sink s = { out, size, 0 };
    for (; *f; f++) {
        if (*f != '%') {
            put(&s, *f);
            continue;
        }
        char pad = ' ';
        u32 width = 0;
        if (*++f == '0') pad = *f++;
        while (*f >= '0' && *f <= '9') width = width * 10 + (u32)(*f++ - '0');
        switch (*f) {
        case 's':
            for (const char *t = __builtin_va_arg(args, const char *); *t; t++) put(&s, *t);
            break;
        case 'c': put(&s, (char)__builtin_va_arg(args, int)); break;
        case 'd': {
            int v = __builtin_va_arg(args, int);
            if (v < 0) put(&s, '-');
            put_number(&s, v < 0 ? 0u - (u32)v : (u32)v, 10, width, pad);
            break;
        }
        case 'u': put_number(&s, __builtin_va_arg(args, u32), 10, width, pad); break;
        case 'U': put_number(&s, __builtin_va_arg(args, u64), 10, width, pad); break;
        case 'x': put_number(&s, __builtin_va_arg(args, u32), 16, width, pad); break;
        default: put(&s, *f);
        }
    }
    if (size) out[s.n] = 0;
    return s.n;
}

u32 format(char *out, u32 size, const char *f, ...)
{
    __builtin_va_list args;
    __builtin_va_start(args, f);
    u32 n = vformat(out, size, f, args);
    __builtin_va_end(args);
    return n;
}

bool same(const char *a, const char *b)
{
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

bool starts(const char *s, const char *prefix)
{
    while (*prefix) if (*s++ != *prefix++) return false;
    return true;
}

const char *number(const char *s, u32 *out)
{
    u32 v = 0;
    if (*s < '0' || *s > '9') return NULL;
    while (*s >= '0' && *s <= '9') {
        u32 digit = (u32)(*s++ - '0');
        if (v > (0xffffffffu - digit) / 10) return NULL;
        v = v * 10 + digit;
    }
    *out = v;
    return s;
}

bool address(const char *s, u32 *ip)
{
    u32 v = 0, part;
    for (u32 i = 0; i < 4; i++) {
        if (i && *s++ != '.') return false;
        s = number(s, &part);
        if (!s || part > 255) return false;
        v = v << 8 | part;
    }
    if (*s) return false;
    *ip = v;
    return true;
}

/* GCC may call these four even in freestanding code. */
void *memcpy(void *to, const void *from, u32 n) { copy(to, from, n); return to; }
void *memset(void *to, int v, u32 n) { fill(to, (u8)v, n); return to; }

void *memmove(void *to, const void *from, u32 n)
{
    u8 *t = to;
    const u8 *f = from;
    if (t <= f) copy(t, f, n);
    else while (n--) t[n] = f[n];
    return to;
}

int memcmp(const void *a, const void *b, u32 n)
{
    const u8 *x = a, *y = b;
    for (; n; n--, x++, y++) if (*x != *y) return *x - *y;
    return 0;
}
