/* Datagrams from rank to rank. Which of a host's addresses the others can reach is not known, so a
 * word goes to all of them; one that ends elsewhere lacks the key, or is for another rank. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "comm_internal.h"
#include "line.h"

enum { MAX_ADDRESSES = 8 };

typedef struct place { /* where a rank listens; sent as bytes */
    char host[64];
    int32_t process, n;
    uint32_t address[MAX_ADDRESSES]; /* IPv4, in the network's order; so is the port */
    uint16_t port;
} place;

struct fl_line {
    int rank, size, socket, wake;
    uint64_t key;
    place *place; /* (size) */
};

static bool usable(const struct ifaddrs *i) {
    return i->ifa_addr && i->ifa_addr->sa_family == AF_INET && (i->ifa_flags & IFF_UP);
}

/* The loopback's among them, for ranks of the same host. */
static void find_addresses(place *p) {
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) return;
    for (struct ifaddrs *i = all; i && p->n < MAX_ADDRESSES; i = i->ifa_next)
        if (usable(i))
            p->address[p->n++] = ((const struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr.s_addr;
    freeifaddrs(all);
}

static bool listen_at(fl_line *l, place *p) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t len = sizeof any;
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->wake < 0 || l->socket < 0) return false;
    if (bind(l->socket, (struct sockaddr *)&any, sizeof any) != 0) return false;
    if (getsockname(l->socket, (struct sockaddr *)&any, &len) != 0) return false;
    p->port = any.sin_port;
    p->process = (int32_t)getpid();
    gethostname(p->host, sizeof p->host - 1);
    find_addresses(p);
    return p->n > 0;
}

fl_line *fl_line_open(fl_comm *c) {
    fl_line *l = fl_alloc(sizeof *l);
    place mine = {0};
    *l = (fl_line){.rank = c->rank, .size = c->size, .socket = -1, .wake = -1};
    l->place = fl_alloc((size_t)c->size * sizeof *l->place);
    bool listens = listen_at(l, &mine), all = listens;
    if (getrandom(&l->key, sizeof l->key, 0) != sizeof l->key) l->key = (uint64_t)getpid();
    fl_comm_bcast(c, &l->key, sizeof l->key, 0);
    fl_comm_gather(c, &mine, sizeof mine, l->place);
    for (int r = 0; r < c->size; r++) all = all && l->place[r].n > 0;
    if (all) return l;
    fl_line_close(l);
    return NULL;
}

void fl_line_close(fl_line *l) {
    if (!l) return;
    if (l->socket >= 0) close(l->socket);
    if (l->wake >= 0) close(l->wake);
    fl_free(l->place);
    fl_free(l);
}

const char *fl_line_host(const fl_line *l, int rank) {
    return l->place[rank].host;
}
int fl_line_process(const fl_line *l, int rank) {
    return l->place[rank].process;
}

void fl_line_send(fl_line *l, int to, fl_word *word) {
    const place *p = &l->place[to];
    word->key = l->key;
    word->to = to;
    word->from = l->rank;
    for (int i = 0; i < p->n; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = p->port};
        a.sin_addr.s_addr = p->address[i];
        sendto(l->socket, word, sizeof *word, MSG_NOSIGNAL, (struct sockaddr *)&a, sizeof a);
    }
}

static bool for_us(const fl_line *l, const fl_word *word) {
    return word->key == l->key && word->to == l->rank && word->from >= 0 && word->from < l->size &&
           word->from != l->rank && word->neighbour < l->size;
}

/* A word that came over two addresses is received twice. */
bool fl_line_receive(fl_line *l, double seconds, fl_word *word) {
    struct pollfd f[] = {{.fd = l->socket, .events = POLLIN}, {.fd = l->wake, .events = POLLIN}};
    if (poll(f, FL_COUNT(f), (int)ceil(seconds * 1000)) <= 0 || !(f[0].revents & POLLIN))
        return false;
    ssize_t got = recv(l->socket, word, sizeof *word, 0);
    return got == (ssize_t)sizeof *word && for_us(l, word);
}

void fl_line_wake(fl_line *l) {
    eventfd_write(l->wake, 1);
}
