/* What travels in a simulation: all of it, of all ranks, lies in one memory, which is the same few
 * pages again and again and is neither read nor written. What adding and copying would take, a rank
 * sleeps. */
#include "comm/payload.h"

#include <smpi/smpi.h>

#include "comm/half.h"
#include "comm/sum.h"
#include "comm/work.h"
#include "smpi_internal.h"

/* The ranks share these variables, and what they set is the same. */
static size_t room, longest_message;
static double bytes_per_second;

/* SMPI's messages go both ways at once however long they are; of many ranks they are left whole,
 * for each takes time to simulate. */
void fl_payload_prepare(size_t bytes, double speed, int ranks) {
    enum { MANY = 64 };
    room = bytes;
    bytes_per_second = speed;
    longest_message = ranks <= MANY ? FL_LONGEST_MESSAGE : bytes;
}

size_t fl_payload_message(size_t left) {
    return left < longest_message ? left : longest_message;
}

static void move(size_t bytes) {
    fl_take_time((double)bytes / bytes_per_second);
}

/* SMPI knows this memory as shared, and so does not copy messages from it or to it either. */
void *fl_payload_open(size_t bytes) {
    static void *area;
    if (!area) area = SMPI_SHARED_MALLOC(room);
    FL_CHECK(bytes <= room, "%zu bytes of numbers, where room was made for %zu", bytes, room);
    return area;
}
void fl_payload_close(void *p) {
    (void)p;
}

void fl_payload_add(float *restrict v, const float *restrict w, size_t n) {
    (void)v, (void)w;
    move(3 * n * sizeof *v);
}

void fl_payload_copy(float *restrict to, const float *restrict from, size_t n) {
    (void)to, (void)from;
    move(2 * n * sizeof *to);
}

/* Block by block, so that each is read once and the sum is written once. */
void fl_sum_into(float *const *v, int count, int to, size_t n) {
    (void)v, (void)to;
    if (count > 1) move((size_t)(count + 1) * n * sizeof(float));
}

void fl_half_encode(fl_wire wire, const float *v, float *rest, uint16_t *to, size_t n) {
    (void)wire, (void)v, (void)to;
    move(n * (sizeof *v + 2 * sizeof *rest + sizeof *to));
}

void fl_half_decode(fl_wire wire, const uint16_t *from, float *v, size_t n) {
    (void)wire, (void)from;
    move(n * (sizeof *from + sizeof *v));
}
