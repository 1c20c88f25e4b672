/*
 * The smallest network that a client can measure: ARP (RFC 826), ICMP echo (RFC 792) both ways, UDP echo on port 7
 * (RFC 862). One network, no router, no fragments. Answers are made in the received frame itself.
 */
#include "labos.h"

enum { ETHER = 14, IP_HEADER = 20, IPV4 = 0x0800, ARP = 0x0806, ICMP = 1, UDP = 17, ECHO_PORT = 7 };

u32 net_ip, net_arp, net_icmp, net_udp;

/* The one address we resolve, and the one ping that is out. */
static u32 peer_ip;
static u8 peer_mac[6];
static volatile bool peer_known, pong;
static volatile u64 pong_us;
static u16 ping_sequence;

static u32 get16(const u8 *p) { return (u32)p[0] << 8 | p[1]; }
static u32 get32(const u8 *p) { return get16(p) << 16 | get16(p + 2); }
static void put16(u8 *p, u32 v) { p[0] = (u8)(v >> 8); p[1] = (u8)v; }
static void put32(u8 *p, u32 v) { put16(p, v >> 16); put16(p + 2, v); }

/* The Internet checksum, RFC 1071. */
static u32 checksum(const u8 *p, u32 n)
{
    u32 sum = 0;
    for (; n > 1; n -= 2, p += 2) sum += get16(p);
    if (n) sum += (u32)p[0] << 8;
    while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
    return ~sum & 0xFFFF;
}

static void ether(u8 *f, const u8 *to, u32 type)
{
    copy(f, to, 6);
    copy(f + 6, ne2k_mac, 6);
    put16(f + 12, type);
}

static const u8 everyone[6] = { 255, 255, 255, 255, 255, 255 };

static void arp_send(u32 operation, const u8 *to_mac, u32 to_ip)
{
    u8 f[ETHER + 28];
    ether(f, to_mac, ARP);
    u8 *a = f + ETHER;
    put16(a, 1); /* Ethernet */
    put16(a + 2, IPV4);
    a[4] = 6;
    a[5] = 4;
    put16(a + 6, operation);
    copy(a + 8, ne2k_mac, 6);
    put32(a + 14, net_ip);
    if (operation == 1) fill(a + 18, 0, 6);
    else copy(a + 18, to_mac, 6);
    put32(a + 24, to_ip);
    ne2k_send(f, sizeof f);
}

static void arp(const u8 *a, u32 n)
{
    if (n < 28 || get16(a) != 1 || get16(a + 2) != IPV4 || a[4] != 6 || a[5] != 4) return;
    u32 from = get32(a + 14);
    if (from == peer_ip && peer_ip) {
        copy(peer_mac, a + 8, 6);
        peer_known = true;
    }
    if (get16(a + 6) == 1 && net_ip && get32(a + 24) == net_ip) {
        u8 mac[6];
        copy(mac, a + 8, 6);
        net_arp++;
        arp_send(2, mac, from);
    }
}

/* Turns a packet round: sender and receiver change places in both headers. */
static void reply(u8 *f, u32 ip_length)
{
    u8 *ip = f + ETHER, mac[6], from[4];
    copy(mac, f + 6, 6);
    ether(f, mac, IPV4);
    copy(from, ip + 12, 4);
    copy(ip + 12, ip + 16, 4);
    copy(ip + 16, from, 4);
    ip[8] = 64;
    put16(ip + 10, 0);
    put16(ip + 10, checksum(ip, IP_HEADER));
    ne2k_send(f, ETHER + ip_length);
}

void net_receive(u8 *f, u32 n)
{
    u32 type = get16(f + 12);
    if (type == ARP) arp(f + ETHER, n - ETHER);
    if (type != IPV4 || n < ETHER + IP_HEADER + 8) return;
    u8 *ip = f + ETHER, *body = ip + IP_HEADER;
    u32 length = get16(ip + 2);
    if (ip[0] != 0x45 || length < IP_HEADER + 8 || length > n - ETHER) return; /* no options */
    if (get16(ip + 6) & 0x3FFF || checksum(ip, IP_HEADER)) return;             /* no fragments */
    if (!net_ip || get32(ip + 16) != net_ip) return;
    u32 body_length = length - IP_HEADER;
    if (ip[9] == ICMP) {
        if (checksum(body, body_length)) return;
        if (body[0] == 8) { /* echo request */
            net_icmp++;
            body[0] = 0;
            put16(body + 2, 0);
            put16(body + 2, checksum(body, body_length));
            reply(f, length);
        } else if (body[0] == 0 && get16(body + 6) == ping_sequence && get32(ip + 12) == peer_ip) {
            pong_us = now_us();
            pong = true;
        }
    } else if (ip[9] == UDP && get16(body + 2) == ECHO_PORT) {
        u32 udp_length = get16(body + 4);
        if (udp_length < 8 || udp_length > body_length) return;
        net_udp++;
        /* Swapping ports and addresses leaves the UDP checksum as it was. */
        u8 port[2];
        copy(port, body, 2);
        copy(body, body + 2, 2);
        copy(body + 2, port, 2);
        reply(f, length);
    }
}

/* A gratuitous ARP: tells switches and neighbours where this address lives now. */
void net_announce(void)
{
    if (net_ip && ne2k_there) arp_send(1, everyone, net_ip);
}

void net_set_ip(u32 ip)
{
    net_ip = ip;
    net_announce();
}

static bool wait_for(volatile bool *what, u32 ms)
{
    for (u32 from = now_ms(); now_ms() - from < ms;) {
        cli();
        if (*what) {
            sti();
            return true;
        }
        sti_hlt();
        background();
    }
    return *what;
}

void net_ping(u32 ip)
{
    char to[20];
    format(to, sizeof to, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
    if (!ne2k_there || !net_ip) {
        say("PING failed ip=%s reason=no-address", to);
        return;
    }
    peer_known = pong = false;
    peer_ip = ip;
    arp_send(1, everyone, ip);
    if (!wait_for(&peer_known, 1000)) {
        say("PING failed ip=%s reason=no-arp", to);
        return;
    }
    u8 f[ETHER + IP_HEADER + 8 + 32];
    u8 *p = f + ETHER;
    fill(f, 0, sizeof f);
    ether(f, peer_mac, IPV4);
    p[0] = 0x45;
    put16(p + 2, sizeof f - ETHER);
    p[8] = 64;
    p[9] = ICMP;
    put32(p + 12, net_ip);
    put32(p + 16, ip);
    put16(p + 10, checksum(p, IP_HEADER));
    p += IP_HEADER;
    p[0] = 8;
    put16(p + 6, ++ping_sequence);
    for (u32 i = 0; i < 32; i++) p[8 + i] = (u8)('a' + i % 26);
    put16(p + 2, checksum(p, 40));
    u64 sent = now_us();
    ne2k_send(f, sizeof f);
    if (wait_for(&pong, 1000)) say("PING ok ip=%s us=%U", to, pong_us - sent);
    else say("PING failed ip=%s reason=timeout", to);
}
