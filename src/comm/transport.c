/* What left this process over TCP, as the kernel counted it; and what was counted by ourselves. */
#include <arpa/inet.h>
#include <dirent.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "comm_internal.h"

enum { ETHERNET = 14, IP4 = 20, IP6 = 40, TCP = 20, TIMES = 12, PACKET = 1500 };

/* Measured: Open MPI's own header of a message, in bytes; and how many packets come in for each
 * that does no more than acknowledge them. That varies: 3 with each packet by itself, 25 where the
 * kernel takes many at a time. */
enum { MESSAGE = 40, ACKNOWLEDGED = 8 };

void fl_traffic_add(fl_traffic *to, const fl_traffic *more, uint64_t times) {
    to->mpi_bytes += more->mpi_bytes * times;
    to->sent_bytes += more->sent_bytes * times;
    to->messages += more->messages * times;
    to->node_bytes += more->node_bytes * times;
}

void fl_comm_count(fl_comm *c, fl_traffic *to) {
    c->count = to ? to : &c->other;
}

const fl_traffic *fl_comm_other(const fl_comm *c) {
    return &c->other;
}

/* ---- the kernel's count ---- */

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b) {
    const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
    const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;
    if (a->ss_family == AF_INET) return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
    return memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof a6->sin6_addr) == 0;
}

/* Whom a process speaks to on its own host it reaches by the address that it has itself. */
static bool leaves_host(int fd, bool *six) {
    struct sockaddr_storage mine = {0}, theirs = {0};
    socklen_t n = sizeof mine, m = sizeof theirs;
    if (getsockname(fd, (void *)&mine, &n) || getpeername(fd, (void *)&theirs, &m)) return false;
    *six = mine.ss_family == AF_INET6;
    return (*six || mine.ss_family == AF_INET) && !same_address(&mine, &theirs);
}

static void add_connection(fl_transport *t, int fd) {
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    bool six;
    if (!leaves_host(fd, &six)) return;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len)) return; /* UDP, for one */
    if (len < offsetof(struct tcp_info, tcpi_bytes_sent) + sizeof info.tcpi_bytes_sent) return;
    bool times = info.tcpi_options & TCPI_OPT_TIMESTAMPS;
    uint64_t header = ETHERNET + (six ? IP6 : IP4) + TCP + (times ? TIMES : 0);
    t->connections++;
    t->payload_bytes += info.tcpi_bytes_sent;
    t->packets += info.tcpi_segs_out;
    t->link_bytes += info.tcpi_bytes_sent + info.tcpi_segs_out * header;
}

fl_transport fl_comm_transport(void) {
    fl_transport t = {0};
    DIR *files = opendir("/proc/self/fd");
    for (const struct dirent *f; files && (f = readdir(files));)
        if (f->d_name[0] != '.') add_connection(&t, atoi(f->d_name));
    if (files) closedir(files);
    return t;
}

/* ---- what it should be ---- */

uint64_t fl_traffic_on_link(const fl_traffic *t) {
    uint64_t segment = PACKET - IP4 - TCP - TIMES, header = ETHERNET + IP4 + TCP + TIMES;
    uint64_t bytes = t->sent_bytes + t->messages * MESSAGE;
    uint64_t packets = t->sent_bytes / segment + t->messages;
    return bytes + (packets + packets / ACKNOWLEDGED) * header;
}
