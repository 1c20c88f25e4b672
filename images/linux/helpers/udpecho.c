/* udpecho PORT: sends every UDP datagram back to where it came from. */
#include "sys.h"

struct sockaddr_in { unsigned short family, port; u32 address; u8 zero[8]; };
enum { CALL_SOCKET = 1, CALL_BIND = 2, CALL_SENDTO = 11, CALL_RECVFROM = 12 };

static int run(int argc, char **argv) {
  static u8 datagram[2048];
  int port = argc == 2 ? parse_num(argv[1], 65535) : -1;
  if (port < 1) return 2;
  int make[3] = { 2 /* AF_INET */, 2 /* SOCK_DGRAM */, 0 };
  int fd = sys2(SYS_socketcall, CALL_SOCKET, (int)make);
  struct sockaddr_in own = { 2, (unsigned short)(port << 8 | port >> 8), 0, { 0 } };
  int bind[3] = { fd, (int)&own, sizeof own };
  if (fd < 0 || sys2(SYS_socketcall, CALL_BIND, (int)bind) < 0) return 1;
  for (;;) {
    struct sockaddr_in peer;
    int length = sizeof peer;
    int receive[6] = { fd, (int)datagram, sizeof datagram, 0, (int)&peer, (int)&length };
    int n = sys2(SYS_socketcall, CALL_RECVFROM, (int)receive);
    if (n < 0) continue;
    int send[6] = { fd, (int)datagram, n, 0, (int)&peer, length };
    sys2(SYS_socketcall, CALL_SENDTO, (int)send);
  }
}
