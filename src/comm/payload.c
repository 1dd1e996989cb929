#include "comm/payload.h"

#include <string.h>

#include "comm/work.h"

void *fl_payload_open(size_t bytes) {
    return fl_alloc(bytes);
}
void fl_payload_close(void *p) {
    fl_free(p);
}

void fl_payload_add(float *restrict v, const float *restrict w, size_t n) {
    for (size_t i = 0; i < n; i++) v[i] += w[i];
}

void fl_payload_copy(float *restrict to, const float *restrict from, size_t n) {
    memcpy(to, from, n * sizeof *to);
}

size_t fl_payload_message(size_t left) {
    return left < FL_LONGEST_MESSAGE ? left : FL_LONGEST_MESSAGE;
}
